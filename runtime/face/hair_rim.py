"""The rim of hair: what is skin or cloth at the matte's edge, and where hair's colour shows beside the matte.

Grey on skin or on a collar would be a veil, and what is left of the hair's colour a coloured line.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .easing import eased_between
from .hair_grid import BROW, CHIN, MATTE_PX, Plane, enlarged, halved
from .percentile import median

_WARM = (0.64, 0.77)
"""The direction in the plane of Lab's a and b of the rim of hair that has no colour of its own."""
_OWN = 5.0
"""The chroma from which hair has a colour of its own."""
_BESIDE_PX = 13
"""How far beside hair its rim goes: a square's side in cells."""
_AROUND_PX = 13
"""The side of the square at half the size whose hair and other things a rim is compared with."""
_LEAST = (2.0, 5.0)
"""How much more of hair's colour than the surroundings has what is no rim, and what surely is one, in Lab."""
_LOCAL_PX, _INNER_PX = 9, 9
"""Sides of squares in cells: at half the size those whose hair and other things tell the colours of an edge's
sides, and those that are within hair as a whole: there nothing is cleared."""
_TOLD_APART = (12.0, 24.0)
"""Distances in Lab of the colours of both sides that do not and that do tell them apart."""


def cleared(alpha: Plane, picture: NDArray[np.uint8], bare: Plane, within: Plane) -> Plane:
    """The matte ``alpha`` float32 [n, n] 0..1 without what has the colour of the skin or cloth beside it.

    ``picture`` uint8 [n, n, 3]; ``bare`` and ``within`` [n, n] 0..1 say where skin and where the photo is.
    """
    rows = ((np.arange(len(alpha), dtype=np.float32) + 0.5) / MATTE_PX)[:, None]
    # A fringe lies over skin and may be lit: it is left to the matte.
    beside = np.maximum(bare, eased_between(rows, CHIN - 0.06, CHIN)) * eased_between(rows, BROW, BROW + 0.06)
    beside *= within
    lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB).astype(np.float32)
    lab[..., 0] *= np.float32(100.0 / 255.0)
    small, matte, others = (halved(np.asarray(one, np.float32)) for one in (lab, alpha, beside))
    weights = _sixth(matte), _sixth(1.0 - matte) * others
    had, hair = _local(small, weights[0])
    bared, other = _local(small, weights[1])
    axis = [one - two for one, two in zip(hair, other, strict=True)]
    length = np.maximum(sum(one * one for one in axis), np.float32(1.0))
    told = eased_between(np.sqrt(length), *_TOLD_APART) * eased_between(np.minimum(had, bared), 0.01, 0.04)
    offset = sum(one * two for one, two in zip(axis, other, strict=True)) / length
    linear = enlarged(cv2.merge([*(one / length for one in axis), offset]), len(alpha))
    along = cv2.multiply(lab, np.ascontiguousarray(linear[..., :3]))
    share = np.asarray(cv2.transform(along, np.ones((1, 3), np.float32)), np.float32) - linear[..., 3]
    # Lit locks inside of hair stay.
    inner = cv2.erode(alpha, np.ones((_INNER_PX, _INNER_PX), np.uint8)) >= 0.9
    most = np.clip(2.0 * share - 0.6, 0.0, 1.0)
    return np.asarray(np.minimum(alpha, 1.0 - enlarged(told, len(alpha)) * ~inner * (1.0 - most)), np.float32)


def _local(lab: Plane, weight: Plane) -> tuple[Plane, list[Plane]]:
    """The mean of ``weight`` [h, w] around every cell, and by channel that of ``lab`` [h, w, 3] with it."""
    planes = cv2.merge([weight, *(one * weight for one in cv2.split(lab))])
    blurred = np.asarray(cv2.blur(planes, (_LOCAL_PX, _LOCAL_PX)), np.float32)
    total, *means = (np.ascontiguousarray(blurred[..., channel]) for channel in range(4))
    least = np.maximum(total, np.float32(1e-3))
    return total, [np.asarray(one / least, np.float32) for one in means]


def _sixth(plane: Plane) -> Plane:
    return np.asarray((plane * plane) ** 2 * (plane * plane), np.float32)


def with_rim(alpha: Plane, picture: NDArray[np.uint8], free: Plane) -> Plane:
    """The matte ``alpha`` float32 [n, n] 0..1 with the rim of its hair.

    ``picture`` uint8 [n, n, 3]; ``free`` [n, n] 0..1 is less than 1 where there is none, such as on skin.
    Where both sides have the same colour there is none either.
    """
    core = alpha > 0.6
    if not core.any():
        return alpha
    band = cv2.dilate(core.astype(np.uint8), np.ones((_BESIDE_PX, _BESIDE_PX), np.uint8)) > 0
    lab = cv2.cvtColor(cv2.GaussianBlur(picture, (0, 0), 0.7), cv2.COLOR_RGB2LAB)[..., 1:].astype(np.float32)
    lab -= np.float32(128.0)
    own = median(lab[core][::4])
    chroma = float(np.hypot(*own))
    along = own / chroma if chroma > _OWN else np.array(_WARM)
    colour = np.asarray(lab @ np.asarray(along, np.float32), np.float32)
    far, inside, side = free * ~band, core.astype(np.float32), (_AROUND_PX, _AROUND_PX)
    planes = halved(cv2.merge([far, colour * far, inside, colour * inside]))
    seen, around, had, hairs = cv2.split(enlarged(cv2.blur(planes, side), len(alpha)))
    around = around / np.maximum(seen, 1e-3)
    more, hairs = colour - around, hairs / np.maximum(had, 1e-3) - around
    share = np.clip(more / np.maximum(hairs, 2.0 * _LEAST[1]), 0.0, 1.0)
    rim = share * eased_between(more, *_LEAST) * free * band * eased_between(seen, 0.02, 0.1)
    rim = cv2.blur(np.asarray(rim, np.float32), (3, 3))
    return np.asarray(np.maximum(alpha, rim), np.float32)
