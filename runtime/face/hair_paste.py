"""Pastes a planned change of hair into a photo's own pixels, so that strands are preserved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .alignment import Frame, apply_affine
from .hair_grid import MATTE_PX, Plane
from .head_parser import hair_window
from .warp import sample_plane

BAND_ROWS = 64
DARK = 14.0
"""Code values that count as light where light is compared: dark hair has little."""

_FAR, _FADE, _STAYS = 0.3, 0.9, 0.15
"""From where on pixels lighter than hair's limit change less, over which range, as shares of it, and how
much at last: what shows between locks is no hair."""
_LEAST_SHARE = 0.001
"""The share of a pixel below which its change is less than half a code value."""


@dataclass(frozen=True, eq=False)
class HairChange:
    """The change of a photo's pixels in a window around a face.

    ``planes`` float32 [n, n, 4] and ``limit`` [n, n] cover the window of ``frame`` and are smooth: of a pixel
    of luminance y, the share planes[0] * y + planes[1] changes (0 where there is no hair); it gets the
    luminance planes[2] * h + planes[3], where h is y, at most the limit. ``box`` are the first and end
    columns and rows of the window with any change. ``kept`` is the share of its own colour that this hair
    keeps, ``tint`` [3] the share of its luminance that it takes up of another colour. Hair only gets lighter,
    or with a ``floor`` only darker, to this luminance at most, in code values.
    """

    frame: Frame
    planes: Plane
    limit: Plane
    box: tuple[int, int, int, int]
    kept: float
    tint: Plane
    floor: float | None = None


def paste_hair(out: NDArray[np.uint8], change: HairChange, strength: float = 1.0) -> None:
    """Change the hair of a photo, uint8 [H, W, 3], in place; pixels without hair are not touched."""
    window = hair_window(change.frame)
    left, right, top, bottom = change.box
    sides = [(x, y) for x in (left - 1, right + 1) for y in (top - 1, bottom + 1)]
    corners = apply_affine(window.to_photo(MATTE_PX), np.array(sides, float))
    limit = (out.shape[1], out.shape[0])
    x0, y0 = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(corners.max(axis=0)).astype(int), limit)
    to_window = window.to_frame(MATTE_PX)
    for rows, columns in _pieces(change, to_window, (int(x0), int(y0), int(x1), int(y1))):
        matrix = to_window.copy()
        matrix[:, 2] += matrix[:, :2] @ (columns.start, rows.start)
        _change_band(out[rows, columns], change, matrix, strength)


def _pieces(
    change: HairChange, to_window: NDArray[np.float64], area: tuple[int, int, int, int]
) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of the pieces of an area x0, y0, x1, y1 of a photo that show hair.

    Left out are blocks where less changes than makes half a code value.
    """
    x0, y0, x1, y1 = area
    black, white = change.planes[..., 1], 255.0 * change.planes[..., 0] + change.planes[..., 1]
    hairy = np.maximum(np.abs(black), np.abs(white)) > _LEAST_SHARE
    count = cv2.integral(hairy.view(np.uint8))
    limit = np.array([[hairy.shape[1]], [hairy.shape[0]]])
    edges = np.array([*range(x0, x1, BAND_ROWS), x1], np.float64)
    for top in range(y0, y1, BAND_ROWS):
        bottom = min(top + BAND_ROWS, y1)
        ends = [to_window[:, :1] * edges + to_window[:, 1:2] * y + to_window[:, 2:] for y in (top, bottom)]
        both = np.concatenate([one[:, part] for one in ends for part in (slice(-1), slice(1, None))])
        first = np.clip(np.floor(both.reshape(4, 2, -1).min(axis=0)) - 1, 0, limit).astype(int)
        last = np.clip(np.ceil(both.reshape(4, 2, -1).max(axis=0)) + 1, 0, limit).astype(int)
        cells = count[last[1], last[0]] - count[first[1], last[0]]
        cells += count[first[1], first[0]] - count[last[1], first[0]]
        starts = np.flatnonzero(np.diff(cells > 0, prepend=False, append=False)).reshape(-1, 2)
        for start, stop in starts.tolist():
            yield slice(top, bottom), slice(int(edges[start]), int(edges[stop]))


def _change_band(
    band: NDArray[np.uint8], change: HairChange, matrix: NDArray[np.float64], strength: float
) -> None:
    size = (band.shape[1], band.shape[0])
    planes = sample_plane(change.planes, matrix, size, smooth=False)
    limit = sample_plane(change.limit, matrix, size, smooth=False)
    led, share, slope, offset = (np.asarray(one, np.float32) for one in cv2.split(planes))
    light = cv2.cvtColor(band, cv2.COLOR_RGB2GRAY).astype(np.float32)
    share += led * light
    np.clip(share, 0.0, 0.95, out=share)
    hair = cv2.min(light, limit)
    share *= strength
    beyond = (light - hair) / (_FADE * limit + DARK)
    hairy = np.clip(1.0 + _FAR - beyond, _STAYS, 1.0)
    slope -= np.float32(1.0)
    more = slope * hair + offset
    if change.floor is None:
        more = np.maximum(more, 0.0) * share * hairy
    else:
        more = np.minimum(np.maximum(more, np.float32(change.floor) - hair), 0.0) * share * hairy
    share *= hair / np.maximum(light, 1.0)  # the rest of a pixel's light is not the hair's, nor its colour
    faded = 1.0 - change.kept
    light *= share
    share *= -faded
    tinted = [1.0 + tint for tint in change.tint.tolist()]
    evenly = [cv2.addWeighted(more, tint, light, faded * tint, 0.0) for tint in tinted]
    added = cv2.add(cv2.multiply(band, cv2.merge([share] * 3), dtype=cv2.CV_32F), cv2.merge(evenly))
    cv2.add(band, added, dst=band, dtype=cv2.CV_8U)
