"""The structures of amgan.h, and Python's values as them."""

from __future__ import annotations

import ctypes as c

import numpy as np
from numpy.typing import NDArray

from amgan.runtime.ages.maps import FaceAges
from amgan.runtime.face.zones import ZONES


class Frame(c.Structure):
    _fields_ = (
        ("pixels", c.c_void_p),
        ("stride_bytes", c.c_ssize_t),
        ("side_px", c.c_int32),
        ("margin_px", c.c_int32),
    )


class Map(c.Structure):
    _fields_ = (
        ("years", c.c_void_p),
        ("stride_bytes", c.c_ssize_t),
        ("side_cells", c.c_int32),
        ("margin_cells", c.c_int32),
    )


class ZoneAges(c.Structure):
    _fields_ = (("base", c.c_float), ("years", (c.c_float * 2) * len(ZONES)))


TEXTS = ("model", "backend", "device", "precision")
SIZES = ("min_side_px", "max_side_px", "side_step_px", "halo_px", "cell_px", "estimator_grid")
AGES = ("min_age", "max_age", "oldest_trained_age", "neutral_age")


class Info(c.Structure):
    _fields_ = (
        *((name, c.c_char_p) for name in TEXTS),
        *((name, c.c_int32) for name in SIZES),
        *((name, c.c_float) for name in AGES),
        ("patterns", c.c_int32),
    )


def frame_of(padded: NDArray[np.uint8], margin: int) -> Frame:
    """A picture with a margin around the frame, as C sees it; the array must stay alive."""
    assert padded.strides[1:] == (3, 1)
    first = padded.ctypes.data + margin * padded.strides[0] + 3 * margin
    return Frame(first, padded.strides[0], padded.shape[0] - 2 * margin, margin)


def map_of(years: NDArray[np.float32], margin: int) -> Map:
    """A map with a margin of cells, as C sees it; the array must stay alive."""
    first = years.ctypes.data + margin * (years.strides[0] + years.strides[1])
    return Map(first, years.strides[0], years.shape[0] - 2 * margin, margin)


def zone_ages(base: float, parts: dict[str, float]) -> ZoneAges:
    """Ages by part name, as C takes them."""
    ages = ZoneAges(base)
    for z, zone in enumerate(ZONES):
        for s in range(2):
            name = zone.parts[s] if s < len(zone.parts) else ""
            ages.years[z][s] = parts.get(name, float("nan"))
    return ages


def face_ages(ages: ZoneAges) -> FaceAges:
    """Ages as Python takes them; a part that has none of its own is left out."""
    parts = {
        name: float(ages.years[z][s])
        for z, zone in enumerate(ZONES)
        for s, name in enumerate(zone.parts)
        if not np.isnan(ages.years[z][s])
    }
    return FaceAges(float(ages.base), parts)
