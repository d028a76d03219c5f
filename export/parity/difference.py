"""Differences between two pictures: code values, PSNR and SSIM."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from amgan.evaluation.pixels import psnr

IDENTICAL_DB = 150.0
"""PSNR reported for identical pictures, where it would be infinite."""

WINDOW_PX = 8
_STABLE = ((0.01 * 255.0) ** 2, (0.03 * 255.0) ** 2)


def code_difference(found: NDArray[np.uint8], wanted: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Absolute difference in code values (0..255) of two pictures of one shape."""
    difference: NDArray[np.int16] = np.abs(found.astype(np.int16) - wanted.astype(np.int16))
    return difference


def psnr_db(found: NDArray[np.uint8], wanted: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio in dB for a peak of 255; IDENTICAL_DB when nothing differs."""
    return min(IDENTICAL_DB, psnr(wanted, found))


def ssim(found: NDArray[np.uint8], wanted: NDArray[np.uint8]) -> float:
    """Mean structural similarity (at most 1) of pictures [N, H, W, C] of at least 8×8 px.

    Wang, Bovik, Sheikh, Simoncelli, "Image Quality Assessment: From Error Visibility to Structural
    Similarity", IEEE Transactions on Image Processing 13(4), 2004, equation 13, with its constants K1 = 0.01
    and K2 = 0.03, over a uniform window of 8×8 px, each channel separately.
    """
    x, y = found.astype(np.float64), wanted.astype(np.float64)
    mean_x, mean_y = _window_mean(x), _window_mean(y)
    variance_x = _window_mean(x * x) - mean_x**2
    variance_y = _window_mean(y * y) - mean_y**2
    covariance = _window_mean(x * y) - mean_x * mean_y
    light = (2.0 * mean_x * mean_y + _STABLE[0]) / (mean_x**2 + mean_y**2 + _STABLE[0])
    structure = (2.0 * covariance + _STABLE[1]) / (variance_x + variance_y + _STABLE[1])
    return float((light * structure).mean())


def _window_mean(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of every window that lies inside, [N, H - 7, W - 7, C]."""
    size = (WINDOW_PX, WINDOW_PX)
    means = np.stack([cv2.blur(picture, size, anchor=(0, 0)).reshape(picture.shape) for picture in x])
    inside: NDArray[np.float64] = means[:, : 1 - WINDOW_PX, : 1 - WINDOW_PX]
    return inside
