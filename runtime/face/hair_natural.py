"""How grey hair is, cell by cell, and the natural colour that suits a head: its own where it still shows."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .easing import eased_between
from .hair_grid import HALF, MATTE_PX, Mask, Plane
from .hair_light import HairLight
from .head_parser import HeadShares, window_points
from .mesh import LEFT_BROW, RIGHT_BROW
from .percentile import median, percentile
from .tone import LUMA

_BROWS, _BROW_RANK = (0.14, 0.34), 25.0
"""The lightness of hair on fair skin: a constant, and a share of that of the brows' darker part."""
_FAIR, _DARK = (0.20, 0.34), (0.12, 0.20)
"""Its bounds on fair and on dark skin; on dark skin it is less by _BLACKER of the brows' lightness."""
_BLACKER = (0.06, 0.30)
_DARK_SKIN = (70.0, 135.0)
_STRANDS_RANK, _STRANDS = 10.0, 1.25
"""The percentile of hair's light that is its darker strands, and how much lighter hair is as a whole."""
_BROWN = (0.22, -0.068, -0.22)
"""What brown adds to grey, by channel, relative to its luminance, which it leaves: as usual at 25 to 40."""
_LESS_COLOURED, _MOST_COLOURED = 0.45, 1.1
_COLOURED = (0.42, 0.75)
"""Warmth relative to the skin's of hair that is grey and of hair that is not."""
_BLUE = (0.4, 0.7)
_GREYER, _GREYEST = (1.05, 0.03), (1.3, 0.08)
"""Lightness, a factor and a constant of that of coloured hair, from which hair may be, and is, grey."""
_OWN, _OWN_WARMTH, _OWN_LIGHT, _OWN_TINT = (0.08, 0.25), 1.6, 0.5, (0.1, 0.75)
"""Bounds of the share of coloured hair that tells nothing of the person's colour, and that tells it; and of
the warmth, lightness and tint that natural hair may have."""
_OWN_BOUNDS = (0.12, 0.38)
_LEAST_LIT = 12.0
_GLARE, _NO_GLARE = (1.0, 1.2), (0.45, 0.8)
"""Lightness of glare on dark hair, and lightness of hair as a whole where it is dark and where it is not."""


@dataclass(frozen=True, eq=False)
class Skin:
    """The skin of a face: the luminance ``lit`` of its lighter part, in code values, and its ``warmth``, red
    less blue relative to its luminance.
    """

    colour: NDArray[np.float32]
    lit: float
    warmth: float


@dataclass(frozen=True, eq=False)
class Natural:
    """A natural hair colour: its ``level``, the luminance relative to lit skin, its ``tint`` [3] relative to
    its own luminance, by channel, and ``grey`` [n, n] 0..1, the share of every cell that does not have it.
    """

    level: float
    tint: NDArray[np.float32]
    grey: Plane


def read_skin(shares: HeadShares) -> Skin | None:
    """The skin of a face; None where none is certain."""
    skin = shares.image[shares.skin > 0.9].astype(np.float32)
    if not len(skin):
        return None
    colour = np.asarray(median(skin[::4]), np.float32)
    warmth = float(colour[0] - colour[2]) / max(float(colour @ LUMA), 1.0)
    return Skin(colour, max(percentile(skin @ LUMA, 70), _LEAST_LIT), max(warmth, 0.15))


def natural_colour(
    picture: NDArray[np.uint8], certain: Mask, hair: HairLight, skin: Skin, brows: float, toned: float
) -> Natural:
    """The colour of hair in ``picture`` uint8 [n, n, 3] before it turned grey.

    ``certain`` are the cells of hair alone in every other row and column; the first of ``hair.others`` is red
    less blue. ``brows`` is the lightness of the brows relative to lit skin. ``toned`` 0..1 says how far the
    photo has one tone: there lightness alone tells what is grey.
    """
    lightness = hair.around / skin.lit
    warmth = np.asarray(hair.others[0] / np.maximum(hair.around, _LEAST_LIT) / skin.warmth, np.float32)
    strands = percentile(hair.light[HALF][certain], _STRANDS_RANK) / skin.lit
    level = _usual_level(skin, brows, strands)
    coloured = np.maximum(_between(warmth, *_COLOURED), _between(-warmth * np.float32(skin.warmth), *_BLUE))
    grey = _greyness(lightness, level) * (1.0 - np.float32(1.0 - toned) * coloured)
    typical = float(median(lightness[HALF][certain]))
    dark = 1.0 - float(eased_between(typical, *_NO_GLARE))
    if dark > 0:
        grey *= 1.0 - np.float32(dark) * _between(lightness, *_GLARE)
    tint = np.array(_BROWN, np.float32) * np.float32(min(_LESS_COLOURED + skin.warmth, _MOST_COLOURED))
    light, warm = lightness[HALF], warmth[HALF]
    own = certain & (grey[HALF] < 0.3) & (warm > _COLOURED[0]) & (warm < _OWN_WARMTH) & (light < _OWN_LIGHT)
    told = float(eased_between(float(own.sum() / max(certain.sum(), 1)), *_OWN))
    if told > 0:
        level += told * (float(np.clip(median(light[own]), *_OWN_BOUNDS)) - level)
        colour = median(picture[HALF][own])
        found = np.asarray(colour / max(float(colour @ LUMA), 8.0) - 1.0, np.float32)
        if _OWN_TINT[0] < float(found[0] - found[2]) < _OWN_TINT[1]:
            tint = tint + np.float32(told) * (found - tint)
    return Natural(level, np.asarray(tint, np.float32), np.asarray(grey, np.float32))


def brow_light(picture: NDArray[np.uint8], landmarks_unit: NDArray[np.floating]) -> float:
    """The luminance of the darker part of the brows in the window ``picture``, uint8 [n, MATTE_PX, 3]."""
    points = window_points(landmarks_unit) * MATTE_PX
    mask = np.zeros(picture.shape[:2], np.uint8)
    for ring in (LEFT_BROW, RIGHT_BROW):
        outline = np.rint(np.clip(points[list(ring)], -MATTE_PX, 2 * MATTE_PX)).astype(np.int32)
        cv2.fillPoly(mask, [np.asarray(cv2.convexHull(outline), np.int32)], 1)
    lights = picture[mask > 0].astype(np.float32) @ LUMA
    if not len(lights):
        return 255.0
    return float(lights[lights <= percentile(lights, _BROW_RANK)].mean())


def _greyness(lightness: Plane, level: float) -> Plane:
    bounds = (factor * level + more for factor, more in (_GREYER, _GREYEST))
    return _between(lightness, *bounds)


def _between(plane: Plane, low: float, high: float) -> Plane:
    """0 up to ``low``, 1 from ``high`` on."""
    share = cv2.addWeighted(plane, 1.0 / (high - low), plane, 0.0, -low / (high - low))
    return np.asarray(np.clip(share, 0.0, 1.0), np.float32)


def _usual_level(skin: Skin, brows: float, strands: float) -> float:
    """The lightness of hair that suits a skin, its brows and the darker strands of its hair."""
    dark = 1.0 - float(eased_between(float(skin.colour @ LUMA), *_DARK_SKIN))
    (fair, more), (black, less) = _BROWS, _BLACKER
    suits = float(np.clip(fair + more * brows, *_FAIR)) * (1.0 - dark)
    suits += float(np.clip(black + less * brows, *_DARK)) * dark
    least = _FAIR[0] * (1.0 - dark) + _DARK[0] * dark
    return min(suits, max(_STRANDS * strands, least))
