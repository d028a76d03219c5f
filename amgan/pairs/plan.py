"""Plans the versions of a training face: their ages and patterns."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

OLDEST_TO_AGE = 78.0
YOUNGEST_TO_REJUVENATE = 32.0
YOUNG_AGE = 25.0
_LEAD = 0.88
"""Share of the dominant pattern, in the half of the versions that have one."""
_SPREAD = 0.5
"""Concentration of the Dirichlet distribution of the other half's shares."""


@dataclass(frozen=True, eq=False)
class Version:
    """A planned version: ``age`` in years; ``pattern`` float32 [K] with the sum 1, or 0 if it is younger."""

    age: float
    pattern: NDArray[np.float32]


def plan_versions(name: str, age: float, patterns: int) -> list[Version]:
    """The versions of a face of ``age`` years; its file name seeds the draw of patterns.

    Faces under 50 get an old version and one about 24 years older, faces under 62 two old ones, faces under
    78 one very old one; faces from 32 years on get a young version, which shows no pattern.
    """
    draws = np.random.default_rng(list(hashlib.sha256(name.encode()).digest()[:8]))
    if age < 50:
        ages = [80.0, min(age + 24.0, 62.0)]
    elif age < 62:
        ages = [82.0, 82.0]
    else:
        ages = [88.0] if age < OLDEST_TO_AGE else []
    versions = [Version(one, _draw_pattern(draws, patterns)) for one in ages]
    if age >= YOUNGEST_TO_REJUVENATE:
        versions.append(Version(YOUNG_AGE, np.zeros(patterns, np.float32)))
    return versions


def _draw_pattern(draws: np.random.Generator, count: int) -> NDArray[np.float32]:
    """In half of the draws one pattern dominates, in the others all are mixed."""
    if draws.random() < 0.5 and count > 1:
        shares = np.full(count, (1.0 - _LEAD) / (count - 1))
        shares[draws.integers(count)] = _LEAD
    else:
        shares = draws.dirichlet(np.full(count, _SPREAD))
    return np.asarray(shares / shares.sum(), np.float32)
