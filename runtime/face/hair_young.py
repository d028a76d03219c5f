"""The natural colour of grey hair of faces that get younger.

Grey hair gets darker, not flat: its relief in the large and its strands stay, compressed to those of coloured
hair, whose colour is proportional to its light. Only what is grey changes; where in doubt, nothing does.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from .alignment import Frame
from .easing import eased_between
from .hair_doubt import colour_trust
from .hair_grid import HALF, Plane
from .hair_light import HairLight, along_edges, box_of, read_light
from .hair_matte import HairMatte, find_matte
from .hair_natural import Natural, Skin, brow_light, natural_colour, read_skin
from .hair_paste import HairChange
from .hair_sides import HairSides, find_sides
from .hair_strands import strands_along
from .hair_trust import CERTAIN
from .hair_years import hair_height, regained
from .head_parser import HeadShares
from .percentile import median
from .tone import Tone, read_tone

_MOST = 0.93
"""The largest share of grey hair that gets its colour back."""
_LEAST_TRUST, _LEAST = 0.55, 0.08
"""Trust, and share of hair, below which nothing changes."""
_TONED_TRUST = 0.3
"""How much more trust a photo of one tone needs: there a light forehead looks like white hair."""
_SOME = (0.10, 0.22)
"""Bounds of the share of grey in hair of which nothing changes, and everything that is grey."""
_RELIEF = (0.45, 1.45)
_SPREAD, _LEAST_SLOPE = 0.26, 0.55
"""The deviation of light between strands of coloured hair, relative to it, and the least contrast left."""
_FLAT, _STREAKS = 0.2, 0.10
"""The deviation below which strands are drawn, too, and how strong at most: flat hair looks painted."""
_PAINTED, _SALTED = 0.12, 0.15
"""Means of flatness, and of the product of what turns and what does not, from which strands are drawn."""
_MIXED = 0.25
"""How much sooner some strands turn than others where only a part of them turns."""
_LIMIT = (2.5, 0.25)
_FLOOR = 0.4
"""The least light of a strand that gets darker, relative to hair's."""
_OVER_FACE = (0.1, 0.3)
"""The parser's share of hair over the face for no change and for all of it: glare on a forehead is none."""


def plan_colour(
    rgb: NDArray[np.uint8],
    frame: Frame,
    shares: HeadShares,
    landmarks_unit: NDArray[np.floating],
    now: float,
    wanted: float,
) -> HairChange | None:
    """Plan the natural colour of grey hair around a face of a photo, uint8 [H, W, 3], that gets younger.

    ``frame`` is the face's canonical frame, ``shares`` are those of `HeadParser.read_window`,
    ``landmarks_unit`` [468, 2] are in units of the frame. None if nothing changes: no hair is certain, or it
    is not grey, or it would be left grey in part.
    """
    matte, skin = find_matte(rgb, frame, shares, landmarks_unit, beards=False), read_skin(shares)
    if matte is None or skin is None:
        return None
    sides = find_sides(matte, shares, landmarks_unit)
    matte = _completed(matte, sides)
    certain = matte.alpha[HALF] > CERTAIN
    red, _, blue = cv2.split(matte.picture)
    warmth = np.asarray(cv2.subtract(red, blue, dtype=cv2.CV_32F), np.float32)
    light = cv2.cvtColor(matte.picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    hair = read_light(matte.alpha, light, warmth)
    tone = read_tone(shares.image, shares.hair + (shares.skin > 0.8))
    brows = brow_light(matte.picture, landmarks_unit) / skin.lit
    natural = natural_colour(matte.picture, certain, hair, skin, brows, tone.share)
    over = 1.0 - matte.face * (1.0 - eased_between(matte.coarse, *_OVER_FACE))
    over = np.maximum(over, sides.added)
    reached = np.asarray(natural.grey * matte.whole * over, np.float32)
    trust = colour_trust(matte, sides, hair, natural.grey, reached, skin, landmarks_unit, tone.share)
    trust *= float(eased_between(float((natural.grey * matte.alpha)[HALF][certain].mean()), *_SOME))
    most = np.asarray(np.float32(_MOST * trust) * reached, np.float32)
    # Judged by the most that may change, which is the same at every age: between two ages hair must not jump.
    if trust < _LEAST_TRUST + _TONED_TRUST * tone.share or most[HALF][certain].mean() < _LEAST:
        return None
    share = most * regained(now, wanted, hair_height(landmarks_unit, len(matte.alpha)))
    if not share.any():
        return None
    return _change(frame, matte, hair, natural, share, skin, tone)


def _completed(matte: HairMatte, sides: HairSides) -> HairMatte:
    """The matte with the hair beside the face, which is trusted like the rest."""
    if sides.alpha is matte.alpha:
        return matte
    added = np.clip(3.0 * cv2.blur(sides.alpha - matte.alpha, (5, 5)), 0.0, 1.0)
    return replace(matte, alpha=sides.alpha, whole=np.maximum(matte.whole, added))


def _change(
    frame: Frame,
    matte: HairMatte,
    hair: HairLight,
    natural: Natural,
    share: Plane,
    skin: Skin,
    tone: Tone,
) -> HairChange:
    """The change of the ``share`` [n, n] of hair to a natural colour."""
    around, spread = hair.around, hair.spread
    certain = natural.grey[HALF] * (matte.alpha[HALF] > CERTAIN)
    grey = certain > min(0.4, 0.5 * float(certain.max()))
    typical = max(float(median(around[HALF][grey])), 1.0)
    dark = natural.level * skin.lit
    relief = np.clip(around / np.float32(typical), *_RELIEF)
    goal = np.minimum(np.float32(dark) * relief, around)
    least = np.float32(_LEAST_SLOPE) * goal / np.maximum(around, 1.0)
    slope = np.clip(np.float32(_SPREAD) * goal / spread, least, 1.0)
    flat = np.clip(1.0 - slope * spread / (np.float32(_FLAT) * goal + 1.0), 0.0, 1.0)
    mixed = share * (1.0 - share)
    if float(flat[HALF][grey].mean()) > _PAINTED or float(mixed[HALF][grey].mean()) > _SALTED:
        streaks = strands_along(hair.light, hair.weight)
        goal = goal * (1.0 + np.float32(_STREAKS) * flat * streaks)
        share = share * (1.0 - np.float32(4.0 * _MIXED) * mixed * streaks)
    spreads, gloss = _LIMIT
    limit = around + matte.alpha**2 * np.maximum(np.float32(spreads) * spread, np.float32(gloss) * around)
    led, rest = along_edges(matte.alpha, hair.light)
    parts = (share * led, share * rest, slope, goal - slope * around)
    planes = np.asarray(cv2.merge([np.asarray(one, np.float32) for one in parts]), np.float32)
    codes = np.linspace(dark, typical, 8).astype(int).clip(0, 255)
    toned = tone.slopes[codes].mean(axis=0) - 1.0
    tint = natural.tint * np.float32(1.0 - tone.share) + toned * np.float32(tone.share)
    return HairChange(
        frame,
        planes,
        np.asarray(limit, np.float32),
        box_of(matte.alpha),
        tone.share,
        np.asarray(tint, np.float32),
        _FLOOR * dark,
    )
