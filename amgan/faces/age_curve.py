"""Calibration of estimated ages: a curve fitted on portraits of known age.

Age estimators regress to the mean: old faces are estimated too young. The curve matches quantiles of the
estimates to those of the true ages, by a line in the range of the portraits. (The mean true age at an
estimate would be too flat, as it depends on the portraits' age distribution; the inverse of the mean estimate
at an age is too steep, as single estimates scatter by ten years.) Below the youngest portraits the line
blends into the estimate itself, and beyond the oldest the result is never below the estimate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from amgan.runtime.errors import UsageError

from .known_ages import is_check
from .tables import read_ages, read_table

KNOT_YEARS = 5.0
MIN_FACES = 40
"""The minimum number of portraits for a curve."""

_TRUSTED = (5.0, 95.0)
"""Percentiles of the estimates between which the curve is fitted."""

_FADE_YEARS = 15.0
_LEAST_RISE = 0.25
_BEYOND_RISE = 0.5
"""The slope beyond the oldest estimates."""

_OLDEST_READING = 100.0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AgeCurve:
    """True age by estimate: increasing knots, interpolated by a smooth monotone curve.

    ``faces`` is the number of portraits of the fit.
    """

    estimates: tuple[float, ...]
    years: tuple[float, ...]
    faces: int

    def years_of(self, estimates: Floats) -> Floats:
        """True ages for estimates of any shape; constant beyond the knots."""
        low, high = self.estimates[0], self.estimates[-1]
        smooth = PchipInterpolator(self.estimates, self.years)
        return np.asarray(smooth(np.clip(estimates, low, high)), np.float64)


@dataclass(frozen=True)
class CurveCheck:
    """Errors and bias in years on portraits outside the fit, before and after calibration."""

    faces: int
    error_before: float
    error_after: float
    bias_before: float
    bias_after: float


def fit_age_curve(estimates: Floats, years: Floats) -> AgeCurve:
    """Fit the curve to portraits with ``estimates`` and true ``years``, both [N].

    Raises UsageError for fewer than MIN_FACES portraits, or a too narrow range of ages.
    """
    if len(years) < MIN_FACES:
        raise UsageError(f"a curve cannot be fitted to {len(years)} portraits: give {MIN_FACES} or more")
    levels = np.linspace(*_TRUSTED, 37)
    read, true = np.percentile(estimates, levels), np.percentile(years, levels)
    knots = np.arange(math.ceil(read[0] / KNOT_YEARS) * KNOT_YEARS, read[-1] + 1e-9, KNOT_YEARS)
    if len(knots) < 2:
        raise UsageError(
            f"no curve can be fitted to estimates from {read[0]:.0f} to {read[-1]:.0f} years: give portraits "
            "of more ages"
        )
    rise, start = np.polyfit(read, true, 1)
    middle = start + rise * knots
    young = np.arange(0.0, knots[0] - KNOT_YEARS + 1e-9, KNOT_YEARS)
    fading = np.clip(1 - (knots[0] - young) / _FADE_YEARS, 0, 1) * (middle[0] - knots[0])
    beyond = np.arange(knots[-1] + KNOT_YEARS, _OLDEST_READING + 1e-9, KNOT_YEARS)
    old = np.maximum(middle[-1] + _BEYOND_RISE * (beyond - knots[-1]), beyond)
    at = np.concatenate([young, knots, beyond])
    found = _rising(np.concatenate([young + fading, middle, old]), _LEAST_RISE * np.diff(at))
    return AgeCurve(tuple(at.tolist()), tuple(np.round(found, 2).tolist()), len(years))


def check_age_curve(curve: AgeCurve, estimates: Floats, years: Floats) -> CurveCheck:
    """Errors on other portraits; raises UsageError if there are none."""
    if not len(years):
        raise UsageError("there is no portrait to check the curve with: give a larger table of true ages")
    before, after = estimates - years, curve.years_of(estimates) - years
    return CurveCheck(
        len(years),
        float(np.abs(before).mean()),
        float(np.abs(after).mean()),
        float(before.mean()),
        float(after.mean()),
    )


def read_age_curve(table: Path) -> tuple[AgeCurve, CurveCheck]:
    """Fit the curve to one half of a CSV with the columns file, age (true) and age_estimate, check the other.

    Rows without an age or an estimate are skipped. Raises UsageError for a missing or damaged table, and as
    fit_age_curve and check_age_curve do.
    """
    if not table.is_file():
        raise UsageError(f"the table of true ages '{table}' does not exist: check its name")
    columns, rows = read_table(table, "correct the table")
    missing = [name for name in ("age", "age_estimate") if name not in columns]
    if missing:
        raise UsageError(f"'{table}' lacks the columns {', '.join(missing)}: correct the table")
    known = [row for row in rows if row["age"].strip() and row["age_estimate"].strip()]
    numbers = np.array(
        [[_years(row[c], row["file"], table) for c in ("age_estimate", "age")] for row in known]
    )
    numbers = numbers.reshape(-1, 2)
    checks = np.array([is_check(row["file"]) for row in known], bool)
    curve = fit_age_curve(numbers[~checks, 0], numbers[~checks, 1])
    return curve, check_age_curve(curve, numbers[checks, 0], numbers[checks, 1])


def read_calibrated_ages(ages_csv: Path, true_ages: Path | None) -> dict[str, float]:
    """The ages of a table by file, in years; calibrated as estimates if ``true_ages`` is given.

    Raises UsageError as read_ages and read_age_curve do.
    """
    ages = read_ages(ages_csv)
    return ages if true_ages is None else calibrate_ages(ages, read_age_curve(true_ages)[0])


def curve_in_words(true_ages: Path) -> str:
    """One line on the curve of a table: some values, and its errors on the other half."""
    curve, check = read_age_curve(true_ages)
    shown = ", ".join(f"{age} -> {float(curve.years_of(np.array(age))):.0f}" for age in (30, 50, 70))
    return (
        f"ages calibrated on {curve.faces} portraits ({shown}); on {check.faces} others the mean error went "
        f"from {check.error_before:.1f} to {check.error_after:.1f} years, the bias from "
        f"{check.bias_before:+.1f} to {check.bias_after:+.1f}"
    )


def calibrate_ages(ages: Mapping[str, float], curve: AgeCurve) -> dict[str, float]:
    """Calibrated ages by file, in years."""
    years = curve.years_of(np.array(list(ages.values()), np.float64))
    return {name: round(float(value), 2) for name, value in zip(ages, years, strict=True)}


def _rising(values: Floats, steps: Floats) -> Floats:
    """Make values increase by at least the given steps."""
    found = values.copy()
    for k, step in enumerate(steps):
        found[k + 1] = max(found[k + 1], found[k] + step)
    return found


def _years(text: str, file: str, table: Path) -> float:
    try:
        years = float(text)
    except ValueError:
        years = math.nan
    if not 0 <= years <= 120:
        raise UsageError(
            f"'{table}' has {text!r} as an age of {file}: it must be years from 0 to 120, or empty"
        )
    return years
