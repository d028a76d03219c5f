"""A curve that takes what an age estimator reads to the age that people who are read so have."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amgan.runtime.errors import UsageError


@dataclass(frozen=True, eq=False)
class AgeCurve:
    """Straight lines between readings and true ages, both float64 [K] in years, K at least 2; flat beyond."""

    estimate: NDArray[np.float64]
    true: NDArray[np.float64]

    def corrected(self, reading: float) -> float:
        """The true age, in years, that goes with a reading in years."""
        return float(np.interp(reading, self.estimate, self.true))


def read_age_curve(path: Path) -> AgeCurve:
    """Read a JSON file with the lists ``estimate`` and ``true``, in years.

    Raises UsageError where the file is missing or damaged, and where readings do not rise or true ages fall.
    """
    remedy = "give two lists of years of the same length, 'estimate' (rising) and 'true' (not falling)"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        estimate, true = (np.array(stored[name], np.float64) for name in ("estimate", "true"))
    except FileNotFoundError as error:
        raise UsageError(f"the age curve '{path}' does not exist: check its name") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"'{path}' is no age curve: {remedy}") from error
    fits = estimate.ndim == 1 and estimate.shape == true.shape and len(estimate) >= 2
    if not fits or not (np.diff(estimate) > 0).all() or not (np.diff(true) >= 0).all():
        raise UsageError(f"'{path}' is no age curve: {remedy}")
    return AgeCurve(estimate, true)
