"""Rasterisation of polygons with soft edges: coverage of cells, blurred by a Gaussian.

All arithmetic is in integers that float32 represents exactly, so the order of additions does not matter:
libamgan (soft_polygon.cpp) and every machine compute bit-identical weights.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import extensions

LINES = 4
"""Scan lines per cell."""
STEPS = 256
"""Crossings of a polygon's side with a scan line are rounded to so many steps per cell."""
FULL = LINES * STEPS
"""The coverage of a completely covered cell."""
KERNEL_SUM = 16384
"""The sum of the blur's integer kernel; FULL times KERNEL_SUM fills the 24 bits of a float32."""
REACH = 3.0
"""The radius of the kernel in standard deviations."""


@dataclass(frozen=True, eq=False)
class SoftPolygon:
    """The rows and columns of a polygon on the canvas, and its ``weights`` there, float32 0..1."""

    where: tuple[slice, slice]
    weights: NDArray[np.float32]


def soft_polygons(
    polygons: Sequence[NDArray[np.floating]], cells: int, deviation: float
) -> list[SoftPolygon]:
    """Draw polygons with corners [n, 2] (x, y) on a canvas of ``cells`` x ``cells``; cell i spans i to i + 1.

    Points with a non-zero winding number are inside. ``deviation`` is the standard deviation of the blur in
    cells, above 0. Parts outside the canvas are taken into account, so a canvas with a margin has the same
    weights in its middle.
    """
    import cv2

    kernel = _gaussian_kernel(deviation)
    reach = len(kernel) // 2
    bounded = [np.clip(np.asarray(one, np.float64), -10.0 * cells, 11.0 * cells) for one in polygons]
    boxes = [_box(corners, cells, reach) for corners in bounded]
    extension = extensions.polygons()
    if extension is not None:
        return [_drawn(extension, corners, box, kernel) for corners, box in zip(bounded, boxes, strict=True)]
    # All are drawn into one tall picture, one below the other, separated by their margins.
    tiles = [
        _Tile(corners - (x0 - reach, y0 - reach), x1 - x0 + 2 * reach, y1 - y0 + 2 * reach)
        for corners, (x0, y0, x1, y1) in zip(bounded, boxes, strict=True)
    ]
    covered = _coverage(tiles)
    across = cv2.sepFilter2D(covered, cv2.CV_32F, kernel, _ONE)
    whole = np.floor(across * np.float32(1 / KERNEL_SUM) + np.float32(0.5))
    blurred = cv2.sepFilter2D(whole, cv2.CV_32F, _ONE, kernel) * np.float32(1 / (FULL * KERNEL_SUM))
    found, top = [], reach
    for tile, (x0, y0, x1, y1) in zip(tiles, boxes, strict=True):
        weights = blurred[top : top + y1 - y0, reach : reach + x1 - x0]
        found.append(SoftPolygon((slice(y0, y1), slice(x0, x1)), weights))
        top += tile.height
    return found


def _drawn(
    extension: Any, corners: NDArray[np.float64], box: tuple[int, int, int, int], kernel: NDArray[np.float32]
) -> SoftPolygon:
    """A polygon by the extension, which computes the same numbers in a fraction of the time."""
    x0, y0, x1, y1 = box
    reach = len(kernel) // 2
    weights = np.empty((y1 - y0, x1 - x0), np.float32)
    if weights.size:
        extension.draw(corners - (x0 - reach, y0 - reach), kernel, weights)
    return SoftPolygon((slice(y0, y1), slice(x0, x1)), weights)


def _box(corners: NDArray[np.float64], cells: int, reach: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a blurred polygon on the canvas; empty if it is outside."""
    (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    x0, y0 = max(0, math.floor(left) - reach), max(0, math.floor(top) - reach)
    x1, y1 = min(cells, math.ceil(right) + reach), min(cells, math.ceil(bottom) + reach)
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else (0, 0, 0, 0)


@dataclass(frozen=True, eq=False)
class _Tile:
    """A polygon on its own canvas: corners float64 [n, 2], and the canvas's width and height in cells."""

    corners: NDArray[np.float64]
    width: int
    height: int


def _coverage(tiles: Sequence[_Tile]) -> NDArray[np.float32]:
    """The coverage of each cell, 0..FULL: float32 [sum of heights, largest width]."""
    rows, columns = sum(tile.height for tile in tiles), max(tile.width for tile in tiles)
    x, y = np.concatenate([tile.corners for tile in tiles]).T
    to_x, to_y = np.concatenate([part for tile in tiles for part in (tile.corners[1:], tile.corners[:1])]).T
    sides = [len(tile.corners) for tile in tiles]
    heights = np.array([tile.height for tile in tiles])
    width, height, base = (
        np.repeat(numbers, sides)
        for numbers in ([tile.width for tile in tiles], heights, np.cumsum(heights) - heights)
    )
    # A side crosses the scan lines from its upper end, inclusive, to its lower end, exclusive.
    first, end = (
        np.clip(np.ceil(at(y, to_y) * LINES - 0.5), 0, LINES * height).astype(np.int64)
        for at in (np.minimum, np.maximum)
    )
    count = end - first
    side = np.repeat(np.arange(len(x)), count)
    line = np.arange(len(side)) + np.repeat(first - (np.cumsum(count) - count), count)
    down = (line + 0.5) / LINES - y[side]
    across = (to_x - x)[side] / (to_y - y)[side] * down + x[side]
    steps = np.floor(np.clip(across, 0.0, width[side]) * STEPS + 0.5).astype(np.int64)
    cell, rest = np.divmod(steps, STEPS)
    # The winding number grows by 1 to the right of a downward side and falls by 1 for an upward side.
    sign = np.where((to_y > y)[side], 1, -1)
    at = (base[side] + line // LINES) * (columns + 2) + cell
    indices, turns = np.concatenate([at, at + 1]), np.concatenate([sign * (STEPS - rest), sign * rest])
    counts = np.bincount(indices, turns, rows * (columns + 2)).reshape(rows, columns + 2)
    windings = np.cumsum(counts[:, :columns], axis=1, dtype=np.float32)
    return np.minimum(np.abs(windings), np.float32(FULL))


@functools.cache
def _gaussian_kernel(deviation: float) -> NDArray[np.float32]:
    """Integer weights float32 [2 r + 1] of a Gaussian with the sum KERNEL_SUM; ``deviation`` in cells."""
    reach = max(1, math.ceil(REACH * deviation))
    shape = [math.exp(-0.5 * (i / deviation) ** 2) for i in range(-reach, reach + 1)]
    total = sum(shape)
    kernel = np.array([math.floor(one / total * KERNEL_SUM + 0.5) for one in shape], np.float32)
    kernel[reach] += KERNEL_SUM - kernel.sum()
    return kernel


_ONE = np.ones(1, np.float32)
