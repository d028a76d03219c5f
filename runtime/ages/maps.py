"""Aging maps: one apparent age in years for every cell of the canonical frame.

The same code makes the maps for training and for deployment. Inside the face a cell's age is the mean of
the zones that cover it and of the face's base age, weighted by soft masks; towards the edge of the
face the map runs smoothly into NEUTRAL_AGE.
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
    "build_level",
    "build_map",
    "change_mask",
    "edit_mask",
    "make_region_masks",
    "map_of_level",
    "read_map",
    "without_margin",
]  # fmt: skip

NEUTRAL_AGE = 45.0
MIN_AGE = 15.0
MAX_AGE = 90.0

MAP_CELLS = 128
FULL_CHANGE_YEARS = 6.0

_EXACT_RIDGE = 1e-4
_COARSE_RIDGE = 0.15
_FACE_RIDGE = 1e-6

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class FaceAges:
    """Apparent ages of one face in years: every part by name, and the rest of the face (``base``)."""

    base: float
    parts: Mapping[str, float]


def build_level(masks: RegionMasks, ages: FaceAges) -> Floats:
    """Ages [h, w] float32 in years of every cell as if the face went on for ever: no neutral surroundings.

    Parts that ``ages`` leaves out have its base age.
    """
    offsets = np.array([ages.parts.get(name, ages.base) - ages.base for name in PART_NAMES], np.float32)
    beyond = np.zeros_like(masks.face)
    for offset, part in zip(offsets, masks.parts, strict=True):  # in this order, as libamgan adds them
        if offset:
            beyond += offset * part
    return np.asarray(np.float32(ages.base) + beyond, np.float32)


def map_of_level(masks: RegionMasks, level: NDArray[np.floating]) -> Floats:
    """The aging map [h, w] float32 in years of a face with these ages: outside the face it is neutral."""
    return np.asarray(NEUTRAL_AGE + masks.face * (level - NEUTRAL_AGE), np.float32)


def build_map(masks: RegionMasks, base_age: float, part_ages: Mapping[str, float]) -> Floats:
    """The aging map [h, w] float32 in years; parts that ``part_ages`` leaves out have ``base_age``.

    The map is linear, hence continuous, in every age.
    """
    return map_of_level(masks, build_level(masks, FaceAges(base_age, part_ages)))


def change_mask(years: NDArray[np.floating], size_px: int) -> Floats:
    """Where a change is asked for: float32 [size_px, size_px], 0..1, of the ``years`` [h, w] asked for.

    0 where nothing is asked for, 1 from FULL_CHANGE_YEARS of change on, smooth in between: what was not asked
    for stays as it is.
    """
    share = np.clip(np.abs(years) / FULL_CHANGE_YEARS, 0.0, 1.0).astype(np.float32)
    return resize_plane(eased(share), size_px)


def read_map(masks: RegionMasks, aging_map: NDArray[np.floating]) -> FaceAges:
    """The ages that a map [h, w] over the same frame shows: of every part, and of the rest of the face.

    They are those whose own map comes closest to it, by least squares: so what a part has from its
    neighbours and from the neutral surroundings is taken out again. A map of the masks' size is read
    exactly. One that is coarser is taken for an estimator's reading, in which a cell has the mean age of
    the face inside it, with errors: there a part is pulled towards the base age, the more the fewer cells
    show it. A part that is not in the frame has the base age; without a face all is NEUTRAL_AGE.
    """
    shape = masks.face.shape
    rows, columns = (min(a, b) for a, b in zip(shape, aging_map.shape, strict=True))
    coarse = (rows, columns) != shape
    basis = np.concatenate([1.0 - masks.parts.sum(axis=0, keepdims=True), masks.parts])
    basis *= masks.face
    seen = _averaged(np.asarray(aging_map, np.float32), rows, columns) - np.float32(NEUTRAL_AGE)
    if coarse:
        face = _averaged(masks.face, rows, columns)
        basis = _averaged(basis * masks.face, rows, columns) / np.maximum(face, 1e-3)
        basis, seen = basis * face, seen * face  # the less of a cell is face, the less it counts
    found = _nearest(
        basis.reshape(len(basis), -1), seen.reshape(-1), _COARSE_RIDGE if coarse else _EXACT_RIDGE
    )
    return FaceAges(
        float(found[0] + NEUTRAL_AGE),
        {name: float(years + NEUTRAL_AGE) for name, years in zip(PART_NAMES, found[1:], strict=True)},
    )


def _nearest(basis: Floats, seen: Floats, ridge: float) -> NDArray[np.float64]:
    """The x that minimises |x @ basis - seen|^2 + ridge * |x[1:] - x[0]|^2, for basis [n, cells]."""
    count = len(basis)
    gram = (basis @ basis.T).astype(np.float64)
    right = (basis @ seen).astype(np.float64)
    # Without a face there is nothing to see, and the tiny pull towards neutral decides.
    gram[0, 0] += ridge * (count - 1) + _FACE_RIDGE
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

        # One below the other they are one tall plane.
        tall = np.ascontiguousarray(planes, np.float32).reshape(-1, width)
        means = cv2.resize(tall, (columns, len(tall) * rows // height), interpolation=cv2.INTER_AREA)
        return np.asarray(means, np.float32).reshape(*planes.shape[:-2], rows, columns)
    return np.asarray(_overlaps(rows, height) @ planes @ _overlaps(columns, width).T, np.float32)


def _overlaps(few: int, many: int) -> Floats:
    """Weights [few, many] with which ``many`` equal cells make up ``few`` equal ones on the same line."""
    edges = np.arange(few + 1)[:, None] * (many / few) - np.arange(many)
    return np.diff(np.clip(edges, 0.0, 1.0), axis=0).astype(np.float32) * np.float32(few / many)
