"""Planes of a frame, float32 [S, S], and a blur relative to the frame's side."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

LEAST_SIGMA_PX = 0.3


def blurred(plane: NDArray[np.floating], share: float) -> Plane:
    """Blur a plane [S, S] or [S, S, C] by a Gaussian of ``share`` times its side, at least 0.3 px."""
    sigma = max(share * plane.shape[0], LEAST_SIGMA_PX)
    return np.asarray(cv2.GaussianBlur(np.asarray(plane, np.float32), (0, 0), sigma), np.float32)
