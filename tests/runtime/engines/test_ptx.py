"""The kernels as they are shipped: PTX of the current sources, which every generation of GPUs can run."""

from __future__ import annotations

import ctypes
import re
import sys
from pathlib import Path

import pytest

from amgan.runtime.engines.cuda import movers, pixels
from amgan.runtime.engines.cuda.make_ptx import SOURCES, fingerprint

GPUS = (75, 80, 86, 89, 90, 100, 120)
KERNELS = {"tile_kernels": ("gather_tiles", "stitch_cores"), "pixel_kernels": pixels.KERNELS}


def load_nvidia(name: str) -> None:
    """Load a library of NVIDIA's packages from wherever Python finds packages."""
    for folder in sys.path:
        for path in Path(folder).glob(f"nvidia/*/lib/lib{name}.so.1?"):
            ctypes.CDLL(str(path))
            return
    pytest.skip(f"needs lib{name}")


def test_all_sources_are_compiled() -> None:
    assert {source.stem for source in SOURCES} == set(KERNELS)
    assert {source.with_suffix(".ptx") for source in SOURCES} == {movers.PTX, pixels.PTX}


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_the_ptx_is_that_of_the_source_and_old_drivers_read_it(source: Path) -> None:
    text = source.with_suffix(".ptx").read_text()
    lines = text.splitlines()
    assert lines[0] == fingerprint(source), "run make_ptx.py again"
    assert ".version 8.0" in lines
    assert ".target sm_70" in lines
    assert tuple(re.findall(r"\.entry (\w+)\(", text)) == KERNELS[source.stem]


@pytest.mark.parametrize("compute", GPUS)
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_every_generation_can_run_the_ptx(source: Path, compute: int) -> None:
    linker = pytest.importorskip("cuda.bindings.nvjitlink")
    load_nvidia("nvJitLink")
    handle = linker.create(1, [f"-arch=sm_{compute}"])
    ptx = source.with_suffix(".ptx").read_bytes() + b"\0"
    linker.add_data(handle, linker.InputType.PTX, ptx, len(ptx), source.stem)
    linker.complete(handle)
    assert linker.get_linked_cubin_size(handle) > 1000
    linker.destroy(handle)


@pytest.mark.parametrize("compute", GPUS)
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_every_generation_can_compile_the_source(source: Path, compute: int) -> None:
    nvrtc = pytest.importorskip("cuda.bindings.nvrtc")
    load_nvidia("nvrtc")
    status, program = nvrtc.nvrtcCreateProgram(source.read_bytes(), source.name.encode(), 0, [], [])
    assert not int(status)
    options = [f"-arch=sm_{compute}".encode()]
    assert not int(nvrtc.nvrtcCompileProgram(program, len(options), options)[0])
    assert nvrtc.nvrtcGetCUBINSize(program)[1] > 1000
