"""Percentiles and medians, without what NumPy loads for its own: `numpy.ma`, 50 ms of a program's start."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def percentile(values: NDArray[np.floating], percent: float) -> float:
    """The percentile of numbers, float [n] with n of 1 or more, interpolated between two of them.

    That of `numpy.percentile`.
    """
    position = (len(values) - 1) * (percent / 100)
    below = math.floor(position)
    above = min(below + 1, len(values) - 1)
    ordered = np.partition(values, (below, above))
    low, high, share = ordered[below], ordered[above], position - below
    if share < 0.5:
        return float(low + (high - low) * share)
    return float(high - (high - low) * (1 - share))


def median(values: NDArray[Any]) -> Any:
    """The median along the first axis of an array [n, ...] without NaN; NaN if n is 0.

    That of `numpy.median` with ``axis=0``: of float32 in float32, of integers in float64.
    """
    if not len(values):
        return np.full(values.shape[1:], np.nan)
    last = len(values) - 1
    middle = (last // 2, last - last // 2)
    return np.partition(values, middle, axis=0)[middle[0] : middle[1] + 1].mean(axis=0)
