"""Pixel measures of a change: detail kept, tone shift, evenness of a sweep, PSNR after a cycle.

Pictures are uint8 [H, W, 3], masks bool [H, W]; ``side_px`` is the side of the face's frame in px. Blurs
are shares of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from amgan.runtime.face.tone import LUMA

FINE = 0.004
"""Standard deviation, as a share of the frame's side, of the blur below which detail counts as fine."""

FOLDS = 0.02
"""The same for lines and folds."""


Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class SweepSteps:
    """Evenness of a sweep: mean absolute change over the face between neighbouring ages, in code values.

    ``largest``: the largest step. ``total``: the change from the first age to the last. ``times_even``: the
    largest step divided by the mean step.
    """

    largest: float
    total: float
    times_even: float


def detail(picture: Picture, side_px: float, share: float = FINE) -> NDArray[np.float32]:
    """Lightness minus its blur, float32 [H, W] in code values."""
    grey = picture.astype(np.float32) @ LUMA
    return np.asarray(grey - cv2.GaussianBlur(grey, (0, 0), max(share * side_px, 0.5)), np.float32)


def detail_kept(before: Picture, after: Picture, where: Mask, side_px: float) -> float:
    """Correlation of fine detail before and after; NaN where there is no detail."""
    if where.sum() < 2:
        return float("nan")
    one, other = (detail(picture, side_px)[where] for picture in (before, after))
    if not one.std() or not other.std():
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])


def unlined(pictures: Sequence[Picture], skin: Mask, side_px: float) -> Mask:
    """Skin without lines in any of the pictures: its detail is below the skin's median."""
    plain = skin.copy()
    for picture in pictures:
        strength = np.abs(detail(picture, side_px, FOLDS))
        if skin.any():
            plain &= strength <= np.median(strength[skin])
    return plain


def tone_shift(before: Picture, after: Picture, skin: Mask, side_px: float) -> tuple[float, float, float]:
    """Mean change of red, green and blue of skin without lines, in code values; NaN without such skin."""
    where = unlined((before, after), skin, side_px)
    if not where.any():
        return (float("nan"),) * 3
    red, green, blue = (after[where].astype(np.float64) - before[where]).mean(axis=0)
    return float(red), float(green), float(blue)


def sweep_steps(pictures: Sequence[Picture], where: Mask) -> SweepSteps:
    """The steps of a sweep of two or more pictures over a face; all NaN where there is no face."""
    if not where.any():
        return SweepSteps(*(float("nan"),) * 3)
    faces = [picture[where].astype(np.int16) for picture in pictures]
    steps = [float(np.abs(b - a).mean()) for a, b in pairwise(faces)]
    mean = sum(steps) / len(steps)
    total = float(np.abs(faces[-1] - faces[0]).mean())
    return SweepSteps(max(steps), total, max(steps) / mean if mean else float("nan"))


def psnr(before: Picture, after: Picture, where: Mask | None = None) -> float:
    """Peak signal-to-noise ratio in dB; infinite for equal pictures, NaN where ``where`` is empty."""
    if where is not None:
        before, after = before[where], after[where]
    error = float(((before.astype(np.float64) - after) ** 2).mean()) if before.size else np.nan
    return float(10 * np.log10(255.0**2 / error)) if error else float("inf")
