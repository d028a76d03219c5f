"""How far a matte of hair is to be trusted: where it is not, hair turns less grey, or not at all."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .easing import eased_between
from .hair_grid import MATTE_PX, Mask, Plane
from .percentile import median

CERTAIN = 0.8
"""The alpha from which a cell shows the colour of hair alone."""

_PARTLY = (0.19, 0.13)
_UNSURE = (0.60, 0.40)
_SURE = (0.6, 0.85)
_APART = (7.0, 14.0)
"""Bounds of no and of full trust: cells that are partly hair by the matte, and of which the parser is unsure,
both relative to the square root of hair's area and the window's side; how sure hair's cells are; and the
distance in Lab of hair from skin, so that neither bald crowns nor cropped hair count."""
_FRINGE, _DARK_FRINGE = (0.12, 0.06), (0.65, 0.36)
"""The same of what is neither skin nor hair on the forehead, as a share of hair; and of what is as dark as
hair there, as a share of the forehead: fringes that stay behind, and hats."""
_VIVID, _MIXED = (26.0, 13.0), (0.30, 0.15)
"""The same of hair's chroma in Lab, and of the share of hair that differs from most of it by _OTHER_COLOUR in
hue and chroma: what is left of strong colours shows in grey hair, and what has two colours may be a hat."""
_OTHER_COLOUR = 14.0
_SIDES, _LEAST_SIDE = (13.0, 9.0), 100
"""The same of the distance in Lab's a and b between the hair of both sides, one of which may be a hood; and
the cells that tell the colour of a side."""
_BEARD, _BEARDED = (0.2, 0.5), 0.65
"""Bounds of the share of the jaw that is as dark as hair, and the trust beyond, if it stays dark."""
_BESIDE_ROWS, _BESIDE_PX = (0.35, 0.68), 35
"""Rows of the window beside the face, and how far from it: a square's side in cells."""
_LONG, _OTHER_SIDE = 0.5, 0.22
"""The share of cells beside the face that are hair where it hangs there, and the least on the other side,
relative to it."""
_LEFT, _SAME, _SAME_WEIGHTS = (0.5, 0.3), 20.0, (0.4, 1.0, 1.0)
"""Bounds of the share of what is within _SAME of hair's colour on a side without hair, in Lab with weights:
there is hair that the parser misses."""
_DARKER = 20.0
_FOREHEAD_ROW, _JAW_ROW = round(0.40 * MATTE_PX), round(0.60 * MATTE_PX)
_ENDS, _LEAST_ENDS, _ENDS_FOUND = (0.76, 0.92), 0.2, (0.3, 0.6)
"""Rows of the window, as shares of its height, where long hair ends or goes on; the share of all hair from
which they count; and the mean alpha of hair there for no and for full trust."""


def matte_trust(
    alpha: Plane,
    likely: Plane,
    coarse: Plane,
    skin: Plane,
    face: Plane,
    beard: Plane,
    picture: NDArray[np.uint8],
) -> float:
    """The trust in a matte, 0..1.

    All planes are [rows, MATTE_PX]: ``alpha`` the matte, ``likely`` what it was led by, ``coarse`` and
    ``skin`` the parser's shares within the photo, ``face`` where the mesh is, ``beard`` what of it
    turns grey as a beard; ``picture`` uint8 [rows, MATTE_PX, 3].
    """
    hair, bare, certain = alpha > 0.5, skin > 0.9, alpha > CERTAIN
    if not bare.any() or not certain.any():
        return 0.0
    side = float(hair.sum()) ** 0.5 * MATTE_PX
    partly = float(((alpha > 0.15) & (alpha < 0.8)).sum()) / side
    unsure = float(((coarse > 0.15) & (coarse < 0.75)).sum()) / side
    sure = float(np.abs(2.0 * likely[hair] - 1.0).mean())
    seen = np.vstack([picture[one][::4] for one in (bare, certain)]).astype(np.float32)[None]
    lab = cv2.cvtColor(seen / np.float32(255.0), cv2.COLOR_RGB2LAB)[0]
    first = len(range(0, int(bare.sum()), 4))
    of_skin, of_hair = (median(one) for one in (lab[:first], lab[first:]))
    apart = float(np.linalg.norm(of_skin - of_hair))
    vivid = float(np.hypot(of_hair[1], of_hair[2]))
    mixed = float((np.linalg.norm((lab[first:] - of_hair)[:, 1:], axis=1) > _OTHER_COLOUR).mean())
    above = slice(0, _FOREHEAD_ROW)
    fringe = float(((face > 0.5) & (skin < 0.6) & (alpha < 0.3))[above].sum() / hair.sum())
    forehead, jaw = _dark_shares(face, np.maximum(alpha, beard), picture, (bare, certain))
    trust = _ends_found(alpha, coarse) * _on_both_sides(hair, face, skin, picture, of_hair)
    trust *= 1.0 - (1.0 - _BEARDED) * _trusted(jaw, _BEARD)
    for value, bounds in (
        (partly, _PARTLY),
        (unsure, _UNSURE),
        (sure, _SURE),
        (apart, _APART),
        (fringe, _FRINGE),
        (forehead, _DARK_FRINGE),
        (vivid, _VIVID),
        (mixed, _MIXED),
        (_sides_apart(certain, picture), _SIDES),
    ):
        trust *= _trusted(value, bounds)
    return trust


