"""How strong new lines may be on a face's skin: weak where it is smooth or pale, strong where it is rough.

The same lines are a net of pen strokes on smooth pale skin and are lost on rough skin in hard light. So
the mixing weights of a pattern are multiplied by a number that is read from the skin: its contrast, and how
pale it is. Both are read at several places, so that a fringe, a beard or glasses over some of them do not
count.

Sums are of whole numbers and roots are exact, so that the C library computes the same.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from .easing import eased
from .pattern import choose_pattern

READ_PX = 256
"""Side of the frame that the skin is read in."""
PLACES = (151, 108, 337, 50, 280, 205, 425, 101, 330)
"""Landmarks on plain skin: forehead, cheekbones, cheeks, beside the nose."""
CALM_PLACE = 3
"""The contrast is that of the fourth smoothest place: hair and shadows are rough, too."""
REACH = 0.13
"""Half the side of the square that is read around each, as a share of the distance of the eyes."""
FINE_PX, BROAD_PX = 3, 9
"""Sides of the two means whose difference is the skin's structure, in pixels of READ_PX."""
MOST_LOG = 0.1
"""What differs by more, in log intensity, counts as this much."""
USUAL_CONTRAST = 0.017
"""Median root mean square of the structure, in log intensity, of young faces."""
FITTING = (0.5, 1.4)
"""Least and most of what the contrast allows."""
PALE_CODES = (135.0, 195.0)
"""Mean code values from which skin is a little pale, and wholly."""
PALE_SHARE = 0.8
"""What is left of the strength on wholly pale skin."""
_STEPS = 4096.0
_LOG = np.rint(_STEPS * np.log(np.arange(766) / 3.0 + 8.0)).astype(np.float32)


def read_line_strength(image: NDArray[np.uint8], landmarks_unit: NDArray[np.floating]) -> float:
    """Strength, 1 on usual skin, of a frame uint8 [S, S, 3]; landmarks [468, 2] in its units."""
    contrast, codes = read_skin(image, landmarks_unit)
    return strength_of(contrast, codes)


def skin_pattern(
    image: NDArray[np.uint8], landmarks_unit: NDArray[np.floating], count: int
) -> NDArray[np.float32]:
    """Mixing weights float32 [count] that follow from a face, times how strong lines may be on its skin.

    ``image`` uint8 [S, S, 3] is its frame, best of READ_PX; landmarks [468, 2] are in its units.
    """
    strength = read_line_strength(image, landmarks_unit)
    return choose_pattern(landmarks_unit, count) * np.float32(strength)


def pattern_for(pattern: NDArray[np.float32], change: NDArray[np.floating]) -> NDArray[np.float32]:
    """The mixing weights for a change in years, of any shape: zeros if no age increases."""
    return pattern if (change > 0).any() else np.zeros_like(pattern)


def strength_of(contrast: float, codes: float) -> float:
    """Strength for a contrast, 1 as usual, and a mean code value of the skin."""
    begins, ends = PALE_CODES
    pale = eased(min(max((codes - begins) / (ends - begins), 0.0), 1.0))
    return fitting_of(contrast) * (1.0 - (1.0 - PALE_SHARE) * pale)


def fitting_of(contrast: float) -> float:
    """How strong lines and folds may be by the contrast alone."""
    least, most = FITTING
    return min(max(math.sqrt(contrast), least), most)


def read_skin(image: NDArray[np.uint8], landmarks_unit: NDArray[np.floating]) -> tuple[float, float]:
    """Contrast of the skin, 1 as usual, at a calm place, and the median code value over PLACES, of a frame
    uint8 [S, S, 3].
    """
    red, green, blue = cv2.split(shrink(image))
    total = np.add(red, green, dtype=np.uint16) + blue
    light = _LOG[total]
    fine, broad = (_box_sum(light, side) for side in (FINE_PX, BROAD_PX))
    most = np.float32(round(MOST_LOG * _STEPS * BROAD_PX**2))
    band = np.clip((BROAD_PX // FINE_PX) ** 2 * fine - broad, -most, most).astype(np.float64)
    squares, codes = [], []
    for rows, columns in _squares(landmarks_unit):
        part = band[rows, columns]
        squares.append(float((part * part).sum()) / part.size)
        codes.append(float(total[rows, columns].sum(dtype=np.int64)) / (3 * part.size))
    rms = math.sqrt(sorted(squares)[CALM_PLACE]) / (_STEPS * BROAD_PX**2)
    return rms / USUAL_CONTRAST, sorted(codes)[len(codes) // 2]


def _box_sum(plane: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Sum over a square of ``side`` px around every pixel, the edge repeated: whole numbers below 2**24."""
    sums = cv2.boxFilter(plane, cv2.CV_32F, (side, side), normalize=False, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(sums, np.float32)


def _squares(landmarks_unit: NDArray[np.floating]) -> list[tuple[slice, slice]]:
    points = np.asarray(landmarks_unit, np.float64)[:, :2]
    eyes = points[[33, 133]].mean(axis=0) - points[[362, 263]].mean(axis=0)
    reach = max(REACH * float(np.hypot(*eyes)) * READ_PX, 2.0)
    found = []
    for number in PLACES:
        middle = points[number] * READ_PX
        low = np.clip(np.floor(middle - reach + 0.5), 0, READ_PX - 1).astype(int)
        high = np.clip(np.floor(middle + reach + 0.5), low + 1, READ_PX).astype(int)
        found.append((slice(low[1], high[1]), slice(low[0], high[0])))
    return found


def shrink(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A frame, uint8 [S, S, 3], of READ_PX."""
    if len(frame) == READ_PX:
        return frame
    how = cv2.INTER_AREA if len(frame) > READ_PX else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(frame, (READ_PX, READ_PX), interpolation=how), np.uint8)
