"""How strongly a face takes a donor's detail: by the lightness of its skin, by zone, and at its own tone.

The same share of light makes a harsher mark on light skin than on dark, and a broad shadow looks like a
bruise there, where a thin line looks like a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from amgan.runtime.ages.maps import make_footprints
from amgan.runtime.face.zones import PART_NAMES

from .planes import Plane, blurred

Pair = tuple[float, float]

_CELLS = 160

ZONE_GAINS: tuple[tuple[str, float], ...] = (
    ("forehead", 0.8),
    ("frown", 1.1),
    ("crows-feet", 1.25),
    ("under-eye-lines", 0.7),
    ("under-eye-bags", 0.7),
    ("upper-lip", 0.8),
    ("lip-corners", 1.3),
    ("jowls", 1.25),
    ("chin", 1.15),
)
"""More where a change reads older at little cost in likeness, less where it costs likeness."""


@dataclass(frozen=True)
class StrengthOptions:
    """Strength of carried detail. Pairs are for dark and for light skin, at ``codes`` of mean intensity.

    Blurs are shares of the frame's side. ``gain`` multiplies all detail. What is coarser than ``broad_blur``
    counts as broad: its shadows are bent down to ``broad_limit`` of log intensity; what is finer is
    multiplied by ``thin_gain``. ``zone_gains`` holds zones with their own gains. Tone is levelled over
    ``level_blur``, judged by skin whose change, less its mean over ``plain_blur``, is under ``plain_change``.
    """

    codes: Pair = (60.0, 180.0)
    gain: Pair = (1.5, 0.72)
    broad_limit: Pair = (0.4, 0.15)
    broad_blur: float = 0.006
    thin_gain: float = 1.3
    zone_gains: tuple[tuple[str, float], ...] = ZONE_GAINS
    level_blur: float = 0.1
    plain_blur: float = 0.02
    plain_change: float = 0.03


def skin_lightness(code: float, options: StrengthOptions) -> float:
    """0 for skin as dark as the first of ``codes`` (code values) or darker, 1 for the second or lighter."""
    dark, light = options.codes
    return float(np.clip((code - dark) / (light - dark), 0.0, 1.0))


def between(pair: Pair, lightness: float) -> float:
    """The value for skin of that lightness, 0 dark to 1 light."""
    return pair[0] + (pair[1] - pair[0]) * lightness


def bend_shadows(detail: Plane, limit: float, options: StrengthOptions) -> Plane:
    """Detail [S, S] of log intensity with broad shadows bent to ``limit`` at most and thin lines stronger."""
    broad = blurred(detail, options.broad_blur)
    bent = np.where(broad < 0, limit * np.tanh(broad / limit), broad)
    return np.asarray(options.thin_gain * (detail - broad) + bent, np.float32)


def zone_strength(landmarks_unit: NDArray[np.floating], size_px: int, options: StrengthOptions) -> Plane:
    """What a change is multiplied by at every pixel of a face's frame, float32 [S, S, 1]."""
    strength = np.ones((_CELLS, _CELLS), np.float32)
    parts = make_footprints(np.asarray(landmarks_unit, np.float64), _CELLS).parts
    for name, plane in zip(PART_NAMES, parts, strict=True):
        strength *= np.float32(1.0) + np.float32(_gain_of(name, options.zone_gains) - 1.0) * plane
    return np.asarray(cv2.resize(strength, (size_px, size_px))[..., None], np.float32)


def level_tone(log_change: Plane, skin: Plane, options: StrengthOptions) -> Plane:
    """Take out of a change [S, S, 3] of log intensity what it does to the tone of plain skin around.

    ``skin`` [S, S] is 0..1. Plain skin is where the change has no line.
    """
    light = log_change.mean(axis=2)
    line = light - _inside(light, skin, options.plain_blur)
    plain = skin * np.exp(-((line / options.plain_change) ** 2))
    tone = np.stack([_inside(log_change[..., c], plain, options.level_blur) for c in range(3)], axis=2)
    return np.asarray(log_change - skin[..., None] * tone, np.float32)


def _gain_of(part: str, gains: Sequence[tuple[str, float]]) -> float:
    return next((gain for zone, gain in gains if part.startswith(zone)), 1.0)


def _inside(plane: Plane, weight: Plane, share: float) -> Plane:
    """A plane blurred within a weight [S, S], undisturbed by what lies outside."""
    return np.asarray(blurred(plane * weight, share) / np.maximum(blurred(weight, share), 1e-3), np.float32)