def _sides_apart(certain: Mask, picture: NDArray[np.uint8]) -> float:
    """The distance in Lab's a and b between the hair on both sides of the window, 0 if one has too little."""
    middle, colours = MATTE_PX // 2, []
    for half in (slice(None, middle), slice(middle, None)):
        seen = picture[:, half][certain[:, half]][::4].astype(np.float32)[None]
        if 4 * seen.shape[1] < _LEAST_SIDE:
            return 0.0
        lab = cv2.cvtColor(seen / np.float32(255.0), cv2.COLOR_RGB2LAB)[0]
        colours.append(median(lab[:, 1:]))
    return float(np.linalg.norm(colours[0] - colours[1]))


def _dark_shares(
    face: Plane, alpha: Plane, picture: NDArray[np.uint8], cells: tuple[Mask, Mask]
) -> tuple[float, float]:
    """The shares of forehead and jaw without hair that are as dark as hair.

    ``cells`` are those of certain skin and of certain hair.
    """
    light = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    of_skin, of_hair = (float(median(light[one][::4])) for one in cells)
    if of_skin < of_hair + _DARKER:
        return 0.0, 0.0
    dark = light < 0.5 * (of_skin + of_hair)
    shares = []
    for rows, most in ((slice(0, _FOREHEAD_ROW), 0.3), (slice(_JAW_ROW, None), 0.5)):
        there = face[rows] > 0.5
        bare = there & (alpha[rows] < most)
        shares.append(float(dark[rows][bare].sum() / max(bare.sum(), 0.5 * there.sum(), 1)))
    return shares[0], shares[1]


def _trusted(value: float, bounds: tuple[float, float]) -> float:
    """The trust 0..1 that a value gives, by its bounds of no and of full trust."""
    return float(eased_between(value, *bounds))


def _on_both_sides(hair: Mask, face: Plane, skin: Plane, picture: NDArray[np.uint8], colour: Plane) -> float:
    """The trust 0..1 by whether hair is found on both sides of the face, or none is left on the other.

    ``colour`` [3] is the Lab colour of hair.
    """
    rows = slice(round(_BESIDE_ROWS[0] * MATTE_PX), round(_BESIDE_ROWS[1] * MATTE_PX))
    around = cv2.dilate(face[rows], np.ones((_BESIDE_PX, _BESIDE_PX), np.uint8)) > 0.5
    beside = around & (face[rows] < 0.5) & (skin[rows] < 0.5)
    middle = MATTE_PX // 2
    halves = (slice(None, middle), slice(middle, None))
    covered = [
        float(np.mean(hair[rows, half][beside[:, half]] if beside[:, half].any() else 1.0)) for half in halves
    ]
    if max(covered) < _LONG or min(covered) > _OTHER_SIDE * max(covered):
        return 1.0
    half = halves[int(covered[1] < covered[0])]
    bare = picture[rows, half][beside[:, half] & ~hair[rows, half]].astype(np.float32)[None]
    lab = cv2.cvtColor(bare / np.float32(255.0), cv2.COLOR_RGB2LAB)[0]
    apart = np.linalg.norm((lab - colour) * np.array(_SAME_WEIGHTS, np.float32), axis=1)
    return _trusted(float((apart < _SAME).mean()), _LEFT)


def _ends_found(alpha: Plane, coarse: Plane) -> float:
    """The trust 0..1 by how much of long hair's ends the matte has: they must not stay behind."""
    low = slice(round(_ENDS[0] * MATTE_PX), round(_ENDS[1] * MATTE_PX))
    hair = coarse[low] > 0.25
    if hair.sum() <= _LEAST_ENDS * (alpha > 0.5).sum():
        return 1.0
    return _trusted(float(alpha[low][hair].mean()), _ENDS_FOUND)
