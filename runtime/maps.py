"""Aging maps: one apparent age in years for every cell of the canonical frame.

The same code makes the maps for training and for deployment. Inside the face a cell's age is the mean of
the zones that cover it and of the face's base age, weighted by soft footprints; towards the edge of the
face the map runs smoothly into NEUTRAL_AGE.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from .mesh import FACE_OVAL, LEFT_EYE, LIPS_INNER, RIGHT_EYE
from .zones import PART_NAMES, PART_POLYGONS

NEUTRAL_AGE = 45.0
MIN_AGE = 15.0
MAX_AGE = 90.0

PART_SOFTNESS = 0.010
FACE_SOFTNESS = 0.020
READ_CELLS = 128
FULL_CHANGE_YEARS = 6.0
_SUPERSAMPLE = 4


@dataclass(frozen=True, eq=False)
class Footprints:
    """Where the face and its parts lie in the frame: soft weights 0..1.

    ``face`` is float32 [h, w]; ``parts`` is float32 [P, h, w] in the order of zones.PART_NAMES, and at no
    cell do the parts add up to more than 1.
    """

    face: NDArray[np.float32]
    parts: NDArray[np.float32]


@dataclass(frozen=True)
class FaceAges:
    """Apparent ages of one face in years: every part by name, and the rest of the face (``base``)."""

    base: float
    parts: Mapping[str, float]


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
    """
    face = _soft_polygon(landmarks_unit, FACE_OVAL, size_px, margin_px, FACE_SOFTNESS * softness)
    parts = np.stack(
        [
            _soft_polygon(landmarks_unit, p, size_px, margin_px, PART_SOFTNESS * softness)
            for p in PART_POLYGONS
        ]
    )
    parts /= np.maximum(parts.sum(axis=0), 1.0)
    return Footprints(face, parts)


def build_map(footprints: Footprints, base_age: float, part_ages: Mapping[str, float]) -> NDArray[np.float32]:
    """The aging map [h, w] float32 in years; parts that ``part_ages`` leaves out have ``base_age``.

    The map is linear, hence continuous, in every age.
    """
    offsets = np.array([part_ages.get(name, base_age) - base_age for name in PART_NAMES], np.float32)
    level = np.float32(base_age) + np.tensordot(offsets, footprints.parts, axes=1)
    return np.asarray(NEUTRAL_AGE + footprints.face * (level - NEUTRAL_AGE), np.float32)


def asked_mask(footprints: Footprints, now: FaceAges, wanted: FaceAges, size_px: int) -> NDArray[np.float32]:
    """Where a change is asked for: float32 [size_px, size_px], 0..1, for footprints without a margin.

    0 where the wanted age is the present one, 1 from FULL_CHANGE_YEARS of difference on, smooth in between:
    what nobody asked for stays as it is.
    """
    offsets = [wanted.parts[name] - wanted.base - now.parts[name] + now.base for name in PART_NAMES]
    years = wanted.base - now.base + np.tensordot(np.array(offsets, np.float32), footprints.parts, axes=1)
    share = np.clip(np.abs(years) / FULL_CHANGE_YEARS, 0.0, 1.0).astype(np.float32)
    smooth = Image.fromarray(share * share * (3.0 - 2.0 * share))
    mask = np.asarray(smooth.resize((size_px, size_px), Image.Resampling.BILINEAR), np.float32)
    return np.clip(mask, 0.0, 1.0)


def read_map(footprints: Footprints, aging_map: NDArray[np.floating]) -> FaceAges:
    """Mean age of every part, and of the rest of the face, in a map of ages over the same frame.

    The map may be coarser than the footprints; it is interpolated to their size. A part that is out of
    the frame reads as the face's mean.
    """
    height, width = footprints.face.shape
    fine = np.asarray(aging_map, np.float32)
    if fine.shape != (height, width):
        fine = np.asarray(Image.fromarray(fine).resize((width, height), Image.Resampling.BILINEAR))
    rest = footprints.face**2 * np.clip(1.0 - footprints.parts.sum(axis=0), 0.0, 1.0) ** 2
    whole = _weighted_mean(fine, footprints.face**2, NEUTRAL_AGE)
    parts = {
        name: _weighted_mean(fine, weight**2 * footprints.face, whole)
        for name, weight in zip(PART_NAMES, footprints.parts, strict=True)
    }
    return FaceAges(_weighted_mean(fine, rest, whole), parts)


def edit_mask(landmarks_unit: NDArray[np.floating], size_px: int) -> NDArray[np.float32]:
    """Where a change may be pasted: float32 [size_px, size_px], 0..1.

    1 on the face, falling to exactly 0 at the outline of the face mesh; 0 on the eyes and in the open mouth.
    """
    oval = _soft_polygon(landmarks_unit, FACE_OVAL, size_px, 0, 0.018)
    mask = np.clip(2.0 * oval - 1.0, 0.0, 1.0)
    for polygon in (RIGHT_EYE, LEFT_EYE, LIPS_INNER):
        hole = _soft_polygon(landmarks_unit, polygon, size_px, 0, 0.004)
        mask *= np.clip(1.0 - 2.0 * hole, 0.0, 1.0)
    return np.asarray(mask, np.float32)


def _weighted_mean(values: NDArray[np.float32], weights: NDArray[np.float32], fallback: float) -> float:
    total = float(weights.sum())
    return float((values * weights).sum() / total) if total > 1e-6 else fallback


def _soft_polygon(
    landmarks_unit: NDArray[np.floating],
    polygon: tuple[int, ...],
    size_px: int,
    margin_px: int,
    softness: float,
) -> NDArray[np.float32]:
    """Antialiased polygon blurred by ``softness`` (standard deviation as a share of the frame's side)."""
    cells = size_px + 2 * margin_px
    points = (np.asarray(landmarks_unit)[list(polygon), :2] * size_px + margin_px) * _SUPERSAMPLE - 0.5
    points = np.clip(points, -10 * cells * _SUPERSAMPLE, 11 * cells * _SUPERSAMPLE)
    canvas = Image.new("L", (cells * _SUPERSAMPLE, cells * _SUPERSAMPLE))
    ImageDraw.Draw(canvas).polygon([(float(x), float(y)) for x, y in points], fill=255)
    small = canvas.reduce(_SUPERSAMPLE)
    if softness > 0:
        small = small.filter(ImageFilter.GaussianBlur(softness * size_px))
    return np.asarray(small, np.float32) / 255.0
