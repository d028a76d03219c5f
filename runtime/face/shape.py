"""Sagging: what age does to the shape of a face, as a smooth warp of the photo around its landmarks.

The change of the 468 landmarks with age was regressed over many faces, with expression, pose and sex as
further causes. It is spread over the canonical frame and fades to nothing before the frame's border.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from .alignment import Frame, apply_affine
from .easing import eased
from .mesh import FACE_OVAL, raise_hairline
from .warp import sample_plane

GRID = 64
BAND_ROWS = 64
LEAST_PX = 0.05
"""Displacements below this, in px of the photo, are left out: nothing of them can be seen."""
_FILE = Path(__file__).parent / "models" / "aging_shape.npz"
_GAIN, _GAIN_YOUNGER = 1.6, 1.2
_SPREAD = 0.035  # of the frame's side: how far a landmark takes its surroundings along
_REACH = 0.02  # weight of what stands still, against that of landmarks


@dataclass(frozen=True, eq=False)
class ShapeChange:
    """How far each place of a canonical frame moves: ``moves`` float32 [GRID, GRID, 2] in frame units."""

    frame: Frame
    moves: NDArray[np.float32]


def landmark_moves(now: float, wanted: float) -> NDArray[np.float32]:
    """How the landmarks of a face of ``now`` years move until it is ``wanted``, [468, 2] in frame units."""
    gain = _GAIN if wanted > now else _GAIN_YOUNGER
    step = np.subtract(_age_basis(wanted), _age_basis(now)) * gain
    return np.asarray(np.einsum("b,bpc->pc", step, _coefficients()), np.float32)


def plan_shape(
    frame: Frame, landmarks_unit: NDArray[np.floating], now: float, wanted: float
) -> ShapeChange | None:
    """The warp of a face with landmarks [468, 2] in units of its frame; None where its age stays."""
    if wanted == now:
        return None
    points = np.asarray(landmarks_unit, np.float64)[:, :2]
    moves = landmark_moves(now, wanted)
    # The raised hairline stands still, so that the forehead does not move the hair.
    still = raise_hairline(points)[list(FACE_OVAL[:5] + FACE_OVAL[-4:])]
    places = np.concatenate([points, still])
    cells = np.rint(places * GRID - 0.5).astype(int)
    inside = ((cells >= 0) & (cells < GRID)).all(axis=1)
    cells, moved = cells[inside], np.concatenate([moves, np.zeros_like(still)])[inside]
    planes = np.zeros((GRID, GRID, 3), np.float32)
    np.add.at(planes, (cells[:, 1], cells[:, 0]), np.column_stack([moved, np.ones(len(moved))]))
    smooth = cv2.GaussianBlur(planes, (0, 0), _SPREAD * GRID)
    field = smooth[..., :2] / (smooth[..., 2:] + _REACH)
    field = cv2.GaussianBlur(field, (0, 0), 0.5 * _SPREAD * GRID)
    edge = np.arange(GRID)
    fade = eased(np.clip((np.minimum(edge, edge[::-1]) - 1.0) / 7.0, 0.0, 1.0))
    return ShapeChange(frame, np.asarray(field * (fade[:, None] * fade)[..., None], np.float32))


def paste_shape(out: NDArray[np.uint8], change: ShapeChange, strength: float = 1.0) -> None:
    """Move the pixels of a photo, uint8 [H, W, 3], in place; those that stay keep their values."""
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
    before = out[y0:y1, x0:x1].copy()
    columns = np.arange(x1 - x0, dtype=np.float32)[None]
    for top in range(0, y1 - y0, BAND_ROWS):
        part = out[y0 + top : min(y0 + top + BAND_ROWS, y1), x0:x1]
        to_band = matrix.copy()
        to_band[:, 2] += matrix[:, 1] * top
        sideways, downwards = cv2.split(
            sample_plane(moves, to_band, (part.shape[1], len(part)), smooth=False)
        )
        moving = np.maximum(np.abs(sideways), np.abs(downwards)) >= LEAST_PX
        across_band = np.flatnonzero(moving.any(axis=0))
        if not across_band.size:
            continue
        here = slice(across_band[0], across_band[-1] + 1)
        rows = np.arange(top, top + len(part), dtype=np.float32)[:, None]
        moved = cv2.remap(
            before,
            columns[:, here] - sideways[:, here],
            rows - downwards[:, here],
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )
        cv2.copyTo(np.asarray(moved, np.uint8), moving[:, here].astype(np.uint8), part[:, here])


def _age_basis(years: float) -> tuple[float, float, float]:
    """The functions of age of the regression: straight, and bent at 40 and at 60 years."""
    return years / 50.0, max(years - 40.0, 0.0) / 30.0, max(years - 60.0, 0.0) / 20.0


@cache
def _coefficients() -> NDArray[np.float32]:
    with np.load(_FILE, allow_pickle=False) as file:
        return np.asarray(file["shape"], np.float32)
