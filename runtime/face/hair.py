"""Greying of hair with age: salt and pepper first, temples before the crown, strands and light kept.

The change is planned at a low resolution: the matte of the hair, how grey it gets, and the lightness of grey
hair in the light that falls on this hair. It is then applied to the photo's own pixels, so that strands are
preserved: the lighter ones turn first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .alignment import Frame, apply_affine
from .easing import eased, eased_between
from .hair_grid import CHIN, MATTE_PX, Plane, enlarged, halved
from .hair_matte import HairMatte, find_matte
from .hair_strands import strands_along
from .hair_trust import CERTAIN
from .head_parser import HeadShares, hair_window, window_points
from .mesh import LEFT_BROW, LEFT_EYE, RIGHT_BROW, RIGHT_EYE
from .networks import PARSER_PX
from .percentile import median, percentile
from .tone import LUMA, read_tone
from .warp import sample_plane

BAND_ROWS = 64

_FIRST_GREY = (41.0, 50.0)
"""Age in years at which hair begins to grey, at the temples and on the crown."""
_GREY_SPAN = 30.0
_MOST_GREY = 0.65
_COLOURS = (20.0, 105.0)
"""Lab hue angles in degrees of natural hair; hair of any other strong colour is dyed and unchanged."""
_PALE, _PALE_BLACK, _BLACK = 10.0, 16.0, 20.0
"""The chroma that natural hair of any hue may have; more below a lightness: black hair mirrors the sky."""
_PURPLE, _DEEP, _LEAST_DEEP = (-45.0, 20.0), 0.5, 5.0
"""Purple hues are dyed in dark hair, too, from this chroma on, relative to lightness and a least one."""
_RED = 35.0
"""From this chroma on, red hues are dyed the more surely the stronger they are."""
_LEAST_TRUST = 0.45
"""Trust in the matte below which hair stays as it is."""
_FADED = 0.84
"""The share of its own colour that grey hair loses. A little of the skin's tints it in the light's colour."""
_RELIEF = 0.75
_CONTRAST = 0.95
_DARK = 14.0
_ENDS, _ENDS_KEEP = (0.72, 1.25), 0.6
"""Rows of the window, as shares of its height, between which hair gets less and less light, and how much less
at last: ends are years older than what grows, and the parser is less sure of them."""
_PALER = 0.48
"""How far hair as a whole gets lighter, 0..1 of the way to grey hair's lightness: pepper among the salt."""
_DARKER = (4.0, 16.0)
"""Code values by which what is below the chin is darker than hair and may be, or is, something else."""
_GREY_LEVEL = (0.66, 22.0)
_STRANDS = 0.25
_AROUND = 3.2
_GLOSS = 0.45
_SHOWN, _PLAIN = 7.0, 0.4
"""The deviation of luminance from which strands are seen, and how much less hair without any gets lighter."""
_EVEN = 40.0
_FAR, _FADE, _STAYS = 0.3, 0.9, 0.15
"""From where on pixels lighter than hair's limit get less light, over which range, as shares of it, and how
much at last: what shows between locks is no hair."""
_TONED = 50.0
"""How many code values hair of a photo of one tone gets lighter, along this tone's curve."""
_LEAST_SKIN = 15
_LEAST_SHARE = 0.001
"""The share of a pixel below which its greying changes it by less than half a code value."""


@dataclass(frozen=True, eq=False)
class HairChange:
    """The change of a photo's pixels in a window around a face.

    ``planes`` float32 [n, n, 4] and ``limit`` [n, n] cover the window of ``frame`` and are smooth: of a pixel
    of luminance y, the share planes[0] * y + planes[1] turns grey (0 where there is no hair); this grey has
    the luminance planes[2] * h + planes[3], where h is y, at most the limit. ``box`` are the first and end
    columns and rows of the window with any change. ``kept`` is the share of its own colour that grey hair
    keeps, ``tint`` [3] the share of its luminance that it takes up of the light's colour.
    """

    frame: Frame
    planes: Plane
    limit: Plane
    box: tuple[int, int, int, int]
    kept: float
    tint: Plane


