"""The kernels that cut and stitch tiles: their source runs here, block by block, as plain C++."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable

import numpy as np
import pytest
from support.numpy_device import HALO
from support.tile_kernels_twin import TWINS

from amgan.runtime.engines.cuda import movers
from amgan.runtime.engines.cuda.rings import TILE_DESCRIPTOR

SOURCE = movers.PTX.with_suffix(".cu")
KERNELS = ("gather_tiles", "stitch_cores")
HOST = """
#include <cstddef>
#include <cstdio>
#define __global__
struct Place { unsigned x, y, z; };
static Place blockIdx, threadIdx, blockDim;
#include "SOURCE"
template <class Kernel> static void run(unsigned rows, unsigned tiles, Kernel kernel) {
  blockDim = {7, 1, 1};
  for (unsigned z = 0; z < tiles; z++) for (unsigned y = 0; y < rows; y++) for (unsigned x = 0; x < 7; x++) {
    blockIdx = {0, y, z}; threadIdx = {x, 0, 0}; kernel();
  }
}
extern "C" void host_gather_tiles(unsigned tiles, const TileDescriptor *descriptors, const float *patterns,
    int mixed, unsigned *image, float *ages, float *coordinates, float *pattern, int wide, int tall,
    int halo) {
  run(tall + 2 * halo, tiles, [=] {
    gather_tiles(descriptors, patterns, mixed, image, ages, coordinates, pattern, wide, tall, halo); });
}
extern "C" void host_stitch_cores(
    unsigned tiles, const TileDescriptor *descriptors, const unsigned *cores, int wide, int tall, int halo) {
  run(tall, tiles, [=] { stitch_cores(descriptors, cores, wide, tall, halo); });
}
extern "C" int descriptor_bytes() { return sizeof(TileDescriptor); }
"""


@pytest.fixture(scope="module")
def on_the_host(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("needs a C++ compiler")
    folder = tmp_path_factory.mktemp("kernels")
    (folder / "host.cpp").write_text(HOST.replace("SOURCE", str(SOURCE)))
    flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"]
    command = [compiler, *flags, str(folder / "host.cpp"), "-o", str(folder / "host.so")]
    subprocess.run(command, check=True, timeout=1800)
    return ctypes.CDLL(str(folder / "host.so"))


def memory(address: int, size: int) -> np.ndarray:
    return np.frombuffer((ctypes.c_uint8 * size).from_address(address), np.uint8)


def call(library: ctypes.CDLL, name: str) -> Callable[[int, list[int]], None]:
    def run(tiles: int, arguments: list[int]) -> None:
        kinds = [ctypes.c_int if value < 1 << 20 else ctypes.c_void_p for value in arguments]
        getattr(library, f"host_{name}")(tiles, *(k(v) for k, v in zip(kinds, arguments, strict=True)))

    return run


@pytest.mark.parametrize("core", [(16, 16), (32, 16), (24, 36)])
def test_the_source_does_what_its_twin_does(on_the_host: ctypes.CDLL, core: tuple[int, int]) -> None:
    assert on_the_host.descriptor_bytes() == TILE_DESCRIPTOR.itemsize
    rng = np.random.default_rng(core[0])
    (wide, tall), mixed = (side + 2 * HALO for side in core), 3
    descriptors = np.zeros(5, TILE_DESCRIPTOR)
    frames = []
    for number in range(len(descriptors)):
        frame_px = int(rng.integers(2, 12)) * 4
        padded = frame_px + 2 * HALO
        width, height = (4 * int(rng.integers(1, min(most, frame_px) // 4 + 1)) for most in core)
        x0, y0 = (4 * int(rng.integers(0, (frame_px - size) // 4 + 1)) for size in (width, height))
        image = rng.integers(0, 256, (padded, padded, 3), dtype=np.uint8)
        planes = rng.normal(size=(5, padded // 4, padded // 4)).astype(np.float32)
        aged = rng.integers(0, 256, (frame_px, frame_px, 3), dtype=np.uint8)
        frames.append((image, planes, aged))
        addresses = tuple(array.ctypes.data for array in frames[-1])
        descriptors[number] = (*addresses, padded, x0, y0, width, height, 0)
    descriptors[3] = 0  # left out
    patterns = rng.normal(size=(5, mixed)).astype(np.float32)
    cores = rng.integers(0, 256, (5, core[1], core[0], 3), dtype=np.uint8)
    results = []
    for run in (
        [call(on_the_host, name) for name in KERNELS],
        [lambda tiles, values, name=name: TWINS[name](memory, tiles, values) for name in KERNELS],
    ):
        for _, _, aged in frames:
            aged[...] = 9
        tiles = [
            np.zeros((5, tall, wide, 3), np.uint8), np.zeros((5, 1, tall // 4, wide // 4), np.float32),
            np.zeros((5, 4, tall // 4, wide // 4), np.float32), np.zeros((5, mixed), np.float32),
        ]  # fmt: skip
        start = [descriptors.ctypes.data, patterns.ctypes.data, mixed]
        run[0](5, [*start, *(array.ctypes.data for array in tiles), *core, HALO])
        run[1](5, [descriptors.ctypes.data, cores.ctypes.data, *core, HALO])
        results.append([*tiles, *(aged.copy() for *_, aged in frames)])
    for ours, twins in zip(*results, strict=True):
        assert np.array_equal(ours, twins)
    assert not any(made[3].any() for made in results[0][:4])
    assert all(made.any() for made in (*results[0][:4], *results[0][4:7], results[0][8]))
    assert (results[0][7] == 9).all()
