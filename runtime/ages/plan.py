"""Plans a face: from a request to wanted ages, the network's aging map, and the mask of the change."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..face.region_masks import RegionMasks, without_margin
from .map_file import WantedMap
from .maps import FaceAges, build_age_field, change_mask, map_of_age_field, read_map
from .request import Request, wanted_ages

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class FacePlan:
    """The planned change of one face.

    ``wanted`` ages in years; ``change`` float32 [h, w], of the masks' size with their margin, the years by
    which every cell is to look older (below 0: younger), 0 outside the face; ``asked`` float32 [size, size],
    0..1, the mask of the change.
    """

    wanted: FaceAges
    change: Floats
    asked: Floats


def plan_face(
    request: Request,
    now: FaceAges,
    masks: RegionMasks,
    margin: int,
    size_px: int,
    age_range: tuple[float, float] | None = None,
    oldest_trained_age: float = math.inf,
) -> FacePlan:
    """Plan one face that looks ``now`` old, for a frame of ``size_px`` px.

    ``masks`` have ``margin`` cells around the frame; ages are clamped to ``age_range``, youngest and oldest.
    The network's input is clamped to ``oldest_trained_age``. The request must have been checked.
    """
    field_now = build_age_field(masks, now)
    wanted, age_field = wanted_age_field(request, now, masks, margin, age_range)
    cut = slice(margin, age_field.shape[0] - margin)
    asked = change_mask((age_field - field_now)[cut, cut], size_px)
    trained = np.minimum(age_field, np.maximum(field_now, np.float32(oldest_trained_age)))
    change = np.asarray(masks.face * (trained - field_now), np.float32)
    return FacePlan(wanted, change, asked)


def wanted_age_field(
    request: Request,
    now: FaceAges,
    masks: RegionMasks,
    margin: int = 0,
    age_range: tuple[float, float] | None = None,
) -> tuple[FaceAges, Floats]:
    """The wanted ages of every part, and the wanted age field, float32 [h, w] in years."""
    if request.aging_map is None:
        wanted = wanted_ages(request, now, age_range)
        return wanted, build_age_field(masks, wanted)
    age_field = painted_age_field(request.aging_map, build_age_field(masks, now), margin, age_range)
    inner = without_margin(masks, margin)
    cut = slice(margin, age_field.shape[0] - margin)
    return read_map(inner, map_of_age_field(inner, age_field[cut, cut])), age_field


def painted_age_field(
    painted: WantedMap, field_now: Floats, margin: int, age_range: tuple[float, float] | None = None
) -> Floats:
    """Apply a painted map to an age field [h, w] in years; returns the wanted age field.

    The painted map covers the frame without ``margin`` cells on every side, which repeat its edge. Where it
    is 0 the ages do not change; the transition is smooth.
    """
    cells = field_now.shape[0] - 2 * margin
    asked = (painted.years != 0).astype(np.float32)
    share, years = (
        np.pad(_resized(plane, cells), margin, mode="edge") for plane in (asked, painted.years * asked)
    )
    age_field = field_now * (1.0 - share) + years
    if age_range is not None:
        # Clamping must not change unpainted cells.
        age_field = np.where(share > 0, np.clip(age_field, *age_range), age_field)
    return np.asarray(age_field, np.float32)


def _resized(plane: Floats, cells: int) -> Floats:
    if plane.shape[0] == cells:
        return plane
    small = Image.fromarray(plane).resize((cells, cells), Image.Resampling.BILINEAR)
    return np.asarray(small, np.float32)