def greyness(years: float, height: NDArray[np.floating]) -> Plane:
    """The share of grey hair at ``years``, 0..1; ``height`` is 0 at the temples and 1 on the crown."""
    first, last = _FIRST_GREY
    share = np.clip((years - (first + (last - first) * np.asarray(height))) / _GREY_SPAN, 0.0, 1.0)
    return np.asarray(eased(share), np.float32)


def greys(now: float, wanted: float) -> bool:
    """Whether hair changes between two ages in years; it does not before it begins to grey."""
    return wanted > now and wanted > _FIRST_GREY[0]


def plan_hair(
    rgb: NDArray[np.uint8],
    frame: Frame,
    shares: HeadShares,
    landmarks_unit: NDArray[np.floating],
    now: float,
    wanted: float,
) -> HairChange | None:
    """Plan the greying of hair around a face of a photo, uint8 [H, W, 3], from ``now`` to ``wanted`` years.

    ``frame`` is the face's canonical frame, ``shares`` are those of `HeadParser.read_window`,
    ``landmarks_unit`` [468, 2] are in units of the frame. None if nothing changes: the face does not get
    older, no hair is certain, or the hair is dyed.
    """
    if not greys(now, wanted):
        return None
    matte = find_matte(rgb, frame, shares, landmarks_unit)
    if matte is None:
        return None
    certain = matte.alpha > CERTAIN
    if matte.trust < _LEAST_TRUST or _dyed(median(matte.picture[certain][::4])):
        return None
    height = _height(landmarks_unit, len(matte.alpha))
    before, after = greyness(now, height), greyness(wanted, height)
    turning = (_MOST_GREY * matte.trust) * matte.whole * (after - before) / np.maximum(1.0 - before, 0.05)
    planes, limit = _grey_planes(matte, shares, np.asarray(turning, np.float32))
    used = cv2.dilate((matte.alpha > 0.004).astype(np.uint8), np.ones((5, 5), np.uint8))
    rows, columns = (np.flatnonzero(used.any(axis=axis)) for axis in (1, 0))
    box = (int(columns[0]), int(columns[-1]) + 1, int(rows[0]), int(rows[-1]) + 1)
    tone = read_tone(shares.image, shares.hair + (shares.skin > 0.8))
    dark = float(median(matte.picture[certain][::4] @ LUMA))
    kept = 1.0 - _FADED * (1.0 - tone.share)
    toned = tone.slopes[np.linspace(dark, dark + _TONED, 8).astype(int).clip(0, 255)].mean(axis=0) - 1.0
    tint = _tint(shares) * np.float32(1.0 - tone.share) + toned * np.float32(tone.share)
    return HairChange(frame, planes, limit, box, kept, np.asarray(tint, np.float32))


