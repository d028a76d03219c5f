"""Extracts line-like detail from a band: wrinkles with their profile, but no pores, freckles or stubble.

A pixel is on a line if one of DIRECTIONS elongated second derivatives exceeds the mean of all. The band is
smoothed along that direction. Elongated filters of this kind are common in ridge detection (Lindeberg, "Edge
Detection and Ridge Detection with Automatic Scale Selection", 1998; oriented filters: Freeman and Adelson,
1991).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .log_picture import Plane, blur, smoothstep

DIRECTIONS = 16
_SHARPNESS = 8  # exponent of the best direction in the mix


@dataclass(frozen=True)
class LineOptions:
    """Sizes in px: smoothing ``along_px`` and ``across_px`` a line of half width ``width_px``.

    The weight of a line is 0 where the best direction's response is below ``least`` times the mean over
    directions, and 1 from ``sure`` times on.
    """

    along_px: float = 5.0
    across_px: float = 0.7
    width_px: float = 1.5
    least: float = 1.8
    sure: float = 3.2


def only_lines(band: NDArray[np.floating], options: LineOptions) -> Plane:
    """The lines of a band of detail [S, S], float32 [S, S]; 0 elsewhere."""
    band = np.ascontiguousarray(band, np.float32)
    responses = np.empty((DIRECTIONS, *band.shape), np.float32)
    smoothed = np.empty_like(responses)
    for number in range(DIRECTIONS):
        along, across = _kernels(np.pi * number / DIRECTIONS, options)
        responses[number] = np.abs(cv2.filter2D(band, -1, across))
        smoothed[number] = cv2.filter2D(band, -1, along)
    best = responses.max(axis=0)
    ratio = best / (responses.mean(axis=0) + 1e-4)
    weight = (responses / np.maximum(best, 1e-6)) ** _SHARPNESS
    lines = (weight * smoothed).sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-6)
    share = blur(smoothstep(ratio, options.least, options.sure), options.width_px)
    return np.asarray(lines * share, np.float32)


def _kernels(angle: float, options: LineOptions) -> tuple[Plane, Plane]:
    """The kernels of the smoothing along a direction, and of the elongated second derivative across it."""
    reach = int(np.ceil(2.6 * options.along_px))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float64)
    along = x * np.cos(angle) + y * np.sin(angle)
    across = -x * np.sin(angle) + y * np.cos(angle)
    envelope = np.exp(-(along**2) / (2 * options.along_px**2))
    smooth = envelope * np.exp(-(across**2) / (2 * max(options.across_px, 0.5) ** 2))
    width = options.width_px
    second = envelope * (across**2 / width**2 - 1) * np.exp(-(across**2) / (2 * width**2))
    second -= second.mean()
    return (smooth / smooth.sum()).astype(np.float32), (second / np.abs(second).sum()).astype(np.float32)
