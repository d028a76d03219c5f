"""Belief in numbers: those under 45 asked for 75, those over 50 asked for 30, by group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .ages import gains
from .belief import PUBLISHED, belief_numbers, over_faces
from .requests import BELIEF_OLDER, BELIEF_YOUNGER, NOW, OLD, YOUNG
from .result import FaceResult
from .statistics import summarise
from .true_ages import against_true_ages

OLDER_KEY, YOUNGER_KEY = f"under_45_asked_{BELIEF_OLDER}", f"over_50_asked_{BELIEF_YOUNGER}"
KEYS = {OLDER_KEY: BELIEF_OLDER, YOUNGER_KEY: BELIEF_YOUNGER}

Faces = Sequence[FaceResult]


def belief_measures(faces: Faces, judges: Sequence[str], first: str) -> dict[str, Any]:
    """Belief over some faces, of the young asked for more and the old asked for less.

    Who is young or old is said by the known age, else by the judge ``first``.
    """
    young = [face for face in faces if face.years_now(first) < YOUNG]
    old = [face for face in faces if face.years_now(first) > OLD]
    return {key: _asked(some, KEYS[key], judges) for key, some in ((OLDER_KEY, young), (YOUNGER_KEY, old))}


def _asked(faces: Faces, request: str, judges: Sequence[str]) -> dict[str, Any]:
    numbers = belief_numbers(over_faces([face.belief[request] for face in faces if face.belief]))
    return numbers | {
        "years": {judge: summarise(gains(faces, judge, request)) for judge in judges},
        "distance": summarise([face.distances[request] for face in faces]),
    }


def true_age_measures(faces: Faces, judges: Sequence[str]) -> dict[str, Any]:
    """Every reader of ages against the true ages of those faces that have one; {} where none has."""
    known = [face for face in faces if face.true and np.isfinite(face.known_years)]
    if not known:
        return {}
    years = [face.known_years for face in known]
    return {j: against_true_ages(years, [face.readings[j][NOW] for face in known]) for j in judges}


def published() -> list[dict[str, Any]]:
    """What the same measures say of pictures that others published."""
    return [dict(one) for one in PUBLISHED]
