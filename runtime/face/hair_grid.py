"""The grid of cells in which hair is matted: the parser's window, and rows below it for long hair."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .alignment import Frame
from .easing import eased
from .head_parser import window_points
from .mesh import FACE_OVAL, raise_hairline

MATTE_PX = 256
"""Cells across the window."""
LONG_ROWS = 336
"""Rows of the grid where hair hangs below the window; otherwise MATTE_PX."""
LAST_ROWS = 16
BROW, CHIN = 0.45, 0.74
"""Rows of brows and chin of a canonical frame, as shares of the window's height."""

HALF = np.s_[::2, ::2]
"""Every other cell of a plane, a quarter of all: enough where all that counts is a mean or a median."""

_FADE = 10.0
_BELOW = 0.65
_NOSE_BASE = 2

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]


def enlarged(plane: NDArray[np.integer | np.floating], rows: int) -> Plane:
    """A plane [h, w] or [h, w, C] resized to ``rows`` rows of MATTE_PX cells."""
    return np.asarray(cv2.resize(plane, (MATTE_PX, rows), interpolation=cv2.INTER_LINEAR), np.float32)


def halved(plane: NDArray[np.integer | np.floating]) -> Plane:
    """A plane [h, w] or [h, w, C] at half its size."""
    size = (plane.shape[1] // 2, plane.shape[0] // 2)
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)


def continued(plane: Plane) -> Plane:
    """A plane [MATTE_PX, MATTE_PX] with rows to LONG_ROWS, which repeat what the parser saw last."""
    last = cv2.blur(plane[-LAST_ROWS:], (15, 15))[LAST_ROWS // 2 :][:1]
    return np.concatenate([plane, np.repeat(_BELOW * last, LONG_ROWS - MATTE_PX, axis=0)])


def cells_within(photo: tuple[int, int], window: Frame, rows: int) -> Plane:
    """1 in cells within a photo of (height, width) ``photo``, else 0: the rest repeats the photo's border."""
    matrix = window.to_photo(MATTE_PX).astype(np.float32)
    across, down = (np.arange(count, dtype=np.float32) + np.float32(0.5) for count in (MATTE_PX, rows))
    down = down[:, None]
    x = matrix[0, 0] * across + matrix[0, 1] * down + matrix[0, 2]
    y = matrix[1, 0] * across + matrix[1, 1] * down + matrix[1, 2]
    return ((x >= 0) & (y >= 0) & (x < photo[1]) & (y < photo[0])).astype(np.float32)


def face_and_jaw(landmarks_unit: NDArray[np.floating], rows: int) -> tuple[Plane, Plane]:
    """The face up to its hairline, and its part below the nose: [rows, MATTE_PX] 0..1.

    ``landmarks_unit`` [468, 2] are in units of the frame.
    """
    points = window_points(landmarks_unit)
    face = np.zeros((rows, MATTE_PX), np.float32)
    outline = raise_hairline(points)[list(FACE_OVAL)]
    cv2.fillPoly(face, [np.rint(outline * MATTE_PX).astype(np.int32)], 1.0)
    jaw = face.copy()
    jaw[: max(round(float(points[_NOSE_BASE, 1]) * MATTE_PX), 0)] = 0.0
    return np.asarray(cv2.blur(face, (5, 5)), np.float32), np.asarray(cv2.blur(jaw, (5, 5)), np.float32)


def fade_at_edges(rows: int) -> Plane:
    """1 within the grid, falling to 0 towards its edges: [rows, MATTE_PX]."""
    sides = []
    for count in (rows, MATTE_PX):
        places = np.arange(count, dtype=np.float32)
        sides.append(eased(np.clip((np.minimum(places, places[::-1]) - 1.0) / _FADE, 0.0, 1.0)))
    return np.asarray(sides[0][:, None] * sides[1], np.float32)
