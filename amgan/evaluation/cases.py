"""The faces that a report shows: the best and the worst by every measure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .ages import old_faces, slope, young_faces
from .requests import NOW, OLDER, YOUNGER
from .result import FaceResult

SHOWN = 4


@dataclass(frozen=True)
class Ranking:
    """The best and the worst faces by one measure, each with its value as text, and the request."""

    title: str
    request: str
    best: tuple[tuple[FaceResult, str], ...]
    worst: tuple[tuple[FaceResult, str], ...]


def rankings(faces: Sequence[FaceResult], first: str) -> list[Ranking]:
    """All rankings; ``first`` is the judge whose readings count."""

    def gain(request: str) -> Callable[[FaceResult], float]:
        return lambda face: face.readings[first][request] - face.readings[first][NOW]

    young, old = young_faces(faces, first), old_faces(faces, first)
    found = [
        rank("Years gained, under 45 asked for 70", OLDER, young, gain(OLDER), "{:+.0f} years"),
        rank("Years lost, over 50 asked for 25", YOUNGER, old, lambda f: -gain(YOUNGER)(f), "{:+.0f} years",
             turned=True),
        rank("Slope of read over asked", OLDER, faces, lambda f: slope(f.readings[first]), "slope {:.2f}"),
        rank("Identity at 70", OLDER, faces, lambda f: -f.distances[OLDER], "distance {:.2f}", turned=True),
        rank("Identity at 25", YOUNGER, faces, lambda f: -f.distances[YOUNGER], "distance {:.2f}",
             turned=True),
        rank("Shift of plain skin at 70", OLDER, faces, lambda f: -_tone_length(f), "{:.1f} code values",
             turned=True),
        rank("Fine detail kept at 70", OLDER, faces, lambda f: f.detail[OLDER], "correlation {:.2f}"),
        rank("Older and back to the present age", OLDER, faces, lambda f: f.cycle.present_age_db,
             "{:.1f} dB"),
    ]  # fmt: skip
    return [one for one in found if one.best]


def rank(
    title: str,
    request: str,
    faces: Sequence[FaceResult],
    good: Callable[[FaceResult], float],
    words: str,
    *,
    turned: bool = False,
) -> Ranking:
    """The faces with the highest and lowest ``good``; ``turned`` prints the number negated."""
    known = sorted((f for f in faces if np.isfinite(good(f))), key=good)
    texts = [(face, words.format(-good(face) if turned else good(face))) for face in known]
    count = min(SHOWN, len(texts) // 2) or len(texts)
    return Ranking(title, request, tuple(texts[::-1][:count]), tuple(texts[:count]) if len(texts) > 1 else ())


def _tone_length(face: FaceResult) -> float:
    return float(np.linalg.norm(face.tone[OLDER]))
