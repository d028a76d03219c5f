"""Grey hair beside the face that the matte misses: the parser takes sideburns and white locks for skin.

What turns dark must not leave it behind: it is added to the matte where it surely is hair, and counted as
left where it is not sure.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .easing import eased_between
from .hair_grid import MATTE_PX, Mask, Plane, enlarged, halved
from .hair_matte import HairMatte
from .head_parser import HeadShares, window_points
from .networks import PARSER_PX
from .percentile import median

_MOUTH, _BROWS = 13, (70, 300)
_ABOVE, _BESIDE_PX, _INTO_PX, _NEAR_PX = 15, 21, 9, 31
"""Rows above the brows where the sides begin, and sides of squares: how far from the face, into the face
and from hair they go. All are in cells of half the size."""
_LIKE, _NEARER = (8.0, 16.0), (0.5, 0.9)
"""Distances from hair's colour in Lab, with half the lightness, of what is like it and what is not; and the
same relative to the distance from skin."""
_MOST_ALIKE = 0.05
"""The share of the background that may be like hair: of more, nothing beside the matte is surely hair."""
_LEAST_LOW = 40


@dataclass(frozen=True, eq=False)
class HairSides:
    """The matte ``alpha`` with the hair beside the face, which is ``added``, and ``like`` 0..1, where there
    may be some: float32 [rows, MATTE_PX]. ``alike`` is the share of the background that is like hair.
    """

    alpha: Plane
    added: Plane
    like: Plane
    alike: float


def find_sides(matte: HairMatte, shares: HeadShares, landmarks_unit: NDArray[np.floating]) -> HairSides:
    """The matte of grey hair, completed beside the face; landmarks [468, 2] are in units of the frame.

    It is searched for at half the matte's size.
    """
    rows = len(matte.alpha)
    alpha, coarse, skin, face = (halved(one) for one in (matte.alpha, matte.coarse, matte.skin, matte.face))
    points = window_points(landmarks_unit) * MATTE_PX / 2
    first, last = float(points[list(_BROWS), 1].mean()) - _ABOVE, float(points[_MOUTH, 1])
    down = (np.arange(len(alpha), dtype=np.float32) + 0.5)[:, None]
    like = _like_hair(matte.picture, alpha, skin, down > first)
    inside = alpha > 0.5
    near = _grown(inside, _NEAR_PX)
    other = np.maximum(coarse, skin)
    if shares.body is not None:
        other[:PARSER_PX] = np.maximum(other[:PARSER_PX], shares.body)
    around = (other < 0.08) & near & (down < last)
    alike = float((like > 0.4)[around].mean()) if around.any() else 1.0
    if alike > _MOST_ALIKE:
        none = np.zeros_like(matte.alpha)
        return HairSides(matte.alpha, none, none, alike)
    core = cv2.erode(face, np.ones((_INTO_PX, _INTO_PX), np.uint8)) > 0.5
    beside = _grown(face > 0.5, _BESIDE_PX) & ~core & near & (down > first) & (down < last)
    like = np.asarray(like * cv2.blur(beside.astype(np.float32), (3, 3)), np.float32)
    found = enlarged(np.dstack([like, like * _attached(like > 0.4, inside)]), rows)
    there, added = (np.ascontiguousarray(found[..., channel]) for channel in range(2))
    return HairSides(np.maximum(matte.alpha, added), added, there, alike)


def _like_hair(picture: NDArray[np.uint8], alpha: Plane, skin: Plane, low: Mask) -> Plane:
    """How much the colour of every cell of half the size is that of the hair, and not the skin's, 0..1."""
    small = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
    lab[..., 0] *= np.float32(0.5 * 100.0 / 255.0)
    sure = alpha > 0.9
    beside = sure & low
    cells = beside if beside.sum() > _LEAST_LOW else sure
    if not cells.any() or not (skin > 0.9).any():
        return np.zeros_like(alpha)
    hair, bare = (median(lab[one][::4]).astype(np.float32) for one in (cells, skin > 0.9))
    to_hair, to_skin = (np.sqrt(cv2.transform((lab - one) ** 2, np.ones((1, 3)))) for one in (hair, bare))
    like = (1.0 - eased_between(to_hair, *_LIKE)) * (
        1.0 - eased_between(to_hair / np.maximum(to_skin, 1.0), *_NEARER)
    )
    return np.asarray(like, np.float32)


def _attached(like: Mask, inside: Mask) -> Plane:
    """1 where cells hang together with the matte, with soft edges."""
    count, pieces = cv2.connectedComponents((like | inside).astype(np.uint8))
    kept = np.zeros(count, np.bool_)
    kept[np.unique(np.asarray(pieces)[inside])] = True
    kept[0] = False
    grown = cv2.dilate(kept[pieces].astype(np.uint8), np.ones((3, 3), np.uint8))
    return np.asarray(grown, np.float32)


def _grown(mask: Mask, side: int) -> Mask:
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0)
