"""The change of a face's shape with age (sagging), as a smooth warp of the photo.

The change of the 468 landmarks with age was regressed over many faces, with expression, pose and sex as
covariates. It is interpolated over the canonical frame and fades to zero before the frame's border.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from . import extensions
from .alignment import Frame, apply_affine
from .easing import eased
from .lids_lips import FINE_SPREAD, eyes_and_lips, share_of_change
from .mesh import FACE_OVAL, raise_hairline
from .warp import coordinates, move_pixels, sample_plane

GRID = 128
BAND_ROWS = 64
BORDER = 2
LEAST_PX = 0.05
"""Displacements below this, in px of the photo, are ignored: they are invisible."""
_FILE = Path(__file__).parent / "models" / "aging_shape.npz"
_GAIN, _GAIN_YOUNGER = 1.6, 1.2
_SPREAD = 0.035  # of the frame's side: the range of a landmark's influence
_REACH = 80.0  # density of fixed points, per frame unit squared, between the landmarks


@dataclass(frozen=True, eq=False)
class ShapeChange:
    """A displacement field of a canonical frame: ``moves`` float32 [GRID, GRID, 2] in frame units."""

    frame: Frame
    moves: NDArray[np.float32]


def landmark_moves(now: float, wanted: float) -> NDArray[np.float32]:
    """Displacements of the landmarks from age ``now`` to ``wanted`` in years, [468, 2] in frame units."""
    gain = _GAIN if wanted > now else _GAIN_YOUNGER
    step = np.subtract(_age_basis(wanted), _age_basis(now)) * gain
    return np.asarray(np.einsum("b,bpc->pc", step, _coefficients()), np.float32)


def plan_shape(
    frame: Frame,
    landmarks_unit: NDArray[np.floating],
    now: float,
    wanted: float,
    skin: NDArray[np.float32] | None = None,
) -> ShapeChange | None:
    """The warp of a face with landmarks [468, 2] in units of its frame; None if its age does not change.

    ``skin`` float32 [n, n], 0..1, is where nothing covers the face (`visible_skin`): edges of scarves and
    glasses at eyes and lips stay in place.
    """
    if wanted == now:
        return None
    points = np.asarray(landmarks_unit, np.float64)[:, :2]
    moves = landmark_moves(now, wanted)
    # The raised hairline is fixed, so that the forehead does not move the hair.
    still = raise_hairline(points)[list(FACE_OVAL[:5] + FACE_OVAL[-4:])]
    positions = np.concatenate([points, still])
    cells = np.rint(positions * GRID - 0.5).astype(int)
    inside = ((cells >= 0) & (cells < GRID)).all(axis=1)
    cells, moved = cells[inside], np.concatenate([moves, np.zeros_like(still)])[inside]
    planes = np.zeros((GRID, GRID, 3), np.float32)
    weighed = np.column_stack([moved, np.ones(len(moved))]) * GRID**2
    np.add.at(planes, (cells[:, 1], cells[:, 0]), weighed)
    smooth = cv2.GaussianBlur(planes, (0, 0), _SPREAD * GRID)
    field = smooth[..., :2] / (smooth[..., 2:] + _REACH)
    field = cv2.GaussianBlur(field, (0, 0), 0.5 * _SPREAD * GRID)
    fine = eyes_and_lips(points, share_of_change(now, wanted), skin, GRID)
    field = field + cv2.GaussianBlur(fine, (0, 0), FINE_SPREAD * GRID)
    edge = np.arange(GRID) * (64.0 / GRID)
    fade = eased(np.clip((np.minimum(edge, edge[::-1]) - 1.0) / 7.0, 0.0, 1.0))
    return ShapeChange(frame, np.asarray(field * (fade[:, None] * fade)[..., None], np.float32))


def paste_shape(out: NDArray[np.uint8], change: ShapeChange, strength: float = 1.0) -> None:
    """Warp a photo, uint8 [H, W, 3], in place; pixels without a displacement keep their values."""
    corners = apply_affine(change.frame.to_photo(1), np.array([(0, 0), (0, 1), (1, 0), (1, 1)], float))
    x0, y0 = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(corners.max(axis=0)).astype(int), (out.shape[1], out.shape[0]))
    if x1 <= x0 or y1 <= y0:
        return
    matrix = change.frame.to_frame(GRID)
    matrix[:, 2] += matrix[:, :2] @ (x0, y0)
    across, down = change.frame.right
    turn = np.array([[across, -down], [down, across]], np.float32) * np.float32(2.0 * strength)
    moves = (change.moves @ turn.T).astype(np.float32)
    bordered = np.pad(moves, ((BORDER, BORDER), (BORDER, BORDER), (0, 0)))
    before = out[y0:y1, x0:x1].copy()
    reach = _Reach(moves, matrix)
    for top in range(0, y1 - y0, BAND_ROWS):
        bottom = min(top + BAND_ROWS, y1 - y0)
        left, right = reach.columns(top, bottom, x1 - x0)
        if right <= left:
            continue
        part = out[y0 + top : y0 + bottom, x0 + left : x0 + right]
        to_band = matrix.copy()
        to_band[:, 2] += matrix[:, 0] * left + matrix[:, 1] * top
        move_pixels(before, *_origins(bordered, to_band, (left, top), part.shape[:2]), part)


def _origins(
    bordered: NDArray[np.float32],
    to_moves: NDArray[np.float64],
    corner: tuple[int, int],
    sides: tuple[int, ...],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Source positions of the pixels of a part of a photo, float32 [h, w] columns and rows, and which move.

    ``bordered`` are moves [n, n, 2] in px of the photo with BORDER cells of 0 around them, ``to_moves`` maps
    the photo to the moves without them; ``corner`` is the part's first column and row, ``sides`` its height
    and width.
    """
    size, (left, top) = (sides[1], sides[0]), corner
    extension = extensions.paste()
    if extension is not None:
        across, down = (np.empty(sides[:2], np.float32) for _ in range(2))
        moving = np.empty(sides[:2], bool)
        terms = coordinates(to_moves, size)
        extension.places(bordered, *terms, left, top, LEAST_PX, across, down, moving)
        return across, down, moving
    moves = bordered[BORDER:-BORDER, BORDER:-BORDER]
    found = sample_plane(moves, to_moves, size, smooth=False)
    sideways, downwards = found[..., 0], found[..., 1]
    moving = np.maximum(np.abs(sideways), np.abs(downwards)) >= LEAST_PX
    columns = np.arange(left, left + size[0], dtype=np.float32)[None]
    rows = np.arange(top, top + size[1], dtype=np.float32)[:, None]
    return columns - sideways, rows - downwards, moving


