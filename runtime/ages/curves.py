"""The curve between raw score and apparent age of one sign. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """The usual score of one sign at every age: straight lines between knots, strictly rising.

    ``ages`` in years and ``scores`` in ``unit``, both strictly increasing, at least two of each. Outside the
    knots the first and the last line go on, so that every score has exactly one age.
    """

    ages: tuple[float, ...]
    scores: tuple[float, ...]
    unit: str = "years"

    @overload
    def score_of(self, age: float) -> float: ...
    @overload
    def score_of(self, age: Floats) -> Floats: ...
    def score_of(self, age: float | Floats) -> float | Floats:
        """The usual score at an age in years; an array gives an array."""
        return _along(age, self.ages, self.scores)

    @overload
    def age_of(self, score: float) -> float: ...
    @overload
    def age_of(self, score: Floats) -> Floats: ...
    def age_of(self, score: float | Floats) -> float | Floats:
        """The apparent age in years that a score stands for; an array gives an array."""
        return _along(score, self.scores, self.ages)


def _along(value: float | Floats, xs: tuple[float, ...], ys: tuple[float, ...]) -> Any:
    """Piecewise linear through (xs, ys), the first and last line going on; a float gives a float."""
    x, y = np.asarray(xs, np.float64), np.asarray(ys, np.float64)
    at = np.asarray(value, np.float64)
    segment = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    share = (at - x[segment]) / (x[segment + 1] - x[segment])
    found = y[segment] + share * (y[segment + 1] - y[segment])
    return found if isinstance(value, np.ndarray) else float(found)
