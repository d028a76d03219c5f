"""Requested age against read age: order, slope and error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .requests import ASKED, NOW, OLD, OLDER, YOUNG, YOUNGER
from .result import FaceResult
from .statistics import rounded, share, summarise

CONFIDENCE = 1.96


def reading_noise(faces: Sequence[FaceResult], judge: str) -> float:
    """Standard deviation in years of a judge's readings of one unchanged face under small shifts."""
    return float(np.sqrt(np.mean([np.var(face.noise[judge], ddof=1) for face in faces])))


def tolerance(noise: float) -> float:
    """Largest difference in years between two readings of the same face at 95 % confidence."""
    return CONFIDENCE * float(np.sqrt(2.0)) * noise


def slope(readings: Mapping[str, float]) -> float:
    """Slope of read over requested age, least squares over ASKED."""
    return float(np.polyfit(ASKED, [readings[str(age)] for age in ASKED], 1)[0])


def is_monotone(readings: Mapping[str, float], allowed: float) -> bool:
    """Whether no reading is more than ``allowed`` years below the reading at any younger requested age.

    The oldest age must read older than the youngest, so a face that does not change is not monotone.
    """
    years = np.array([readings[str(age)] for age in ASKED])
    drop = float((np.maximum.accumulate(years) - years).max())
    return drop <= allowed and bool(years[-1] > years[0])


def error(readings: Mapping[str, float]) -> float:
    """Mean absolute difference in years between requested and read age over ASKED."""
    return float(np.mean([abs(readings[str(age)] - age) for age in ASKED]))


def young_faces(faces: Sequence[FaceResult], judge: str) -> list[FaceResult]:
    """The faces that a judge reads as younger than YOUNG; these are aged to OLDER."""
    return [face for face in faces if face.readings[judge][NOW] < YOUNG]


def old_faces(faces: Sequence[FaceResult], judge: str) -> list[FaceResult]:
    """The faces that a judge reads as older than OLD; these are aged to YOUNGER."""
    return [face for face in faces if face.readings[judge][NOW] > OLD]


def gains(faces: Sequence[FaceResult], judge: str, request: str) -> list[float]:
    """Reading minus reading of the unchanged picture in years, per face."""
    return [face.readings[judge][request] - face.readings[judge][NOW] for face in faces]


def age_measures(faces: Sequence[FaceResult], judge: str, first: str, noise: float) -> dict[str, Any]:
    """All measures of one judge over some faces; the judge ``first`` decides who is young or old."""
    table = [face.readings[judge] for face in faces]
    allowed = tolerance(noise)
    young, old = young_faces(faces, first), old_faces(faces, first)
    return {
        "reading": {request: summarise([one[request] for one in table]) for request in table[0]},
        "slope": summarise([slope(one) for one in table]),
        "error_years": summarise([error(one) for one in table]),
        "monotone_within_noise": share([is_monotone(one, allowed) for one in table]),
        "monotone_strictly": share([is_monotone(one, 0.0) for one in table]),
        "under_45_asked_70_years": summarise(gains(young, judge, OLDER)),
        "over_50_asked_25_years": summarise(gains(old, judge, YOUNGER)),
        "share_of_under_45_older_at_70": share([years > 0 for years in gains(young, judge, OLDER)]),
        "share_of_over_50_younger_at_25": share([years < 0 for years in gains(old, judge, YOUNGER)]),
    }


def noise_facts(faces: Sequence[FaceResult], judge: str) -> dict[str, Any]:
    """A judge's own noise in years, for the result file."""
    noise = reading_noise(faces, judge)
    return {"noise_years": rounded(noise), "tolerance_years": rounded(tolerance(noise))}
