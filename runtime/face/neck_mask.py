"""Where the bare skin of a neck is surely seen: the head parser's share, checked by colour and by place."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .alignment import Frame
from .easing import eased, eased_between
from .head_parser import HAIR_WIDTH, HeadShares
from .mesh import FACE_OVAL, JAW, JAW_ANGLES
from .networks import PARSER_PX
from .percentile import median
from .warp import sample_affine

CELLS = 112
"""Cells across the canonical frame."""
_LEFT, _RIGHT, _TOP, _BOTTOM = -0.15, 1.15, 0.62, 1.38
"""The area in which a neck is looked for, in units of the frame."""
_SURE, _HAIR = (0.15, 0.45), (0.1, 0.35)
"""The parser's shares of bare skin for no and for full certainty, and those of hair for the reverse."""
_CHROMA = (2.4, 3.6)
"""Distances from the typical colour, in spreads, up to which a colour is alike, and from which it is not."""
_FACE_SPREAD, _NECK_SPREAD = 0.12, 0.09
"""The least spread of the logarithms of R and B over G."""
_DARKER, _LIGHTER = (-1.7, -1.3), (0.55, 0.75)
"""Bounds of the logarithm of light relative to the face."""
_JUMP = (0.35, 0.6)
"""Differences from the light of the skin around that are none of skin."""
_AROUND = (17, 17)
_ROUGH, _LEAST_ROUGH = 0.012, 0.5
"""The roughness of light, as a logarithm, from which a neck gets full lines, and the least share of them."""
_LEAST_RED = 0.10
"""Skin with less red, as in grey photos, has no colour that tells it from others."""
_LEAST_CELLS = 60
_PLACES, _NEAR = 25, 0.11
_ALONG = (0.35, 0.7)
"""Shares of the jaw along which a neck begins, for no and for full trust."""
_LEAST_PIECE = 0.003
_LEAST_SHARE = 0.012
"""The least area of a neck, as a share of the frame's; less is a strip above a collar."""
_WIDE = (0.62, 0.85)
"""Distance from the middle of the chin, in widths of the jaw, where the change fades: shoulders stay."""
_FEATHER = 0.03

Plane = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class NeckMask:
    """``weight`` float32 [rows, columns] 0..1 of cells of 1 / CELLS of the frame, 0 along all edges.

    The corner of the first cell is ``corner`` (x, y) in units of the frame.
    """

    weight: Plane
    corner: tuple[float, float]


def find_neck(
    rgb: NDArray[np.uint8], frame: Frame, shares: HeadShares, landmarks_unit: NDArray[np.floating]
) -> NeckMask | None:
    """The neck of a face of a photo, uint8 [H, W, 3]; None where none is surely seen.

    ``frame`` is the face's canonical frame, ``shares`` are those of `HeadParser.read_window`,
    ``landmarks_unit`` [468, 2] are in units of the frame.
    """
    if shares.body is None:
        return None
    size = (round((_RIGHT - _LEFT) * CELLS), round((_BOTTOM - _TOP) * CELLS))
    to_photo = frame.to_photo(CELLS)
    to_photo[:, 2] += to_photo[:, :2] @ (_LEFT * CELLS, _TOP * CELLS)
    body, hair, skin = (_in_cells(one, size) for one in (shares.body, shares.hair, shares.skin))
    points = (np.asarray(landmarks_unit, np.float64)[:, :2] - (_LEFT, _TOP)) * CELLS
    within = _within(to_photo, size, (rgb.shape[1], rgb.shape[0]))
    # What the parser takes for the face below the mesh is the skin under the chin.
    likely = eased_between(np.minimum(body + skin, 1.0), *_SURE) * (1.0 - eased_between(hair, *_HAIR))
    likely *= within * _below_the_jaw(points, size)
    if likely.sum() < _LEAST_SHARE * CELLS * CELLS:
        return None
    picture = sample_affine(rgb, to_photo, size)
    own = _own_colour(picture, likely, skin)
    if own is None:
        return None
    likely *= own
    sure, along = _attached(likely > 0.5, points)
    trust = np.float32(eased_between(along, *_ALONG))
    if not trust or sure.sum() < _LEAST_SHARE * CELLS * CELLS:
        return None
    weight = _feathered(sure)
    return NeckMask(trust * _roughness(picture, weight) * weight, (_LEFT, _TOP))


