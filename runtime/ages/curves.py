"""Curves between raw score and apparent age of a sign. NumPy only."""

from __future__ import annotations

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
    x, y = np.asarray(xs, np.float64), np.asarray(ys, np.float64)
    at = np.asarray(value, np.float64)
    segment = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    share = (at - x[segment]) / (x[segment + 1] - x[segment])
    found = y[segment] + share * (y[segment + 1] - y[segment])
    return found if isinstance(value, np.ndarray) else float(found)
