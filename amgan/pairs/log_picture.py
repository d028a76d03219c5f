"""Log pictures, soft bounds and masked blurs: the arithmetic of pairs.

A picture is a product of light and skin, so a change of skin is a sum in log space. FLOOR limits the noise of
black pixels there.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

FLOOR = 8.0
"""Code values added before the logarithm."""

Plane = NDArray[np.float32]


def log_picture(frame: NDArray[np.generic]) -> Plane:
    """ln(code + FLOOR) of a picture of code values 0..255, float32 of the same shape."""
    return np.log(np.asarray(frame, np.float32) + np.float32(FLOOR))


def code_values(log: NDArray[np.floating]) -> NDArray[np.float32]:
    """The code values, 0..255, of a log picture."""
    return np.clip(np.exp(np.asarray(log, np.float32)) - np.float32(FLOOR), 0.0, 255.0)


def soft_bound(plane: NDArray[np.floating], limit: float) -> Plane:
    """Bound ``plane`` smoothly to -``limit``..``limit``; the identity near 0."""
    return np.asarray(limit * np.tanh(plane / limit), np.float32)


def soft_range(plane: NDArray[np.floating], down: float, up: float) -> Plane:
    """Separate soft bounds for darkening (``down``) and lightening (``up``); both are positive."""
    return np.where(plane < 0, soft_bound(plane, down), soft_bound(plane, up)).astype(np.float32)


def smoothstep(plane: NDArray[np.floating] | float, begins: float, ends: float) -> Plane:
    """Smooth step: 0 up to ``begins``, 1 from ``ends`` on."""
    share = np.clip((np.asarray(plane, np.float32) - begins) / (ends - begins), 0.0, 1.0)
    return np.asarray(share * share * (3.0 - 2.0 * share), np.float32)


def blur(plane: NDArray[np.number], sigma_px: float) -> Plane:
    """Gaussian blur of a plane [S, S] or [S, S, C]."""
    return np.asarray(cv2.GaussianBlur(np.asarray(plane, np.float32), (0, 0), max(sigma_px, 0.3)), np.float32)


def blur_inside(plane: NDArray[np.floating], mask: NDArray[np.number | np.bool_], sigma_px: float) -> Plane:
    """Gaussian blur of a plane [S, S] or [S, S, C], normalized by ``mask`` [S, S] 0..1."""
    seen = np.asarray(mask, np.float32)
    weight = np.maximum(blur(seen, sigma_px), np.float32(1e-3))
    if plane.ndim == 3:
        return np.asarray(blur(plane * seen[..., None], sigma_px) / weight[..., None], np.float32)
    return np.asarray(blur(plane * seen, sigma_px) / weight, np.float32)


def ellipse(radius_px: int) -> NDArray[np.uint8]:
    """An elliptical structuring element for dilation and erosion."""
    side = 2 * max(radius_px, 0) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)
