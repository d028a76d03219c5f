"""Augmentation of the estimator's training frames: placement, light, blur and noise."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_SCALE = (0.93, 1.08)
_ROLL_DEGREES = 3.0
_SHIFT_SHARE = 0.016
_BLUR_SHARE, _BLUR_PX = 0.4, 1.6
_NOISE_SHARE, _NOISE = 0.3, 0.012
_SIDE_LIGHT_SHARE, _ACROSS, _DOWN = 0.5, 0.18, 0.10

Frame = NDArray[np.uint8]
Picture = NDArray[np.float32]


def seen_again(frame: Frame, side_px: int, random: np.random.Generator) -> Picture:
    """Augment a frame uint8 [S, S, 3] randomly: float32 [side, side, 3] in -1..1.

    Changes placement, light, colour, blur and noise; S is at least ``side_px``.
    """
    picture = _relit(_placed(frame, side_px, random), random)
    if random.random() < _NOISE_SHARE:
        picture = picture + random.normal(0, _NOISE, picture.shape).astype(np.float32)
    return np.asarray(np.clip(picture, 0, 1) * 2 - 1, np.float32)


def as_it_is(frame: Frame, side_px: int) -> Picture:
    """Convert a frame uint8 [S, S, 3] to the estimator's input, float32 [side, side, 3] in -1..1."""
    small = cv2.resize(frame, (side_px, side_px), interpolation=cv2.INTER_AREA)
    return np.asarray(small.astype(np.float32) / 127.5 - 1, np.float32)


def _placed(frame: Frame, side_px: int, random: np.random.Generator) -> Picture:
    """The frame resized, shifted, rotated and scaled a little, 0..1."""
    ratio = side_px / frame.shape[0]
    turn, scale = np.radians(random.normal(0, _ROLL_DEGREES)), random.uniform(*_SCALE) * ratio
    across, down = np.cos(turn) * scale, np.sin(turn) * scale
    middle = frame.shape[0] / 2
    shift = side_px / 2 + random.normal(0, _SHIFT_SHARE * side_px, 2)
    shift -= (across * middle - down * middle, down * middle + across * middle)
    sigma = 0.4 / ratio + (random.uniform(0, _BLUR_PX) if random.random() < _BLUR_SHARE else 0.0)
    matrix = np.array([[across, -down, shift[0]], [down, across, shift[1]]])
    soft = cv2.GaussianBlur(frame, (0, 0), sigma)
    moved = cv2.warpAffine(soft, matrix, (side_px, side_px), borderMode=cv2.BORDER_REPLICATE)
    return moved.astype(np.float32) / 255.0


def _relit(picture: Picture, random: np.random.Generator) -> Picture:
    """The picture 0..1 with random gamma, saturation, white balance, side light and contrast."""
    side = picture.shape[0]
    lit = picture ** np.float32(np.exp(random.normal(0, 0.15)))
    grey = lit.mean(axis=2, keepdims=True)
    lit = grey + (lit - grey) * np.float32(random.uniform(0.5, 1.25))
    lit = lit * np.exp(random.normal(0, 0.05, 3)).astype(np.float32)
    if random.random() < _SIDE_LIGHT_SHARE:
        ramp = np.linspace(-1, 1, side, dtype=np.float32)
        across, down = random.normal(0, _ACROSS), random.normal(0, _DOWN)
        lit = lit * np.exp(np.float32(across) * ramp[None, :, None] + np.float32(down) * ramp[:, None, None])
    mean = lit.mean()
    return np.asarray((lit - mean) * np.float32(random.uniform(0.8, 1.2)) + mean, np.float32)
