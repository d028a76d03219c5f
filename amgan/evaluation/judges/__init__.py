"""Judges: external networks, not part of training, that estimate ages and compare faces.

Their packages are imported on first use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from amgan.runtime.bundle.bundle import Bundle

Pictures = Sequence[NDArray[np.uint8]]


class AgeJudge(Protocol):
    """Estimates the apparent age of a face."""

    @property
    def name(self) -> str:
        """Short name, used in tables."""

    @property
    def note(self) -> str:
        """One sentence: what the judge is, and how independent of the weights."""

    def read(self, pictures: Pictures, landmarks: NDArray[np.floating]) -> list[float]:
        """Ages in years of one face in versions of a picture, uint8 [H, W, 3], the unchanged one first.

        ``landmarks`` [468, 2] in px.
        """


class IdentityJudge(Protocol):
    """Computes descriptors of a face's identity."""

    @property
    def name(self) -> str:
        """Short name, used in tables."""

    @property
    def note(self) -> str:
        """One sentence: what the judge is."""

    def describe(self, pictures: Pictures, landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
        """Descriptors [N, D] of one face in N versions of a picture; small distances mean the same person."""


@dataclass(frozen=True)
class Judges:
    """The judges of a run: at least one of ages, of which the first decides the age bands."""

    ages: tuple[AgeJudge, ...]
    identity: IdentityJudge


def open_judges(bundle: Bundle, face_api: Path | None = None) -> Judges:
    """Open the judges; ``face_api`` is the folder with the second estimator's weights (None: without it).

    Raises MissingDependencyError and UsageError.
    """
    from .age import AgeAndGenderJudge
    from .identity import DlibIdentity
    from .own import OwnEstimator

    ages: list[AgeJudge] = [AgeAndGenderJudge()]
    if face_api is not None:
        from .face_api import FaceApiAge

        ages.append(FaceApiAge(face_api))
    return Judges((*ages, OwnEstimator(bundle)), DlibIdentity())
