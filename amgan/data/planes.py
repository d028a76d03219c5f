"""Planes of a frame: float32 [S, S], and the blur that takes its size from the frame's side."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

LEAST_SIGMA_PX = 0.3


def blurred(plane: NDArray[np.floating], share: float) -> Plane:
    """A plane [S, S] or [S, S, C] blurred by a Gaussian of ``share`` times its side, 0.3 px at least."""
    sigma = max(share * plane.shape[0], LEAST_SIGMA_PX)
    return np.asarray(cv2.GaussianBlur(np.asarray(plane, np.float32), (0, 0), sigma), np.float32)
