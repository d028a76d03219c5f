"""Line strength: the strength of new lines that suits a skin, low on smooth or pale skin, high on rough skin.

The same lines look like pen strokes on smooth pale skin and are invisible on rough skin in hard light. So the
mixing weights of a pattern are multiplied by a factor that is estimated from the skin: its contrast and its
paleness. Both are measured at several positions, so that a fringe, a beard or glasses over some of them have
no influence.

Sums are of integers and roots are exact, so that the C library computes the same.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from .easing import eased_between
from .pattern import choose_pattern

READ_PX = 256
"""Side in px of the frame in which the skin is measured."""
SKIN_LANDMARKS = (151, 108, 337, 50, 280, 205, 425, 101, 330)
"""Landmarks on plain skin: forehead, cheekbones, cheeks, beside the nose."""
CALM_RANK = 3
"""The contrast is that of the fourth smoothest position, as hair and shadows are rough, too."""
REACH = 0.13
"""Half the side of the square around each landmark, relative to the distance of the eyes."""
FINE_PX, BROAD_PX = 3, 9
"""Sides in px of the two box filters whose difference is the skin's structure, at READ_PX."""
MOST_LOG = 0.1
"""Differences in log intensity are clipped to this value."""
USUAL_CONTRAST = 0.017
"""Median root mean square of the structure, in log intensity, of young faces."""
FITTING = (0.5, 1.4)
"""Range of the factor for the contrast."""
PALE_CODES = (135.0, 195.0)
"""Mean code values at which skin begins to be pale, and is fully pale."""
PALE_SHARE = 0.8
"""Factor of the strength on fully pale skin."""
LOG_STEPS = 4096.0
_LOG = np.rint(LOG_STEPS * np.log(np.arange(766) / 3.0 + 8.0)).astype(np.float32)


def read_line_strength(image: NDArray[np.uint8], landmarks_unit: NDArray[np.floating]) -> float:
    """Line strength, 1 on usual skin, of a frame uint8 [S, S, 3]; landmarks [468, 2] are in its units."""
    contrast, codes = read_skin(image, landmarks_unit)
    return strength_of(contrast, codes)


def skin_pattern(
    image: NDArray[np.uint8], landmarks_unit: NDArray[np.floating], count: int
) -> NDArray[np.float32]:
    """Mixing weights float32 [count] of a face times the line strength of its skin.

    ``image`` uint8 [S, S, 3] is its frame, ideally of READ_PX; landmarks [468, 2] are in its units.
    """
    strength = read_line_strength(image, landmarks_unit)
    return choose_pattern(landmarks_unit, count) * np.float32(strength)


def pattern_for(pattern: NDArray[np.float32], change: NDArray[np.floating]) -> NDArray[np.float32]:
    """The mixing weights for a change in years, of any shape: zeros if no age increases."""
    return pattern if (change > 0).any() else np.zeros_like(pattern)


def strength_of(contrast: float, codes: float) -> float:
    """Line strength for a contrast (1 on usual skin) and a mean code value of the skin."""
    pale = float(eased_between(codes, *PALE_CODES))
    return fitting_of(contrast) * (1.0 - (1.0 - PALE_SHARE) * pale)


def fitting_of(contrast: float) -> float:
    """The factor for the contrast alone."""
    least, most = FITTING
    return min(max(math.sqrt(contrast), least), most)


def read_skin(image: NDArray[np.uint8], landmarks_unit: NDArray[np.floating]) -> tuple[float, float]:
    """Contrast (1 is usual) and median code value of the skin at SKIN_LANDMARKS; frame uint8 [S, S, 3]."""
    red, green, blue = cv2.split(shrink(image))
    total = np.add(red, green, dtype=np.uint16) + blue
    light = _LOG[total]
    fine, broad = (_box_sum(light, side) for side in (FINE_PX, BROAD_PX))
    most = np.float32(round(MOST_LOG * LOG_STEPS * BROAD_PX**2))
    band = np.clip((BROAD_PX // FINE_PX) ** 2 * fine - broad, -most, most).astype(np.float64)
    squares, codes = [], []
    for rows, columns in _squares(landmarks_unit):
        part = band[rows, columns]
        squares.append(float((part * part).sum()) / part.size)
        codes.append(float(total[rows, columns].sum(dtype=np.int64)) / (3 * part.size))
    rms = math.sqrt(sorted(squares)[CALM_RANK]) / (LOG_STEPS * BROAD_PX**2)
    return rms / USUAL_CONTRAST, sorted(codes)[len(codes) // 2]


def _box_sum(plane: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Sum over a square of ``side`` px around every pixel, with repeated edges: integers below 2**24."""
    sums = cv2.boxFilter(plane, cv2.CV_32F, (side, side), normalize=False, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(sums, np.float32)


def _squares(landmarks_unit: NDArray[np.floating]) -> list[tuple[slice, slice]]:
    points = np.asarray(landmarks_unit, np.float64)[:, :2]
    eyes = points[[33, 133]].mean(axis=0) - points[[362, 263]].mean(axis=0)
    reach = max(REACH * float(np.hypot(*eyes)) * READ_PX, 2.0)
    found = []
    for number in SKIN_LANDMARKS:
        middle = points[number] * READ_PX
        low = np.clip(np.floor(middle - reach + 0.5), 0, READ_PX - 1).astype(int)
        high = np.clip(np.floor(middle + reach + 0.5), low + 1, READ_PX).astype(int)
        found.append((slice(low[1], high[1]), slice(low[0], high[0])))
    return found


def shrink(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Resize a frame, uint8 [S, S, 3], to READ_PX."""
    if len(frame) == READ_PX:
        return frame
    how = cv2.INTER_AREA if len(frame) > READ_PX else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(frame, (READ_PX, READ_PX), interpolation=how), np.uint8)
