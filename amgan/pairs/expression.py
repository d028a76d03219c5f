"""Measures of a face's expression from its landmarks, independent of its size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from amgan.runtime.face.mesh import LEFT_EYE, RIGHT_EYE

_MOUTH_RIGHT, _MOUTH_LEFT, _LIP_UPPER, _LIP_LOWER = 61, 291, 13, 14
_BROW_RIGHT, _BROW_LEFT = 105, 334


def expression(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """Width and opening of the mouth, height of its corners, and raise of the brows, float64 [4].

    ``landmarks`` are [468, 2]; the unit is the distance of the eyes' centres.
    """
    points = np.asarray(landmarks, np.float64)
    right, left = points[list(RIGHT_EYE)].mean(axis=0), points[list(LEFT_EYE)].mean(axis=0)
    unit = float(np.linalg.norm(right - left))
    lips = (points[_LIP_UPPER] + points[_LIP_LOWER]) / 2
    corners = (points[_MOUTH_RIGHT] + points[_MOUTH_LEFT]) / 2
    brows = (right[1] - points[_BROW_RIGHT][1] + left[1] - points[_BROW_LEFT][1]) / 2
    return (
        np.array(
            [
                np.linalg.norm(points[_MOUTH_RIGHT] - points[_MOUTH_LEFT]),
                np.linalg.norm(points[_LIP_UPPER] - points[_LIP_LOWER]),
                lips[1] - corners[1],
                brows,
            ]
        )
        / unit
    )
