"""Rims of glasses, which are too thin for the head parser.

A rim is a ring around each eye, with lines across the nose and to the temples, that is darker or lighter
than what lies on both sides. The best ring and lines are found by dynamic programming in a picture that is
unrolled around the eyes. Brows, bags and wrinkles may form rings or lines, too, but seldom all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .alignment import Frame
from .easing import eased_between
from .mesh import LEFT_BROW, LEFT_EYE, RIGHT_BROW, RIGHT_EYE
from .paths import best_paths
from .percentile import median
from .warp import sample_affine

RIM_PX = 256
"""Cells across the frame in which rims are found."""
_TOP, _ROWS = 60, 112
"""The rows around the eyes that are looked at, of RIM_PX."""
_ANGLES = 48
_RADII = np.linspace(0.5, 1.65, 46)
"""Relative to a usual rim's in the same direction."""
_USUAL, _POWER, _BELOW = (0.42, 0.36), 2.6, 0.06
"""Half the width and height of a usual rim, a superellipse, and how far its centre lies below the eye's, in
distances between the eyes."""
_TEMPLES = (127, 356)
_COLUMNS = 16
_LEVELS = np.linspace(-0.28, 0.28, 36)
"""Heights of the bridge and temples relative to the eyes, in distances between them."""
_FLOOR = 12.0
_WIDTHS = (0, 1, 3)
"""Half the widths of lines, in samples beside the middle one."""
_BESIDE = 3
_LEAST, _MOST = -0.05, 0.22
"""Limits of contrast in a path's sum: no short strong piece, such as a brow, outweighs a whole ring."""
_ON_BROWS, _ON_EYES = 0.5, 0.4
"""Shares of the contrast that count there: brows and lids are lines, too."""
_STEPS = tuple(0.04 * step for step in (0.0, 1.0, 2.5))
_RING, _BRIDGE, _TEMPLE_LEAST, _TEMPLE_MOST, _SKIN, _OFFSET = 18.1, 18.9, 15.0, 19.6, -7.7, -6.1
"""Of a logistic regression on 1,748 faces, 181 of them with glasses; see `_line_odds` and `_ring_odds`."""
_FULL = 0.25
"""More contrast counts no more."""
_GLASSES = (-0.5, 0.5)
"""Odds, as logarithms, at which rims begin to be kept out and are kept out altogether."""
_DOUBT = 0.5
_SEEN = 0.03
"""The least contrast of a piece of a rim."""
_EDGE = 0.45
"""A rim ends where this share of its contrast is left."""
_WIDEST = 8
_SHIFT = 4

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _Unrolled:
    """Unrolled pieces of a picture, [K, N, R] with lines along the second axis, and the best path in each.

    ``points`` [K, N, R, 2] are in px of the strip; ``values`` are logs of intensity; ``contrast`` is
    positive on lines, ``width`` the index in _WIDTHS of the width that fits best, ``light`` whether the line
    is lighter than its sides; ``path`` [K, N] are indices of the last axis.
    """

    points: Floats
    values: Floats
    contrast: Floats
    width: NDArray[np.intp]
    light: NDArray[np.bool_]
    path: NDArray[np.intp]

    def along(self, plane: NDArray[Any]) -> NDArray[Any]:
        """A plane [K, N, R] on the path: [K, N]."""
        return np.take_along_axis(plane, self.path[..., None], axis=2)[..., 0]