def _grey_planes(matte: HairMatte, shares: HeadShares, turning: Plane) -> tuple[Plane, Plane]:
    """Planes and limit of a `HairChange`; ``turning`` [n, n] is the mean share of hair that turns grey."""
    light = cv2.cvtColor(matte.picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    pure = matte.alpha * matte.alpha
    inner = cv2.erode(pure, np.ones((5, 5), np.uint8))  # beside the face cells are partly skin
    weight = np.maximum(inner * inner, np.float32(0.02) * pure * pure) + np.float32(2e-5)
    lit = light * weight
    sums = _blurred(np.dstack([weight, lit, light * lit]))
    around, squares = (np.asarray(sums[..., one] / sums[..., 0], np.float32) for one in (1, 2))
    spread = np.sqrt(np.maximum(squares - around * around, 0.0)) + np.float32(2.0)
    typical = float(median(light[matte.alpha > CERTAIN]))
    relief = np.clip(((around + _DARK) / (typical + _DARK)) ** _RELIEF, 0.35, 1.35)
    goal = np.maximum(_grey_level(shares, len(light)) * relief, around)
    # What shows no strands, such as black hair in shadow, would look like felt: it stays darker.
    shown = np.clip((spread - 2.0) / _SHOWN, 0.0, 1.0)
    shaded = (1.0 - _PLAIN * (1.0 - shown)) * _reach(len(light))
    goal = around + _PALER * shaded * (goal - around)
    slope = goal * _CONTRAST / (around + _DARK)
    # Cells that are partly skin are lighter than hair: they are no strands.
    limit = around + pure * np.minimum(2.0 * spread, _GLOSS * (around + _DARK))
    # And below the chin what is darker than hair, too, are clothes or deep shadow.
    rows = ((np.arange(len(light), dtype=np.float32) + 0.5) / MATTE_PX)[:, None]
    clothes = eased_between(rows, CHIN - 0.02, CHIN + 0.06) * (1.0 - shown)
    turning = turning * (1.0 - clothes * eased_between(typical - around, *_DARKER))
    mixed = 4.0 * turning * (1.0 - turning)
    share = turning * (1.0 + _STRANDS * mixed * strands_along(light, weight))
    # A linear function of luminance follows the matte's edges within cells.
    mean, matted = cv2.blur(light, (5, 5)), cv2.blur(matte.alpha, (5, 5))
    varied = cv2.blur(light * light, (5, 5)) - mean * mean
    led = (cv2.blur(light * matte.alpha, (5, 5)) - mean * matted) / (varied + _EVEN)
    led *= matte.alpha > 0.004
    led = np.asarray(cv2.blur(led, (3, 3)), np.float32)
    rest = matte.alpha - led * light
    planes = cv2.merge([share * led, share * rest, slope, goal - slope * around])
    return np.asarray(planes, np.float32), np.asarray(limit, np.float32)


def paste_hair(out: NDArray[np.uint8], change: HairChange, strength: float = 1.0) -> None:
    """Grey the hair of a photo, uint8 [H, W, 3], in place; pixels without hair are not touched."""
    window = hair_window(change.frame)
    left, right, top, bottom = change.box
    sides = [(x, y) for x in (left - 1, right + 1) for y in (top - 1, bottom + 1)]
    corners = apply_affine(window.to_photo(MATTE_PX), np.array(sides, float))
    limit = (out.shape[1], out.shape[0])
    x0, y0 = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(corners.max(axis=0)).astype(int), limit)
    to_window = window.to_frame(MATTE_PX)
    for rows, columns in _pieces(change, to_window, (int(x0), int(y0), int(x1), int(y1))):
        matrix = to_window.copy()
        matrix[:, 2] += matrix[:, :2] @ (columns.start, rows.start)
        _grey_band(out[rows, columns], change, matrix, strength)


