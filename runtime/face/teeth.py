"""Teeth darken and yellow with age: a smile with the teeth of a child of 20 contradicts the face around it.

Measured with spectrophotometers, upper front teeth are at L* 83.2 and b* 21.7 from 20 to 29 years, and at
79.4 and 23.9 from 40 to 49 (Krasniqi et al., doi:10.3889/oamjms.2017.155); in 1,361 people of 16 to 89 years
lightness and age correlate by -0.67 and change faster than that (Gómez-Polo et al., "Correlation of natural
tooth colour with aging in the Spanish population"). The change here lies between the two.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .easing import eased
from .mesh import CHEEKS, LIPS_INNER, MOUTH_CORNERS
from .tone import LUMA, Tone

LOG_CODES_PER_YEAR = np.array([-0.0026, -0.0041, -0.0063], np.float32)
"""Change of the logarithm of R, G and B a year: that of L* -0.26, a* +0.08, b* +0.12 from (82, 0, 22)."""
MOST_YEARS = 55.0
LEAST_OPEN = 0.07
"""The least height of the gap between the lips, in widths of the mouth."""
LEAST_PX = 6.0
"""The least width of a mouth in px of the photo; a smaller one shows no teeth."""
_EDGE = 0.02
"""Softness of the lips' edge, in widths of the mouth."""
_LIT = (0.45, 0.75)
"""Luminance of shadow and of teeth, relative to the lightest tenth between the lips."""
_LEAST_LIGHT = 0.75
"""The least luminance of teeth relative to the cheeks: what is darker is an open mouth without them."""
_RED = (0.5, 0.85)
"""Redness of teeth, and of gums and the tongue, relative to the cheeks."""
_GREY = 0.04
_COVERED = (0.6, 0.95)

Plane = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class TeethChange:
    """``weight`` float32 [h, w], 0..1, of teeth from the photo's pixel (``left``, ``top``) on.

    ``shift`` float32 [3] is the change of the logarithm of a tooth's R, G and B.
    """

    left: int
    top: int
    weight: Plane
    shift: NDArray[np.float32]


def plan_teeth(
    rgb: NDArray[np.uint8],
    landmarks: NDArray[np.floating],
    now: float,
    wanted: float,
    seen: float = 1.0,
) -> TeethChange | None:
    """Plan the change of the teeth of a face of a photo, uint8 [H, W, 3], between two ages in years.

    ``landmarks`` [468, 2 or more] are in px of the photo; ``seen`` is the share of the mouth that nothing
    covers. None if no teeth show or nothing changes.
    """
    points = np.asarray(landmarks, np.float64)[:, :2]
    gap = points[list(LIPS_INNER)]
    wide = float(np.linalg.norm(np.subtract(*points[list(MOUTH_CORNERS)])))
    low, high = _COVERED
    share = float(eased(np.clip((seen - low) / (high - low), 0.0, 1.0)))
    if now == wanted or wide < LEAST_PX or not share or _area(gap) < LEAST_OPEN * wide * wide / 2:
        return None
    margin = 3.0 * _EDGE * wide
    left, top = np.maximum(np.floor(gap.min(axis=0) - margin).astype(int), 0)
    right, bottom = np.minimum(np.ceil(gap.max(axis=0) + margin).astype(int) + 1, rgb.shape[1::-1])
    if right <= left or bottom <= top:
        return None
    inside = _polygon(gap - (left, top), (bottom - top, right - left), _EDGE * wide)
    weight = _teeth(rgb[top:bottom, left:right].astype(np.float32), inside, _cheeks(rgb, points), wide)
    if weight is None:
        return None
    years = float(np.clip(wanted - now, -MOST_YEARS, MOST_YEARS))
    return TeethChange(
        int(left), int(top), np.asarray(share * weight, np.float32), years * LOG_CODES_PER_YEAR
    )


def paste_teeth(out: NDArray[np.uint8], change: TeethChange, tone: Tone, strength: float = 1.0) -> None:
    """Change the teeth of a photo, uint8 [H, W, 3], in place; nothing gets lighter than 250 code values.

    ``tone`` is the face's: the less colour the photo has, the less the change has, so that grey stays grey.
    """
    grey = np.full(3, float(change.shift @ LUMA), np.float32)
    shift = np.float32(strength) * (change.shift + np.float32(tone.share) * (grey - change.shift))
    height, width = change.weight.shape
    part = out[change.top : change.top + height, change.left : change.left + width]
    codes = part.astype(np.float32)
    after = codes * np.exp(change.weight[..., None] * shift)
    after = np.where(after > codes, np.minimum(after, np.maximum(codes, 250.0)), after)
    part[...] = np.rint(after).astype(np.uint8)


def _area(polygon: NDArray[np.float64]) -> float:
    """Area of a polygon [n, 2], by the shoelace formula."""
    x, y = polygon.T
    return 0.5 * abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)))


def _polygon(points: NDArray[np.float64], sides: tuple[int, int], soft_px: float) -> Plane:
    mask = np.zeros(sides, np.uint8)
    cv2.fillPoly(mask, [np.rint(points * 16).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
    soft = cv2.GaussianBlur(mask.astype(np.float32) / 255.0, (0, 0), max(soft_px, 0.5))
    return np.asarray(soft, np.float32)


def _cheeks(rgb: NDArray[np.uint8], points: NDArray[np.float64]) -> NDArray[np.float32]:
    """Median colour of the cheeks, float32 [3]."""
    x, y = np.rint(points[list(CHEEKS)]).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < rgb.shape[1]) & (y < rgb.shape[0])
    colours = rgb[y[inside], x[inside]]
    return np.median(colours, axis=0).astype(np.float32) if len(colours) else np.full(3, 128, np.float32)


def _teeth(codes: Plane, inside: Plane, skin: NDArray[np.float32], wide: float) -> Plane | None:
    """The share of teeth, 0..1, of pixels float32 [h, w, 3] between the lips; None if there are none."""
    light = codes @ LUMA
    within = inside > 0.5
    if not within.any():
        return None
    lightest = float(np.percentile(light[within], 90))
    if lightest < _LEAST_LIGHT * float(skin @ LUMA):
        return None
    found = inside * _between(light / max(lightest, 1.0), *_LIT)
    usual = float(_redness(skin))
    if usual > _GREY:
        found = found * (1.0 - _between(_redness(codes) / usual, *_RED))
    soft = cv2.GaussianBlur(found.astype(np.float32), (0, 0), max(0.25 * _EDGE * wide, 0.4))
    return np.asarray(soft, np.float32)


def _redness(codes: NDArray[np.floating]) -> NDArray[np.floating]:
    """How much red exceeds green, relative to the largest channel; colours [..., 3]."""
    return np.asarray((codes[..., 0] - codes[..., 1]) / np.maximum(codes.max(axis=-1), 1.0))


def _between(values: NDArray[np.floating], low: float, high: float) -> NDArray[np.floating]:
    return eased(np.clip((values - low) / (high - low), 0.0, 1.0))
