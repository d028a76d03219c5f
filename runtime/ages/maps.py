"""Aging maps: an apparent age in years for every cell of the canonical frame.

Training and deployment use the same code. Inside the face a cell's age is the mean of the zones that cover it
and of the face's base age, weighted by soft masks; at the edge of the face the map blends smoothly into
NEUTRAL_AGE. An *age field* has the same ages without that blending.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..face.coordinates import resize_plane
from ..face.easing import eased
from ..face.region_masks import RegionMasks, edit_mask, make_region_masks, without_margin
from ..face.zones import PART_NAMES

__all__ = [
    "MAP_CELLS",
    "MAX_AGE",
    "MIN_AGE",
    "NEUTRAL_AGE",
    "FaceAges",
    "RegionMasks",
    "build_age_field",
    "build_map",
    "change_mask",
    "edit_mask",
    "make_region_masks",
    "map_of_age_field",
    "read_map",
    "without_margin",
]  # fmt: skip

NEUTRAL_AGE = 45.0
MIN_AGE = 15.0
MAX_AGE = 90.0

MAP_CELLS = 128
FULL_CHANGE_YEARS = 6.0

EXACT_RIDGE, COARSE_RIDGE = 1e-4, 0.15
"""Weights of ridge regression for maps that are read exactly, and for estimates, which have errors."""
FACE_RIDGE = 1e-6
"""Weight that pulls the base age to neutral without a face."""
LEAST_FACE = 1e-3
"""Smallest share of face in a cell by which its contents are divided."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class FaceAges:
    """Apparent ages of one face in years: of every part by name, and of the rest of the face (``base``)."""

    base: float
    parts: Mapping[str, float]


def build_age_field(masks: RegionMasks, ages: FaceAges) -> Floats:
    """The age field of a face: float32 [h, w] in years, as if the face covered the whole frame.

    Parts that are missing in ``ages`` have its base age.
    """
    offsets = np.array([ages.parts.get(name, ages.base) - ages.base for name in PART_NAMES], np.float32)
    beyond = np.zeros_like(masks.face)
    for offset, part in zip(offsets, masks.parts, strict=True):  # the same order as in libamgan
        if offset:
            beyond += offset * part
    return np.asarray(np.float32(ages.base) + beyond, np.float32)


def map_of_age_field(masks: RegionMasks, age_field: NDArray[np.floating]) -> Floats:
    """The aging map [h, w] float32 in years of an age field: NEUTRAL_AGE outside the face."""
    return np.asarray(NEUTRAL_AGE + masks.face * (age_field - NEUTRAL_AGE), np.float32)


def build_map(masks: RegionMasks, base_age: float, part_ages: Mapping[str, float]) -> Floats:
    """The aging map [h, w] float32 in years; parts that are missing in ``part_ages`` have ``base_age``.

    The map is linear in every age.
    """
    return map_of_age_field(masks, build_age_field(masks, FaceAges(base_age, part_ages)))


def change_mask(years: NDArray[np.floating], size_px: int) -> Floats:
    """The mask of a requested change of ``years`` [h, w]: float32 [size_px, size_px], 0..1.

    0 for no change, 1 from FULL_CHANGE_YEARS on, smooth in between.
    """
    share = np.clip(np.abs(years) / FULL_CHANGE_YEARS, 0.0, 1.0).astype(np.float32)
    return resize_plane(eased(share), size_px)


def read_map(masks: RegionMasks, aging_map: NDArray[np.floating]) -> FaceAges:
    """Estimate the ages of every part and of the rest of the face from a map [h, w] of the same frame.

    These are the ages whose map fits best by least squares, which removes the influence of neighbouring parts
    and of the neutral surroundings. A map of the masks' size is read exactly. A coarser one is treated as an
    estimator's noisy reading, in which a cell has the mean age of the face inside it: there ridge regression
    pulls a part towards the base age, the more the fewer cells it covers. A part outside the frame has the
    base age; without a face all ages are NEUTRAL_AGE.
    """
    shape = masks.face.shape
    rows, columns = (min(a, b) for a, b in zip(shape, aging_map.shape, strict=True))
    coarse = (rows, columns) != shape
    basis = np.concatenate([1.0 - masks.parts.sum(axis=0, keepdims=True), masks.parts])
    basis *= masks.face
    seen = _averaged(np.asarray(aging_map, np.float32), rows, columns) - np.float32(NEUTRAL_AGE)
    if coarse:
        face = _averaged(masks.face, rows, columns)
        basis = _averaged(basis * masks.face, rows, columns) / np.maximum(face, LEAST_FACE)
        basis, seen = basis * face, seen * face  # weight cells by their share of face
    found = _nearest(basis.reshape(len(basis), -1), seen.reshape(-1), COARSE_RIDGE if coarse else EXACT_RIDGE)
    return FaceAges(
        float(found[0] + NEUTRAL_AGE),
        {name: float(years + NEUTRAL_AGE) for name, years in zip(PART_NAMES, found[1:], strict=True)},
    )


def _nearest(basis: Floats, seen: Floats, ridge: float) -> NDArray[np.float64]:
    """The x that minimises |x @ basis - seen|^2 + ridge * |x[1:] - x[0]|^2, for basis [n, cells]."""
    count = len(basis)
    gram = (basis @ basis.T).astype(np.float64)
    right = (basis @ seen).astype(np.float64)
    # Without a face only the small ridge towards neutral remains.
    gram[0, 0] += ridge * (count - 1) + FACE_RIDGE
    gram[0, 1:] -= ridge
    gram[1:, 0] -= ridge
    gram[range(1, count), range(1, count)] += ridge
    return np.asarray(np.linalg.solve(gram, right), np.float64)


def _averaged(planes: Floats, rows: int, columns: int) -> Floats:
    """Planes [..., h, w] averaged down to [..., rows, columns]."""
    height, width = planes.shape[-2:]
    if (height, width) == (rows, columns):
        return planes
    if height % rows == 0 and width % columns == 0:
        import cv2

        # One tall plane, one below the other.
        tall = np.ascontiguousarray(planes, np.float32).reshape(-1, width)
        means = cv2.resize(tall, (columns, len(tall) * rows // height), interpolation=cv2.INTER_AREA)
        return np.asarray(means, np.float32).reshape(*planes.shape[:-2], rows, columns)
    return np.asarray(_overlaps(rows, height) @ planes @ _overlaps(columns, width).T, np.float32)


def _overlaps(few: int, many: int) -> Floats:
    """Weights [few, many] for averaging ``many`` equal cells to ``few`` equal ones on a line."""
    edges = np.arange(few + 1)[:, None] * (many / few) - np.arange(many)
    return np.diff(np.clip(edges, 0.0, 1.0), axis=0).astype(np.float32) * np.float32(few / many)
