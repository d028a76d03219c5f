"""Affine resampling of pictures."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import extensions
from .reduction import has_plain_rows, reduce_blocks

_STEPS_PER_PX = 32
_BAND_ROWS = 64  # fits into the cache


def sample_affine(
    rgb: NDArray[np.uint8],
    to_source: NDArray[np.float64],
    size_px: tuple[int, int],
    out: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Resample an RGB picture [H, W, 3] uint8 under an affine map, edges repeated outside it.

    ``to_source`` (2x3) maps continuous output coordinates to continuous source coordinates;
    ``size_px`` is (width, height) of the output, which is written into ``out`` if given. Reduction is
    filtered (box, then bicubic).
    """
    factor = _factor(to_source)
    out = np.empty((size_px[1], size_px[0], 3), np.uint8) if out is None else out
    for top in range(0, len(out), _BAND_ROWS):
        band = out[top : top + _BAND_ROWS]
        band_size = (band.shape[1], band.shape[0])
        region, matrix = _region(rgb, _down(to_source, top), band_size, factor)
        if factor >= 2:
            region, matrix = reduce_blocks(region, factor), matrix / factor
        _sample_band(region, matrix, band)
    return out


def _sample_band(region: NDArray[np.uint8], matrix: NDArray[np.float64], band: NDArray[np.uint8]) -> None:
    """Write a bicubic sample of an RGB picture, uint8 [H, W, 3], under an affine map into ``band``."""
    extension = extensions.resample()
    if extension is not None and has_plain_rows(region) and has_plain_rows(band):
        along, starts = coordinates(matrix, (band.shape[1], band.shape[0]))
        extension.affine(region, along, starts, band)
        return
    import cv2

    size_px = (band.shape[1], band.shape[0])
    # OpenCV resamples floats twice as fast as bytes.
    floats = _warp(region.astype(np.float32), matrix, size_px, cv2.INTER_CUBIC, cv2.BORDER_REPLICATE)
    np.maximum(floats, 0.0, out=floats)
    cv2.convertScaleAbs(floats, dst=band)  # rounds and saturates


class Places(NamedTuple):
    """Where the pixels of an output lie in a picture.

    ``part`` x0, y0, x1, y1 is what they depend on. The column of a pixel in it is the sum of along[0] of its
    column, starts[0] and origins[:, 0] of its row, its row that of the others: float64 [2, w] and [2, h],
    int32 [h, 2].
    """

    along: NDArray[np.float64]
    starts: NDArray[np.float64]
    origins: NDArray[np.int32]
    part: tuple[int, int, int, int]


def sample_places(
    picture_size: tuple[int, int], to_source: NDArray[np.float64], size_px: tuple[int, int]
) -> Places | None:
    """The positions of `sample_affine` in a picture of ``picture_size`` (w, h); None if it reduces it."""
    if _factor(to_source) >= 2:
        return None
    width, height = size_px
    along = np.empty((2, width))
    starts, origins, ends = np.empty((2, height)), np.empty((height, 2), np.int32), []
    for top in range(0, height, _BAND_ROWS):
        rows = slice(top, min(top + _BAND_ROWS, height))
        band_size = (width, rows.stop - top)
        low, high, matrix = _box(picture_size, _down(to_source, top), band_size, 1)
        along, starts[:, rows] = coordinates(matrix, band_size)
        origins[rows] = low
        ends.append(high)
    (x0, y0), (x1, y1) = origins.min(axis=0), np.max(ends, axis=0)
    return Places(along, starts, origins - np.array([x0, y0], np.int32), (int(x0), int(y0), int(x1), int(y1)))


