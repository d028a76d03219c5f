"""Curves between raw score and apparent age of a sign. NumPy only."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """The usual score of one sign by age: piecewise linear and strictly increasing.

    ``ages`` in years and ``scores`` in ``unit``, both strictly increasing, at least two of each. The first
    and the last segment are extrapolated, so that every score has exactly one age.
    """

    ages: tuple[float, ...]
    scores: tuple[float, ...]
    unit: str = "years"

    @overload
    def score_of(self, age: float) -> float: ...
    @overload
    def score_of(self, age: Floats) -> Floats: ...
    def score_of(self, age: float | Floats) -> float | Floats:
        """The usual score at an age in years; also for arrays."""
        return _along(age, self.ages, self.scores)

    @overload
    def age_of(self, score: float) -> float: ...
    @overload
    def age_of(self, score: Floats) -> Floats: ...
    def age_of(self, score: float | Floats) -> float | Floats:
        """The apparent age in years of a score; also for arrays."""
        return _along(score, self.scores, self.ages)


def _along(value: float | Floats, xs: tuple[float, ...], ys: tuple[float, ...]) -> Any:
    """Piecewise linear interpolation and extrapolation through (xs, ys)."""
    if isinstance(value, np.ndarray):
        return _all_along(value, np.asarray(xs, np.float64), np.asarray(ys, np.float64))
    # The same sums for one number, fifty times as fast: a face asks for a hundred of them.
    at = float(value)
    segment = min(max(bisect_right(xs, at) - 1, 0), len(xs) - 2)
    share = (at - xs[segment]) / (xs[segment + 1] - xs[segment])
    return float(ys[segment] + share * (ys[segment + 1] - ys[segment]))


def _all_along(values: NDArray[Any], xs: Floats, ys: Floats) -> Floats:
    at = np.asarray(values, np.float64)
    segment = np.clip(np.searchsorted(xs, at, side="right") - 1, 0, len(xs) - 2)
    share = (at - xs[segment]) / (xs[segment + 1] - xs[segment])
    found: Floats = ys[segment] + share * (ys[segment + 1] - ys[segment])
    return found
