"""libamgan's TensorRT backend, compiled against declarations of our own and run on a fake GPU."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from support.capi_build import sources, versions
from support.engine_helpers import engine_content
from support.helpers import PATTERNS, tiny_manifest, write_tiny_bundle
from support.kept import made_once

from amgan.runtime.bundle.bundle import Bundle, write_manifest
from amgan.runtime.bundle.engine_files import FLAVOURS
from amgan.runtime.bundle.manifest import Manifest
from amgan.runtime.engines.compiled_cache import SUFFIX, read_entry, write_entry
from amgan.runtime.engines.cuda.program import generator_tensors
from amgan.runtime.engines.tiles import plan_cheapest

CAPI = Path(__file__).parents[2] / "runtime" / "capi"
FAKE = Path(__file__).parent / "fake_gpu"
BACKEND = ("engine_tensorrt", "rtx_cache", "tensorrt_backend", "tensorrt_plan")
FLAGS = (
    "-std=c++17", "-O1", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror", "-pthread",
    f"-I{CAPI}", f"-I{CAPI / 'src'}", "-isystem", str(FAKE / "include"), f"-I{FAKE}",
)  # fmt: skip
BACKEND_FILE = "libamgan_tensorrt.so.0"
HALO = 8
CORES = ((128, 128), (192, 256), (256, 256), (512, 640))


@pytest.fixture(scope="session")
def drivers(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder per flavour with the backend, a fake GPU and a driver of both; later runs share them.

    What the backend shares with the library is taken from the library's build.
    """
    if shutil.which("g++") is None:
        pytest.skip("the C library cannot be built without g++")
    files = [*sources(), *(file for file in FAKE.rglob("*") if file.is_file()), Path(__file__)]
    other = tmp_path_factory.mktemp("fake_gpu")
    return made_once("fake_gpu", files, versions(), other, functools.partial(make_drivers, built))


