"""What pixel_kernels.cu does, in NumPy: the fake CUDA runs it, and a test compares the two.

A fused multiply-add is one of float64 here, whose product is exact; its sum may be rounded twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

View = Callable[[int, int], np.ndarray]
"""Bytes of memory from an address on."""
Grid = tuple[int, int, int]


def _array(view: View, address: int, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return view(address, size).view(dtype).reshape(shape)


def picture_at(view: View, address: int, across: int, down: int, shape: tuple[int, int]) -> np.ndarray:
    """RGB samples [tall, wide, 3] whose columns and rows begin every so many bytes, which may be negative."""
    tall, wide = shape
    low = min(0, across * (wide - 1)) + min(0, down * (tall - 1))
    high = max(0, across * (wide - 1)) + max(0, down * (tall - 1)) + 3
    flat = view(address + low, high - low)
    index = -low + down * np.arange(tall)[:, None, None] + across * np.arange(wide)[:, None] + np.arange(3)
    return np.asarray(flat[index])


def _fma(a: Any, b: Any, c: Any) -> np.ndarray:
    wide = [np.asarray(one, np.float64) for one in (a, b, c)]
    return np.asarray(wide[0] * wide[1] + wide[2], np.float32)


def _positions(view: View, along: int, starts: int, width: int, height: int) -> list[np.ndarray]:
    columns = _array(view, along, (2, width), np.float64)
    rows = _array(view, starts, (2, height), np.float64)
    steps = [np.rint((columns[i] + rows[i][:, None]) * 32) / 32 for i in range(2)]
    return [np.clip(one.astype(np.float32), -1e6, 1e6) for one in steps]


def _weights(at: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    below, one = np.floor(at), np.float32(1)
    x, rest = at - below, one - (at - below)
    first, last = np.float32(-0.75) * (x * (rest * rest)), np.float32(-0.75) * (x * x * rest)
    second = _fma(_fma(1.25, x, -2.25), x * x, 1)
    return below.astype(int), [first, second, one - first - second - last, last]


def warp_frame(view: View, grid: Grid, arguments: list[int]) -> None:
    photo, across_bytes, down_bytes, wide, tall, along, starts, origins, out, width, height = arguments
    assert grid[1:] == (height, 1)
    source = picture_at(view, photo, across_bytes, down_bytes, (tall, wide)).astype(np.float32)
    origin = _array(view, origins, (height, 2), np.int32).astype(int)
    x, y = _positions(view, along, starts, width, height)
    (left, across), (top, down) = _weights(x), _weights(y)
    left, top = left + origin[:, :1], top + origin[:, 1:]
    total = np.zeros((height, width, 3), np.float32)
    for r in range(4):
        line = np.clip(top - 1 + r, 0, tall - 1)
        summed = np.zeros_like(total)
        for c in range(4):
            taps = source[line, np.clip(left - 1 + c, 0, wide - 1)]
            summed = _fma(taps, across[c][..., None], summed)
        total = _fma(summed, down[r][..., None], total)
    _array(view, out, (height, width, 3), np.uint8)[...] = np.clip(np.rint(total), 0, 255)


def weigh_change(view: View, grid: Grid, arguments: list[int]) -> None:
    before, after, mask, weights, out, width = arguments
    height = grid[1]
    codes = _array(view, before, (height, width, 3), np.uint8)
    apart = _array(view, after, (height, width, 3), np.uint8).astype(np.float32) - codes
    shares = _array(view, mask, (height, width), np.float32)
    tables = _array(view, weights, (2 * 256 + 1,), np.float32)
    ordered = np.sort(codes, axis=2)
    exposure = tables[ordered[..., 1]] * tables[256 + ordered[..., 2].astype(int)]
    made = _array(view, out, (height, width, 4), np.float32)
    made[..., :3] = apart * exposure[..., None] * tables[512] * shares[..., None]
    made[..., 3] = shares


def add_change(view: View, grid: Grid, arguments: list[int]) -> None:
    change, wide, tall, along, starts, photo, across_bytes, down_bytes, out, width, height = arguments
    assert grid[1:] == (height, 1)
    values = np.zeros((tall + 2, wide + 2, 4), np.float32)
    values[1:-1, 1:-1] = _array(view, change, (tall, wide, 4), np.float32)
    x, y = _positions(view, along, starts, width, height)

    def at(column: np.ndarray, row: np.ndarray) -> np.ndarray:
        return values[np.clip(row + 1, 0, tall + 1), np.clip(column + 1, 0, wide + 1)]

    def between(one: np.ndarray, other: np.ndarray, share: np.ndarray) -> np.ndarray:
        return _fma(share[..., None], other - one, one)

    c, r = np.floor(x).astype(int), np.floor(y).astype(int)
    right, lower = x - np.floor(x), y - np.floor(y)
    above, below = (between(at(c, row), at(c + 1, row), right) for row in (r, r + 1))
    total = between(above, below, lower)
    codes = picture_at(view, photo, across_bytes, down_bytes, (height, width))
    added = np.clip(codes + np.rint(total[..., :3]), 0, 255)
    _array(view, out, (height, width, 3), np.uint8)[...] = np.where(total[..., 3:] > 0, added, codes)


TWINS = {"warp_frame": warp_frame, "weigh_change": weigh_change, "add_change": add_change}
