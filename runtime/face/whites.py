"""The whites of eyes and teeth, which darken and yellow with age.

Brilliant teeth and eyes contradict an old face around them. Measured with spectrophotometers, upper front
teeth are at L* 83.2 and b* 21.7 from 20 to 29 years, and at 79.4 and 23.9 from 40 to 49 (Krasniqi et al.,
doi:10.3889/oamjms.2017.155); in 1,361 people of 16 to 89 years, lightness and age correlate by -0.67 and
change faster than that (Gómez-Polo et al., "Correlation of natural tooth colour with aging in the Spanish
population"). The change here lies between the two. The whites of eyes get darker, redder and yellower, too
(Russell et al., "Sclera color changes with age and is a cue for perceiving age, health, and beauty", 2014).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .easing import eased_between
from .mesh import CHEEKS, LEFT_EYE, LIPS_INNER, MOUTH_CORNERS, RIGHT_EYE
from .percentile import median, percentile
from .tone import LUMA, Tone

MOST_YEARS = 55.0
LEAST_PX = 6.0
"""The least width of a mouth or an eye in px of the photo; a smaller one does not change."""
_EDGE = 0.02
"""Softness of the edge of lips and lids, in widths."""
_RED = (0.5, 0.85)
"""Redness of whites, and of gums, tongue and lids, relative to the cheeks."""
_GREY = 0.04
YOUNGER_SHARE = 0.5
"""Share of the change where a face gets younger: teeth that were whitened, as on many photos, would shine."""
_COVERED = (0.6, 0.95)
_BLOWN_OUT = (240.0, 254.0)
"""The darkest channel of whites that are blown out: a change would make them one grey or beige area."""
_EXPOSED = (0.3, 0.7)
"""Share of an opening's whites that is not blown out: with less, the others stay, too."""

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class Opening:
    """An opening with whites: the ring of mesh points around it, and the two points of its width.

    ``least_open`` is the smallest height relative to the width; ``lit`` are the luminances, relative to the
    lightest tenth, up to which a pixel is not white and from which it is; ``least_light`` is the smallest
    luminance of that tenth relative to the cheeks; ``log_per_year`` is the change of log R, G and B per year.
    Without ``younger`` only a face that gets older changes: old lids hide the white, unknown to the mesh.
    """

    ring: tuple[int, ...]
    corners: tuple[int, int]
    least_open: float
    lit: tuple[float, float]
    least_light: float
    log_per_year: tuple[float, float, float]
    younger: bool = True


MOUTH = Opening(LIPS_INNER, MOUTH_CORNERS, 0.07, (0.25, 0.5), 0.75, (-0.0026, -0.0041, -0.0063))
"""The change is that of L* -0.26, a* +0.08 and b* +0.12 a year from (82, 0, 22)."""
_EYE_WHITES = ((0.62, 0.88), 0.55, (-0.0021, -0.0034, -0.0047), False)
OPENINGS = (
    MOUTH,
    Opening(RIGHT_EYE, (33, 133), 0.15, *_EYE_WHITES),
    Opening(LEFT_EYE, (263, 362), 0.15, *_EYE_WHITES),
)


@dataclass(frozen=True, eq=False)
class WhiteChange:
    """``weight`` float32 [h, w], 0..1, of the whites in an opening; its first pixel is (``left``, ``top``).

    ``shift`` float32 [3] is the change of the logarithm of R, G and B.
    """

    left: int
    top: int
    weight: Plane
    shift: NDArray[np.float32]


def plan_whites(
    rgb: NDArray[np.uint8],
    landmarks: NDArray[np.floating],
    now: float,
    wanted: float,
    visible: Sequence[float] = (1.0, 1.0, 1.0),
) -> tuple[WhiteChange, ...]:
    """Plan the change of the whites of a face of a photo, uint8 [H, W, 3], between two ages in years.

    ``landmarks`` [468, 2 or more] are in px of the photo; ``visible`` is the share of each of OPENINGS that
    nothing covers. Openings that are closed, covered or without whites are left out.
    """
    if now == wanted:
        return ()
    points = np.asarray(landmarks, np.float64)[:, :2]
    years = float(np.clip(wanted - now, -MOST_YEARS, MOST_YEARS))
    years *= 1.0 if years > 0 else YOUNGER_SHARE
    cheeks = cheek_colour(rgb, points)
    planned = (
        _plan(rgb, points, cheeks, opening, years, share)
        for opening, share in zip(OPENINGS, visible, strict=True)
        if years > 0 or opening.younger
    )
    return tuple(one for one in planned if one is not None)


