"""Judges that took no part in training: they read ages and compare faces. They are imported when used."""

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
    """Reads how old a face looks."""

    @property
    def name(self) -> str:
        """Short name, used in tables."""

    @property
    def note(self) -> str:
        """One sentence on what the judge is, and how independent of the weights."""

    def read(self, pictures: Pictures, landmarks: NDArray[np.floating]) -> list[float]:
        """Age in years of one face in several versions of a picture, uint8 [H, W, 3], the unchanged first.

        ``landmarks`` [468, 2] are the face's in px.
        """


class IdentityJudge(Protocol):
    """Describes who a face is."""

    @property
    def name(self) -> str:
        """Short name, used in tables."""

    @property
    def note(self) -> str:
        """One sentence on what the judge is."""

    def describe(self, pictures: Pictures, landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
        """Descriptors [N, D] of one face in N versions of a picture: the nearer, the more the same person."""


@dataclass(frozen=True)
class Judges:
    """Who judges: at least one reader of ages, of whom the first one's readings make the age bands."""

    ages: tuple[AgeJudge, ...]
    identity: IdentityJudge


def open_judges(bundle: Bundle, face_api: Path | None = None) -> Judges:
    """The judges that a run uses; ``face_api`` is the folder of the second estimator's weights, if at hand.

    Raises MissingDependencyError or UsageError, saying what to install or to fetch.
    """
    from .age import AgeAndGenderJudge
    from .identity import DlibIdentity
    from .own import OwnEstimator

    ages: list[AgeJudge] = [AgeAndGenderJudge()]
    if face_api is not None:
        from .face_api import FaceApiAge

        ages.append(FaceApiAge(face_api))
    return Judges((*ages, OwnEstimator(bundle)), DlibIdentity())
