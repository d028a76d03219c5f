"""Beards, which turn grey with the hair: the head parser counts them as the face's own skin.

A beard is darker than the cheeks in the same light, under the nose as well as on the chin, and nearly as dark
as the hair. A shadow on the lower half of a face is not: it spares the upper lip or the chin, and it keeps
the skin's own colour. In 612 faces, real and synthetic, 32 beards are found, one of them a shadow. Of a beard
that is longer than the face only the part on the face is found.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .easing import eased_between
from .head_parser import HeadShares, window_points
from .mesh import CHEEKS, FACE_OVAL, LEFT_EYE, LIPS_OUTER, RIGHT_EYE
from .percentile import median

_RIGHT_CHEEK, _LEFT_CHEEK = (50, 101, 118, 117, 36), (280, 330, 347, 346, 266)
_UPPER_LIP, _CHIN = (165, 391, 164, 393, 167), (199, 200, 208, 428)
_NOSE_BASE, _EARS = 2, (234, 454)
_FLOOR = 8.0
_DARKER = (0.28, 0.70)
"""How much darker than the cheeks, in log intensity, a cell is that is no beard, and that is one."""
_WIDER, _LOWER = 1.06, 1.14
"""Size of the searched region relative to the mesh's outline: above and below the mouth."""
_LEAST_SKIN, _LEAST_HAIR, _LEAST_BEARD = 12, 40, 8
_OWN = (0.3, 0.6)
"""The parser's share of the face's own skin or hair for no and for full trust in a cell."""
_DARK_HAIR = 0.6
"""How much darker than the cheeks, in log intensity, hair has to be."""
_DARK_SKIN = 165.0
"""From this intensity on skin is light enough for a beard to be told from a shadow by darkness alone."""
_SHADED_SKIN = (-0.6, -0.3)
"""The colour that a beard lacks relative to shaded skin, for no and for full trust."""
_TRUST = (
    ("dark", (0.60, 0.80)),
    ("like_hair", (0.46, 0.56)),
    ("lesser_side", (0.25, 0.38)),
    ("share", (0.30, 0.42)),
    ("upper_lip", (0.25, 0.40)),
    ("chin", (0.10, 0.22)),
)
"""Bounds for no and of full trust: the beard's darkness, and relative to that of hair; the mean darkness of
the half of the jaw with less of it; its share of the jaw; the mean darkness of upper lip and chin."""

Plane = NDArray[np.float32]


def find_beard_hair(shares: HeadShares, landmarks_unit: NDArray[np.floating]) -> Plane:
    """The share of beard, 0..1, in every cell of the parser's window: float32 [PARSER_PX, PARSER_PX].

    ``shares`` are those of `HeadParser.read_window`; landmarks [468, 2] are in units of the canonical frame.
    All 0 if no beard is certain, or if there is no dark hair to compare it with.
    """
    count = len(shares.skin)
    points = window_points(landmarks_unit) * count
    grey = cv2.cvtColor(cv2.GaussianBlur(shares.image, (0, 0), 0.5), cv2.COLOR_RGB2GRAY)
    light = np.log(grey.astype(np.float32) + np.float32(_FLOOR))
    cheeks = _light_of_cheeks(light, shares.skin, points)
    hair = shares.hair > 0.9
    if cheeks is None or hair.sum() < _LEAST_HAIR:
        return np.zeros_like(light)
    darker = cheeks - light
    dark = np.asarray(eased_between(darker, *_DARKER), np.float32)
    searched = _below_the_nose(points, count)
    lips = _drawn(points[list(LIPS_OUTER)], count, grow=0.025 * _eye_distance(points))
    found = dark * searched * (1.0 - lips) * eased_between(np.maximum(shares.skin, shares.hair), *_OWN)
    if (found > 0.5).sum() < _LEAST_BEARD:
        return np.zeros_like(light)
    trust = _trust(dark, darker, found, hair, lips, points, shares)
    return np.asarray(trust * found, np.float32)


def _light_of_cheeks(light: Plane, skin: Plane, points: NDArray[np.float64]) -> Plane | None:
    """The light of the cheeks, between both of them linear in x: [1, n]; None if both are covered."""
    sides = [list(one) for one in (_RIGHT_CHEEK, _LEFT_CHEEK)]
    seen = [(_dots(points[one], len(light), 2.0)) & (skin > 0.7) for one in sides]
    lights = [float(median(light[one])) if one.sum() >= _LEAST_SKIN else None for one in seen]
    known = [one for one in lights if one is not None]
    if not known:
        return None
    ends = [points[one, 0].mean() for one in sides]
    values = [known[0] if one is None else one for one in lights]
    along = np.arange(len(light), dtype=np.float64)
    if ends[1] <= ends[0]:
        return np.full((1, len(light)), np.mean(values), np.float32)
    return np.interp(along, ends, values).astype(np.float32)[None, :]


