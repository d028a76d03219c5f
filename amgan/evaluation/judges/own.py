"""The bundle's own estimator, shown beside the judges and named as such: it is no judge from outside."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from amgan.runtime.alignment import canonical_frame
from amgan.runtime.bundle import Bundle
from amgan.runtime.estimate import Estimator
from amgan.runtime.faces import Face
from amgan.runtime.norms import face_age

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
        face = Face(points, 1.0, 1.0, canonical_frame(points))
        return [face_age(self._estimator.read(picture, face)) for picture in pictures]