def make_drivers(built: Path, folder: Path) -> None:
    """Compile the fake GPU, the driver, and the backend of each flavour as CMake does, as one file."""

    def gpp(*arguments: str) -> None:
        done = subprocess.run(
            ["g++", *FLAGS, *arguments], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    gpp("-fvisibility=default", "-shared", "-o", "libfake_gpu.so", str(FAKE / "fake_gpu.cpp"))
    gpp("-c", str(FAKE / "driver.cpp"), str(CAPI / "src" / "tensorrt_loader.cpp"))
    (folder / "backend.cpp").write_text("".join(f'#include "{name}.cpp"\n' for name in BACKEND))
    base = [str(file) for file in (built / "CMakeFiles" / "amgan_base.dir").rglob("*.o")]
    for flavour, name in FLAVOURS.items():
        place = folder / flavour
        place.mkdir(exist_ok=True)
        shutil.copy(folder / "libfake_gpu.so", place)
        beside = ("-L.", "-lfake_gpu", "-Wl,-rpath,$ORIGIN", "-Wl,-z,defs")
        gpp(
            f'-DAMGAN_TENSORRT_FLAVOUR="{flavour}"', f'-DAMGAN_TENSORRT_NAME="{name}"',
            f"-DAMGAN_TENSORRT_RTX={int(flavour == 'tensorrt_rtx')}",
            "-shared", "-o", str(place / BACKEND_FILE), "backend.cpp", *base, *beside,
        )  # fmt: skip
        gpp("-o", str(place / "driver"), "driver.o", "tensorrt_loader.o", *base, *beside, "-ldl")


@pytest.fixture(scope="module")
def driver(drivers: Path) -> Path:
    return drivers / "tensorrt" / "driver"


@pytest.fixture(scope="module")
def rtx_driver(drivers: Path) -> Path:
    return drivers / "tensorrt_rtx" / "driver"


REAL = "AMGAN_TENSORRT_INCLUDE"
"""Environment variable: folders, joined by colons, with TensorRT's own headers and CUDA's, such as include/
of github.com/NVIDIA/TensorRT and that of the packages nvidia-cuda-runtime and nvidia-cuda-crt."""


@pytest.mark.skipif(REAL not in os.environ, reason=f"{REAL} does not name TensorRT's headers")
@pytest.mark.parametrize("name", [*BACKEND, "tensorrt_loader"])
def test_it_compiles_against_the_real_headers(name: str) -> None:
    folders = [f"-isystem{folder}" for folder in os.environ[REAL].split(":")]
    warnings = [flag for flag in FLAGS if flag.startswith("-W")]
    flavour = (
        '-DAMGAN_TENSORRT_FLAVOUR="tensorrt"',
        '-DAMGAN_TENSORRT_NAME="TensorRT"',
        "-DAMGAN_TENSORRT_RTX=0",
    )
    own = (f"-I{CAPI}", f"-I{CAPI / 'src'}", *folders)
    source = str(CAPI / "src" / f"{name}.cpp")
    done = subprocess.run(
        ["g++", "-std=c++17", "-fsyntax-only", *warnings, *flavour, *own, source],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def write_bundle(folder: Path, cores: tuple[tuple[int, int], ...], flavour: str = "tensorrt") -> Path:
    """A bundle with plans for the fake TensorRT, largest tiles first."""
    write_tiny_bundle(folder, halo_px=HALO)
    content = {**tiny_manifest(folder), "halo_px": HALO, "min_frame_px": 128, "max_frame_px": 1024}
    for width, height in reversed(cores):
        file = folder / f"generator.{width}x{height}.engine"
        file.write_text(f"{width} {height} {HALO} 1 4")
        tensors, _ = generator_tensors((width, height), HALO, PATTERNS)
        inputs = {name: list(tensor.shape) for name, tensor in tensors.items()}
        content["files"][file.name] = engine_content(
            file,
            flavour=flavour,
            version="10.16.1.11",
            targets=["sm89"],
            profile={"batch": [1, 4, 4], "inputs": inputs},
        )
    write_manifest(folder, Manifest.from_dict(content))
    return folder


def run(driver: Path, bundle: Path, *words: str, **environment: str) -> list[str]:
    env = os.environ | environment
    done = subprocess.run([driver, bundle, *words], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_tiles_of_several_sizes(driver: Path, tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "b", CORES)
    lines = run(driver, bundle)
    failed = next(line for line in lines if line.endswith("calls made to fail"))
    assert int(failed.split()[0]) > 40
    # The sizes are those that Python chooses.
    for line in lines:
        if line.startswith("right: frame"):
            frame, marked, count, *size = map(int, re.findall(r"\d+", line))
            step = Bundle.open(bundle).manifest.tile_multiple
            cells = np.zeros((frame // step, frame // step), bool)
            cells[: marked // step, : marked // step] = True
            wanted = plan_cheapest(frame, CORES, HALO, cells, step)
            assert (count, *size) == (len(wanted), wanted[0].width, wanted[0].height), line
    assert any("there is no cuda:7 in this machine: it has 1 GPUs" in line for line in lines)
    assert any("is in fp16" in line for line in lines)


@pytest.mark.parametrize("core", [(128, 128), (512, 512), (144, 400)])
def test_one_size_also_larger_than_small_frames(driver: Path, tmp_path: Path, core: tuple[int, int]) -> None:
    lines = run(driver, write_bundle(tmp_path / "b", (core,)))
    assert sum(line.startswith("right: frame") for line in lines) == 8


@pytest.mark.parametrize(
    ("beside", "reason"),
    [
        ("nothing", "No such file or directory"),
        ("text", "file too short"),
        ("another", "it is of another build"),
    ],
)
def test_libamgan_runs_without_its_backend_and_says_so(
    driver: Path, tmp_path: Path, beside: str, reason: str
) -> None:
    bundle = write_bundle(tmp_path / "b", ((128, 128),))
    folder = tmp_path / "alone"
    folder.mkdir()
    alone = folder / "driver"
    shutil.copy(driver, alone)
    shutil.copy(driver.with_name("libfake_gpu.so"), folder)
    if beside == "text":
        (folder / BACKEND_FILE).write_text("no library")
    elif beside == "another":
        shutil.copy(driver.with_name("libfake_gpu.so"), folder / BACKEND_FILE)
    done = subprocess.run([alone, bundle], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"the TensorRT backend '{folder / BACKEND_FILE}' cannot be loaded (" in done.stdout
    assert reason in done.stdout
    assert "or use device 'cpu'" in done.stdout


def test_kernels_of_tensorrt_for_rtx_are_kept(rtx_driver: Path, tmp_path: Path) -> None:
    cores = ((128, 128), (512, 640))
    bundle = write_bundle(tmp_path / "b", cores, "tensorrt_rtx")
    cache = tmp_path / "cache"

    def compiled(*words: str, **environment: str) -> int:
        (line,) = (
            one for one in run(rtx_driver, bundle, *words, **environment) if one.endswith("contexts compiled")
        )
        return int(line.split()[0])

    assert compiled(AMGAN_CACHE="off") > len(cores), "each context compiles"
    assert compiled(AMGAN_CACHE=str(cache)) == len(cores)
    entries = {path: path.read_bytes() for path in cache.iterdir()}
    assert {content[32:] for content in entries.values()} == {b"kernels 128x128", b"kernels 512x640"}
    assert {path.suffix for path in entries} == {SUFFIX}
    assert all(read_entry(path) == content[32:] for path, content in entries.items()), "in Python's format"
    assert compiled("pixels", AMGAN_CACHE=str(cache)) == 0
    damaged, unfit = entries
    damaged.write_bytes(entries[damaged][:-1])
    write_entry(unfit, b"kern of another version")
    assert compiled("pixels", AMGAN_CACHE=str(cache)) == len(cores)
    assert {path: path.read_bytes() for path in cache.iterdir()} == entries
    home = {"AMGAN_CACHE": "", "XDG_CACHE_HOME": "", "HOME": str(tmp_path)}
    assert compiled("pixels", **home) == len(cores)
    assert len(list((tmp_path / ".cache" / "amgan" / "networks").iterdir())) == 2
    assert compiled("pixels", AMGAN_CACHE="", XDG_CACHE_HOME=str(tmp_path / ".cache"), HOME="") == 0
    assert compiled("pixels", AMGAN_CACHE=str(bundle / "manifest.json" / "no folder")) == len(cores), (
        "nothing is kept"
    )
