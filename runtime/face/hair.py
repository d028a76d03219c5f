"""Greying of hair with age: salt and pepper first, temples before the crown, strands and light kept.

The change is planned at a low resolution: the matte of the hair, how grey it gets, and the lightness of grey
hair in the light that falls on this hair. It is then applied to the photo's own pixels, so that strands are
preserved: the lighter ones turn first.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .alignment import Frame
from .easing import eased_between
from .hair_dyed import is_dyed
from .hair_grid import CHIN, MATTE_PX, Plane
from .hair_light import along_edges, box_of, read_light
from .hair_matte import HairMatte, find_matte
from .hair_paste import DARK, HairChange
from .hair_strands import strands_along
from .hair_trust import CERTAIN
from .hair_years import greyness, greys, hair_height, regains
from .hair_young import plan_colour
from .head_parser import HeadShares
from .networks import PARSER_PX
from .percentile import median, percentile
from .tone import LUMA, read_tone

_MOST_GREY = 0.65
_LEAST_TRUST = 0.45
"""Trust in the matte below which hair stays as it is."""
_FADED = 0.84
"""The share of its own colour that grey hair loses. A little of the skin's tints it in the light's colour."""
_RELIEF = 0.75
_CONTRAST = 0.95
_ENDS, _ENDS_KEEP = (0.72, 1.25), 0.6
"""Rows of the window, as shares of its height, between which hair gets less and less light, and how much less
at last: ends are years older than what grows, and the parser is less sure of them."""
_PALER = 0.48
"""How far hair as a whole gets lighter, 0..1 of the way to grey hair's lightness: pepper among the salt."""
_DARKER = (4.0, 16.0)
"""Code values by which what is below the chin is darker than hair and may be, or is, something else."""
_GREY_LEVEL = (0.66, 22.0)
_STRANDS = 0.25
_GLOSS = 0.45
_SHOWN, _PLAIN = 7.0, 0.4
"""The deviation of luminance from which strands are seen, and how much less hair without any gets lighter."""
_TONED = 50.0
"""How many code values hair of a photo of one tone gets lighter, along this tone's curve."""
_LEAST_SKIN = 15


def plan_hair(
    rgb: NDArray[np.uint8],
    frame: Frame,
    shares: HeadShares,
    landmarks_unit: NDArray[np.floating],
    now: float,
    wanted: float,
) -> HairChange | None:
    """Plan the change of hair around a face of a photo, uint8 [H, W, 3], from ``now`` to ``wanted`` years.

    Hair of a face that gets older turns grey, grey hair of one that gets younger gets its colour back.

    ``frame`` is the face's canonical frame, ``shares`` are those of `HeadParser.read_window`,
    ``landmarks_unit`` [468, 2] are in units of the frame. None if nothing changes: no hair is certain, it is
    dyed, or neither grey nor to be.
    """
    if regains(now, wanted):
        return plan_colour(rgb, frame, shares, landmarks_unit, now, wanted)
    if not greys(now, wanted):
        return None
    matte = find_matte(rgb, frame, shares, landmarks_unit)
    if matte is None:
        return None
    certain = matte.alpha > CERTAIN
    if matte.trust < _LEAST_TRUST or is_dyed(median(matte.picture[certain][::4])):
        return None
    height = hair_height(landmarks_unit, len(matte.alpha))
    before, after = greyness(now, height), greyness(wanted, height)
    turning = (_MOST_GREY * matte.trust) * matte.whole * (after - before) / np.maximum(1.0 - before, 0.05)
    planes, limit = _grey_planes(matte, shares, np.asarray(turning, np.float32))
    tone = read_tone(shares.image, shares.hair + (shares.skin > 0.8))
    dark = float(median(matte.picture[certain][::4] @ LUMA))
    kept = 1.0 - _FADED * (1.0 - tone.share)
    toned = tone.slopes[np.linspace(dark, dark + _TONED, 8).astype(int).clip(0, 255)].mean(axis=0) - 1.0
    tint = _tint(shares) * np.float32(1.0 - tone.share) + toned * np.float32(tone.share)
    return HairChange(frame, planes, limit, box_of(matte.alpha), kept, np.asarray(tint, np.float32))


