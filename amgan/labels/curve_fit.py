"""Fits the curve between raw score and apparent age of one sign to scored faces. NumPy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from amgan.runtime.ages.curves import Curve
from amgan.runtime.errors import UsageError

KNOT_YEARS = 5.0
MIN_FACES = 40
"""The minimum number of faces of a curve."""

_REACH_YEARS = 7.5
_MIN_FACES_AT_KNOT = 8
_MIN_SLOPE_SHARE = 0.2
_ROUNDS = 4

Floats = NDArray[np.float64]


def fit_curve(ages: ArrayLike, scores: ArrayLike, unit: str = "years") -> Curve:
    """Fit the usual score by age: a strictly increasing curve through scored faces.

    ``ages`` [N] in years and ``scores`` [N] in ``unit``, of N faces. There is a knot at every fifth year with
    enough faces. Its score is that of a local line through the faces within 7.5 years, weighted by distance
    and by residual (Huber weights). Decreasing knots are pooled (pool adjacent violators); then every segment
    gets at least a fifth of the curve's mean slope, so that the curve is invertible.

    Raises UsageError for fewer than MIN_FACES faces, numbers that are not finite, ages that span less than
    two knots, or scores that do not increase with age.
    """
    years, values = np.asarray(ages, np.float64), np.asarray(scores, np.float64)
    if years.ndim != 1 or years.shape != values.shape or len(years) < MIN_FACES:
        raise UsageError(
            f"a curve cannot be fitted to {years.shape} ages and {values.shape} scores: give {MIN_FACES} "
            f"faces or more, each with an age and a score"
        )
    if not (np.isfinite(years).all() and np.isfinite(values).all()):
        raise UsageError("a curve cannot be fitted to ages or scores that are not finite: leave them out")
    knots = _knots(years)
    if len(knots) < 2:
        raise UsageError(
            f"a curve cannot be fitted to ages from {years.min():g} to {years.max():g}: give faces of at "
            f"least {KNOT_YEARS:g} years' difference, {_MIN_FACES_AT_KNOT} or more around every fifth year"
        )
    fits = [_local_line(knot, years, values) for knot in knots]
    level = _pool([score for score, _ in fits], [weight for _, weight in fits])
    slope = (level[-1] - level[0]) / (knots[-1] - knots[0])
    if not slope > 1e-9 * max(1.0, float(np.abs(values).max())):
        raise UsageError("a curve cannot be fitted to scores that do not rise with age: check the scores")
    rising = _at_least(level, _MIN_SLOPE_SHARE * slope * np.diff(knots))
    return Curve(tuple(float(k) for k in knots), tuple(round(float(s), 4) for s in rising), unit)


def _knots(years: Floats) -> Floats:
    """Every fifth year with enough faces, from the first such year to the last."""
    first = np.ceil(years.min() / KNOT_YEARS) * KNOT_YEARS
    candidates = np.arange(first, years.max() + 1e-9, KNOT_YEARS)
    near = [int((np.abs(years - knot) <= _REACH_YEARS).sum()) for knot in candidates]
    return candidates[np.array(near, int) >= _MIN_FACES_AT_KNOT]


def _local_line(knot: float, years: Floats, values: Floats) -> tuple[float, float]:
    """The score at a knot by a robust local line, and the sum of weights."""
    near = np.abs(years - knot) < _REACH_YEARS
    x, y = years[near] - knot, values[near]
    nearness = 1.0 - np.abs(x) / _REACH_YEARS
    weights = nearness
    level = slope = 0.0
    for _ in range(_ROUNDS):
        level, slope = _line(x, y, weights)
        off = np.abs(y - level - slope * x)
        usual = 1.5 * 1.4826 * float(np.median(off)) + 1e-12
        weights = nearness * np.minimum(1.0, usual / np.maximum(off, 1e-12))
    return level, float(nearness.sum())


def _line(x: Floats, y: Floats, weights: Floats) -> tuple[float, float]:
    """Weighted least squares of y = level + slope * x, with a small ridge for degenerate x."""
    total = weights.sum()
    middle_x, middle_y = (weights * x).sum() / total, (weights * y).sum() / total
    spread = (weights * (x - middle_x) ** 2).sum()
    slope = float((weights * (x - middle_x) * (y - middle_y)).sum() / (spread + total))
    return float(middle_y - slope * middle_x), slope


def _pool(values: list[float], weights: list[float]) -> Floats:
    """Isotonic regression by pooling adjacent violators."""
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(values, weights, strict=True):
        blocks.append((value, max(weight, 1e-9), 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, wa, na), (b, wb, nb) = blocks[-2:]
            blocks[-2:] = [((a * wa + b * wb) / (wa + wb), wa + wb, na + nb)]
    return np.concatenate([np.full(count, value) for value, _, count in blocks])


def _at_least(level: Floats, steps: Floats) -> Floats:
    """The sequence with every step at least ``steps``, with the same total rise and centre."""
    wanted = np.maximum(np.diff(level), steps)
    spare = wanted - steps
    rise = level[-1] - level[0]
    # The gain of flat segments is subtracted from steep ones; the steps sum to less than the whole rise.
    wanted = steps + spare * (rise - steps.sum()) / max(float(spare.sum()), 1e-12)
    return np.asarray(level[0] + np.concatenate([[0.0], np.cumsum(wanted)]))
