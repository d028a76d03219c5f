"""The change of eyes and lips with age: eyes get narrower, lids hang over them, the red of lips gets thinner.

The regression of `shape` knows little of it, as the mesh follows the eyeball and not a fold of skin: in 441
portraits of 18 to 89 years the openings of its eyes get lower by 0.3 % a decade, and its lips do not get
thinner. So the amounts are of measured people. From 35 to 85 years eyes get 2.5 mm narrower, about a twelfth
(van den Bosch et al., 1999, doi:10.1136/bjo.83.3.347), and a little lower (Seo and Ahn, 2009, in 600 people;
the skin that hangs over their outer corner grows from 50 to 60 years on). Between 25 and 72 years upper lips
get 19 % longer and 33 to 41 % thinner (Ramaut et al., 2019, "Aging of the Upper Lip: Part I"), at the cost of
their red. What of a lid and of the red is covered then is an estimate by eye.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .covers import visible_share
from .easing import eased_between
from .mesh import FACE_OVAL, LEFT_BROW, MOUTH_CORNERS, RIGHT_BROW

FROM_AGE, TO_AGE = 30.0, 80.0
"""Ages in years between which eyes and lips change, by the same amount every year."""
YOUNGER_SHARE = 0.6
"""Share of the change where a face gets younger: what a fold hides is unknown."""
_NARROWER = 0.08
"""Share of its width that an eye loses at its outer corner."""
_LOWER = 0.10
"""Share of its height that an eye loses, by the upper lid; _LIFTED of that by the lower one."""
_LIFTED = 0.35
_HOOD = 0.5
"""Share of the lid between lashes and fold that the fold covers, outside; half of it inside."""
_UPPER_RED, _LOWER_RED = 0.28, 0.18
"""Share of the red of the lips' height that turns to skin."""
_SPREAD = 0.0125
"""Range of a point's influence, in frame units."""
FINE_SPREAD = 0.006
"""Standard deviation in frame units of the blur that makes their sum smooth."""
_REACH = 0.02
_RIM = 0.04
"""Distance from the face's outline, in frame units, within which the moves fade to zero: a scarf, a temple of
glasses or the background keeps its edge.
"""
_IN_SIGHT = (0.35, 0.6)
"""Distances of an eye's outer corner from the face's outline, in widths of an eye, between which it begins to
change and changes in full: on the far side of a turned head the mesh is not exact.
"""
_BARE = (0.6, 0.95)
"""Shares of an area that nothing covers, from which on it begins to change and changes in full."""


@dataclass(frozen=True)
class _Eye:
    """Landmarks of an eye from its outer to its inner corner: lashes, lower lid, and the fold above."""

    corners: tuple[int, int]
    upper: tuple[int, ...]
    lower: tuple[int, ...]
    fold: tuple[int, ...]


EYES = (
    _Eye(
        (33, 133), (246, 161, 160, 159, 158, 157, 173), (7, 163, 144, 145, 153, 154, 155),
        (247, 30, 29, 27, 28, 56, 190),
    ),
    _Eye(
        (263, 362), (466, 388, 387, 386, 385, 384, 398), (249, 390, 373, 374, 380, 381, 382),
        (467, 260, 259, 257, 258, 286, 414),
    ),
)  # fmt: skip
_UPPER_LIP = ((185, 40, 39, 37, 0, 267, 269, 270, 409), (191, 80, 81, 82, 13, 312, 311, 310, 415))
_LOWER_LIP = ((146, 91, 181, 84, 17, 314, 405, 321, 375), (95, 88, 178, 87, 14, 317, 402, 318, 324))
_STILL = (
    *RIGHT_BROW, *LEFT_BROW, *MOUTH_CORNERS,
    228, 229, 230, 231, 232, 448, 449, 450, 451, 452,  # below the eyes
    2, 98, 327, 64, 294, 168, 6, 197,  # the nose
    164, 18, 200, 57, 287, 43, 273, 106, 335, 205, 425, 50, 280,  # around the mouth, and the cheeks
)  # fmt: skip
"""Landmarks that do not move by this."""
AREAS = (
    *((*eye.fold, *eye.lower, eye.corners[0], eye.corners[1]) for eye in EYES),
    (*_UPPER_LIP[0], *_LOWER_LIP[0]),
)
"""Landmarks of the areas that change: the right eye, the left eye and the mouth."""


def share_of_change(now: float, wanted: float) -> float:
    """The share of the whole change between two ages in years, -1..1; negative for a younger face."""
    span = min(max(wanted, FROM_AGE), TO_AGE) - min(max(now, FROM_AGE), TO_AGE)
    share = span / (TO_AGE - FROM_AGE)
    return share if share > 0 else share * YOUNGER_SHARE


