"""The change of a face in the tone and the exposure of its photo.

Black-and-white, tinted and sepia photos have one colour for each lightness: there a change follows that
colour, so that no hue appears that the photo does not have. And what is blown out or nearly black shows no
skin: there a change fades, so that no patch of grey, olive or black appears.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .easing import eased

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
SAMPLE_PX = 32
ONE_TONE_CODES = (3.2, 4.6)
"""How far the colours of a face are from those of its lightness: up to the first it has one tone, from the
second on colours of its own. Nine tenths of 53 colour portraits were over 5.8; of their sepia versions in
JPEG of quality 75 the most was 3.3."""
USUAL_CODES = 110.0
BLOWN_OUT = (226.0, 248.0)
NEARLY_BLACK = (6.0, 26.0)
BLOWN_OUT_SHARE = 0.95


@dataclass(frozen=True, eq=False)
class Tone:
    """How the colours of a face follow its lightness.

    ``slopes`` float32 [256, 3] are by how many code values each channel grows with one of luminance, by the
    luminance; ``share`` 0..1 is how much of the change follows them rather than the colours themselves.
    """

    slopes: NDArray[np.float32]
    share: float


def read_tone(rgb: NDArray[np.uint8], mask: NDArray[np.float32]) -> Tone:
    """The tone of a face, uint8 [S, S, 3], where its mask, float32 [S, S] 0..1, is over a half.

    Noise of single pixels and what lies outside the face, such as a date, do not count.
    """
    small = cv2.resize(rgb, (SAMPLE_PX, SAMPLE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    inside = cv2.resize(mask, (SAMPLE_PX, SAMPLE_PX), interpolation=cv2.INTER_AREA) > 0.5
    plain = Tone(np.ones((256, 3), np.float32), 0.0)
    colours = small[inside]
    if len(colours) < 16:
        return plain
    light = colours @ LUMA
    apart = colours - light[:, None]
    powers = np.vander(light / 255.0, 3, increasing=True)
    factors = np.linalg.lstsq(powers, apart, rcond=None)[0]
    left_over = np.abs(apart - powers @ factors).max(axis=1)
    begins, ends = ONE_TONE_CODES
    brightened = min(max(USUAL_CODES / max(float(np.median(light)), 1.0), 1.0), 3.0)
    share = 1.0 - _smooth(brightened * float(np.percentile(left_over, 90)), begins, ends)
    if not share:
        return plain
    codes = np.arange(256) / 255.0
    slopes = 1.0 + (factors[1] + 2.0 * codes[:, None] * factors[2]) / 255.0
    slopes = np.clip(slopes, 0.4, 1.6).round(4)  # a grey photo must stay grey to the last bit
    return Tone(np.asarray(slopes / (slopes @ LUMA)[:, None], np.float32), share)


def toned_change(
    before: NDArray[np.uint8], after: NDArray[np.uint8] | NDArray[np.float32], tone: Tone
) -> NDArray[np.float32]:
    """The change of a part of a face, float32 [h, w, 3] code values, in the photo's tone and exposure."""
    change = np.asarray(cv2.subtract(after, before, dtype=cv2.CV_32F), np.float32)
    if tone.share:
        light = cv2.transform(change, LUMA[None])
        followed = tone.slopes[cv2.cvtColor(before, cv2.COLOR_RGB2GRAY)] * light[..., None]
        change = np.asarray(cv2.addWeighted(change, 1.0 - tone.share, followed, tone.share, 0.0), np.float32)
    return np.asarray(cv2.multiply(change, cv2.merge([exposure_weight(before)] * 3)), np.float32)


def exposure_weight(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How much of a change each pixel can show, float32 [h, w] 0..1; 1 for all but the ends of the scale.

    The middle one of a pixel's channels tells whether it is blown out (skin often clips its red alone), the
    largest one whether it is nearly black.
    """
    red, green, blue = cv2.split(rgb)
    low, high = cv2.min(red, green), cv2.max(red, green)
    middle, largest = cv2.max(low, cv2.min(high, blue)), cv2.max(high, blue)
    return np.asarray(cv2.multiply(cv2.LUT(middle, _BRIGHT), cv2.LUT(largest, _DARK)), np.float32)


def _smooth(value: float, begins: float, ends: float) -> float:
    return eased(min(max((value - begins) / (ends - begins), 0.0), 1.0))


_BRIGHT = np.array([1.0 - BLOWN_OUT_SHARE * _smooth(code, *BLOWN_OUT) for code in range(256)], np.float32)
_DARK = np.array([_smooth(code, *NEARLY_BLACK) for code in range(256)], np.float32)
