"""Detects artificial rows of lines on the forehead, whose spacing is fixed in network px.

The spacing of natural lines is proportional to the face's size; that of an artificial texture is a fixed
number of network px. The spacing is the period of the autocorrelation of the fine change down the forehead.
Over faces of several sizes, the slope of log spacing over log width is 0 for artificial and 1 for natural
lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from amgan.runtime.face.zones import ZONES

from .change import FaceChange, Plane, blurred_px

COARSEST = 0.02
"""Standard deviation of the blur that is subtracted from the change, as a share of the face's width."""

REGULAR = 0.3
"""Lines with at least this regularity count as rows; random lines stay below."""

_LONGEST_LAG = 0.12
"""Longest spacing searched for, as a share of the face's width."""

_LEAST_PAIRS = 0.25
_NEARLY = 0.8
_LEAST_PX = 12
_LEAST_CODES = 0.2
_FOREHEAD = next(zone.polygons[0] for zone in ZONES if zone.name == "forehead")
_EYE_LINE = (33, 263)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Fine lines of one forehead.

    ``period_px`` is their spacing in px of the network's frame, ``regularity`` the height of the
    autocorrelation at that spacing: 1 for a ruled pattern, near 0 for random lines. ``width_px`` is the
    face's width in px of the network's frame. All but the width are NaN if a forehead has no fine change or
    is too small.
    """

    period_px: float
    regularity: float
    width_px: float

    @property
    def painted(self) -> bool:
        """Whether the lines are regular enough to count as rows."""
        return bool(self.regularity >= REGULAR)


@dataclass(frozen=True)
class RowSummary:
    """Rows of many faces.

    ``median_period_px`` and the middle half ``quartiles_px`` in network px; ``regularity`` the median;
    ``painted`` the share of faces with rows; ``size_slope`` the slope of log spacing over log width, 0 where
    the network sets the spacing, 1 where the face does, with its standard error; NaN where the faces are all
    of one size. ``faces`` counts those that could be read.
    """

    faces: int
    median_period_px: float
    quartiles_px: tuple[float, float]
    regularity: float
    painted: float
    size_slope: float
    size_slope_error: float


def forehead_rows(face: FaceChange) -> Rows:
    """The spacing and regularity of the fine change down one forehead."""
    width = face.width_px * face.network_scale
    patch, mask = _upright_forehead(face)
    nothing = Rows(float("nan"), float("nan"), width)
    if min(patch.shape) < _LEAST_PX or not mask.any():
        return nothing
    fine = (patch - blurred_px(patch, COARSEST * width)) * mask
    if float(np.sqrt((fine**2).sum() / mask.sum())) < _LEAST_CODES:
        return nothing
    found = first_return(autocorrelation(fine, mask, round(_LONGEST_LAG * width)))
    if found is None:
        return nothing
    period, height = found
    return Rows(period, height, width)


def autocorrelation(fine: Plane, mask: Plane, longest: int) -> Floats:
    """Autocorrelation down the columns of a masked plane [H, W], lags 0 to ``longest`` px, 1 at lag 0.

    It ends at the lag where few pairs of pixels are left.
    """
    values, weights = fine.astype(np.float64), mask.astype(np.float64)
    values -= (values * weights).sum() / weights.sum() * weights
    found: list[float] = []
    for lag in range(min(longest, len(values) - 1) + 1):
        stop = len(values) - lag
        pairs = (weights[:stop] * weights[lag:]).sum()
        if pairs < _LEAST_PAIRS * (weights**2).sum():
            break
        above = np.sqrt(
            (values[:stop] ** 2 * weights[lag:]).sum() * (values[lag:] ** 2 * weights[:stop]).sum()
        )
        found.append(float((values[:stop] * values[lag:]).sum() / max(above, 1e-12)))
    return np.array(found)


def first_return(correlation: Floats) -> tuple[float, float] | None:
    """Lag in px and height of the first high peak after the first dip below zero; None without one.

    A pattern comes back at every multiple of its period: the first peak nearly as high as the highest counts.
    """
    below = np.nonzero(correlation < 0)[0]
    if not len(below):
        return None
    rest = correlation[below[0] :]
    peaks = [k for k in range(1, len(rest) - 1) if rest[k] > 0 and rest[k - 1] <= rest[k] >= rest[k + 1]]
    if not peaks:
        return None
    highest = max(rest[k] for k in peaks)
    first = next(k for k in peaks if rest[k] >= _NEARLY * highest)
    before, top, after = rest[first - 1 : first + 2]
    bend = before - 2 * top + after
    shift = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return float(below[0] + first + shift), float(top)


def summarise_rows(faces: Sequence[Rows]) -> RowSummary:
    """Rows of many faces, and whether their spacing goes with the face or with the network's pixels."""
    read = [one for one in faces if np.isfinite(one.period_px)]
    if not read:
        nan = float("nan")
        return RowSummary(0, nan, (nan, nan), nan, nan, nan, nan)
    periods = np.array([one.period_px for one in read])
    slope, error = _slope(np.log([one.width_px for one in read]), np.log(periods))
    low, high = np.percentile(periods, (25, 75))
    return RowSummary(
        len(read), float(np.median(periods)), (float(low), float(high)),
        float(np.median([one.regularity for one in read])), float(np.mean([one.painted for one in read])),
        slope, error,
    )  # fmt: skip


def _slope(x: Floats, y: Floats) -> tuple[float, float]:
    """Least-squares slope and its standard error; NaN where x hardly varies."""
    spread = float(((x - x.mean()) ** 2).sum())
    if len(x) < 3 or x.std() < 0.05:
        return float("nan"), float("nan")
    slope = float(((x - x.mean()) * (y - y.mean())).sum() / spread)
    left = y - y.mean() - slope * (x - x.mean())
    return slope, float(np.sqrt((left**2).sum() / (len(x) - 2) / spread))


def _upright_forehead(face: FaceChange) -> tuple[Plane, Plane]:
    """The change on the forehead with the eyes level, in px of the network's frame, and a mask 0..1."""
    points = np.asarray(face.landmarks[:, :2], np.float64)
    across = points[_EYE_LINE[1]] - points[_EYE_LINE[0]]
    cos, sin = across / np.linalg.norm(across) * face.network_scale
    turn = np.array([[cos, sin], [-sin, cos]])
    corners = points[list(_FOREHEAD)] @ turn.T
    low, high = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0))
    size = (int(high[0] - low[0]) + 1, int(high[1] - low[1]) + 1)
    # Pixels count from their middle: a reduced picture keeps its positions.
    shift = turn @ np.array([0.5, 0.5]) - 0.5
    matrix = np.column_stack([turn, shift - low])
    codes = blurred_px(face.codes, 0.4 / face.network_scale if face.network_scale < 0.8 else 0.0)
    patch = cv2.warpAffine(codes, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    mask = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillPoly(mask, [np.rint(corners - low).astype(np.int32)], 1)
    return np.asarray(patch, np.float32), mask.astype(np.float32)
