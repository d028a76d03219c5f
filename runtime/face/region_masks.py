"""Soft masks of a face and its parts in the canonical frame, from polygons of mesh points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .mesh import FACE_OVAL, LEFT_EYE, LIPS_INNER, RIGHT_EYE, raise_hairline
from .soft_polygon import SoftPolygon, soft_polygons
from .zones import PART_POLYGONS

PART_SOFTNESS = 0.010
FACE_SOFTNESS = 0.020
MASK_SOFTNESS = 0.018
HOLE_SOFTNESS = 0.004


@dataclass(frozen=True, eq=False)
class RegionMasks:
    """Soft masks of a face and its parts, 0..1.

    ``face`` is float32 [h, w]; ``parts`` is float32 [P, h, w] in the order of zones.PART_NAMES; their sum is
    at most 1 in every cell.
    """

    face: NDArray[np.float32]
    parts: NDArray[np.float32]


def without_margin(masks: RegionMasks, margin_px: int) -> RegionMasks:
    """The masks without a margin of ``margin_px`` cells on every side."""
    if not margin_px:
        return masks
    inside = slice(margin_px, -margin_px)
    return RegionMasks(masks.face[inside, inside], masks.parts[:, inside, inside])


def make_region_masks(landmarks_unit: NDArray[np.floating], size_px: int, margin_px: int = 0) -> RegionMasks:
    """Draw the soft masks of a face and its parts.

    ``landmarks_unit`` [468, 2] are in frame units (0..1 across the frame); ``size_px`` is the number of cells
    across the frame, and ``margin_px`` the number of additional cells on every side (a tile's halo).
    """
    cells = size_px + 2 * margin_px
    face = make_face_mask(landmarks_unit, size_px, margin_px)
    raised = raise_hairline(landmarks_unit)
    patches = _soft(raised, PART_POLYGONS, size_px, margin_px, PART_SOFTNESS)
    total = np.ones((cells, cells), np.float32)
    crowd = np.zeros((cells, cells), np.float32)
    for patch in patches:
        crowd[patch.where] += patch.weights
    np.maximum(crowd, total, out=total)
    parts = np.zeros((len(patches), cells, cells), np.float32)
    for part, patch in zip(parts, patches, strict=True):
        part[patch.where] = patch.weights / total[patch.where]
    return RegionMasks(face, parts)


def make_face_mask(
    landmarks_unit: NDArray[np.floating], size_px: int, margin_px: int = 0
) -> NDArray[np.float32]:
    """Soft mask of the whole face, float32 [cells, cells], 0..1; parameters as in make_region_masks."""
    cells = size_px + 2 * margin_px
    face = np.zeros((cells, cells), np.float32)
    raised = raise_hairline(landmarks_unit)
    (oval,) = _soft(raised, [FACE_OVAL], size_px, margin_px, FACE_SOFTNESS)
    face[oval.where] = oval.weights
    return face


def edit_mask(landmarks_unit: NDArray[np.floating], size_px: int) -> NDArray[np.float32]:
    """Where a change may be pasted: float32 [size_px, size_px], 0..1.

    1 on the face, falling to exactly 0 at its outline; 0 on the eyes and in the open mouth.
    """
    mask = np.zeros((size_px, size_px), np.float32)
    raised = raise_hairline(landmarks_unit)
    (oval,) = _soft(raised, [FACE_OVAL], size_px, 0, MASK_SOFTNESS)
    mask[oval.where] = np.clip(2.0 * oval.weights - 1.0, 0.0, 1.0)
    for hole in _soft(raised, (RIGHT_EYE, LEFT_EYE, LIPS_INNER), size_px, 0, HOLE_SOFTNESS):
        mask[hole.where] *= np.clip(1.0 - 2.0 * hole.weights, 0.0, 1.0)
    return mask


def _soft(
    raised: NDArray[np.floating],
    polygons: Sequence[tuple[int, ...]],
    size_px: int,
    margin_px: int,
    softness: float,
) -> list[SoftPolygon]:
    """Draw polygons of landmarks with raised hairline; ``softness`` is the blur as a share of the frame."""
    corners = [raised[list(polygon)] * size_px + margin_px for polygon in polygons]
    return soft_polygons(corners, size_px + 2 * margin_px, softness * size_px)
