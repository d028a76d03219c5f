"""Streaks along the strands of hair: which strands turn grey first, where a photo shows too few to tell."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from .hair_grid import Plane

_ANGLES = 12
_LENGTH = 21
"""Length of a streak in cells of the window."""


def strands_along(light: Plane, weight: Plane) -> Plane:
    """Noise [n, n] of mean 0 and deviation about 1 that runs along the strands of hair.

    ``light`` [n, n] is the luminance, ``weight`` [n, n] 0..1 says where hair is.
    """
    size = (light.shape[1], light.shape[0])
    small, hair = (
        cv2.resize(one, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for one in (light, weight)
    )
    across, down = (cv2.Scharr(small, cv2.CV_32F, *step) * (hair / 16) for step in ((1, 0), (0, 1)))
    products = cv2.merge([across * across - down * down, 2.0 * across * down])
    blurred = np.asarray(cv2.GaussianBlur(products, (0, 0), 2.0), np.float32)
    # Where no strands show they hang: gradients are then horizontal.
    blurred[..., 0] += np.float32(0.5)
    blurred = np.asarray(cv2.resize(blurred, size, interpolation=cv2.INTER_LINEAR), np.float32)
    twice = cv2.phase(blurred[..., 0], blurred[..., 1])
    angle = (0.5 * twice + 0.5 * np.pi) * (_ANGLES / np.pi)
    low = np.floor(angle).astype(np.int32)
    part = np.asarray(angle - low, np.float32)
    streaks = _streaks(light.shape)
    place = np.arange(light.size).reshape(light.shape)
    first, second = (np.take(streaks, one % _ANGLES * light.size + place) for one in (low, low + 1))
    return np.asarray(first + part * (second - first), np.float32)


@cache
def _streaks(shape: tuple[int, int]) -> Plane:
    """The same noise drawn out in _ANGLES directions, [_ANGLES, *shape], from 0 to pi."""
    noise = np.random.default_rng(7).standard_normal(shape).astype(np.float32)
    noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.7), np.float32)
    found = []
    for number in range(_ANGLES):
        angle = number * np.pi / _ANGLES
        kernel = np.zeros((_LENGTH, _LENGTH), np.float32)
        middle = _LENGTH // 2
        step = np.array([np.cos(angle), np.sin(angle)]) * middle
        ends = [
            tuple(np.rint(np.array([middle, middle]) + sign * step).astype(int).tolist()) for sign in (-1, 1)
        ]
        cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_8)
        drawn = cv2.filter2D(noise, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT)
        found.append(drawn / drawn.std())
    return np.clip(np.stack(found), -2.5, 2.5).astype(np.float32)