def move_pixels(
    rgb: NDArray[np.uint8],
    across: NDArray[np.float32],
    down: NDArray[np.float32],
    wanted: NDArray[np.bool_],
    out: NDArray[np.uint8],
) -> None:
    """Write bicubic samples of ``rgb``, uint8 [H, W, 3], into ``out``, uint8 [h, w, 3].

    ``across`` and ``down`` [h, w] are the source columns and rows in ``rgb``; its edges are repeated outside.
    Only pixels that are ``wanted`` [h, w] are written.
    """
    extension = extensions.resample()
    if extension is not None and has_plain_rows(rgb) and has_plain_rows(out):
        extension.remap(rgb, across, down, wanted, out)
        return
    import cv2

    moved = cv2.remap(rgb, across, down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    cv2.copyTo(np.asarray(moved, np.uint8), wanted.view(np.uint8), out)


def sample_plane(
    plane: NDArray[np.float32],
    to_source: NDArray[np.float64],
    size_px: tuple[int, int],
    *,
    smooth: bool = True,
) -> NDArray[np.float32]:
    """Resample a float picture [H, W] or [H, W, C] under an affine map; zero outside it.

    Same coordinates as sample_affine. Bicubic if ``smooth``, otherwise bilinear (which never overshoots).
    """
    import cv2

    method = cv2.INTER_CUBIC if smooth else cv2.INTER_LINEAR
    return _warp(np.ascontiguousarray(plane, np.float32), to_source, size_px, method, cv2.BORDER_CONSTANT)


def _warp(
    source: NDArray[Any],
    matrix: NDArray[np.float64],
    size_px: tuple[int, int],
    method: int,
    border: int,
) -> Any:
    """Resample an array under a map between coordinates with their origin at the corner of a pixel.

    OpenCV interpolates at steps of 1/32 px. Rounding to them here makes a sample independent of the part of
    the output that is computed, which cv2.warpAffine does not.
    """
    import cv2

    along, starts = coordinates(matrix, size_px)
    across, down = (_to_steps(along[axis], starts[axis]) for axis in (0, 1))
    return cv2.remap(source, across, down, method, borderMode=border, borderValue=0)


def coordinates(
    matrix: NDArray[np.float64], size_px: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The column and row terms of source coordinates (x, y): [2, columns] and [2, rows] of an output."""
    x, y = np.arange(size_px[0]) + 0.5, np.arange(size_px[1]) + 0.5
    return matrix[:, :1] * x, matrix[:, 1:2] * y + matrix[:, 2:] - 0.5


def _to_steps(along: NDArray[np.float64], start: NDArray[np.float64]) -> NDArray[np.float32]:
    """The outer sum of two vectors, [rows, columns], rounded to OpenCV's interpolation steps."""
    extension = extensions.resample()
    if extension is not None:
        steps = np.empty((len(start), len(along)), np.float32)
        extension.steps(along, start, steps)
        return steps
    total = along * _STEPS_PER_PX + start[:, None] * _STEPS_PER_PX
    np.rint(total, out=total)
    return np.multiply(total, 1.0 / _STEPS_PER_PX, dtype=np.float32, casting="same_kind")


def _factor(to_source: NDArray[np.float64]) -> int:
    """By how much blocks of pixels are averaged before sampling."""
    scale = math.sqrt(abs(float(np.linalg.det(to_source[:, :2]))))
    return max(1, int(scale + 1e-6))  # an exact scale may be slightly low after rounding


def _down(to_source: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    """The map of an output that begins so many rows further down."""
    moved = to_source.copy()
    moved[:, 2] += to_source[:, 1] * rows
    return moved


def _region(
    rgb: NDArray[np.uint8], to_source: NDArray[np.float64], size_px: tuple[int, int], step: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The part of a picture that an output depends on, never empty, and the map into it."""
    low, high, matrix = _box((rgb.shape[1], rgb.shape[0]), to_source, size_px, step)
    return rgb[low[1] : high[1], low[0] : high[0]], matrix


def _box(
    picture_size: tuple[int, int], to_source: NDArray[np.float64], size_px: tuple[int, int], step: int
) -> tuple[NDArray[np.int_], NDArray[np.int_], NDArray[np.float64]]:
    """Both corners (x, y) of the part of a picture that an output depends on, and the map into it.

    It begins at a multiple of ``step`` px, so that blocks of pixels are aligned for every output.
    """
    low, high, margin = [], [], 4 * (step + 1)
    for (along, down, start), limit in zip(to_source.tolist(), picture_size, strict=True):
        ends = [start + x + y for x in (0.0, along * size_px[0]) for y in (0.0, down * size_px[1])]
        first = min(max(math.floor(min(ends)) - margin, 0), limit - 1)
        low.append(first // step * step)
        high.append(min(max(math.ceil(max(ends)) + margin, low[-1] + 1), limit))
    matrix = to_source.copy()
    matrix[:, 2] -= low
    return np.array(low), np.array(high), matrix
