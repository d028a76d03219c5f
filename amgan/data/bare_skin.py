"""Masks of bare skin, without hair, beard, glasses or paint, which do not wrinkle with age.

Skin is assumed to have one chroma, and to be nowhere much darker than the surrounding skin.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .planes import Plane, blurred


@dataclass(frozen=True)
class BareSkinOptions:
    """Thresholds of skin. Pairs are the start and the end of a soft threshold, in log intensity.

    ``colour`` is the distance from the face's own colour, ``darker`` that from the surrounding skin, a mean
    over ``around_blur`` weighted towards lighter pixels. Noise is blurred over ``noise_blur``, and non-skin
    is dilated by ``grown``; all three are shares of the frame's side.
    """

    colour: tuple[float, float] = (0.22, 0.4)
    darker: tuple[float, float] = (0.65, 0.9)
    around_blur: float = 0.08
    noise_blur: float = 0.004
    grown: float = 0.006


def bare_skin(log: Plane, skin: Plane, options: BareSkinOptions | None = None) -> Plane:
    """The weight of bare skin per pixel, float32 [S, S] 0..1.

    ``log`` [S, S, 3] is a frame's log picture, ``skin`` [S, S] 0..1 the mask of skin without occlusions.
    """
    options = options or BareSkinOptions()
    core = skin > 0.5
    if not core.any():
        return np.ones_like(skin)
    light = np.asarray(log.mean(axis=2), np.float32)
    colour = np.asarray(log - light[..., None], np.float32)
    apart = blurred(colour, options.noise_blur) - np.median(colour[core], axis=0)
    weight = np.asarray(skin * np.exp(2.0 * (light - light.max())), np.float32)
    around = blurred(light * weight, options.around_blur) / np.maximum(
        blurred(weight, options.around_blur), 1e-6
    )
    other = np.maximum(
        _doubt(np.sqrt((apart**2).sum(axis=2)), options.colour),
        _doubt(around - blurred(light, options.noise_blur), options.darker),
    )
    side = 1 + 2 * round(options.grown * skin.shape[0])
    grown = np.asarray(
        cv2.dilate(other, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))), np.float32
    )
    return np.asarray(1.0 - blurred(grown, options.noise_blur), np.float32)


def _doubt(distance: NDArray[np.floating], begins_ends: tuple[float, float]) -> Plane:
    """0 up to the first distance, 1 from the second on."""
    begins, ends = begins_ends
    return np.asarray(np.clip((distance - begins) / (ends - begins), 0.0, 1.0), np.float32)
