"""What tile_kernels.cu does, in NumPy: the fake CUDA runs it, and a test compares the two."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from amgan.runtime.engines.cuda.rings import TILE_DESCRIPTOR

View = Callable[[int, int], np.ndarray]
"""Bytes of memory from an address on."""


def _array(view: View, address: int, shape: tuple[int, ...], dtype: type) -> np.ndarray:
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return view(address, size).view(dtype).reshape(shape)


def gather_tiles(view: View, tiles: int, arguments: list[int]) -> None:
    descriptors, patterns, mixed, image, ages, coordinates, pattern, core_width, core_height, halo = arguments
    wide, tall = core_width + 2 * halo, core_height + 2 * halo
    images = _array(view, image, (tiles, tall, wide, 3), np.uint8)
    maps = _array(view, ages, (tiles, 1, tall // 4, wide // 4), np.float32)
    places = _array(view, coordinates, (tiles, 4, tall // 4, wide // 4), np.float32)
    mixtures = _array(view, pattern, (tiles, mixed), np.float32)
    wanted = _array(view, patterns, (tiles, mixed), np.float32)
    for i, one in enumerate(view(descriptors, tiles * TILE_DESCRIPTOR.itemsize).view(TILE_DESCRIPTOR)):
        padded, x, y = (int(one[name]) for name in ("padded", "x0", "y0"))
        if not one["width"]:
            continue
        mixtures[i] = wanted[i]
        width, height = int(one["width"]) + 2 * halo, int(one["height"]) + 2 * halo
        frame = _array(view, int(one["image"]), (padded, padded, 3), np.uint8)
        planes = _array(view, int(one["planes"]), (5, padded // 4, padded // 4), np.float32)
        images[i, :height, :width] = frame[y : y + height, x : x + width]
        part = planes[:, y // 4 : (y + height) // 4, x // 4 : (x + width) // 4]
        maps[i, :, : height // 4, : width // 4] = part[:1]
        places[i, :, : height // 4, : width // 4] = part[1:]


def stitch_cores(view: View, tiles: int, arguments: list[int]) -> None:
    descriptors, cores, core_width, core_height, halo = arguments
    made = _array(view, cores, (tiles, core_height, core_width, 3), np.uint8)
    for i, one in enumerate(view(descriptors, tiles * TILE_DESCRIPTOR.itemsize).view(TILE_DESCRIPTOR)):
        x, y, width, height = (int(one[name]) for name in ("x0", "y0", "width", "height"))
        if not height:
            continue
        side = int(one["padded"]) - 2 * halo
        frame = _array(view, int(one["aged"]), (side, side, 3), np.uint8)
        frame[y : y + height, x : x + width] = made[i, :height, :width]


TWINS = {"gather_tiles": gather_tiles, "stitch_cores": stitch_cores}
