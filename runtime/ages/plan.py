"""From what is asked of a face to what the network is given: ages wanted, aging map, and where to change."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..face.region_masks import RegionMasks, without_margin
from .map_file import WantedMap
from .maps import FaceAges, build_level, change_mask, map_of_level, read_map
from .request import Request, wanted_ages

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class FacePlan:
    """What is to become of one face.

    ``wanted`` ages in years; ``change`` float32 [h, w], of the masks' size with their margin, is the
    years by which every place is to look older (below 0: younger), 0 outside the face; ``asked`` float32
    [size, size], 0..1, where a change is asked for at all.
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

    ``masks`` have ``margin`` cells around the frame; ages are clamped to ``age_range``, youngest and
    oldest. The network is asked for no more years than lead to ``oldest_trained_age``. The request is taken
    for checked.
    """
    level_now = build_level(masks, now)
    wanted, level = wanted_level(request, now, masks, margin, age_range)
    cut = slice(margin, level.shape[0] - margin)
    asked = change_mask((level - level_now)[cut, cut], size_px)
    trained = np.minimum(level, np.maximum(level_now, np.float32(oldest_trained_age)))
    change = np.asarray(masks.face * (trained - level_now), np.float32)
    return FacePlan(wanted, change, asked)


def wanted_level(
    request: Request,
    now: FaceAges,
    masks: RegionMasks,
    margin: int = 0,
    age_range: tuple[float, float] | None = None,
) -> tuple[FaceAges, Floats]:
    """The ages asked for, of every part and of every cell, float32 [h, w] in years, as if all were face."""
    if request.aging_map is None:
        wanted = wanted_ages(request, now, age_range)
        return wanted, build_level(masks, wanted)
    level = painted_level(request.aging_map, build_level(masks, now), margin, age_range)
    inner = without_margin(masks, margin)
    cut = slice(margin, level.shape[0] - margin)
    return read_map(inner, map_of_level(inner, level[cut, cut])), level


def painted_level(
    painted: WantedMap, level_now: Floats, margin: int, age_range: tuple[float, float] | None = None
) -> Floats:
    """The ages [h, w] that a painted map gives cells whose ages are ``level_now`` [h, w] in years.

    The painted map covers the frame without ``margin`` cells on every side, which have the ages at its
    edge. Where it is 0 the ages stay; in between the two mix smoothly.
    """
    cells = level_now.shape[0] - 2 * margin
    asked = (painted.years != 0).astype(np.float32)
    share, years = (
        np.pad(_resized(plane, cells), margin, mode="edge") for plane in (asked, painted.years * asked)
    )
    level = level_now * (1.0 - share) + years
    if age_range is not None:
        # Clamping must not change what was not asked for.
        level = np.where(share > 0, np.clip(level, *age_range), level)
    return np.asarray(level, np.float32)


def _resized(plane: Floats, cells: int) -> Floats:
    if plane.shape[0] == cells:
        return plane
    small = Image.fromarray(plane).resize((cells, cells), Image.Resampling.BILINEAR)
    return np.asarray(small, np.float32)
