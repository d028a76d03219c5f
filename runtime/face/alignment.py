"""The canonical frame: the square, upright, FFHQ-style crop of one face.

Its position follows the alignment described for FFHQ (Karras et al., "A Style-Based Generator
Architecture for Generative Adversarial Networks", 2019, appendix A and the data set's notes): its
centre, tilt and side come from the eye centres and the mouth corners.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .mesh import LEFT_EYE, MOUTH_CORNERS, RIGHT_EYE


@dataclass(frozen=True)
class Frame:
    """The position of a canonical frame in a photo.

    ``centre`` (x, y) and ``right`` (the vector from the frame's centre to the middle of its right
    edge) are in photo pixels; the frame is square, so "down" is ``right`` turned by 90 degrees.
    """

    centre: tuple[float, float]
    right: tuple[float, float]

    @property
    def side_px(self) -> float:
        """Length of the frame's side in photo pixels."""
        return 2.0 * float(np.hypot(*self.right))

    def to_photo(self, size_px: int) -> NDArray[np.float64]:
        """2x3 matrix from frame coordinates (0..size_px) to photo pixels.

        Both are continuous: the centre of the first pixel is at (0.5, 0.5).
        """
        rx, ry = self.right
        axes = np.array([[rx, -ry], [ry, rx]]) * (2.0 / size_px)
        offset = np.array(self.centre) - axes @ np.array([size_px / 2, size_px / 2])
        return np.column_stack([axes, offset])

    def to_frame(self, size_px: int) -> NDArray[np.float64]:
        """2x3 matrix from photo pixels to frame coordinates (0..size_px); inverse of to_photo."""
        return invert_affine(self.to_photo(size_px))


def whole_frame(side_px: int) -> Frame:
    """The canonical frame of a square picture of ``side_px`` px that is nothing but that frame."""
    middle = side_px / 2
    return Frame((middle, middle), (middle, 0.0))


def invert_affine(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Invert a 2x3 affine matrix."""
    inverse = np.linalg.inv(matrix[:, :2])
    return np.column_stack([inverse, -inverse @ matrix[:, 2]])


def apply_affine(matrix: NDArray[np.float64], points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Apply a 2x3 affine matrix to points [..., 2]."""
    moved: NDArray[np.float64] = points @ matrix[:, :2].T + matrix[:, 2]
    return moved


def canonical_frame(landmarks: NDArray[np.floating]) -> Frame:
    """Place the canonical frame from the 468 landmarks of a face, [468, 2] or [468, 3] in photo pixels."""
    points = np.asarray(landmarks, dtype=np.float64)[:, :2]
    eye_right = points[list(RIGHT_EYE)].mean(axis=0)
    eye_left = points[list(LEFT_EYE)].mean(axis=0)
    mouth = points[list(MOUTH_CORNERS)].mean(axis=0)
    eyes = (eye_right + eye_left) / 2
    across = eye_left - eye_right
    down = mouth - eyes
    # The direction averages both axes, so that neither a turned head nor an open mouth tilts the frame.
    right = across + np.array([down[1], -down[0]])
    right /= max(float(np.hypot(*right)), 1e-9)
    half_side = max(2.0 * float(np.hypot(*across)), 1.8 * float(np.hypot(*down)), 1e-3)
    centre = eyes + 0.1 * down
    return Frame(
        (float(centre[0]), float(centre[1])), (float(right[0] * half_side), float(right[1] * half_side))
    )
