"""libamgan's TensorRT backend, compiled against declarations of our own and run on a fake GPU."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from engine_helpers import engine_content
from helpers import tiny_manifest, write_tiny_bundle

from amgan.runtime.bundle.bundle import write_manifest
from amgan.runtime.bundle.manifest import Manifest
from amgan.runtime.engines.tiles import plan_cheapest

CAPI = Path(__file__).parents[2] / "runtime" / "capi"
FAKE = Path(__file__).parent / "fake_gpu"
SOURCES = (
    "bundle", "engine_tensorrt", "error", "fields", "json", "manifest", "plane", "sha256", "tensorrt_plan",
    "tiles", "utf8",
)  # fmt: skip
HALO = 8
CORES = (128, 256, 512)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("g++") is None:
        pytest.skip("the C library cannot be built without g++")
    program = tmp_path_factory.mktemp("fake_gpu") / "driver"
    command = [
        "g++", "-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-o", str(program),
        '-DAMGAN_TENSORRT_FLAVOUR="tensorrt"', '-DAMGAN_TENSORRT_NAME="TensorRT"',
        f"-I{CAPI}", f"-I{CAPI / 'src'}", "-isystem", str(FAKE / "include"), f"-I{FAKE}",
        *(str(CAPI / "src" / f"{name}.cpp") for name in SOURCES),
        *(str(FAKE / name) for name in ("fake_gpu.cpp", "driver.cpp")),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program


def write_bundle(folder: Path, cores: tuple[int, ...]) -> Path:
    """A bundle with plans for the fake TensorRT, largest tiles first."""
    write_tiny_bundle(folder, halo_px=HALO)
    content = {**tiny_manifest(folder), "halo_px": HALO, "min_frame_px": 128, "max_frame_px": 1024}
    for core in reversed(cores):
        file = folder / f"generator.{core}.engine"
        file.write_text(f"{core} {HALO} 1 4")
        side = core + 2 * HALO
        inputs = {"image": [side, side, 3], "aging_map": [1, side // 4, side // 4], "origin": [3]}
        content["files"][file.name] = engine_content(
            file,
            flavour="tensorrt",
            version="10.16.1.11",
            targets=["sm89"],
            profile={"batch": [1, 4, 4], "inputs": inputs},
        )
    write_manifest(folder, Manifest.from_dict(content))
    return folder


def run(driver: Path, bundle: Path) -> list[str]:
    done = subprocess.run([driver, bundle], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_tiles_of_several_sizes(driver: Path, tmp_path: Path) -> None:
    lines = run(driver, write_bundle(tmp_path / "b", CORES))
    failed = next(line for line in lines if line.endswith("calls made to fail"))
    assert int(failed.split()[0]) > 40
    # The sizes are those that Python chooses.
    for line in lines:
        if line.startswith("right: frame"):
            frame, marked, count, size = (
                int(word.strip(",:")) for word in line.split() if word.strip(",:").isdigit()
            )
            import numpy as np

            cells = np.zeros((frame // 32, frame // 32), bool)
            cells[: marked // 32, : marked // 32] = True
            wanted = plan_cheapest(frame, CORES, HALO, cells, 32)
            assert (count, size) == (len(wanted), wanted[0].width), line
    assert any("there is no cuda:7 in this machine: it has 1 GPUs" in line for line in lines)
    assert any("is in fp16" in line for line in lines)


@pytest.mark.parametrize("core", [128, 512])
def test_one_size_also_larger_than_small_frames(driver: Path, tmp_path: Path, core: int) -> None:
    lines = run(driver, write_bundle(tmp_path / "b", (core,)))
    assert sum(line.startswith("right: frame") for line in lines) == 8
