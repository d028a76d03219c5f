"""Polygons with soft edges, as weights of cells: coverage, blurred by a Gaussian.

All of it is done in whole numbers that float32 holds exactly, so it does not matter in which order they are
added: libamgan (soft_polygon.cpp) gets the same weights to the last bit, and so does any machine.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LINES = 4
"""Lines down a cell along which coverage is measured."""
STEPS = 256
"""Where a side of the polygon crosses a line is rounded to so many steps a cell."""
FULL = LINES * STEPS
"""What a cell has that is covered as a whole."""
KERNEL_SUM = 16384
"""What the whole numbers of the blur's kernel add up to; with FULL it fills the 24 bits of a float32."""
REACH = 3.0
"""How far the kernel reaches, in standard deviations."""


@dataclass(frozen=True, eq=False)
class SoftPolygon:
    """The rows and columns of the canvas that a polygon reaches, and its ``weights`` there, float32 0..1."""

    where: tuple[slice, slice]
    weights: NDArray[np.float32]


def soft_polygons(
    polygons: Sequence[NDArray[np.floating]], cells: int, deviation: float
) -> list[SoftPolygon]:
    """Polygons of corners [n, 2] (x, y) on a canvas of ``cells`` x ``cells``; cell i lies from i to i + 1.

    What a polygon winds around is inside. ``deviation`` is the standard deviation of the blur in
    cells, above 0. What lies outside of the canvas counts: one with a margin has the same weights in its
    middle.
    """
    import cv2

    kernel = _gaussian_kernel(deviation)
    reach = len(kernel) // 2
    bounded = [np.clip(np.asarray(one, np.float64), -10.0 * cells, 11.0 * cells) for one in polygons]
    boxes = [_box(corners, cells, reach) for corners in bounded]
    # One below the other they are one tall picture, and what is drawn around each keeps them apart.
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


def _box(corners: NDArray[np.float64], cells: int, reach: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what a polygon reaches of the canvas; nothing has no extent."""
    (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    x0, y0 = max(0, math.floor(left) - reach), max(0, math.floor(top) - reach)
    x1, y1 = min(cells, math.ceil(right) + reach), min(cells, math.ceil(bottom) + reach)
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else (0, 0, 0, 0)


@dataclass(frozen=True, eq=False)
class _Tile:
    """A polygon on a canvas of its own: corners float64 [n, 2], and how many cells it has across and down."""

    corners: NDArray[np.float64]
    width: int
    height: int


def _coverage(tiles: Sequence[_Tile]) -> NDArray[np.float32]:
    """How much of each cell its polygon winds around, 0..FULL: float32 [sum of heights, largest width]."""
    rows, columns = sum(tile.height for tile in tiles), max(tile.width for tile in tiles)
    x, y = np.concatenate([tile.corners for tile in tiles]).T
    to_x, to_y = np.concatenate([part for tile in tiles for part in (tile.corners[1:], tile.corners[:1])]).T
    sides = [len(tile.corners) for tile in tiles]
    heights = np.array([tile.height for tile in tiles])
    width, height, base = (
        np.repeat(numbers, sides)
        for numbers in ([tile.width for tile in tiles], heights, np.cumsum(heights) - heights)
    )
    # A side crosses the lines from its upper end, which counts, to its lower one, which does not.
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
    # What lies right of a side that goes down is inside once more, of one that goes up once less.
    sign = np.where((to_y > y)[side], 1, -1)
    at = (base[side] + line // LINES) * (columns + 2) + cell
    places, turns = np.concatenate([at, at + 1]), np.concatenate([sign * (STEPS - rest), sign * rest])
    counts = np.bincount(places, turns, rows * (columns + 2)).reshape(rows, columns + 2)
    windings = np.cumsum(counts[:, :columns], axis=1, dtype=np.float32)
    return np.minimum(np.abs(windings), np.float32(FULL))


@functools.cache
def _gaussian_kernel(deviation: float) -> NDArray[np.float32]:
    """Weights float32 [2 r + 1] of a Gaussian of a standard deviation in cells, whole numbers, their sum
    KERNEL_SUM.
    """
    reach = max(1, math.ceil(REACH * deviation))
    shape = [math.exp(-0.5 * (i / deviation) ** 2) for i in range(-reach, reach + 1)]
    total = sum(shape)
    kernel = np.array([math.floor(one / total * KERNEL_SUM + 0.5) for one in shape], np.float32)
    kernel[reach] += KERNEL_SUM - kernel.sum()
    return kernel


_ONE = np.ones(1, np.float32)
