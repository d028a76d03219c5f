"""Adds the network's change of a face to the photo.

The change is resampled, not the pixels: pixels without a change keep their exact values.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from . import extensions
from .alignment import Frame, apply_affine
from .reduction import has_plain_rows
from .tone import BRIGHT, DARK, Tone, toned_change
from .warp import coordinates, sample_plane

BAND_ROWS = 64  # fits into the cache


def paste_change(
    out: NDArray[np.uint8],
    frame: Frame,
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
    mask: NDArray[np.float32],
    *,
    strength: float = 1.0,
    tone: Tone | None = None,
) -> None:
    """Add ``strength`` * (``after`` - ``before``) * ``mask`` to the photo ``out``, in place.

    ``out`` is uint8 [H, W, 3]; ``before`` and ``after`` uint8 [S, S, 3] and ``mask`` float32 [S, S] 0..1
    cover the canonical frame. Results are rounded to the nearest value; pixels where the mask is zero are
    not touched. The change follows ``tone`` and the photo's exposure (None: it is pasted as it is).
    """
    photo_size = (out.shape[1], out.shape[0])
    placed = _prepare(photo_size, frame, before, after, mask, strength, tone)
    if placed is None:
        return
    extension = extensions.paste()
    if extension is not None and not placed.smooth and placed.mask is None and has_plain_rows(out):
        _add_all(extension, placed, out)
        return
    for x0, top, added, inside in _bands(placed):
        band = out[top : top + added.shape[0], x0 : x0 + added.shape[1]]
        total = cv2.add(band, added, dtype=cv2.CV_8U)  # rounds, and stays within 0 to 255
        cv2.copyTo(total, (inside > 0).view(np.uint8), band)


def photo_changes(
    photo_size: tuple[int, int],
    frame: Frame,
    before: NDArray[np.uint8],
    after: NDArray[np.uint8] | NDArray[np.float32],
    mask: NDArray[np.float32],
    strength: float = 1.0,
    tone: Tone | None = None,
) -> Iterator[tuple[int, int, NDArray[np.float32], NDArray[np.float32]]]:
    """The change that `paste_change` adds to a photo of ``photo_size`` (width, height), in bands of rows.

    Yields x0 and y0 in the photo, the change float32 [h, w, 3] in code values, and the mask [h, w], which is
    zero where the photo is unchanged.
    """
    placed = _prepare(photo_size, frame, before, after, mask, strength, tone)
    if placed is not None and placed.change[..., :3].any():
        yield from _bands(placed)


@dataclass(frozen=True, eq=False)
class _Placed:
    """A change and its ``area`` x0, y0, x1, y1 in the photo; ``to_change`` maps the photo to the change.

    ``change`` float32 [h, w, 4] has the mask as fourth channel; ``smooth`` is whether it is enlarged. If it
    was reduced, ``mask`` is the original mask with the map to it, as an averaged mask is wider.
    """

    change: NDArray[np.float32]
    area: tuple[int, int, int, int]
    to_change: NDArray[np.float64]
    smooth: bool
    mask: tuple[NDArray[np.float32], NDArray[np.float64]] | None


def _prepare(
    photo_size: tuple[int, int],
    frame: Frame,
    before: NDArray[np.uint8],
    after: NDArray[np.uint8] | NDArray[np.float32],
    mask: NDArray[np.float32],
    strength: float,
    tone: Tone | None,
) -> _Placed | None:
    """The change that `paste_change` adds, and its position; None if there is none."""
    place = _place(photo_size, frame, mask)
    if place is None:
        return None
    rows, columns, area, to_frame = place
    part = mask[rows, columns]
    change = _change(before[rows, columns], after[rows, columns], part, strength, tone)
    shrunk, scaled = _shrink(change, to_frame)
    # A change with a higher resolution than the photo needs no bicubic interpolation.
    enlarged = _enlarges(scaled)
    return _Placed(shrunk, area, scaled, enlarged, None if shrunk is change else (part, to_frame))


class PastePlaces(NamedTuple):
    """Where a change is pasted: from ``rows`` and ``columns`` of the frame to ``area`` x0, y0, x1, y1.

    The column of a pixel of the area in that part of the frame is the sum of along[0] of its column and
    starts[0] of its row, its row that of the others, float64 [2, w] and [2, h].
    """

    rows: slice
    columns: slice
    area: tuple[int, int, int, int]
    along: NDArray[np.float64]
    starts: NDArray[np.float64]


def paste_places(photo_size: tuple[int, int], frame: Frame, mask: NDArray[np.float32]) -> PastePlaces | None:
    """The positions of `paste_change`; None if nothing is pasted, or the change is enlarged or reduced."""
    place = _place(photo_size, frame, mask)
    if place is None or _enlarges(place[3]) or _factor(place[3]) >= 2:
        return None
    rows, columns, (x0, y0, x1, y1), to_frame = place
    along, starts = np.empty((2, x1 - x0)), np.empty((2, y1 - y0))
    for top in range(y0, y1, BAND_ROWS):
        band = slice(top - y0, min(top + BAND_ROWS, y1) - y0)
        size = (x1 - x0, band.stop - band.start)
        along, starts[:, band] = coordinates(_moved(to_frame, x0, top), size)
    return PastePlaces(rows, columns, (x0, y0, x1, y1), along, starts)


def _place(
    photo_size: tuple[int, int], frame: Frame, mask: NDArray[np.float32]
) -> tuple[slice, slice, tuple[int, int, int, int], NDArray[np.float64]] | None:
    """The rows and columns of the frame that change, their area in the photo, and the map from the photo."""
    box = _box(mask)
    if box is None:
        return None
    rows, columns = box
    area = _area(rows, columns, frame.to_photo(len(mask)), photo_size)
    if area is None:
        return None
    to_frame = frame.to_frame(len(mask))
    to_frame[:, 2] -= (columns.start, rows.start)
    return rows, columns, area, to_frame


def _enlarges(to_change: NDArray[np.float64]) -> bool:
    """Whether a photo has more pixels than the change that is mapped to it."""
    return float(np.linalg.det(to_change[:, :2])) < 1.0


def _factor(to_frame: NDArray[np.float64]) -> int:
    """By how much blocks of the change are averaged before sampling."""
    return math.floor(math.sqrt(abs(float(np.linalg.det(to_frame[:, :2])))) + 1e-6)


def _bands(placed: _Placed) -> Iterator[tuple[int, int, NDArray[np.float32], NDArray[np.float32]]]:
    """See `photo_changes`."""
    x0, y0, x1, y1 = placed.area
    for top in range(y0, y1, BAND_ROWS):
        size = (x1 - x0, min(BAND_ROWS, y1 - top))
        found = sample_plane(placed.change, _moved(placed.to_change, x0, top), size, smooth=placed.smooth)
        added, inside = np.ascontiguousarray(found[..., :3]), found[..., 3]
        if placed.mask is not None:  # an averaged mask is wider than the mask
            part, to_part = placed.mask
            inside = sample_plane(part, _moved(to_part, x0, top), size, smooth=False)
        yield x0, top, added, inside


def _add_all(extension: Any, placed: _Placed, out: NDArray[np.uint8]) -> None:
    """Add a change to the photo by the extension: the result of `_bands`, in one pass."""
    x0, y0, x1, y1 = placed.area
    for top in range(y0, y1, BAND_ROWS):
        band = out[top : min(top + BAND_ROWS, y1), x0:x1]
        terms = coordinates(_moved(placed.to_change, x0, top), (band.shape[1], band.shape[0]))
        extension.add(placed.change, *terms, band)


def _change(
    before: NDArray[np.uint8],
    after: NDArray[np.uint8] | NDArray[np.float32],
    mask: NDArray[np.float32],
    strength: float,
    tone: Tone | None,
) -> NDArray[np.float32]:
    """The weighted change of a frame's part and its mask, float32 [h, w, 4]."""
    stacked = np.empty((*mask.shape, 4), np.float32)
    extension = extensions.paste()
    if extension is not None and tone is not None and not tone.share and after.dtype == np.uint8:
        extension.change(before, after, mask, BRIGHT, DARK, strength, stacked)
        return stacked
    for top in range(0, len(mask), BAND_ROWS):
        rows = slice(top, top + BAND_ROWS)
        if tone is None:
            apart = cv2.subtract(after[rows], before[rows], dtype=cv2.CV_32F)
        else:
            apart = toned_change(before[rows], after[rows], tone)
        weighted = cv2.multiply(apart, cv2.merge([mask[rows]] * 3), scale=strength)
        cv2.merge([*cv2.split(weighted), mask[rows]], dst=stacked[rows])
    return stacked


