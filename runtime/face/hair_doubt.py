"""How far grey hair is to be trusted to be hair, natural, and found as a whole, before it gets darker.

Dark hair shows what grey hair forgives: a white scarf, what stays white, a background that turns dark.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .easing import eased_between
from .hair_dyed import is_dyed
from .hair_grid import HALF, Plane
from .hair_light import HairLight
from .hair_matte import HairMatte
from .hair_natural import Skin
from .hair_sides import HairSides
from .hair_trust import CERTAIN
from .head_parser import window_points
from .percentile import median, percentile
from .tone import LUMA

_MATTE = (0.52, 0.68)
"""Bounds of no and of full trust: the trust in the matte,"""
_LEFT = (0.29, 0.21)
"""the share of grey hair that would stay grey,"""
_ALIKE = (0.20, 0.10)
"""the share of the background that is like hair,"""
_WHITE, _WHITE_RANK = (1.52, 1.40), 75.0
"""how much lighter than lit skin the lighter part of hair is: more is cloth, or hard light,"""
_TURNED = (0.60, 0.42)
"""how far the head is turned, 0 to the front and about 1 to the side: hair behind an ear is seldom found,"""
_TEAL = (0.10, 0.06)
"""how much green and blue exceed red, relative to luminance: it is dyed,"""
_SKIN = (3.0, 6.0)
"""how far the hair's colour is from the skin's in Lab's a and b: glare on a bald head has the skin's,"""
_CLIPPED = (0.5, 0.25)
"""and the share of hair that is blown out."""
_BLOWN_OUT, _LEAST_LIGHT = 246.0, 12.0
_NOSE, _EARS = 1, (234, 454)


def colour_trust(
    matte: HairMatte,
    sides: HairSides,
    hair: HairLight,
    grey: Plane,
    reached: Plane,
    skin: Skin,
    landmarks_unit: NDArray[np.floating],
    toned: float = 0.0,
) -> float:
    """The trust in a change of grey hair to a natural colour, 0..1.

    ``grey`` and ``reached`` [n, n] 0..1 say how grey cells are, and how far they would change. ``hair`` has
    the light of the hair; landmarks [468, 2] are in units of the frame. ``toned`` 0..1 says how far the photo
    has one tone: then colours tell nothing.
    """
    alpha, coarse, like, gray = matte.alpha[HALF], matte.coarse[HALF], sides.like[HALF], grey[HALF]
    certain = alpha > CERTAIN
    if not certain.any():
        return 0.0
    colour = median(matte.picture[HALF][certain][::4])
    if is_dyed(colour):
        return 0.0
    should = np.maximum(np.maximum(coarse * (coarse > 0.3), alpha), like) * gray
    left = float(np.maximum(should - alpha * reached[HALF], 0.0).sum() / max(float(should.sum()), 1.0))
    red, green, blue = _relative(matte.picture[HALF], certain)
    trust = 1.0
    for value, bounds in (
        (matte.trust, _MATTE),
        (left, _LEFT),
        (sides.alike, _ALIKE),
        (percentile(hair.around[HALF][certain], _WHITE_RANK) / skin.lit, _WHITE),
        (_turn(landmarks_unit), _TURNED),
        (float(median(np.minimum(green, blue) - red)), _TEAL),
        (_apart(colour, skin.colour) + toned * _SKIN[1], _SKIN),
        (float((hair.light[HALF][certain] > _BLOWN_OUT).mean()), _CLIPPED),
    ):
        trust *= float(eased_between(value, *bounds))
    return trust


def _relative(picture: NDArray[np.uint8], certain: NDArray[np.bool_]) -> tuple[Plane, Plane, Plane]:
    """Red, green and blue of certain hair, relative to its luminance."""
    colours = cv2.blur(picture, (3, 3))[certain][::4].astype(np.float32)
    light = np.maximum(colours @ LUMA, np.float32(_LEAST_LIGHT))
    red, green, blue = (np.asarray(colours[:, channel] / light, np.float32) for channel in range(3))
    return red, green, blue


def _apart(hair: NDArray[np.floating], skin: NDArray[np.floating]) -> float:
    """The distance of two colours, RGB in code values, in Lab's a and b."""
    lab = cv2.cvtColor(np.array([[hair, skin]], np.float32) / np.float32(255.0), cv2.COLOR_RGB2LAB)[0]
    return float(np.hypot(*(lab[0, 1:] - lab[1, 1:])))


def _turn(landmarks_unit: NDArray[np.floating]) -> float:
    """How far a head is turned aside: 0 to the front, about 1 to the side."""
    points = window_points(landmarks_unit)
    right, left = points[list(_EARS), 0]
    return float(abs(points[_NOSE, 0] - (right + left) / 2) / max(abs(left - right) / 2, 1e-6))
