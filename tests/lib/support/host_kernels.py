"""The source of the pixel kernels as plain C++ on the CPU: all threads one after the other."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amgan.runtime.engines.cuda import pixels
from amgan.runtime.engines.cuda.picture import GpuPicture

SOURCE = pixels.PTX.with_suffix(".cu")
HOST = """
#include <cmath>
#include <cstddef>
#define __global__
#define __device__
struct Place { unsigned x, y, z; };
static Place blockIdx, threadIdx, blockDim;
static double __dadd_rn(double a, double b) { return a + b; }
static double __dmul_rn(double a, double b) { return a * b; }
static float __fsub_rn(float a, float b) { return a - b; }
static float __fmul_rn(float a, float b) { return a * b; }
static float __fmaf_rn(float a, float b, float c) { return std::fmaf(a, b, c); }
static int __float2int_rn(float a) { return (int)std::lrintf(a); }
using std::rint;
#include "SOURCE"
template <class Kernel> static void run(int width, int height, Kernel kernel) {
  blockDim = {7, 1, 1};
  for (int y = 0; y < height; y++) for (int x = 0; x < (width + 6) / 7 * 7; x++) {
    blockIdx = {unsigned(x / 7), unsigned(y), 0}; threadIdx = {unsigned(x % 7), 0, 0}; kernel();
  }
}
extern "C" void host_warp(const Byte *photo, int across, int down, int wide, int tall, const double *along,
    const double *starts, const int *origins, Byte *out, int width, int height) {
  run(width, height,
      [=] { warp_frame(photo, across, down, wide, tall, along, starts, origins, out, width, height); });
}
extern "C" void host_paste(const Byte *before, const Byte *after, const float *mask, const float *weights,
    float *change, int wide, int tall, const double *along, const double *starts, const Byte *photo,
    int across, int down, Byte *out, int width, int height) {
  run(wide, tall, [=] { weigh_change(before, after, mask, weights, change, wide); });
  run(width, height,
      [=] { add_change(change, wide, tall, along, starts, photo, across, down, out, width, height); });
}
"""


class HostPixels:
    """PixelKernels without a GPU."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library

    def warp(
        self, photo: np.ndarray | GpuPicture, along: np.ndarray, starts: np.ndarray, origins: np.ndarray,
        out: np.ndarray,
    ) -> None:  # fmt: skip
        height, width = out.shape[:2]
        made = np.zeros((height, width, 3), np.uint8)
        held = photo if isinstance(photo, GpuPicture) else _picture(photo)
        _call(
            self._library.host_warp, held, held.across, held.down, held.width, held.height, along, starts,
            origins, made, width, height,
        )  # fmt: skip
        out[...] = made

    def paste(
        self, before: np.ndarray, after: np.ndarray, mask: np.ndarray, weights: np.ndarray, along: np.ndarray,
        starts: np.ndarray, out: np.ndarray, photo: GpuPicture | None = None,
    ) -> None:  # fmt: skip
        (tall, wide), (height, width) = mask.shape, out.shape[:2]
        made, change = np.ascontiguousarray(out), np.zeros((tall, wide, 4), np.float32)
        held = _picture(made) if photo is None else photo
        _call(
            self._library.host_paste, before, after, mask, weights, change, wide, tall, along, starts, held,
            held.across, held.down, made, width, height,
        )  # fmt: skip
        out[...] = made


def _picture(pixels: np.ndarray) -> GpuPicture:
    """Pixels of this process as if they were on the GPU."""
    plain = np.ascontiguousarray(pixels)
    height, width = plain.shape[:2]
    return GpuPicture(plain.ctypes.data, width, height, 3, 3 * width, plain)


def _call(function: Any, *values: np.ndarray | GpuPicture | int) -> None:
    """Call a function with addresses of arrays, contiguous as on the GPU, and of pictures, and numbers."""
    held = [np.ascontiguousarray(one) if isinstance(one, np.ndarray) else one for one in values]
    function(*map(_argument, held))


def _argument(value: np.ndarray | GpuPicture | int) -> Any:
    if isinstance(value, int):
        return value
    return ctypes.c_void_p(value.address if isinstance(value, GpuPicture) else value.ctypes.data)


def host_pixels(folder: Path) -> HostPixels:
    """Compile the kernels in a folder; skips the test where there is no C++ compiler."""
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("needs a C++ compiler")
    (folder / "host.cpp").write_text(HOST.replace("SOURCE", str(SOURCE)))
    flags = ["-shared", "-fPIC", "-O1", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror"]
    command = [compiler, *flags, str(folder / "host.cpp"), "-o", str(folder / "host.so")]
    subprocess.run(command, check=True, timeout=1800)
    return HostPixels(ctypes.CDLL(str(folder / "host.so")))