def _in_cells(share: Plane, size: tuple[int, int]) -> Plane:
    """A share of the parser's window in the cells of the neck."""
    step = PARSER_PX / (HAIR_WIDTH * CELLS)
    start = [((one - 0.5) / HAIR_WIDTH + 0.5) * PARSER_PX + 0.5 * step - 0.5 for one in (_LEFT, _TOP)]
    matrix = np.array([[step, 0.0, start[0]], [0.0, step, start[1]]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(share, matrix, size, flags=how), np.float32)


def _within(to_photo: NDArray[np.float64], size: tuple[int, int], photo: tuple[int, int]) -> Plane:
    """1 in cells within the photo of (width, height) ``photo``, else 0."""
    across, down = np.arange(size[0]) + 0.5, (np.arange(size[1]) + 0.5)[:, None]
    x, y = (to_photo[axis, 0] * across + to_photo[axis, 1] * down + to_photo[axis, 2] for axis in (0, 1))
    return ((x >= 0) & (y >= 0) & (x < photo[0]) & (y < photo[1])).astype(np.float32)


def _below_the_jaw(points: NDArray[np.float64], size: tuple[int, int]) -> Plane:
    """1 outside the face and beneath it, falling to 0 towards its sides and the shoulders."""
    face = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillPoly(face, [np.rint(points[list(FACE_OVAL)]).astype(np.int32)], 255)
    outside = 1.0 - cv2.blur(face, (3, 3)).astype(np.float32) / 255.0
    jaw = points[list(JAW_ANGLES)]
    middle, wide = jaw.mean(axis=0), max(float(np.linalg.norm(jaw[1] - jaw[0])), 1.0)
    rows, columns = (np.arange(count, dtype=np.float32) + 0.5 for count in (size[1], size[0]))
    aside = 1.0 - eased_between(np.abs(columns - np.float32(middle[0])) / np.float32(wide), *_WIDE)
    low = eased_between((rows - np.float32(middle[1])) / np.float32(wide), 0.0, 0.15)
    return np.asarray(outside * aside * low[:, None], np.float32)


def _own_colour(picture: NDArray[np.uint8], likely: Plane, skin: Plane) -> Plane | None:
    """1 where the colour is that of the face's and the neck's own skin, 0 where it is another's, such as a
    chain's; None if colours cannot tell.
    """
    codes = cv2.GaussianBlur(picture, (0, 0), 0.7).astype(np.float32) + np.float32(4.0)
    logs = np.log(codes)
    light = logs[..., 1]
    hue = np.stack([logs[..., 0] - light, logs[..., 2] - light], axis=-1)
    face = skin > 0.9
    if face.sum() < _LEAST_CELLS:
        return None
    typical, spread = _typical(hue[face], _FACE_SPREAD)
    if typical[0] < _LEAST_RED:
        return None
    shade = light - np.float32(median(light[face]))
    lit = eased_between(shade, *_DARKER) * (1.0 - eased_between(shade, *_LIGHTER))
    like_face = _alike(hue, typical, spread) * lit
    sure = (likely * like_face) > 0.5
    if sure.sum() < _LEAST_CELLS:
        return None
    own = _alike(hue, *_typical(hue[sure], _NECK_SPREAD))
    blurred = [cv2.blur(cv2.blur(one, _AROUND), _AROUND) for one in (light * sure, sure.astype(np.float32))]
    jump = np.abs(light - blurred[0] / np.maximum(blurred[1], 0.02))
    own *= 1.0 - eased_between(jump, *_JUMP)
    return np.asarray(like_face * own, np.float32)


def _typical(hue: Plane, least: float) -> tuple[Plane, Plane]:
    """Median and spread [2] of hues [n, 2]; the spread is at least ``least``."""
    typical = median(hue)
    spread = 1.48 * median(np.abs(hue - typical))
    return np.asarray(typical, np.float32), np.asarray(np.maximum(spread, least), np.float32)


def _alike(hue: Plane, typical: Plane, spread: Plane) -> Plane:
    """How like a typical hue those of a picture [h, w, 2] are: [h, w] 0..1."""
    red, blue = ((hue[..., channel] - typical[channel]) / spread[channel] for channel in (0, 1))
    apart = np.sqrt(red * red + blue * blue)
    return np.asarray(1.0 - eased_between(apart, *_CHROMA), np.float32)


def _attached(sure: NDArray[np.bool_], points: NDArray[np.float64]) -> tuple[NDArray[np.bool_], float]:
    """The pieces that begin along the jaw, without thin bridges to other things, and the share of the jaw
    along which they begin.
    """
    opened = cv2.morphologyEx(sure.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=4)
    height, width = sure.shape
    jaw = points[list(JAW)]
    places = np.linspace(0.0, len(jaw) - 1.0, _PLACES)
    ends = [np.interp(places, np.arange(len(jaw)), jaw[:, axis]) for axis in (0, 1)]
    steps = np.arange(2, round(_NEAR * CELLS))
    columns = np.clip(ends[0].astype(int), 0, width - 1)[:, None]
    rows = np.clip(ends[1].astype(int)[:, None] + steps, 0, height - 1)
    beneath = pieces[rows, columns]
    kept = [
        number
        for number in range(1, count)
        if (beneath == number).any() and stats[number, cv2.CC_STAT_AREA] > _LEAST_PIECE * CELLS * CELLS
    ]
    chosen = np.isin(np.arange(count), kept)
    return chosen[pieces], float(chosen[beneath].any(axis=1).mean())


def _roughness(picture: NDArray[np.uint8], weight: Plane) -> np.float32:
    """_LEAST_ROUGH to 1: on a neck that is smooth or out of focus full lines would look drawn."""
    inside = weight > 0.6
    if not inside.any():
        return np.float32(_LEAST_ROUGH)
    light = np.log(picture[..., 1].astype(np.float32) + np.float32(4.0))
    rough = float(np.abs(light - cv2.blur(light, (3, 3)))[inside].mean())
    return np.float32(np.clip(rough / _ROUGH, _LEAST_ROUGH, 1.0))


def _feathered(sure: NDArray[np.bool_]) -> Plane:
    """1 inside, falling to exactly 0 at the edges of the skin."""
    inside = np.pad(sure, 1)[1:-1, 1:-1].astype(np.uint8)
    inside[[0, -1]] = 0
    inside[:, [0, -1]] = 0
    apart = cv2.distanceTransform(inside, cv2.DIST_L2, 3)
    return np.asarray(eased(np.clip((apart - 1.5) / (_FEATHER * CELLS), 0.0, 1.0)), np.float32)
