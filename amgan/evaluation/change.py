"""One face before and after a change: the input of all measures of plausibility.

Sizes are shares of the face's width, so that faces of different sizes compare.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from amgan.runtime.face.mesh import FACE_OVAL

RIGHT_SIDE, LEFT_SIDE = 234, 454
"""Mesh points at the two sides of the face, at eye level."""

INNER_MARGIN = 0.05
LOG_FLOOR = 8.0
_SMALLEST_SIGMA_PX = 0.3

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class FaceChange:
    """A face in two versions of one picture.

    ``before`` and ``after`` uint8 [H, W, 3]; ``landmarks`` [468, 2] of the unchanged face in px;
    ``network_scale`` px of the network's frame per px of the picture (1 where no network made the change, or
    the picture is its frame). Raises ValueError for pictures of different shapes.
    """

    name: str
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    landmarks: NDArray[np.floating]
    network_scale: float = 1.0

    def __post_init__(self) -> None:
        if self.before.shape != self.after.shape:
            raise ValueError(f"{self.name}: {self.before.shape} and {self.after.shape} differ")

    @cached_property
    def width_px(self) -> float:
        """Width of the face between its two sides, in px of the picture."""
        return float(np.linalg.norm(self.landmarks[RIGHT_SIDE, :2] - self.landmarks[LEFT_SIDE, :2]))

    @cached_property
    def inner(self) -> Mask:
        """The inner face, bool [H, W]: the face oval, eroded by INNER_MARGIN of its width."""
        return inner_face(self.landmarks, (self.before.shape[0], self.before.shape[1]), self.width_px)

    @cached_property
    def codes(self) -> Plane:
        """The change of the mean of the three colours in code values, float32 [H, W]."""
        return self.after.mean(axis=2, dtype=np.float32) - self.before.mean(axis=2, dtype=np.float32)

    @cached_property
    def log(self) -> Plane:
        """The change of log intensity, mean of the three colours, float32 [H, W]."""
        before, after = (np.log(p.astype(np.float32) + LOG_FLOOR) for p in (self.before, self.after))
        return np.asarray((after - before).mean(axis=2), np.float32)

    def sigma_px(self, share: float) -> float:
        """A share of the face's width in px, as the standard deviation of a blur."""
        return share * self.width_px


def inner_face(landmarks: NDArray[np.floating], shape: tuple[int, int], width_px: float) -> Mask:
    """The oval of a face, eroded by INNER_MARGIN of its width, bool of ``shape`` [H, W]."""
    oval = np.zeros((shape[0] + 2, shape[1] + 2), np.uint8)  # the border of the picture counts as an edge
    cv2.fillPoly(oval, [np.rint(landmarks[list(FACE_OVAL), :2] + 1).astype(np.int32)], 1)
    oval[0] = oval[-1] = 0
    oval[:, 0] = oval[:, -1] = 0
    return cv2.distanceTransform(oval, cv2.DIST_L2, 5)[1:-1, 1:-1] > INNER_MARGIN * width_px


def blurred_px(plane: Plane, sigma_px: float) -> Plane:
    """A plane blurred by a Gaussian of ``sigma_px``; unchanged where that is below a third of a pixel."""
    if sigma_px < _SMALLEST_SIGMA_PX:
        return plane
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma_px), np.float32)