class _Reach:
    """The pixels of a photo that a grid displaces by LEAST_PX or more, as boxes around its cells."""

    def __init__(self, moves: NDArray[np.float32], to_grid: NDArray[np.float64]) -> None:
        """``moves`` [GRID, GRID, 2] in px of the photo; ``to_grid`` maps the photo to cells."""
        rows, columns = np.nonzero(np.abs(moves).max(axis=2) >= 0.99 * LEAST_PX)
        to_photo = np.asarray(cv2.invertAffineTransform(to_grid), np.float64)
        # Pixels between two cells are interpolated from both.
        sides = [np.stack([columns + x, rows + y], axis=1) for x in (-0.6, 1.6) for y in (-0.6, 1.6)]
        corners = np.stack([apply_affine(to_photo, side.astype(np.float64)) for side in sides])
        self._low, self._high = corners.min(axis=0), corners.max(axis=0)

    def columns(self, top: int, bottom: int, width: int) -> tuple[int, int]:
        """First column and end column that may move between two rows of a photo."""
        here = (self._high[:, 1] > top) & (self._low[:, 1] < bottom)
        if not here.any():
            return 0, 0
        left, right = self._low[here, 0].min(), self._high[here, 0].max()
        return max(0, math.floor(left)), min(width, math.ceil(right))


def _age_basis(years: float) -> tuple[float, float, float]:
    """The basis functions of age in the regression: linear, and hinges at 40 and at 60 years."""
    return years / 50.0, max(years - 40.0, 0.0) / 30.0, max(years - 60.0, 0.0) / 20.0


@cache
def _coefficients() -> NDArray[np.float32]:
    with np.load(_FILE, allow_pickle=False) as file:
        return np.asarray(file["shape"], np.float32)
