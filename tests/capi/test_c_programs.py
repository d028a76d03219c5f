"""C programs on libamgan: the test driver, the example, and what the library shows of itself."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.capi import Handle, Library, cut_frame, write_broken
from support.capi_build import SOURCE
from support.frame_reference import Reference
from support.helpers import COLLINS

from amgan.runtime.bundle.bundle import SHIPPED
from amgan.runtime.engines.contract import CELL_PX
from amgan.runtime.face.finder import Face

pytestmark = pytest.mark.slow

STRICT = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic")
EXAMPLE = SOURCE.parents[1] / "examples" / "c" / "age.c"
STATUSES = {1: "ARGUMENT", 2: "BUNDLE", 3: "DEVICE", 4: "ENGINE", 5: "MEMORY"}

NO_BUNDLE = "there is no bundle folder 'bundle': give the folder that holds manifest.json\n"


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(c) for c in command], capture_output=True, text=True, check=False, timeout=1800
    )


@pytest.fixture(scope="session")
def driver(built: Path) -> Path:
    return built / "tests" / "amgan_driver"


@pytest.fixture(scope="session")
def fastest(library: Library) -> Iterator[Handle]:
    """The shipped bundle as the example opens it."""
    handle = library.open(SHIPPED, "auto")
    yield handle
    handle.close()


@pytest.fixture(scope="session")
def cut_face(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A frame and its points, as the example's script writes them."""
    folder = tmp_path_factory.mktemp("cut")
    face, points = folder / "face.ppm", folder / "points.txt"
    done = run(sys.executable, EXAMPLE.with_name("cut_face.py"), COLLINS, face, points)
    assert done.returncode == 0, done.stderr
    return face, points


@pytest.fixture(scope="session")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    prefix = tmp_path_factory.mktemp("prefix")
    done = run("cmake", "--install", built, "--prefix", prefix)
    assert done.returncode == 0, done.stderr
    return prefix


