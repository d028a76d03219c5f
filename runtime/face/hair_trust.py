"""How far a matte of hair is to be trusted: where it is not, hair turns less grey, or not at all."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .easing import eased_between
from .hair_grid import BROW, CHIN, MATTE_PX, Mask, Plane

CERTAIN = 0.8
"""The alpha from which a cell shows the colour of hair alone."""

_PARTLY = (0.135, 0.100)
_UNSURE = (0.45, 0.30)
_SURE = (0.6, 0.85)
_APART = (8.0, 17.0)
"""Bounds of no and of full trust: cells that are partly hair by the matte, and of which the parser is unsure,
both relative to the square root of hair's area and the window's side; how sure hair's cells are; and the
distance in Lab of hair from skin, so that neither bald crowns nor cropped hair count."""
_FRINGE = (0.12, 0.06)
"""The same of what is neither skin nor hair on the forehead, as a share of hair."""
_ONE_SIDE, _OTHER_SIDE = (0.028, 0.014), 0.15
"""The same of hair beside the face, as a share of the window, if the other side has less than 15 % of it."""
_ENDS, _LEAST_ENDS, _ENDS_FOUND = (0.76, 0.92), 0.06, (0.3, 0.6)
"""Rows of the window, as shares of its height, where long hair ends or goes on; the share of all hair from
which they count; and the mean alpha of hair there for no and for full trust."""


def matte_trust(
    alpha: Plane, likely: Plane, coarse: Plane, skin: Plane, face: Plane, picture: NDArray[np.uint8]
) -> float:
    """The trust in a matte, 0..1.

    All planes are [rows, MATTE_PX]: ``alpha`` the matte, ``likely`` what it was led by, ``coarse`` and
    ``skin`` the parser's shares within the photo, ``face`` where the mesh is; ``picture`` uint8 [rows,
    MATTE_PX, 3].
    """
    hair, bare, certain = alpha > 0.5, skin > 0.9, alpha > CERTAIN
    if not bare.any() or not certain.any():
        return 0.0
    side = float(hair.sum()) ** 0.5 * MATTE_PX
    partly = float(((alpha > 0.15) & (alpha < 0.8)).sum()) / side
    unsure = float(((coarse > 0.15) & (coarse < 0.75)).sum()) / side
    sure = float(np.abs(2.0 * likely[hair] - 1.0).mean())
    medians = [np.median(picture[one][::4], axis=0) for one in (bare, certain)]
    lab = cv2.cvtColor(np.array([medians], np.float32) / np.float32(255.0), cv2.COLOR_RGB2LAB)[0]
    apart = float(np.linalg.norm(lab[0] - lab[1]))
    above = slice(0, round(BROW * MATTE_PX))
    fringe = float(((face > 0.5) & (skin < 0.6) & (alpha < 0.3))[above].sum() / hair.sum())
    trust = _ends_found(alpha, coarse) * _on_both_sides(hair) * _trusted(fringe, _FRINGE)
    for value, bounds in ((partly, _PARTLY), (unsure, _UNSURE), (sure, _SURE), (apart, _APART)):
        trust *= _trusted(value, bounds)
    return trust


def _trusted(value: float, bounds: tuple[float, float]) -> float:
    """The trust 0..1 that a value gives, by its bounds of no and of full trust."""
    return float(eased_between(value, *bounds))


def _on_both_sides(hair: Mask) -> float:
    """The trust 0..1 by whether long hair is found on both sides of the face."""
    beside = hair[round(BROW * MATTE_PX) : round(CHIN * MATTE_PX)]
    middle = MATTE_PX // 2
    areas = sorted(float(side.sum()) / MATTE_PX**2 for side in (beside[:, :middle], beside[:, middle:]))
    return 1.0 if areas[0] > _OTHER_SIDE * areas[1] else _trusted(areas[1], _ONE_SIDE)


def _ends_found(alpha: Plane, coarse: Plane) -> float:
    """The trust 0..1 by how much of long hair's ends the matte has: they must not stay behind."""
    low = slice(round(_ENDS[0] * MATTE_PX), round(_ENDS[1] * MATTE_PX))
    hair = coarse[low] > 0.5
    if hair.sum() <= _LEAST_ENDS * (alpha > 0.5).sum():
        return 1.0
    return _trusted(float(alpha[low][hair].mean()), _ENDS_FOUND)
