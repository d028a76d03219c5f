"""Summary of plausibility: faces under 45 aged to 75 and faces over 50 aged to 30, by group."""

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
    """Plausibility over some faces, of young ones made older and old ones made younger.

    The known age decides who is young or old, else the judge ``first``.
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
    """Every judge of ages compared with the true ages of the faces that have one; {} where none has."""
    known = [face for face in faces if face.true and np.isfinite(face.known_years)]
    if not known:
        return {}
    years = [face.known_years for face in known]
    return {j: against_true_ages(years, [face.readings[j][NOW] for face in known]) for j in judges}


def published() -> list[dict[str, Any]]:
    """The same measures of pictures published by others."""
    return [dict(one) for one in PUBLISHED]
