"""When hair turns grey: the temples before the crown."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .easing import eased, eased_between
from .hair_grid import MATTE_PX, Plane
from .head_parser import window_points
from .mesh import LEFT_BROW, LEFT_EYE, RIGHT_BROW, RIGHT_EYE

_FIRST_GREY = (41.0, 50.0)
"""Age in years at which hair begins to grey, at the temples and on the crown."""
_GREY_SPAN = 30.0
_FIRST_REGAINED = 35.0
"""Age in years from which the hair of a face that gets younger is looked at: some grey early."""
_LEAST_GREY = 0.35
"""The share of grey hair that visibly grey hair has at least, whatever the age of the face."""
_WHOLE_YEARS = 8.0
"""Years from which on the colour comes back in full; fewer bring back less of it."""


def greyness(years: float, height: NDArray[np.floating]) -> Plane:
    """The share of grey hair at ``years``, 0..1; ``height`` is 0 at the temples and 1 on the crown."""
    first, last = _FIRST_GREY
    share = np.clip((years - (first + (last - first) * np.asarray(height))) / _GREY_SPAN, 0.0, 1.0)
    return np.asarray(eased(share), np.float32)


def greys(now: float, wanted: float) -> bool:
    """Whether hair turns grey between two ages in years; it does not before it begins to grey."""
    return wanted > now and wanted > _FIRST_GREY[0]


def regains(now: float, wanted: float) -> bool:
    """Whether grey hair gets its colour back between two ages in years."""
    return wanted < now and now > _FIRST_REGAINED


def regained(now: float, wanted: float, height: NDArray[np.floating]) -> Plane:
    """The share of grey hair that gets its colour back between two ages in years, 0..1; see `greyness`."""
    stays = greyness(wanted, height) / np.maximum(greyness(now, height), np.float32(_LEAST_GREY))
    years = float(eased_between(now - wanted, 0.0, _WHOLE_YEARS))
    return np.asarray(np.float32(years) * (1.0 - np.minimum(stays, 1.0)), np.float32)


def hair_height(landmarks_unit: NDArray[np.floating], count: int) -> Plane:
    """The relative height of every row of the window: 0 at the brows and below, 1 at the crown: [count, 1].

    ``landmarks_unit`` [468, 2] are in units of the frame.
    """
    points = window_points(landmarks_unit)
    eyes = points[list(LEFT_EYE)].mean(axis=0) - points[list(RIGHT_EYE)].mean(axis=0)
    unit = max(float(np.hypot(*eyes)), 1e-6)
    brow = float(points[list(LEFT_BROW + RIGHT_BROW), 1].mean())
    rows = (np.arange(count) + 0.5) / MATTE_PX
    return np.asarray(np.clip((brow - rows) / (1.3 * unit), 0.0, 1.0)[:, None], np.float32)