def _box(mask: NDArray[np.float32]) -> tuple[slice, slice] | None:
    """Rows and columns of the mask's non-zero pixels plus one on every side; None if all are zero."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    top, left = max(int(rows[0]) - 1, 0), max(int(columns[0]) - 1, 0)
    return slice(top, min(int(rows[-1]) + 2, mask.shape[0])), slice(
        left, min(int(columns[-1]) + 2, mask.shape[1])
    )


def _area(
    rows: slice, columns: slice, to_photo: NDArray[np.float64], photo_size: tuple[int, int]
) -> tuple[int, int, int, int] | None:
    """Bounding box x0, y0, x1, y1 of a box of the frame in the photo; None if it is outside."""
    sides = [(x, y) for x in (columns.start, columns.stop) for y in (rows.start, rows.stop)]
    corners = apply_affine(to_photo, np.array(sides, float))
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(corners.max(axis=0)).astype(int), photo_size)
    if (high <= low).any():
        return None
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _shrink(
    change: NDArray[np.float32], to_frame: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Average blocks of the change if the photo is much coarser than the frame, against aliasing."""
    factor = _factor(to_frame)
    if factor < 2:
        return change, to_frame
    height, width = change.shape[:2]
    padded = cv2.copyMakeBorder(change, 0, -height % factor, 0, -width % factor, cv2.BORDER_CONSTANT, value=0)
    size = (padded.shape[1] // factor, padded.shape[0] // factor)
    return np.asarray(cv2.resize(padded, size, interpolation=cv2.INTER_AREA), np.float32), to_frame / factor


def _moved(matrix: NDArray[np.float64], x: int, y: int) -> NDArray[np.float64]:
    """The same map for coordinates with their origin at (x, y) of the photo."""
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ (x, y)
    return moved
