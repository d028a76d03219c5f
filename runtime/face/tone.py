"""Adapts the change of a face to the tone and the exposure of its photo.

Black-and-white, tinted and sepia photos have one colour per lightness: there the change follows that colour,
so that it adds no other hue. Blown-out and nearly black pixels show no skin: there the change fades, so that
no grey, olive or black patches appear.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .easing import eased_between
from .percentile import median, percentile
from .reduction import reduce_to

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
SAMPLE_PX = 32
ONE_TONE_CODES = (3.2, 4.6)
"""Mean distance of a face's colours from the tone curve, in code values: up to the first value the face is
toned, from the second on it is in colour. 90 % of 53 colour portraits were above 5.8; the maximum of their
sepia versions, as JPEG of quality 75, was 3.3."""
USUAL_CODES = 110.0
BLOWN_OUT = (226.0, 248.0)
NEARLY_BLACK = (6.0, 26.0)
BLOWN_OUT_SHARE = 0.95


@dataclass(frozen=True, eq=False)
class Tone:
    """The tone curve of a face.

    ``slopes`` float32 [256, 3] are the derivatives of each channel with respect to luminance, by luminance;
    ``share`` 0..1 is the share of the change that follows them.
    """

    slopes: NDArray[np.float32]
    share: float


def read_tone(rgb: NDArray[np.uint8], mask: NDArray[np.float32]) -> Tone:
    """Measure the tone of a face, uint8 [S, S, 3], where its mask, float32 [S, S] 0..1, is above 0.5.

    Pixel noise and things outside the face, such as a date stamp, have no influence.
    """
    small = _small(rgb).astype(np.float32)
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
    brightened = min(max(USUAL_CODES / max(float(median(light.ravel())), 1.0), 1.0), 3.0)
    share = 1.0 - eased_between(brightened * percentile(left_over, 90), begins, ends)
    if not share:
        return plain
    codes = np.arange(256) / 255.0
    slopes = 1.0 + (factors[1] + 2.0 * codes[:, None] * factors[2]) / 255.0
    slopes = np.clip(slopes, 0.4, 1.6).round(4)  # a grey photo must stay grey to the last bit
    return Tone(np.asarray(slopes / (slopes @ LUMA)[:, None], np.float32), share)


def _small(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture, uint8 [H, W, 3], at SAMPLE_PX x SAMPLE_PX px."""
    size = (SAMPLE_PX, SAMPLE_PX)
    if min(rgb.shape[:2]) < SAMPLE_PX:
        return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    return reduce_to(rgb, size)


def is_tinted(rgb: NDArray[np.uint8]) -> bool:
    """Whether a photo, uint8 [H, W, 3], has one colour per lightness, and not only greys."""
    small = _small(rgb)
    if int(np.ptp(small, axis=2).max()) <= 1:
        return False
    return read_tone(small, np.ones(small.shape[:2], np.float32)).share > 0


def as_grey(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The luminance of a photo, uint8 [H, W]."""
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)


def toned_change(
    before: NDArray[np.uint8], after: NDArray[np.uint8] | NDArray[np.float32], tone: Tone
) -> NDArray[np.float32]:
    """The change in the photo's tone and exposure, float32 [h, w, 3] in code values."""
    change = np.asarray(cv2.subtract(after, before, dtype=cv2.CV_32F), np.float32)
    if tone.share:
        light = cv2.transform(change, LUMA[None])
        followed = tone.slopes[cv2.cvtColor(before, cv2.COLOR_RGB2GRAY)] * light[..., None]
        change = np.asarray(cv2.addWeighted(change, 1.0 - tone.share, followed, tone.share, 0.0), np.float32)
    return np.asarray(cv2.multiply(change, cv2.merge([exposure_weight(before)] * 3)), np.float32)


def exposure_weight(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The weight of the change per pixel, float32 [h, w] 0..1; 1 except for very dark and bright pixels.

    A pixel is blown out by the median of its channels (skin often clips only red), and nearly black by the
    largest.
    """
    red, green, blue = cv2.split(rgb)
    low, high = cv2.min(red, green), cv2.max(red, green)
    middle, largest = cv2.max(low, cv2.min(high, blue)), cv2.max(high, blue)
    return np.asarray(cv2.multiply(cv2.LUT(middle, BRIGHT), cv2.LUT(largest, DARK)), np.float32)


BRIGHT = np.array(
    [1.0 - BLOWN_OUT_SHARE * eased_between(code, *BLOWN_OUT) for code in range(256)], np.float32
)
DARK = np.array([eased_between(code, *NEARLY_BLACK) for code in range(256)], np.float32)