def _pieces(
    change: HairChange, to_window: NDArray[np.float64], area: tuple[int, int, int, int]
) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of the pieces of an area x0, y0, x1, y1 of a photo that show hair.

    Left out are blocks where less turns grey than makes half a code value.
    """
    x0, y0, x1, y1 = area
    black, white = change.planes[..., 1], 255.0 * change.planes[..., 0] + change.planes[..., 1]
    hairy = np.maximum(np.abs(black), np.abs(white)) > _LEAST_SHARE
    count = cv2.integral(hairy.view(np.uint8))
    limit = np.array([[hairy.shape[1]], [hairy.shape[0]]])
    edges = np.array([*range(x0, x1, BAND_ROWS), x1], np.float64)
    for top in range(y0, y1, BAND_ROWS):
        bottom = min(top + BAND_ROWS, y1)
        ends = [to_window[:, :1] * edges + to_window[:, 1:2] * y + to_window[:, 2:] for y in (top, bottom)]
        both = np.concatenate([one[:, part] for one in ends for part in (slice(-1), slice(1, None))])
        first = np.clip(np.floor(both.reshape(4, 2, -1).min(axis=0)) - 1, 0, limit).astype(int)
        last = np.clip(np.ceil(both.reshape(4, 2, -1).max(axis=0)) + 1, 0, limit).astype(int)
        cells = count[last[1], last[0]] - count[first[1], last[0]]
        cells += count[first[1], first[0]] - count[last[1], first[0]]
        starts = np.flatnonzero(np.diff(cells > 0, prepend=False, append=False)).reshape(-1, 2)
        for start, stop in starts.tolist():
            yield slice(top, bottom), slice(int(edges[start]), int(edges[stop]))


def _grey_band(
    band: NDArray[np.uint8], change: HairChange, matrix: NDArray[np.float64], strength: float
) -> None:
    size = (band.shape[1], band.shape[0])
    planes = sample_plane(change.planes, matrix, size, smooth=False)
    limit = sample_plane(change.limit, matrix, size, smooth=False)
    led, share, slope, offset = (np.asarray(one, np.float32) for one in cv2.split(planes))
    light = cv2.cvtColor(band, cv2.COLOR_RGB2GRAY).astype(np.float32)
    share += led * light
    np.clip(share, 0.0, 0.95, out=share)
    hair = cv2.min(light, limit)
    share *= strength
    beyond = (light - hair) / (_FADE * limit + _DARK)
    hairy = np.clip(1.0 + _FAR - beyond, _STAYS, 1.0)
    slope -= np.float32(1.0)
    lighter = np.maximum(slope * hair + offset, 0.0) * share * hairy
    share *= hair / np.maximum(light, 1.0)  # the rest of a pixel's light is not the hair's, nor its colour
    faded = 1.0 - change.kept
    light *= share
    share *= -faded
    tinted = [1.0 + tint for tint in change.tint.tolist()]
    evenly = [cv2.addWeighted(lighter, tint, light, faded * tint, 0.0) for tint in tinted]
    added = cv2.add(cv2.multiply(band, cv2.merge([share] * 3), dtype=cv2.CV_32F), cv2.merge(evenly))
    cv2.add(band, added, dst=band, dtype=cv2.CV_8U)


def _height(landmarks_unit: NDArray[np.floating], count: int) -> Plane:
    """The relative height of every cell of the window: 0 at the brows and below, 1 at the crown."""
    points = window_points(landmarks_unit)
    eyes = points[list(LEFT_EYE)].mean(axis=0) - points[list(RIGHT_EYE)].mean(axis=0)
    unit = max(float(np.hypot(*eyes)), 1e-6)
    brow = float(points[list(LEFT_BROW + RIGHT_BROW), 1].mean())
    rows = (np.arange(count) + 0.5) / MATTE_PX
    return np.asarray(np.clip((brow - rows) / (1.3 * unit), 0.0, 1.0)[:, None], np.float32)


def _reach(count: int) -> Plane:
    """How far ends get lighter with the head, [count, 1]: the older they are, the darker they stay."""
    rows = ((np.arange(count, dtype=np.float32) + 0.5) / MATTE_PX)[:, None]
    return np.asarray(1.0 - _ENDS_KEEP * eased_between(rows, *_ENDS), np.float32)


def _dyed(colour: NDArray[np.floating]) -> bool:
    """Whether hair of this colour, RGB in code values, is dyed."""
    light, a, b = cv2.cvtColor(np.float32(colour).reshape(1, 1, 3) / 255.0, cv2.COLOR_RGB2LAB)[0, 0]
    angle, chroma = float(np.degrees(np.arctan2(b, a))), float(np.hypot(a, b))
    low = _COLOURS[0] + 2.5 * max(chroma - _RED, 0.0)
    if low <= angle <= _COLOURS[1]:
        return False
    if _PURPLE[0] < angle < _PURPLE[1] and chroma > _DEEP * (light + _LEAST_DEEP):
        return True
    return chroma > (_PALE if light > _BLACK else _PALE_BLACK)


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


def _blurred(planes: Plane) -> Plane:
    """Planes [n, n, C] blurred by _AROUND cells, at half their size."""
    return enlarged(cv2.GaussianBlur(halved(planes), (0, 0), _AROUND / 2), len(planes))
