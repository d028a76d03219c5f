"""Pasting the change of a face back into the photo, and nothing else of the frame.

What the network changed is resampled, not the pixels themselves: everything it left alone stays what the
camera made of it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .alignment import Frame, apply_affine
from .warp import sample_plane

BAND_ROWS = 256
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def paste_change(
    out: NDArray[np.uint8],
    frame: Frame,
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
    mask: NDArray[np.float32],
    *,
    strength: float = 1.0,
    grey: bool = False,
) -> None:
    """Add ``strength`` * (``after`` - ``before``) * ``mask`` to the photo ``out``, in place.

    ``out`` is uint8 [H, W, 3]; ``before`` and ``after`` uint8 [S, S, 3] and ``mask`` float32 [S, S] 0..1
    cover the canonical frame. Results are rounded to the nearest value; pixels where the mask is zero are
    not touched. With ``grey`` all channels get the change of the luminance.
    """
    size = before.shape[0]
    change = (after.astype(np.float32) - before) * (mask[..., None] * np.float32(strength))
    planes = [change @ _LUMA] if grey else [change[..., c] for c in range(3)]
    if not any(plane.any() for plane in planes):
        return
    area = _area(mask, frame.to_photo(size), (out.shape[1], out.shape[0]))
    if area is None:
        return
    x0, y0, x1, y1 = area
    matrix = frame.to_frame(size)
    shrunk, scaled = _shrink(planes, matrix)
    for top in range(y0, y1, BAND_ROWS):
        band = out[top : min(top + BAND_ROWS, y1), x0:x1]
        place = (band.shape[1], band.shape[0])
        inside = sample_plane(mask, _moved(matrix, x0, top), place, smooth=False) > 0
        added = [sample_plane(plane, _moved(scaled, x0, top), place) * inside for plane in shrunk]
        for channel in range(3):
            total = band[..., channel] + added[channel % len(added)]
            band[..., channel] = np.clip(np.rint(total), 0, 255).astype(np.uint8)


def is_grey(rgb: NDArray[np.uint8]) -> bool:
    """Whether the three channels of a picture, uint8 [H, W, 3], are equal everywhere."""
    centre = rgb[rgb.shape[0] // 2]  # a quick no for nearly every colour photo
    return all(np.array_equal(part[..., 0], part[..., c]) for part in (centre, rgb) for c in (1, 2))


def _area(
    mask: NDArray[np.float32], to_photo: NDArray[np.float64], photo_size: tuple[int, int]
) -> tuple[int, int, int, int] | None:
    """x0, y0, x1, y1 of the part of the photo that holds the mask's non-zero pixels, or None."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    top, bottom, left, right = rows[0] - 1, rows[-1] + 2, columns[0] - 1, columns[-1] + 2
    corners = apply_affine(to_photo, np.array([[x, y] for x in (left, right) for y in (top, bottom)], float))
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(corners.max(axis=0)).astype(int), photo_size)
    if (high <= low).any():
        return None
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _shrink(
    planes: list[NDArray[np.float32]], to_frame: NDArray[np.float64]
) -> tuple[list[NDArray[np.float32]], NDArray[np.float64]]:
    """Average blocks of the planes where the photo is much coarser than the frame, against aliasing."""
    factor = math.floor(math.sqrt(abs(float(np.linalg.det(to_frame[:, :2])))) + 1e-6)
    if factor < 2:
        return planes, to_frame
    size = planes[0].shape[0]
    pad = -size % factor
    blocks = -(-size // factor)
    padded = [np.pad(plane, ((0, pad), (0, pad))) for plane in planes]
    shrunk = [p.reshape(blocks, factor, blocks, factor).mean(axis=(1, 3), dtype=np.float32) for p in padded]
    return shrunk, to_frame / factor


def _moved(matrix: NDArray[np.float64], x: int, y: int) -> NDArray[np.float64]:
    """The same map for coordinates that count from (x, y) of the photo."""
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ (x, y)
    return moved