@pytest.fixture(scope="session")
def program(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, built as its first lines say."""
    libraries = next(installed.rglob("libamgan.so")).parent
    flags = [f"-I{installed / 'include'}", f"-L{libraries}", "-lamgan"]
    if shutil.which("pkg-config"):
        folder = {"PKG_CONFIG_PATH": str(libraries / "pkgconfig"), "PKG_CONFIG_ALLOW_SYSTEM_CFLAGS": "1"}
        asked = subprocess.run(
            ["pkg-config", "--cflags", "--libs", "amgan"],
            capture_output=True, text=True, check=True, env=os.environ | folder,
        )  # fmt: skip
        flags = asked.stdout.split()
    target = tmp_path_factory.mktemp("example") / "age"
    done = run("gcc", *STRICT, EXAMPLE, *flags, f"-Wl,-rpath,{libraries}", "-o", target)
    assert done.returncode == 0, done.stderr
    return target


def test_every_status_is_provoked(driver: Path, tmp_path: Path) -> None:
    broken = write_broken(tmp_path / "broken", b"garbage")
    (tmp_path / "empty").mkdir()
    faults = run(driver, "faults", SHIPPED, broken, tmp_path / "empty")
    memory = run(driver, "memory", SHIPPED)
    for done in (faults, memory):
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""
    seen = {int(line[0]) for line in (faults.stdout + memory.stdout).splitlines() if line[0].isdigit()}
    assert seen == set(STATUSES)
    header = (SOURCE / "amgan.h").read_text()
    assert all(f"AMGAN_ERROR_{name} = {number}" in header for number, name in STATUSES.items())


def test_four_threads_on_one_handle_each_and_on_a_shared_one(driver: Path, tiny_bundle: Path) -> None:
    """On a tiny network, so that the threads meet in the library; check_sanitizers.sh takes what ships."""
    done = run(driver, "threads", tiny_bundle)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_library_shows_its_own_functions_only(library: Library) -> None:
    if shutil.which("nm") is None:
        pytest.skip("nm is missing")
    shown = run("nm", "-D", "--defined-only", library.path).stdout.split("\n")
    names = {line.split()[-1] for line in shown if line}
    header = (SOURCE / "amgan.h").read_text()
    assert names
    assert all(name.startswith("amgan_") and f"{name}(" in header for name in names)
    declared = set(re.findall(r"^AMGAN_API .*?(amgan_\w+)\(", header, re.MULTILINE))
    assert names == declared
    assert library.raw.amgan_version().decode() == "0.1.0"


def test_what_is_installed(installed: Path) -> None:
    files = {path.name for path in installed.rglob("*") if not path.is_dir()}
    assert files == {
        "amgan.h", "amgan.pc", "amganConfig.cmake", "amganConfigVersion.cmake",
        "libamgan.so", "libamgan.so.0", "libamgan.so.0.1.0",
    }  # fmt: skip


@pytest.mark.parametrize("compiler", [("gcc", *STRICT), ("g++", "-std=c++17", *STRICT[1:])])
def test_the_header_stands_alone(compiler: tuple[str, ...], tmp_path: Path) -> None:
    suffix = ".c" if compiler[0] == "gcc" else ".cpp"
    source = tmp_path / f"alone{suffix}"
    source.write_text('#include "amgan.h"\n#include "amgan.h"\nint main(void) { return AMGAN_OK; }\n')
    done = run(*compiler, f"-I{SOURCE}", "-c", source, "-o", tmp_path / "alone.o")
    assert done.returncode == 0, done.stderr


def test_the_example_ages_a_ppm(
    program: Path, fastest: Handle, faces: list[tuple[np.ndarray, Face]], tmp_path: Path
) -> None:
    frame = cut_frame(*faces[1], 256, 0)
    Image.fromarray(frame).save(tmp_path / "face.ppm")
    done = run(program, SHIPPED, tmp_path / "face.ppm", "+30", tmp_path / "older.ppm")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    expected = fastest.age(frame, 0, np.full((1, 1), 30, np.float32))
    assert np.array_equal(np.asarray(Image.open(tmp_path / "older.ppm")), expected)


def test_the_example_gives_the_bytes_of_python(
    program: Path, fastest: Handle, faces: list[tuple[np.ndarray, Face]], tmp_path: Path
) -> None:
    """On two photos: test_identity.py takes ten, through the library that the example calls."""
    reference = Reference(None)
    halo = reference.halo
    for number, (photo, face) in enumerate(faces):
        side, years = (256, 320)[number], (-30, 42)[number]
        frame = cut_frame(photo, face, side, 0)
        source, target = tmp_path / f"{number}.ppm", tmp_path / f"{number}-aged.ppm"
        Image.fromarray(frame).save(source)
        done = run(program, SHIPPED, source, f"{years:+}", target)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        cells = (side + 2 * halo) // CELL_PX
        image = np.pad(frame, ((halo, halo), (halo, halo), (0, 0)), mode="edge")
        pattern = fastest.skin_pattern(frame) * np.float32(years > 0)
        expected = reference.age(image, np.full((cells, cells), years, np.float32), pattern)
        Image.fromarray(expected).save(source)
        assert target.read_bytes() == source.read_bytes(), number
        assert (expected != frame).any()
    reference.scheduler.close()


@pytest.mark.parametrize("years", ["+20", "-5", "70"])
def test_the_example_ages_by_points(
    program: Path,
    library: Library,
    fastest: Handle,
    cut_face: tuple[Path, Path],
    years: str,
    tmp_path: Path,
) -> None:
    (face, points), out = cut_face, tmp_path / "older.ppm"
    done = run(program, SHIPPED, face, years, out, points)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    frame, landmarks = np.array(Image.open(face)), np.loadtxt(points)
    now = fastest.read_zones(landmarks, fastest.estimate(frame))
    target = float(years) + (library.face_age(now) if years[0] in "+-" else 0)
    expected = fastest.age_zones(frame, 0, landmarks, fastest.move_zones(now, target), now)
    aged = np.asarray(Image.open(out))
    assert np.array_equal(aged, expected)
    assert 0.05 < (aged != frame).any(axis=2).mean() < 0.8


def test_no_face_to_cut(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "grey.png")
    done = run(
        sys.executable,
        EXAMPLE.with_name("cut_face.py"),
        tmp_path / "grey.png",
        tmp_path / "a",
        tmp_path / "b",
    )
    assert done.returncode == 1
    assert "has no face" in done.stderr


def test_the_programs_of_the_manual_compile(tmp_path: Path) -> None:
    manual = (SOURCE.parents[1] / "docs" / "c-api.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```c\n(.*?)^```", manual, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    # The second block stands inside of the first one's program.
    inside = (
        "void more(amgan *handle, amgan_frame frame, const double *points, uint8_t *out) {\n"
        + blocks[1]
        + "}\n"
    )
    head = "#include <math.h>\n#include <stdio.h>\n#include <amgan.h>\n" + inside.partition("{")[0] + ";\n"
    for number, text in enumerate((blocks[0], head + inside)):
        source = tmp_path / f"{number}.c"
        source.write_text(text)
        done = run("gcc", *STRICT, f"-I{SOURCE}", "-c", source, "-o", tmp_path / "a.o")
        assert done.returncode == 0, done.stderr


def test_the_manual_builds_a_program_as_it_says(installed: Path, tmp_path: Path) -> None:
    """Its shell lines word for word, the library in a folder with a space in its name."""
    manual = (SOURCE.parents[1] / "docs" / "c-api.md").read_text(encoding="utf-8")
    program = re.findall(r"^```c\n(.*?)^```", manual, re.MULTILINE | re.DOTALL)[0]
    (lines,) = re.findall(r"^```\n(export PKG_CONFIG_PATH.*?)^```", manual, re.MULTILINE | re.DOTALL)
    shutil.copytree(installed, tmp_path / "amgan", symlinks=True)
    (tmp_path / "program.c").write_text(program)
    environment = {name: value for name, value in os.environ.items() if name != "PKG_CONFIG_PATH"}
    environment |= {"HOME": str(tmp_path)}
    done = subprocess.run(
        ["sh", "-ec", lines], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    ran = subprocess.run([tmp_path / "program"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, NO_BUNDLE)


def test_paths_with_spaces_are_quoted(installed: Path, tmp_path: Path) -> None:
    place = tmp_path / "my programs"
    shutil.copytree(installed, place, symlinks=True)
    asked = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "amgan"], capture_output=True, text=True, check=True,
        env=os.environ | {"PKG_CONFIG_PATH": str(place / "lib" / "pkgconfig")},
    )  # fmt: skip
    flags = shlex.split(asked.stdout)
    assert [flag[2:] for flag in flags if flag[:2] in ("-I", "-L")] == [
        f"{place}/lib/pkgconfig/../../include", f"{place}/lib/pkgconfig/../../lib",
    ]  # fmt: skip


def test_cmake_finds_the_package(installed: Path, tmp_path: Path) -> None:
    manual = (SOURCE.parents[1] / "docs" / "c-api.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"^```cmake\n(.*?)^```", manual, re.MULTILINE | re.DOTALL)
    (tmp_path / "program.c").write_text(
        "#include <amgan.h>\nint main(void) { return amgan_version()[0] != '0'; }\n"
    )
    before, after = lines.splitlines()
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.20)\nproject(program C)\n"
        f"{before}\nadd_executable(program program.c)\n{after}\n"
    )
    place = tmp_path / "my programs"
    shutil.copytree(installed, place, symlinks=True)
    for command in (
        ("cmake", "-S", tmp_path, "-B", tmp_path / "b", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={place}"),
        ("cmake", "--build", tmp_path / "b"),
        (tmp_path / "b" / "program",),
    ):
        done = run(*command)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_says_what_is_wrong(program: Path, tmp_path: Path) -> None:
    small, out, few = tmp_path / "small.ppm", tmp_path / "out.ppm", tmp_path / "few.txt"
    few.write_text("0.5 0.5\n" * 467 + "0.5")
    Image.new("RGB", (64, 64)).save(small)
    for words, status, sentence in (
        ((), 2, "usage"),
        ((SHIPPED, small, "old", out), 2, "usage"),
        ((SHIPPED, small, 70, out), 2, "without points, +YEARS or -YEARS"),
        ((SHIPPED, small, "70+", out, few), 2, "usage"),
        ((SHIPPED, small, "+20", out, few), 1, "few.txt' cannot be read: give x and y of 468 points"),
        ((SHIPPED, small, "+20", out, tmp_path / "none.txt"), 1, "none.txt' cannot be read"),
        ((SHIPPED, tmp_path / "none.ppm", "+20", out), 1, "cannot be read"),
        ((SHIPPED, SHIPPED / "manifest.json", "+20", out), 1, "cannot be read"),
        ((SHIPPED, small, "+20", out), 1, "a frame cannot be 64 px wide"),
        ((tmp_path, small, "+20", out), 1, "holds no manifest.json"),
    ):
        done = run(program, *words)
        assert (done.returncode, sentence in done.stderr) == (status, True), done.stderr
        assert not out.exists()
