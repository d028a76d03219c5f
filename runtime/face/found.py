"""Data classes of the face finder: a face, and the result of a search."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .alignment import Frame
from .detector import Detection
from .mesh import LEFT_EYE, NOSE_TIP, RIGHT_EYE, raise_hairline

MIN_PRESENCE = 0.5
"""Minimum presence of a face."""


@dataclass(frozen=True, eq=False)
class Face:
    """One face of a photo.

    ``landmarks`` are [468, 2] float64 in photo pixels; ``score`` is the detector's and ``presence`` the
    mesh's confidence (0..1); ``frame`` is its canonical frame.
    """

    landmarks: NDArray[np.float64]
    score: float
    presence: float
    frame: Frame

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Corners x0, y0, x1, y1 of the landmarks' bounding box, in photo pixels."""
        low, high = self.landmarks.min(axis=0), self.landmarks.max(axis=0)
        return (float(low[0]), float(low[1]), float(high[0]), float(high[1]))

    @property
    def reach(self) -> tuple[float, float, float, float]:
        """Bounding box x0, y0, x1, y1 of the skin that may change, forehead included, in photo px."""
        points = raise_hairline(self.landmarks)
        low, high = points.min(axis=0), points.max(axis=0)
        return (float(low[0]), float(low[1]), float(high[0]), float(high[1]))

    @property
    def width_px(self) -> float:
        """Width of the landmarks' bounding box in photo pixels."""
        return self.box[2] - self.box[0]

    @property
    def turn(self) -> float:
        """How far the head is turned aside; see turn_of."""
        return turn_of(self.landmarks)

    @property
    def turns_upright(self) -> int:
        """The number of counter-clockwise quarter turns that make the face upright, 0 to 3."""
        x, y = self.frame.right
        return round(math.atan2(y, x) / (math.pi / 2)) % 4


def turn_of(landmarks: NDArray[np.floating]) -> float:
    """How far a head with landmarks [468, 2] is turned: 0 is frontal, about +1 or -1 a half profile."""
    right, left = landmarks[list(RIGHT_EYE)].mean(0), landmarks[list(LEFT_EYE)].mean(0)
    across = left - right
    middle = (landmarks[NOSE_TIP] - (left + right) / 2) @ across / max(float(across @ across), 1e-9)
    return float(2.0 * middle)


@dataclass(frozen=True)
class Doubt:
    """Findings on the most likely position ``at`` of a face in a photo without faces.

    ``tiny``: it is too small for the other findings. ``drawn``: most neighbouring pixels have exactly the
    same colour. ``borders`` are the borders of the photo that it exceeds. ``turned``: the mesh sees a head
    turned aside. ``covered``: little of it looks like bare skin. ``too_small``: it is a face below the size
    that was searched for.
    """

    at: Detection
    tiny: bool = False
    drawn: bool = False
    borders: tuple[str, ...] = ()
    turned: bool = False
    covered: bool = False
    too_small: bool = False


@dataclass(frozen=True, eq=False)
class Found:
    """The result of a search for faces in a photo.

    ``faces`` are sorted largest first. ``refused`` are detections to which no mesh could be fitted and
    low-score candidates, best first. ``min_face_px`` is the width of the smallest faces searched for,
    ``quarter_turns`` the counter-clockwise quarter turns of the photo in the last search. ``windows`` counts
    the detector's runs, ``meshes`` those of the mesh. ``doubt`` has the findings of `FaceFinder.explain`.
    """

    faces: tuple[Face, ...]
    refused: tuple[Detection, ...]
    min_face_px: float
    quarter_turns: int
    windows: int
    meshes: int
    doubt: Doubt | None = None


def without_twins(faces: list[Face]) -> list[Face]:
    """Drop duplicates from overlapping windows: centres within a third of the other face's width."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda f: -f.score):
        centre = np.array(face.frame.centre)
        if all(
            np.hypot(*(centre - np.array(k.frame.centre))) > 0.34 * max(face.width_px, k.width_px)
            for k in kept
        ):
            kept.append(face)
    return kept
