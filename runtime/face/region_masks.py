"""Where a face and its parts lie in the canonical frame: polygons of mesh points as soft weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from .mesh import FACE_OVAL, LEFT_EYE, LIPS_INNER, RIGHT_EYE, raise_hairline
from .zones import PART_POLYGONS

PART_SOFTNESS = 0.010
FACE_SOFTNESS = 0.020

_SUPERSAMPLE = 4


@dataclass(frozen=True, eq=False)
class Footprints:
    """Where the face and its parts lie in the frame: soft weights 0..1.

    ``face`` is float32 [h, w]; ``parts`` is float32 [P, h, w] in the order of zones.PART_NAMES, and at no
    cell do the parts add up to more than 1.
    """

    face: NDArray[np.float32]
    parts: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _Patch:
    """A soft polygon: ``weights`` float32 [rows, columns], and the cells of the canvas that they cover."""

    where: tuple[slice, slice]
    weights: NDArray[np.float32]


def without_margin(footprints: Footprints, margin_px: int) -> Footprints:
    """The same footprints over the frame alone: ``margin_px`` cells cut off on every side."""
    if not margin_px:
        return footprints
    inside = slice(margin_px, -margin_px)
    return Footprints(footprints.face[inside, inside], footprints.parts[:, inside, inside])


def make_footprints(
    landmarks_unit: NDArray[np.floating], size_px: int, margin_px: int = 0, *, softness: float = 1.0
) -> Footprints:
    """Soft footprints of a face and its parts.

    ``landmarks_unit`` [468, 2] are in frame units (0..1 across the frame); ``size_px`` is how many map
    cells the frame's side has, and ``margin_px`` how many cells are added on every side (a tile's halo).
    ``softness`` widens or narrows all edges.
    """
    cells = size_px + 2 * margin_px
    face = face_footprint(landmarks_unit, size_px, margin_px, softness=softness)
    raised = raise_hairline(landmarks_unit)
    patches = [
        _soft_polygon(raised, polygon, size_px, margin_px, PART_SOFTNESS * softness)
        for polygon in PART_POLYGONS
    ]
    total = np.ones((cells, cells), np.float32)
    crowd = np.zeros((cells, cells), np.float32)
    for patch in patches:
        crowd[patch.where] += patch.weights
    np.maximum(crowd, total, out=total)
    parts = np.zeros((len(patches), cells, cells), np.float32)
    for part, patch in zip(parts, patches, strict=True):
        part[patch.where] = patch.weights / total[patch.where]
    return Footprints(face, parts)


def face_footprint(
    landmarks_unit: NDArray[np.floating], size_px: int, margin_px: int = 0, *, softness: float = 1.0
) -> NDArray[np.float32]:
    """Soft footprint of the whole face, float32 [cells, cells], 0..1; parameters as in make_footprints."""
    cells = size_px + 2 * margin_px
    face = np.zeros((cells, cells), np.float32)
    raised = raise_hairline(landmarks_unit)
    oval = _soft_polygon(raised, FACE_OVAL, size_px, margin_px, FACE_SOFTNESS * softness)
    face[oval.where] = oval.weights
    return face


def edit_mask(landmarks_unit: NDArray[np.floating], size_px: int) -> NDArray[np.float32]:
    """Where a change may be pasted: float32 [size_px, size_px], 0..1.

    1 on the face, falling to exactly 0 at its outline; 0 on the eyes and in the open mouth.
    """
    mask = np.zeros((size_px, size_px), np.float32)
    raised = raise_hairline(landmarks_unit)
    oval = _soft_polygon(raised, FACE_OVAL, size_px, 0, 0.018)
    mask[oval.where] = np.clip(2.0 * oval.weights - 1.0, 0.0, 1.0)
    for polygon in (RIGHT_EYE, LEFT_EYE, LIPS_INNER):
        hole = _soft_polygon(raised, polygon, size_px, 0, 0.004)
        mask[hole.where] *= np.clip(1.0 - 2.0 * hole.weights, 0.0, 1.0)
    return mask


def _soft_polygon(
    raised: NDArray[np.floating],
    polygon: tuple[int, ...],
    size_px: int,
    margin_px: int,
    softness: float,
) -> _Patch:
    """Antialiased polygon blurred by ``softness`` (standard deviation as a share of the frame's side).

    ``raised`` are landmarks whose hairline was raised.
    Only the cells that it reaches are drawn: those of its bounding box and of the blur around it.
    """
    cells = size_px + 2 * margin_px
    points = raised[list(polygon)] * size_px + margin_px
    points = np.clip(points, -10 * cells, 11 * cells)
    blur_px = softness * size_px
    reach = math.ceil(3.2 * blur_px) + 4
    left, top = (max(0, math.floor(low) - reach) for low in points.min(axis=0))
    right, bottom = (min(cells, math.ceil(high) + reach) for high in points.max(axis=0))
    if right <= left or bottom <= top:
        return _Patch((slice(0, 0), slice(0, 0)), np.zeros((0, 0), np.float32))
    corners = (points - (left, top)) * _SUPERSAMPLE - 0.5
    canvas = Image.new("L", ((right - left) * _SUPERSAMPLE, (bottom - top) * _SUPERSAMPLE))
    ImageDraw.Draw(canvas).polygon([(float(x), float(y)) for x, y in corners], fill=255)
    small = canvas.reduce(_SUPERSAMPLE)
    if blur_px > 0:
        small = small.filter(ImageFilter.GaussianBlur(blur_px))
    weights = np.asarray(small, np.float32) / np.float32(255.0)
    return _Patch((slice(top, bottom), slice(left, right)), weights)
