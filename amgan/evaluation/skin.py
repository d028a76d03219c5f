"""Lightness of skin in a picture: the individual typology angle, in bands.

The angle (Chardon, Cretois and Hourseau, 1991) is computed from the colour of skin. In a photo it depends on
the light as much as on the person: the bands describe pictures, not people's origin.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

BANDS = ((55.0, "very light"), (41.0, "light"), (28.0, "intermediate"), (10.0, "tan"), (-30.0, "brown"))
DARKEST = "dark"
SKIN_BANDS = (*(name for _, name in BANDS), DARKEST)


def typology_angle(picture: NDArray[np.uint8], skin: NDArray[np.bool_]) -> float:
    """Individual typology angle in degrees of the median colour of skin; NaN without skin.

    ``picture`` uint8 [H, W, 3] sRGB, ``skin`` bool [H, W].
    """
    if not skin.any():
        return float("nan")
    colour = np.median(picture[skin], axis=0).astype(np.float32) / 255.0
    lightness, _, yellow = cv2.cvtColor(colour.reshape(1, 1, 3), cv2.COLOR_RGB2LAB)[0, 0]
    return float(np.degrees(np.arctan2(lightness - 50.0, max(float(yellow), 1e-6))))


def band_of(angle: float) -> str:
    """The name of the band of an angle in degrees."""
    return next((name for lowest, name in BANDS if angle > lowest), DARKEST)
