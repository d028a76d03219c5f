"""Age estimators compared with known ages: mean error, slope, and bias by decade."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .statistics import RESAMPLES, rounded, summarise

DECADE = 10
LEAST_FOR_SLOPE = 3


def against_true_ages(true: Sequence[float], read: Sequence[float]) -> dict[str, Any]:
    """Errors of readings against true ages, both [N] in years; faces of unknown age (NaN) are left out.

    ``error_years``: mean absolute difference. ``bias_years``: mean of read minus true. ``slope``: slope of
    read over true (1 is ideal; below 1, old faces read too young or young ones too old). ``slope_interval``:
    its 95 % bootstrap interval over faces (None without a slope). ``by_decade``: bias by decade of the true
    age.
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
    """The 95 % bootstrap interval of the slope; deterministic."""
    if not _varies(ages):
        return None
    drawn = np.random.default_rng(0).integers(0, len(ages), (RESAMPLES, len(ages)))
    slopes = [_slope(ages[some], readings[some]) for some in drawn if _varies(ages[some])]
    return [rounded(value) for value in np.percentile(slopes, (2.5, 97.5))]


def _correlation(ages: np.ndarray, readings: np.ndarray) -> float:
    if not (_varies(ages) and _varies(readings)):
        return float("nan")
    return float(np.corrcoef(ages, readings)[0, 1])
