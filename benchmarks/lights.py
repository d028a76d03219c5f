"""Transforms of pictures: other light, and greyscale."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


def in_light(change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Callable[[Picture], Picture]:
    """Turn a function of code values into one of pictures."""
    return lambda rgb: np.clip(change(rgb.astype(np.float64)), 0, 255).astype(np.uint8)


def grey(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Luminance in three channels."""
    return np.repeat((rgb @ (0.299, 0.587, 0.114))[..., None], 3, axis=2)


LIGHTS = {
    "as it is": in_light(lambda rgb: rgb),
    "black and white": in_light(grey),
    "sepia": in_light(lambda rgb: grey(rgb) * (1.07, 0.93, 0.74)),
    "faded, a third of the contrast": in_light(lambda rgb: 0.35 * grey(rgb) + 130),
    "a tenth of the light": in_light(lambda rgb: 0.1 * rgb),
    "overexposed by 0.85 stops": in_light(lambda rgb: 1.8 * rgb + 40),
}
