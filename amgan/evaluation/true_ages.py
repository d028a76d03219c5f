"""Readers of ages against ages that are known: mean error, slope, and bias by decade."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .statistics import RESAMPLES, rounded, summarise

DECADE = 10
LEAST_FOR_SLOPE = 3


def against_true_ages(true: Sequence[float], read: Sequence[float]) -> dict[str, Any]:
    """How well readings meet true ages [N], years; faces whose true age is not known (NaN) are left out.

    ``error_years`` is the mean absolute difference, ``bias_years`` read less true, ``slope`` years read for
    a year of true age (1 is right, less means that old faces read too young or young ones too old),
    ``slope_interval`` its 95 % bootstrap interval over faces (None without a slope), ``by_decade`` the bias
    by the decade of the true age.
    """
    ages, readings = np.asarray(true, np.float64), np.asarray(read, np.float64)
    known = np.isfinite(ages) & np.isfinite(readings)
    ages, off = ages[known], (readings - ages)[known]
    decades = (ages // DECADE * DECADE).astype(int)
    return {
        "faces": int(known.sum()),
        "error_years": summarise(list(np.abs(off))),
        "bias_years": summarise(list(off)),
        "slope": rounded(_slope(ages, ages + off)),
        "slope_interval": _slope_interval(ages, ages + off),
        "correlation": rounded(_correlation(ages, ages + off)),
        "by_decade": {
            str(decade): {
                "bias_years": summarise(list(off[decades == decade])),
                "error_years": summarise(list(np.abs(off[decades == decade]))),
            }
            for decade in sorted(set(decades.tolist()))
        },
    }


def _varies(values: np.ndarray) -> bool:
    return len(values) >= LEAST_FOR_SLOPE and float(values.std()) > 0


def _slope(ages: np.ndarray, readings: np.ndarray) -> float:
    return float(np.polyfit(ages, readings, 1)[0]) if _varies(ages) else float("nan")


def _slope_interval(ages: np.ndarray, readings: np.ndarray) -> list[float | None] | None:
    """The 95 % interval of the slope; the same for the same faces."""
    if not _varies(ages):
        return None
    drawn = np.random.default_rng(0).integers(0, len(ages), (RESAMPLES, len(ages)))
    slopes = [_slope(ages[some], readings[some]) for some in drawn if _varies(ages[some])]
    return [rounded(value) for value in np.percentile(slopes, (2.5, 97.5))]


def _correlation(ages: np.ndarray, readings: np.ndarray) -> float:
    if not (_varies(ages) and _varies(readings)):
        return float("nan")
    return float(np.corrcoef(ages, readings)[0, 1])
