"""The bundle's own estimator, shown beside the judges. It is not independent of the weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from amgan.runtime.ages.atlas_transfer import face_age
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.face.alignment import canonical_frame
from amgan.runtime.face.finder import Face
from amgan.runtime.face.mesh import LEFT_EYE, MOUTH_CORNERS, RIGHT_EYE
from amgan.runtime.pipeline.estimator import Estimator

from . import Pictures

NAME = "own estimator"


class OwnEstimator:
    """Reads the mean age of the fifteen zones with the estimator of a bundle."""

    name = NAME
    note = "The bundle's own estimator, trained together with the generator: no judge from outside."

    def __init__(self, bundle: Bundle) -> None:
        """Open it; raises BundleError or EngineError."""
        self._estimator = Estimator(bundle)

    def read(self, pictures: Pictures, landmarks: NDArray[np.floating]) -> list[float]:
        """See `AgeJudge.read`."""
        points = np.asarray(landmarks, np.float64)
        face = Face(points, 1.0, 1.0, canonical_frame(as_seen(points)))
        return [face_age(self._estimator.read(picture, face)) for picture in pictures]


def as_seen(landmarks: NDArray[np.float64]) -> NDArray[np.float64]:
    """The landmarks [468, 2], with the eyes swapped where the face is a mirror image.

    A mirrored mesh has its right eye at the right; a frame fitted to that would be upside down.
    """
    right, left = (landmarks[list(eye), :2].mean(axis=0) for eye in (RIGHT_EYE, LEFT_EYE))
    across, down = left - right, landmarks[list(MOUTH_CORNERS), :2].mean(axis=0) - (right + left) / 2
    if across[0] * down[1] - across[1] * down[0] >= 0:
        return landmarks
    seen = landmarks.copy()
    seen[list(RIGHT_EYE)], seen[list(LEFT_EYE)] = landmarks[list(LEFT_EYE)], landmarks[list(RIGHT_EYE)]
    return seen