def paste_white(out: NDArray[np.uint8], change: WhiteChange, tone: Tone, strength: float = 1.0) -> None:
    """Change the whites of a photo, uint8 [H, W, 3], in place; nothing gets lighter than 250 code values or
    bluer than grey.

    ``tone`` is the face's: the less colour the photo has, the less the change has, so that grey stays grey.
    """
    grey = np.full(3, float(change.shift @ LUMA), np.float32)
    shift = np.float32(strength) * (change.shift + np.float32(tone.share) * (grey - change.shift))
    height, width = change.weight.shape
    part = out[change.top : change.top + height, change.left : change.left + width]
    codes = part.astype(np.float32)
    after = codes * np.exp(change.weight[..., None] * shift)
    after = np.where(after > codes, np.minimum(after, np.maximum(codes, 250.0)), after)
    after[..., 2] = np.minimum(after[..., 2], np.maximum(codes[..., 2], after[..., 1]))
    part[...] = np.rint(after).astype(np.uint8)


def _plan(
    rgb: NDArray[np.uint8],
    points: NDArray[np.float64],
    cheeks: NDArray[np.float32],
    opening: Opening,
    years: float,
    visible: float,
) -> WhiteChange | None:
    ring = points[list(opening.ring)]
    wide = float(np.linalg.norm(np.subtract(*points[list(opening.corners)])))
    share = float(eased_between(visible, *_COVERED))
    if wide < LEAST_PX or not share or _area(ring) < 0.5 * opening.least_open * wide * wide:
        return None
    box = box_around(rgb, ring, 3.0 * _EDGE * wide)
    if box is None:
        return None
    left, top, sides = box
    inside = soft_polygon(ring - (left, top), sides, _EDGE * wide)
    codes = rgb[top : top + sides[0], left : left + sides[1]].astype(np.float32)
    weight = _whites(codes, inside, cheeks, opening, wide)
    if weight is None:
        return None
    shift = np.float32(years) * np.array(opening.log_per_year, np.float32)
    return WhiteChange(left, top, np.asarray(share * weight, np.float32), shift)


def box_around(
    rgb: NDArray[np.uint8], ring: NDArray[np.float64], margin: float
) -> tuple[int, int, tuple[int, int]] | None:
    """Left, top and the sides (height, width) of the box of a ring [n, 2] in a photo, ``margin`` px larger.

    None if it is outside the photo.
    """
    left, top = np.maximum(np.floor(ring.min(axis=0) - margin).astype(int), 0).tolist()
    right, bottom = np.minimum(np.ceil(ring.max(axis=0) + margin).astype(int) + 1, rgb.shape[1::-1]).tolist()
    return (left, top, (bottom - top, right - left)) if right > left and bottom > top else None


def _area(polygon: NDArray[np.float64]) -> float:
    """Area of a polygon [n, 2], by the shoelace formula."""
    x, y = polygon.T
    return 0.5 * abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)))


def soft_polygon(points: NDArray[np.float64], sides: tuple[int, int], soft_px: float) -> Plane:
    """A polygon [n, 2] in px on a canvas of (height, width) ``sides``, blurred: float32 0..1."""
    mask = np.zeros(sides, np.uint8)
    cv2.fillPoly(mask, [np.rint(points * 16).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
    return _softened(mask.astype(np.float32) / 255.0, max(soft_px, 0.5))


def _softened(plane: NDArray[np.floating], sigma_px: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane.astype(np.float32), (0, 0), sigma_px), np.float32)


def cheek_colour(rgb: NDArray[np.uint8], points: NDArray[np.float64]) -> NDArray[np.float32]:
    """Median colour of the cheeks, float32 [3]; a middle grey if they are outside the photo."""
    x, y = np.rint(points[list(CHEEKS)]).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < rgb.shape[1]) & (y < rgb.shape[0])
    colours = rgb[y[inside], x[inside]]
    return median(colours).astype(np.float32) if len(colours) else np.full(3, 128, np.float32)


def _whites(
    codes: Plane, inside: Plane, skin: NDArray[np.float32], opening: Opening, wide: float
) -> Plane | None:
    """The share of white, 0..1, of pixels float32 [h, w, 3] in an opening; None if there is none."""
    light = codes @ LUMA
    within = inside > 0.5
    if not within.any():
        return None
    lightest = percentile(light[within], 90)
    if lightest < opening.least_light * float(skin @ LUMA):
        return None
    found = inside * eased_between(light / max(lightest, 1.0), *opening.lit)
    usual = float(_redness(skin))
    if usual > _GREY:
        found = found * (1.0 - eased_between(_redness(codes) / usual, *_RED))
    exposed = found * (1.0 - eased_between(codes.min(axis=-1), *_BLOWN_OUT))
    share = float(eased_between(float(exposed.sum()) / max(float(found.sum()), 1e-6), *_EXPOSED))
    return _softened(share * exposed, max(0.25 * _EDGE * wide, 0.4)) if share else None


def _redness(codes: NDArray[np.floating]) -> NDArray[np.floating]:
    """The excess of red over green, relative to the largest channel; colours [..., 3]."""
    return np.asarray((codes[..., 0] - codes[..., 1]) / np.maximum(codes.max(axis=-1), 1.0))