def find_rims(
    rgb: NDArray[np.uint8], frame: Frame, landmarks_unit: NDArray[np.floating], skin: Floats
) -> Floats | None:
    """The rims of glasses in the frame of a photo, uint8 [H, W, 3]: [RIM_PX, RIM_PX] 0..1; None without any.

    ``landmarks_unit`` [468, 2 or more] are in units of the frame, ``skin`` [n, n] 0..1 is the parser's share
    of the face's own skin in it.
    """
    points = np.asarray(landmarks_unit, np.float64)[:, :2]
    strip, at = _strip(rgb, frame), _ring_points(points)
    own = _own_lines(points)
    lines = _unroll(strip, own, _line_points(points), False)
    odds = _line_odds(lines)
    usual = _skin_at(skin, at[:, :, len(_RADII) // 2])
    if odds + _RING * _FULL + _SKIN * usual + _DOUBT < _GLASSES[0]:
        return None  # most faces: no ring would suffice
    rings = _unroll(strip, own, at, True)
    sure = eased_between(odds + _ring_odds(rings, skin), *_GLASSES)
    if sure == 0.0:
        return None
    drawn = np.zeros((RIM_PX, RIM_PX), np.uint8)
    for piece, closed in ((rings, True), (lines, False)):
        _draw(drawn[_TOP : _TOP + _ROWS], piece, closed)
    return drawn.astype(np.float32) * np.float32(sure / 255.0)


def _strip(rgb: NDArray[np.uint8], frame: Frame) -> NDArray[np.uint8]:
    """The frame's rows around the eyes, uint8 [_ROWS, RIM_PX, 3]."""
    matrix = frame.to_photo(RIM_PX)
    matrix[:, 2] += matrix[:, 1] * _TOP
    return sample_affine(rgb, matrix, (RIM_PX, _ROWS))


def _axes(
    points: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The centres of the eyes [2, 2], and the distance between them to the right and down, [2] each."""
    eyes = np.stack([points[list(eye)].mean(axis=0) for eye in (RIGHT_EYE, LEFT_EYE)])
    right = eyes[1] - eyes[0]
    return eyes, right, np.array([-right[1], right[0]])


def _ring_points(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points around both eyes, [2, _ANGLES, radii, 2] in units of the frame; angles begin at the temples."""
    eyes, right, down = _axes(points)
    turn = np.arange(_ANGLES) * (2 * np.pi / _ANGLES)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    usual = np.sign(circle) * np.abs(circle) ** (2.0 / _POWER) * _USUAL
    away = usual[:, None] * _RADII[:, None]
    return np.stack(
        [
            eye + _BELOW * down + away[..., :1] * (side * right) + away[..., 1:] * down
            for eye, side in zip(eyes, (-1.0, 1.0), strict=True)
        ]
    )


def _line_points(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points of bridge, right and left temple, [3, _COLUMNS, levels, 2] in units of the frame."""
    eyes, right, down = _axes(points)
    levels = _LEVELS[None, :, None] * down

    def grid(
        start: NDArray[np.float64], along: NDArray[np.float64], ends: tuple[float, float]
    ) -> NDArray[np.float64]:
        return start + np.linspace(*ends, _COLUMNS)[:, None, None] * along + levels

    made = [grid(eyes.mean(axis=0) + 0.03 * down, right, (-0.12, 0.12))]
    for eye, side, ear in zip(eyes, (-1.0, 1.0), _TEMPLES, strict=True):
        far = max(float((points[ear] - eye) @ right) * side / float(right @ right), 0.45)
        made.append(grid(eye - 0.05 * down, side * right, (min(0.5, far - 0.1), max(far, 0.6))))
    return np.stack(made)


def _own_lines(points: NDArray[np.float64]) -> Floats:
    """Shares of contrast that count, in the strip: less on brows and eyes, float32 [_ROWS, RIM_PX]."""
    plane = np.ones((_ROWS, RIM_PX), np.float32)
    for ring, share in (
        (RIGHT_BROW, _ON_BROWS), (LEFT_BROW, _ON_BROWS), (RIGHT_EYE, _ON_EYES), (LEFT_EYE, _ON_EYES)
    ):  # fmt: skip
        corners = np.rint(points[list(ring)] * RIM_PX - (0.5, _TOP + 0.5)).astype(np.int32)
        cv2.fillPoly(plane, [corners], share)
    return plane


def _unroll(strip: NDArray[np.uint8], own: Floats, points: NDArray[np.float64], closed: bool) -> _Unrolled:
    at = np.asarray(points * RIM_PX - (0.5, _TOP + 0.5), np.float32)
    count, places, rows = at.shape[:3]
    across, down = (at[..., axis].reshape(count * places, rows) for axis in (0, 1))
    light = cv2.cvtColor(strip, cv2.COLOR_RGB2GRAY)
    seen = cv2.remap(light, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    values = np.log(seen.reshape(count, places, rows).astype(np.float32) + np.float32(_FLOOR))
    ends = np.pad(values, ((0, 0), (1, 1), (0, 0)), "wrap" if closed else "edge")
    values = np.asarray((ends[:, :-2] + 2.0 * values + ends[:, 2:]) * np.float32(0.25))
    contrast, width, is_light = _lines(values)
    contrast *= cv2.remap(own, across, down, cv2.INTER_NEAREST, borderValue=1.0).reshape(values.shape)
    path = best_paths(np.clip(contrast, _LEAST, _MOST), _STEPS, closed)
    return _Unrolled(at, values, contrast, width, is_light, path)


def _lines(values: Floats) -> tuple[Floats, NDArray[np.intp], NDArray[np.bool_]]:
    """Contrast, width and lightness of lines; see `_Unrolled`."""
    border = max(_WIDTHS) + 1 + _BESIDE
    rows = values.shape[2]
    sums = np.cumsum(np.pad(values, ((0, 0), (0, 0), (border + 1, border)), "edge"), axis=2, dtype=np.float64)

    def mean(first: int, count: int) -> NDArray[np.float64]:
        """Of ``count`` samples from ``first`` after each one."""
        low = border + first
        return (sums[..., low + count : low + count + rows] - sums[..., low : low + rows]) / count

    found = []
    for half in _WIDTHS:
        middle = mean(-half, 2 * half + 1)
        sides = mean(-half - 1 - _BESIDE, _BESIDE), mean(half + 2, _BESIDE)
        found.append((np.minimum(*sides) - middle, middle - np.maximum(*sides)))
    stacked = np.array(found, np.float32)
    flat = stacked.reshape(-1, *values.shape)
    best = flat.argmax(axis=0)
    return np.asarray(flat.max(axis=0)), best // 2, best % 2 == 1


def _line_odds(lines: _Unrolled) -> float:
    """The lines' part of the logarithm of the odds of glasses.

    It is by the contrasts that half and two thirds of the bridge and temples exceed.
    """
    contrast = np.minimum(np.sort(lines.along(lines.contrast), axis=1), _FULL)
    most, half = contrast[:, int(0.35 * _COLUMNS)], contrast[:, _COLUMNS // 2]
    odds = _BRIDGE * most[0] + _TEMPLE_LEAST * most[1:].min() + _TEMPLE_MOST * half[1:].max() + _OFFSET
    return float(odds)


def _ring_odds(rings: _Unrolled, skin: Floats) -> float:
    """The rings' part: by the contrast that six tenths of both exceed, and the parser's share of skin."""
    contrast = np.sort(rings.along(rings.contrast), axis=1)[:, int(0.4 * _ANGLES)].min()
    across, down = (rings.along(rings.points[..., axis]) for axis in (0, 1))
    at = np.stack([across + 0.5, down + (_TOP + 0.5)], axis=-1) / RIM_PX
    return float(_RING * min(contrast, _FULL) + _SKIN * _skin_at(skin, at))


def _skin_at(skin: Floats, points: NDArray[np.floating]) -> float:
    """The mean of a plane [n, n] over the frame at points [..., 2] in units of it."""
    at = np.asarray(points.reshape(1, -1, 2) * len(skin) - 0.5, np.float32)
    seen = cv2.remap(skin, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return float(np.mean(seen))


def _draw(drawn: NDArray[np.uint8], piece: _Unrolled, closed: bool) -> None:
    """Draw the pieces of paths that are rims into a strip, uint8 [_ROWS, RIM_PX], in place."""
    inner, outer = _edges(piece)
    contrast = piece.along(piece.contrast)
    if closed:
        near = (np.roll(contrast, 1, axis=1) + contrast + np.roll(contrast, -1, axis=1)) / 3
        seen = np.maximum(contrast, near) > _SEEN
    else:
        seen = np.repeat((median(contrast.T) > 2 * _SEEN)[:, None], contrast.shape[1], axis=1)
    for one, sides in enumerate(zip(inner, outer, strict=True)):
        at = np.arange(contrast.shape[1])
        edges = [np.rint(piece.points[one, at, side] * (1 << _SHIFT)).astype(np.int32) for side in sides]
        for places in _runs(seen[one], closed):
            outline = np.concatenate([edges[0][places], edges[1][places[::-1]]])
            cv2.fillPoly(drawn, [outline], 255, cv2.LINE_AA, _SHIFT)


def _runs(seen: NDArray[np.bool_], closed: bool) -> list[NDArray[np.intp]]:
    """The runs of two and more places that are ``seen`` [N]; closed ones go on over the end."""
    count = len(seen)
    if closed and seen.all():
        return [np.arange(count + 1) % count]
    start = int(np.argmin(seen)) if closed else 0
    order = (np.arange(count) + start) % count
    changes = np.flatnonzero(np.diff(np.concatenate([[False], seen[order], [False]]).astype(np.int8)))
    return [order[first:end] for first, end in changes.reshape(-1, 2) if end - first > 1]


def _edges(piece: _Unrolled) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The first and last index of the rim at each place of the paths, [K, N] each."""
    rows = piece.values.shape[2]
    half = np.array(_WIDTHS)[piece.along(piece.width)]
    sign = np.where(piece.along(piece.light), -1.0, 1.0)
    middle = piece.along(piece.values)
    level = middle + sign * (1.0 - _EDGE) * np.maximum(piece.along(piece.contrast), _SEEN)
    ends = []
    for way in (-1, 1):
        end, going = piece.path.copy(), np.ones(piece.path.shape, bool)
        for step in range(1, _WIDEST + 1):
            at = np.clip(piece.path + way * step, 0, rows - 1)
            value = np.take_along_axis(piece.values, at[..., None], axis=2)[..., 0]
            going &= (sign * (value - level) < 0) & (step <= 2 * half + 2)
            end = np.where(going, at, end)
        ends.append(np.clip(end + way, 0, rows - 1))
    return ends[0], ends[1]
