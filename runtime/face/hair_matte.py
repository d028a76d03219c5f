"""The alpha matte of hair: the head parser's coarse shares, solved by colour and by the photo's own edges.

Colours of certain hair and of certain other things decide where the parser is unsure. A local linear model of
the matte over the photo's colours (a guided filter, weighted by certainty) then follows strands.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .alignment import Frame
from .easing import eased, eased_between
from .hair_beard import find_beard_hair
from .hair_colours import LEAST_CELLS, SURE_HAIR, attached_hair, colour_odds, likely_hair
from .hair_grid import (
    LAST_ROWS,
    MATTE_PX,
    Plane,
    cells_within,
    continued,
    enlarged,
    face_and_jaw,
    fade_at_edges,
    halved,
)
from .hair_rim import cleared, with_rim
from .hair_trust import matte_trust
from .head_parser import HeadShares, hair_window
from .warp import sample_affine

_BEARD = 0.85
"""The largest share of hair where there is a beard: skin shows through."""
_RADIUS = 3
_SMOOTH = 6e-4
_BESIDE_PX, _APART, _MOST_FADED = 9, (4.0, 12.0), 0.9
_SHARPER, _FLOOR = 1.4, 0.25
_NECK = (0.5, 0.85)
"""How far from the middle of the face, in halves of its width, there may be hair below it, and surely may."""
_ALIKE, _DARK, _COLOURED = (8.0, 20.0), 22.0, 10.0
_UNSEEN = (0.38, 0.24)
"""Distances in Lab of what looks alike and what does not; lightness and chroma from which it would be seen;
and bounds for no and for full trust of the share of the edge where both sides look alike: hair may go on."""


@dataclass(frozen=True, eq=False)
class HairMatte:
    """The hair of a face in the window `hair_window` of its frame, in cells of 1 / MATTE_PX of it.

    ``alpha`` float32 [rows, MATTE_PX] 0..1 is the share of hair, ``picture`` uint8 [rows, MATTE_PX, 3] the
    photo there. ``trust`` 0..1 says how far to trust the matte, and ``whole`` [rows, MATTE_PX] 0..1 where: it
    falls towards what the parser took for hair and the matte did not. ``coarse`` and ``skin`` are the
    parser's shares of hair and of the face's skin, ``face`` 0..1 is where the mesh is: all [rows, MATTE_PX].
    Rows are MATTE_PX, or LONG_ROWS where hair hangs below the window.
    """

    alpha: Plane
    picture: NDArray[np.uint8]
    trust: float
    whole: Plane
    coarse: Plane
    skin: Plane
    face: Plane


def find_matte(
    rgb: NDArray[np.uint8],
    frame: Frame,
    shares: HeadShares,
    landmarks_unit: NDArray[np.floating],
    beards: bool = True,
) -> HairMatte | None:
    """The matte of the hair of a face of a photo, uint8 [H, W, 3]; None if too little hair is certain.

    ``frame`` is the face's canonical frame, ``shares`` are those of `HeadParser.read_window`,
    ``landmarks_unit`` [468, 2] are in units of the frame. Without ``beards`` no dark beard is searched for.
    """
    window = hair_window(frame)
    coarse, skin = enlarged(shares.hair, MATTE_PX), enlarged(shares.skin, MATTE_PX)
    if (coarse[-LAST_ROWS:] > 0.4).sum() > LAST_ROWS:
        coarse, skin = continued(coarse), continued(skin)
    rows = len(coarse)
    within = cells_within((rgb.shape[0], rgb.shape[1]), window, rows)
    if (coarse * within > SURE_HAIR).sum() < LEAST_CELLS:
        return None
    picture = sample_affine(rgb, window.to_photo(MATTE_PX), (MATTE_PX, rows))
    face, jaw = face_and_jaw(landmarks_unit, rows)
    # A beard has hair's colours: it does not tell what colours other things have.
    found = colour_odds(picture, coarse, skin, within * (jaw < 0.05))
    if found is None:
        return None
    likely = likely_hair(coarse, skin, within, *found)
    likely *= attached_hair(likely, coarse, within)
    # Over the face colour must agree, too.
    likely *= 1.0 - face * eased(np.clip(0.7 - found[0], 0.0, 1.0))
    likely = np.maximum(likely, _inside(coarse * within))
    if shares.body is not None:  # neck and ears between locks have hair's colours on dark skin
        likely[:MATTE_PX] *= 1.0 - eased_between(enlarged(shares.body, MATTE_PX), 0.5, 0.9)
    alpha = np.clip(_SHARPER * _guided(picture, likely, within) - _FLOOR, 0.0, 1.0)
    bare = np.clip(2.0 * skin, 0.0, 1.0)
    if shares.body is not None:
        bare[:MATTE_PX] = np.maximum(bare[:MATTE_PX], 3.0 * enlarged(shares.body, MATTE_PX)).clip(0.0, 1.0)
    bare = np.asarray(np.maximum(bare, face), np.float32)
    free = np.asarray((1.0 - bare) * within, np.float32)
    alpha = np.asarray(alpha * within * _beside_neck(face), np.float32)
    alpha = cleared(alpha, picture, bare, within)
    fade = fade_at_edges(rows)
    rimmed, alpha = with_rim(alpha, picture, free) * fade, np.asarray(alpha * fade, np.float32)
    if (alpha > 0.5).sum() < LEAST_CELLS:
        return None
    coarse *= within
    beard = np.zeros_like(alpha)
    if beards:
        beard[:MATTE_PX] = enlarged(find_beard_hair(shares, landmarks_unit), MATTE_PX) * within[:MATTE_PX]
    trust = matte_trust(alpha, likely, coarse, skin, face, beard, picture)
    outlined, unseen = _outlined(rimmed, picture, within, free)
    trust *= float(eased_between(unseen, *_UNSEEN))
    alpha = np.maximum(rimmed, np.float32(_BEARD) * beard)
    whole = _whole(alpha, coarse) * outlined
    return HairMatte(alpha, picture, trust, whole, coarse, skin, face)


def _beside_neck(face: Plane) -> Plane:
    """1, and 0 right below the ``face`` [n, n] 0..1: there are the neck and collars."""
    inside = face > 0.5
    columns, lines = np.flatnonzero(inside.any(axis=0)), np.flatnonzero(inside.any(axis=1))
    if not columns.size:
        return np.ones_like(face)
    middle, half = (columns[0] + columns[-1]) / 2.0, max((columns[-1] - columns[0]) / 2.0, 1.0)
    aside = np.abs(np.arange(face.shape[1], dtype=np.float32) - np.float32(middle)) / np.float32(half)
    down = (np.arange(len(face), dtype=np.float32) - np.float32(lines[-1]))[:, None] / np.float32(half)
    below = eased_between(down, -0.15, 0.1) * (1.0 - eased_between(aside, *_NECK))
    return np.asarray(1.0 - below, np.float32)


def _inside(coarse: Plane) -> Plane:
    """1 well inside of what the parser is sure of: lit or tinted locks are hair, whatever their colour."""
    return np.asarray(
        eased_between(cv2.blur(cv2.erode(coarse, np.ones((5, 5), np.uint8)), (5, 5)), 0.55, 0.85), np.float32
    )


def _whole(alpha: Plane, coarse: Plane) -> Plane:
    """`HairMatte.whole`: greyness that ends softly looks like hair that is only partly grey."""
    sides = alpha, np.maximum(alpha, coarse)
    had, should = (cv2.blur(cv2.blur(halved(one), (9, 9)), (9, 9)) for one in sides)
    return enlarged(eased(np.clip((had / np.maximum(should, 0.02) - 0.45) / 0.4, 0.0, 1.0)), len(alpha))


def _outlined(alpha: Plane, picture: NDArray[np.uint8], within: Plane, free: Plane) -> tuple[Plane, float]:
    """Less than 1 along the edge of the matte where both sides look alike: hair may end anywhere there.

    All planes are [n, n]; ``free`` is less than 1 on skin and beside the photo. Also returns the share of the
    edge where both sides look alike and are neither dark nor colourless.
    """
    matte, small = halved(alpha), cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small.astype(np.float32) * np.float32(1.0 / 255.0), cv2.COLOR_RGB2LAB)
    side = (_BESIDE_PX, _BESIDE_PX)
    inner, outer = matte**4, (1.0 - matte) ** 4 * halved(within)
    had, bare = cv2.blur(inner, side), cv2.blur(outer, side)
    beside = cv2.blur(lab * outer[..., None], side) / np.maximum(bare, 1e-3)[..., None]
    step = cv2.blur(lab * inner[..., None], side) / np.maximum(had, 1e-3)[..., None] - beside
    apart = np.sqrt((step * step).sum(axis=2))
    at_edge = np.clip(4.0 * np.minimum(had, bare), 0.0, 1.0)
    edge = at_edge * (halved(free) > 0.5)
    seen = np.maximum(beside[..., 0] > _DARK, np.hypot(beside[..., 1], beside[..., 2]) > _COLOURED)
    share = float((edge * seen * (1.0 - eased_between(apart, *_ALIKE))).sum() / max(float(edge.sum()), 1.0))
    unseen = at_edge * (1.0 - eased_between(apart, *_APART))
    faded = cv2.blur(cv2.dilate(unseen, np.ones((5, 5), np.uint8)), (9, 9))
    return enlarged(1.0 - _MOST_FADED * faded, len(alpha)), share


def _guided(picture: NDArray[np.uint8], likely: Plane, within: Plane) -> Plane:
    """``likely`` [n, n] as a local linear function of colour, fitted at half the size where it is certain."""
    weight = (0.03 + (2.0 * likely - 1.0) ** 2) * np.maximum(within, 0.02)
    guide = picture.astype(np.float32) * np.float32(1.0 / 255.0)
    weight, goal = halved(weight), halved(likely)
    r, g, b = (np.asarray(one, np.float32) for one in cv2.split(halved(guide)))
    total = _mean(weight)
    share = 1.0 / np.maximum(total, 1e-6)

    def mean(plane: NDArray[np.floating]) -> Plane:
        return np.asarray(_mean(plane * weight) * share, np.float32)

    mr, mg, mb, middle = mean(r), mean(g), mean(b), mean(goal)
    rr, gg, bb = (
        mean(r * r) - mr * mr + _SMOOTH,
        mean(g * g) - mg * mg + _SMOOTH,
        mean(b * b) - mb * mb + _SMOOTH,
    )
    rg, rb, gb = mean(r * g) - mr * mg, mean(r * b) - mr * mb, mean(g * b) - mg * mb
    cr, cg, cb = mean(r * goal) - mr * middle, mean(g * goal) - mg * middle, mean(b * goal) - mb * middle
    # The inverse of a symmetric 3 x 3 matrix, by cofactors.
    krr, krg, krb = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    kgg, kgb, kbb = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    inverse = 1.0 / np.maximum(rr * krr + rg * krg + rb * krb, 1e-12)
    ar = (krr * cr + krg * cg + krb * cb) * inverse
    ag = (krg * cr + kgg * cg + kgb * cb) * inverse
    ab = (krb * cr + kgb * cg + kbb * cb) * inverse
    linear = cv2.merge([ar, ag, ab, middle - ar * mr - ag * mg - ab * mb]) * total[..., None]
    smooth = enlarged(_mean(linear) / np.maximum(_mean(total), 1e-6)[..., None], len(picture))
    red, green, blue, rest = cv2.split(smooth)
    wide_r, wide_g, wide_b = cv2.split(guide)
    return np.asarray(red * wide_r + green * wide_g + blue * wide_b + rest, np.float32)


def _mean(plane: NDArray[np.number]) -> Plane:
    side = 2 * _RADIUS + 1
    return np.asarray(cv2.blur(np.asarray(plane, np.float32), (side, side)), np.float32)
