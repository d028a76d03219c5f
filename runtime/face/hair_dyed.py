"""Which colours hair has by nature."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_COLOURS = (20.0, 105.0)
"""Lab hue angles in degrees of natural hair; hair of any other strong colour is dyed and unchanged."""
_PALE, _PALE_BLACK, _BLACK = 10.0, 16.0, 20.0
"""The chroma that natural hair of any hue may have; more below a lightness: black hair mirrors the sky."""
_PURPLE, _DEEP, _LEAST_DEEP = (-45.0, 20.0), 0.5, 5.0
"""Purple hues are dyed in dark hair, too, from this chroma on, relative to lightness and a least one."""
_RED = 35.0
"""From this chroma on, red hues are dyed the more surely the stronger they are."""


def is_dyed(colour: NDArray[np.floating]) -> bool:
    """Whether hair of this colour, RGB in code values, is dyed."""
    light, a, b = cv2.cvtColor(np.float32(colour).reshape(1, 1, 3) / 255.0, cv2.COLOR_RGB2LAB)[0, 0]
    angle, chroma = float(np.degrees(np.arctan2(b, a))), float(np.hypot(a, b))
    low = _COLOURS[0] + 2.5 * max(chroma - _RED, 0.0)
    if low <= angle <= _COLOURS[1]:
        return False
    if _PURPLE[0] < angle < _PURPLE[1] and chroma > _DEEP * (light + _LEAST_DEEP):
        return True
    return chroma > (_PALE if light > _BLACK else _PALE_BLACK)