def eyes_and_lips(
    points: NDArray[np.float64], share: float, skin: NDArray[np.float32] | None, cells: int
) -> NDArray[np.float32]:
    """Displacements float32 [cells, cells, 2] of a canonical frame, in frame units.

    ``points`` [468, 2] are the landmarks in frame units, ``share`` is `share_of_change`, ``skin`` float32
    [n, n], 0..1, is where nothing covers the face; what is covered, by glasses for instance, stays.
    """
    bare = [eased_between(visible_share(points[list(area)], skin), *_BARE) for area in AREAS]
    at: list[int] = list(_STILL)
    moves: list[NDArray[np.float64]] = [np.zeros(2)] * len(_STILL)
    for eye, seen in zip(EYES, bare, strict=False):
        _add_eye(points, eye, share * seen * _in_sight(points, eye), at, moves)
    for (outer, inner), lost in ((_UPPER_LIP, _UPPER_RED), (_LOWER_LIP, _LOWER_RED)):
        at += [*outer, *inner]
        moves += list((points[list(inner)] - points[list(outer)]) * (lost * share * bare[2]))
        moves += [np.zeros(2)] * len(inner)
    return _spread(points[at], np.array(moves), cells) * _within(points, skin, cells)


def _add_eye(
    points: NDArray[np.float64], eye: _Eye, share: float, at: list[int], moves: list[NDArray[np.float64]]
) -> None:
    """Append the landmarks of an eye and their displacements."""
    outer, inner = points[list(eye.corners)]
    inwards = (inner - outer) * (_NARROWER * share)
    at += [*eye.corners]
    moves += [inwards, np.zeros(2)]
    outwards = np.linspace(1.0, 0.0, len(eye.upper))
    for upper, lower, fold, out in zip(eye.upper, eye.lower, eye.fold, outwards, strict=True):
        height = points[lower] - points[upper]
        closing = height * (_LOWER * share * (0.6 + 0.8 * out))
        along = inwards * (0.9 * out)
        at += [upper, lower, fold]
        moves.append(closing + along)
        moves.append(along - height * (_LOWER * _LIFTED * share))
        hanging = (points[upper] - points[fold]) * (_HOOD * share * (0.5 + 0.5 * out))
        moves.append(hanging + 0.9 * closing + 0.7 * along)


def _in_sight(points: NDArray[np.float64], eye: _Eye) -> float:
    """1 for an eye well inside the face's outline, 0 for one at the edge of a turned head."""
    widths = [float(np.hypot(*(points[one.corners[1]] - points[one.corners[0]]))) for one in EYES]
    outline = points[list(FACE_OVAL)] - points[eye.corners[0]]
    gap = float(np.hypot(*outline.T).min()) / max(sum(widths) / 2, 1e-9)
    return eased_between(gap, *_IN_SIGHT)


def _spread(points: NDArray[np.float64], moves: NDArray[np.float64], cells: int) -> NDArray[np.float32]:
    """Displacements [cells, cells, 2] from those of points: means weighted by Gaussians of their distance."""
    centres = (np.arange(cells) + 0.5) / cells
    across, down = (
        np.exp(-0.5 * ((centres - points[:, axis, None]) / _SPREAD) ** 2).astype(np.float32)
        for axis in (0, 1)
    )
    # OpenCV multiplies in this thread: NumPy's threads wait for each other longer than they multiply.
    weights = _sum_of(down, across) + _REACH
    sums = [_sum_of(down * moves[:, axis, None].astype(np.float32), across) for axis in (0, 1)]
    return np.stack([one / weights for one in sums], axis=2)


def _sum_of(down: NDArray[np.float32], across: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sum over points of the products of their profiles, [points, cells] each, as [cells, cells]."""
    return np.asarray(
        cv2.gemm(down, across, 1.0, np.zeros((0, 0), np.float32), 0.0, flags=cv2.GEMM_1_T), np.float32
    )


def _within(points: NDArray[np.float64], skin: NDArray[np.float32] | None, cells: int) -> NDArray[np.float32]:
    """1 on the bare face, float32 [cells, cells, 1], fading to 0 at its outline and at what covers it."""
    inside = np.zeros((cells, cells), np.uint8)
    cv2.fillPoly(inside, [np.rint(points[list(FACE_OVAL)] * cells - 0.5).astype(np.int32)], 1)
    if skin is not None:
        inside &= cv2.resize(skin, (cells, cells), interpolation=cv2.INTER_LINEAR) >= 0.5
    inside[[0, -1]] = inside[:, [0, -1]] = 0
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, 3)
    return np.asarray(eased_between(distance, 0.0, _RIM * cells)[..., None], np.float32)
