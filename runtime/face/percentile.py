"""Percentiles of a list of numbers, without what NumPy loads for its own."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def percentile(values: NDArray[np.floating], percent: float) -> float:
    """The percentile of numbers, float [n] with n of 1 or more, interpolated between two of them.

    That of `numpy.percentile`, which imports `numpy.ma`, and with it 50 ms of a program's start.
    """
    position = (len(values) - 1) * (percent / 100)
    below = math.floor(position)
    above = min(below + 1, len(values) - 1)
    ordered = np.partition(values, (below, above))
    low, high, share = ordered[below], ordered[above], position - below
    if share < 0.5:
        return float(low + (high - low) * share)
    return float(high - (high - low) * (1 - share))