def _grey_planes(matte: HairMatte, shares: HeadShares, turning: Plane) -> tuple[Plane, Plane]:
    """Planes and limit of a `HairChange`; ``turning`` [n, n] is the mean share of hair that turns grey."""
    light = cv2.cvtColor(matte.picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    read, pure = read_light(matte.alpha, light), matte.alpha * matte.alpha
    around, spread = read.around, read.spread
    typical = float(median(light[matte.alpha > CERTAIN]))
    relief = np.clip(((around + DARK) / (typical + DARK)) ** _RELIEF, 0.35, 1.35)
    goal = np.maximum(_grey_level(shares, len(light)) * relief, around)
    # What shows no strands, such as black hair in shadow, would look like felt: it stays darker.
    shown = np.clip((spread - 2.0) / _SHOWN, 0.0, 1.0)
    shaded = (1.0 - _PLAIN * (1.0 - shown)) * _reach(len(light))
    goal = around + _PALER * shaded * (goal - around)
    slope = goal * _CONTRAST / (around + DARK)
    # Cells that are partly skin are lighter than hair: they are no strands.
    limit = around + pure * np.minimum(2.0 * spread, _GLOSS * (around + DARK))
    # And below the chin what is darker than hair, too, are clothes or deep shadow.
    rows = ((np.arange(len(light), dtype=np.float32) + 0.5) / MATTE_PX)[:, None]
    clothes = eased_between(rows, CHIN - 0.02, CHIN + 0.06) * (1.0 - shown)
    turning = turning * (1.0 - clothes * eased_between(typical - around, *_DARKER))
    mixed = 4.0 * turning * (1.0 - turning)
    share = turning * (1.0 + _STRANDS * mixed * strands_along(light, read.weight))
    led, rest = along_edges(matte.alpha, light)
    planes = cv2.merge([share * led, share * rest, slope, goal - slope * around])
    return np.asarray(planes, np.float32), np.asarray(limit, np.float32)


def _reach(count: int) -> Plane:
    """How far ends get lighter with the head, [count, 1]: the older they are, the darker they stay."""
    rows = ((np.arange(count, dtype=np.float32) + 0.5) / MATTE_PX)[:, None]
    return np.asarray(1.0 - _ENDS_KEEP * eased_between(rows, *_ENDS), np.float32)


def _grey_level(shares: HeadShares, count: int) -> Plane:
    """The lightness of grey hair, in code values, in the light on this face: [count, MATTE_PX]."""
    skin = shares.skin[::2, ::2] > 0.9
    light = shares.image[::2, ::2] @ LUMA
    if skin.sum() < _LEAST_SKIN:
        return np.full((count, MATTE_PX), 120.0, np.float32)
    rows, columns = (2 * place / PARSER_PX - 0.5 for place in np.nonzero(skin))
    lit = percentile(light[skin], 70)
    terms = np.stack([np.ones_like(rows), columns, rows], axis=-1)
    factors = np.linalg.lstsq(terms, light[skin] / max(float(light[skin].mean()), 1.0), rcond=None)[0]
    across, down = ((np.arange(n, dtype=np.float32) + 0.5) / MATTE_PX - 0.5 for n in (MATTE_PX, count))
    sides = np.clip(1.0 + factors[1] * across + 0.3 * factors[2] * down[:, None], 0.6, 1.15)
    return np.asarray(np.clip(_GREY_LEVEL[0] * lit + _GREY_LEVEL[1], 50.0, 165.0) * sides, np.float32)


def _tint(shares: HeadShares) -> Plane:
    """What the light's colour adds to grey, by channel, relative to its luminance: a little of the skin's."""
    skin = shares.image[shares.skin > 0.9].astype(np.float32)
    if not skin.size:
        return np.zeros(3, np.float32)
    mean = median(skin)
    warm = np.clip(0.16 * (mean / max(float(mean @ LUMA), 1.0) - 1.0), -0.05, 0.05)
    warm[1] *= 0.6  # else grey would be mauve
    return np.asarray(warm, np.float32)