def _below_the_nose(points: NDArray[np.float64], count: int) -> Plane:
    """Where beards grow: below the nose, and beside the cheeks from the eyes down; [n, n] 0..1."""
    outline, middle = points[list(FACE_OVAL)], points[[_NOSE_BASE, 152]].mean(axis=0)
    wider = np.where(outline[:, 1:] > points[13, 1], _LOWER, _WIDER)
    region = _drawn(middle + (outline - middle) * wider, count)
    unit, nose = _eye_distance(points), float(points[_NOSE_BASE, 1])
    eyes = float(points[[33, 263], 1].mean())
    right, left = points[list(_EARS), 0]
    along, down = np.arange(count, dtype=np.float32)[None, :], np.arange(count, dtype=np.float32)[:, None]
    aside = np.abs(along - (left + right) / 2) / max((left - right) / 2, 1.0)
    first = nose - 0.9 * (nose - eyes) * eased_between(aside, 0.72, 0.92)
    return np.asarray(region * eased_between((down - first) / (0.08 * unit), 0.0, 1.0), np.float32)


def _trust(
    dark: Plane,
    darker: Plane,
    found: Plane,
    hair: NDArray[np.bool_],
    lips: Plane,
    points: NDArray[np.float64],
    shares: HeadShares,
) -> float:
    """How sure it is, 0..1, that what was found is a beard."""
    beard, count = found > 0.5, len(dark)
    like_hair = float(median(darker[hair]))
    if like_hair < _DARK_HAIR:
        return 0.0
    inside = _drawn(points[list(FACE_OVAL)], count) > 0.5
    inside[: max(round(points[_NOSE_BASE, 1] + 0.12 * _eye_distance(points)), 0)] = False
    inside &= (lips < 0.3) & (shares.skin > 0.5)
    middle = int(np.clip(round(points[[_NOSE_BASE, 152, 168], 0].mean()), 1, count - 1))
    halves = [(dark[:, part], inside[:, part]) for part in (slice(0, middle), slice(middle, None))]
    if not all(one.any() for _, one in halves):
        return 0.0
    deep = float(median(darker[beard]))
    values = {
        "dark": deep,
        "like_hair": deep / like_hair,
        "lesser_side": min(float(values[where].mean()) for values, where in halves),
        "share": float((dark[inside] > 0.5).mean()),
        "upper_lip": float((dark * (1.0 - lips))[_dots(points[list(_UPPER_LIP)], count, 1.5)].mean()),
        "chin": float(dark[_dots(points[list(_CHIN)], count, 2.0)].mean()),
    }
    trust = float(np.prod([eased_between(values[name], *bounds) for name, bounds in _TRUST]))
    return trust * _colourless(shares.image, beard, points)


def _colourless(image: NDArray[np.uint8], beard: NDArray[np.bool_], points: NDArray[np.float64]) -> float:
    """On dark skin, the trust 0..1 by colour: shaded skin is as colourful as lit skin, a beard is not."""
    cheeks = image[_dots(points[list(CHEEKS)], len(image), 2.0)]
    skin, hair = (median(cells) for cells in (cheeks, image[beard]))
    if float(skin.mean()) > _DARK_SKIN or float(np.ptp(skin)) < _FLOOR:
        return 1.0
    lab = cv2.cvtColor(np.array([[skin, hair]], np.float32) / np.float32(255.0), cv2.COLOR_RGB2LAB)[0]
    along = float(lab[1, 1:] @ lab[0, 1:]) / max(float(lab[0, 1:] @ lab[0, 1:]), 1.0)
    shaded = max(float(lab[1, 0]), 4.0) / max(float(lab[0, 0]), 4.0)
    return float(eased_between(1.0 - along / shaded, *_SHADED_SKIN))


def _eye_distance(points: NDArray[np.float64]) -> float:
    apart = points[list(LEFT_EYE)].mean(axis=0) - points[list(RIGHT_EYE)].mean(axis=0)
    return max(float(np.hypot(*apart)), 1.0)


def _dots(points: NDArray[np.float64], count: int, radius: float) -> NDArray[np.bool_]:
    """Cells [n, n] within ``radius`` of points [k, 2]."""
    mask = np.zeros((count, count), np.uint8)
    for x, y in np.rint(np.clip(points, -count, 2 * count) * 16).astype(int).tolist():
        cv2.circle(mask, (x, y), round(radius * 16), 1, -1, cv2.LINE_8, 4)
    return mask > 0


def _drawn(polygon: NDArray[np.float64], count: int, grow: float = 0.0) -> Plane:
    """A polygon, enlarged by ``grow`` cells, with soft edges: [n, n] 0..1."""
    mask = np.zeros((count, count), np.uint8)
    corners = np.rint(np.clip(polygon, -count, 2 * count) * 16).astype(np.int32)
    cv2.fillPoly(mask, [corners], 1, cv2.LINE_8, 4)
    if grow > 0:
        cv2.polylines(mask, [corners], True, 1, max(round(2 * grow), 1), cv2.LINE_8, 4)
    return np.asarray(cv2.blur(mask.astype(np.float32), (3, 3)), np.float32)
