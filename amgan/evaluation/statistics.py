"""Summary statistics: mean, standard error and bootstrap interval over faces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

RESAMPLES = 2000
DIGITS = 4


def summarise(values: Sequence[float]) -> dict[str, Any]:
    """n, mean, standard error, 95 % bootstrap interval, 5th and 95th percentile, minimum and maximum.

    NaN values are left out; without any values the result is n = 0 only. The interval is deterministic.
    """
    found = np.array([value for value in values if np.isfinite(value)], np.float64)
    if not found.size:
        return {"n": 0}
    generator = np.random.default_rng(0)
    means = found[generator.integers(0, found.size, (RESAMPLES, found.size))].mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    error = found.std(ddof=1) / np.sqrt(found.size) if found.size > 1 else float("nan")
    content = {
        "mean": found.mean(),
        "standard_error": error,
        "interval_low": low,
        "interval_high": high,
        "p5": np.percentile(found, 5),
        "p95": np.percentile(found, 95),
        "min": found.min(),
        "max": found.max(),
    }
    return {"n": int(found.size)} | {name: rounded(value) for name, value in content.items()}


def share(found: Sequence[bool]) -> dict[str, Any]:
    """`summarise` of booleans: the mean is the share of true ones."""
    return summarise([float(one) for one in found])


def rounded(value: float) -> float | None:
    """A number for a result file; None for NaN and infinity."""
    return round(float(value), DIGITS) if np.isfinite(value) else None
