"""The change of a face averaged over time, where the skin is: what the network makes of noise goes.

The average lies on the mean face, so that it moves with the mesh: nose, cheeks and lips of a head that turns
and talks keep their own lines. Where a face looks another than it did (a blink, a hand before it), the change
of the picture itself counts at once. The average depends on the pictures before alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..ages.maps import MAP_CELLS
from ..face.coordinates import mesh_coordinates
from ..face.easing import eased
from ..face.mean_face import mean_face
from ..face.mesh import FACE_OVAL
from ..pipeline.face_plan import FaceWork

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Box = tuple[slice, slice]
BESIDE = 4
AVERAGE_SECONDS = 0.2
"""After so long a picture counts for 1/e; see benchmarks/video_steadiness.py."""
LONGEST_GAP_SECONDS = 0.3
GRID = 129
"""Knots of the map from the mean face to a frame, each way."""
LOOK_PX = 160
MOST_SLIP = 0.02
"""Of the mean face's square: mesh and skin that part farther do not show the same face."""
NO_SLIP = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
_CORNERS = np.array([[0.2, 0.2, 1.0], [0.8, 0.2, 1.0], [0.2, 0.8, 1.0], [0.8, 0.8, 1.0]])
OTHER_LOOK = (7.0, 20.0)
"""By how many code values, broad light taken away, a place must differ to be looked at anew."""


class ChangeAverage:
    """The average of one track's change; give it the pictures in order."""

    def __init__(self, rate: float) -> None:
        """``rate`` is pictures a second."""
        self._rate = rate
        self._number = -1
        self._texture: Floats | None = None
        self._look: Floats | None = None

    def add(self, number: int, work: FaceWork, after: NDArray[np.uint8]) -> tuple[Floats, Floats]:
        """The averaged frame, float32 [S, S, 3], and mask, float32 [S, S], of a picture.

        ``after`` uint8 [S, S, 3] is the aged frame of the picture itself. Away from its mask the frame
        holds nothing, and the mask is zero. Begins anew where pictures were left out for long.
        """
        size = work.seen.frame_px
        before = work.before
        box = _box_of(work.mask)
        rows, columns = box
        change = np.asarray(
            cv2.subtract(after[rows, columns], before[rows, columns], dtype=cv2.CV_32F), np.float32
        )
        new = np.asarray(cv2.merge([*cv2.split(change), work.mask[rows, columns]]), np.float32)
        side = texture_px(size)
        knots = _frame_places(work.seen.landmarks) * np.float32(size) - np.float32(0.5)
        inner = knots - np.array([columns.start, rows.start], np.float32)
        look, gap = _look(before, knots), number - self._number
        if self._texture is None or self._look is None or not 0 < gap <= self._longest_gap:
            self._texture, self._look, self._number = _sampled(new, inner, side), look, number
            return after.astype(np.float32), work.mask
        if len(self._texture) != side:
            self._texture = np.asarray(cv2.resize(self._texture, (side, side)), np.float32)
        slip = register(self._look, look)
        look = _look(before, knots, slip)
        share = _shares(look - self._look, 1.0 - math.exp(-gap / (self._rate * AVERAGE_SECONDS)))
        wide = cv2.merge([cv2.resize(share, (side, side), interpolation=cv2.INTER_LINEAR)] * 4)
        apart = cv2.subtract(_sampled(new, inner, side, slip), self._texture)
        self._texture = np.asarray(cv2.add(self._texture, cv2.multiply(apart, wide)), np.float32)
        self._look += share * (look - self._look)
        self._number = number
        return self._back(work, before, new, box, slip)

    @property
    def _longest_gap(self) -> int:
        return max(round(LONGEST_GAP_SECONDS * self._rate), 1)

    def _back(
        self, work: FaceWork, before: NDArray[np.uint8], new: Floats, box: Box, slip: Doubles
    ) -> tuple[Floats, Floats]:
        """The average in the frame of a picture; past the mean face the picture's own change counts."""
        assert self._texture is not None
        x, y, inside = _texture_places(work, len(self._texture), slip, box)
        steady = cv2.remap(self._texture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        mixed = cv2.add(new, cv2.multiply(cv2.subtract(steady, new), cv2.merge([inside] * 4)))
        red, green, blue, own = cv2.split(mixed)
        change = cv2.merge([red, green, blue])
        spread = _too_fine(work.seen.frame_px / work.seen.face.frame.side_px)
        if spread > 0.2:
            change = cv2.GaussianBlur(change, (0, 0), spread)
        averaged, mask = np.zeros(before.shape, np.float32), np.zeros_like(work.mask)
        averaged[box] = np.clip(cv2.add(change, before[box], dtype=cv2.CV_32F), 0.0, 255.0)
        mask[box] = np.clip(own, 0.0, 1.0) * (work.mask[box] > 0.0)
        return averaged, mask

    def state(self) -> dict[str, NDArray[Any]]:
        """What a run that goes on later needs, exactly; empty before the first picture."""
        if self._texture is None or self._look is None:
            return {}
        return {"number": np.array(self._number), "texture": self._texture, "look": self._look}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a `state`."""
        self._number = int(state["number"])
        self._texture = np.array(state["texture"], np.float32)
        self._look = np.array(state["look"], np.float32)


def texture_px(frame_px: int) -> int:
    """Side of the average, in px, for a frame: as fine as the frame itself on the mean face."""
    left, top, right, bottom = mean_face().rectangle
    return math.ceil(max(right - left, bottom - top) * frame_px / 32) * 32


def _too_fine(ratio: float) -> float:
    """Standard deviation in px of the frame of what the picture cannot show, for so many px of the frame a
    px of the picture: lines that are too fine for it would flicker as they move. Pasting averages whole
    blocks by itself.
    """
    blocks = max(math.floor(ratio), 1)
    return 0.6 * blocks * math.sqrt(max((ratio / blocks) ** 2 - 1.0, 0.0))


def _shares(apart: Floats, least: float) -> Floats:
    """How much the new picture counts, [LOOK_PX, LOOK_PX]: ``least``, and all where the look has changed."""
    low, high = OTHER_LOOK
    apart = apart - np.median(apart[_face_cells()])
    apart = np.abs(apart - cv2.GaussianBlur(np.clip(apart, -low, low), (0, 0), LOOK_PX / 8))
    other = eased(np.clip((apart - low) / (high - low), 0.0, 1.0))
    other = cv2.GaussianBlur(cv2.dilate(np.asarray(other, np.float32), np.ones((5, 5))), (0, 0), 1.5)
    return np.asarray(least + (1.0 - least) * other, np.float32)


def _look(before: NDArray[np.uint8], knots: Floats, slip: Doubles | None = None) -> Floats:
    """How the face looks on the mean face, in lightness, coarse: float32 [LOOK_PX, LOOK_PX]."""
    size = min(2 * LOOK_PX, len(before))
    grey = cv2.cvtColor(before, cv2.COLOR_RGB2GRAY)
    small = np.asarray(cv2.resize(grey, (size, size), interpolation=cv2.INTER_AREA), np.float32)
    factor = size / len(before)
    found = _sampled(small, knots * np.float32(factor) + np.float32((factor - 1.0) / 2), LOOK_PX, slip)
    return np.asarray(cv2.GaussianBlur(found, (0, 0), 1.0), np.float32)


def register(reference: Floats, look: Floats) -> Doubles:
    """By how much skin and mesh have slipped: the affine map [2, 3], in units of the mean face's square,
    that brings places of ``reference`` to those of ``look``, both float32 [LOOK_PX, LOOK_PX].

    Least squares over the face, with gain and offset of the light; no slip where none is found.
    """
    down, across = (np.asarray(one) for one in np.gradient(reference.astype(np.float64)))
    rows, columns = _face_cells()
    unit = (np.stack([columns, rows], axis=1) + 0.5) / LOOK_PX
    gx, gy, level = across[rows, columns], down[rows, columns], reference[rows, columns].astype(np.float64)
    x, y = (unit - 0.5).T
    terms = np.stack([gx, gx * x, gx * y, gy, gy * x, gy * y, level / 128.0, np.ones_like(gx)], axis=1)
    slip = NO_SLIP.copy()
    for _ in range(2):
        moved = cv2.warpAffine(
            look, _in_px(slip, LOOK_PX), (LOOK_PX, LOOK_PX),
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        apart = moved[rows, columns] - level
        weights = 1.0 / (1.0 + ((apart - np.median(apart)) / OTHER_LOOK[0]) ** 2)
        weighted = terms * weights[:, None]
        normal = terms.T @ weighted + 1e-3 * np.eye(8)
        p = -np.linalg.solve(normal, weighted.T @ apart) / LOOK_PX
        step = np.array([[p[1], p[2], p[0]], [p[4], p[5], p[3]]])
        step[:, 2] -= step[:, :2] @ (0.5, 0.5)
        slip = slip + step
    farthest = np.abs(_CORNERS @ (slip - NO_SLIP).T).max()
    return slip if np.isfinite(farthest) and farthest < MOST_SLIP else NO_SLIP


def _in_px(unit: Doubles, side: int, to: int | None = None) -> Doubles:
    """A map of units [2, 3] as one of pixels, from a picture ``side`` px wide to one ``to`` wide."""
    to = to or side
    matrix = unit * [to / side, to / side, to]
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    return np.asarray(matrix)


def _sampled(picture: Floats, knots: Floats, side: int, slip: Doubles | None = None) -> Floats:
    """A frame, float32 [S, S, ...], on the mean face, ``side`` px each way."""
    matrix = _in_px(NO_SLIP if slip is None else slip, side, GRID - 1)
    matrix[:, 2] += 0.5  # knots lie at the edges, not at the middles
    x, y = (
        cv2.warpAffine(
            np.ascontiguousarray(knots[..., i]), matrix, (side, side),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
        )
        for i in (0, 1)
    )  # fmt: skip
    return np.asarray(cv2.remap(picture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _texture_places(work: FaceWork, side: int, slip: Doubles, box: Box) -> tuple[Floats, Floats, Floats]:
    """Where on the average every pixel of a part of the frame lies, x and y, and whether it does, 0..1."""
    cells, size = MAP_CELLS, work.seen.frame_px
    uv = mesh_coordinates(work.seen.landmarks, cells, 1)
    scale = cells / size
    rows, columns = box
    first = [scale * (one.start + 0.5) + 0.5 for one in (columns, rows)]
    matrix = np.array([[scale, 0, first[0]], [0, scale, first[1]]])
    place = (columns.stop - columns.start, rows.stop - rows.start)
    u, v = (
        cv2.warpAffine(plane, matrix, place, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP) for plane in uv
    )
    inside = np.clip((1.0 - np.maximum(np.abs(u), np.abs(v))) * 16.0, 0.0, 1.0).astype(np.float32)
    back = np.asarray(cv2.invertAffineTransform(slip), np.float64)
    back = back @ np.array([[0.5, 0, 0.5], [0, 0.5, 0.5], [0, 0, 1]])  # -1..1 as units
    x, y = (
        (np.float32(row[0] * side) * u + np.float32(row[1] * side) * v + np.float32(row[2] * side - 0.5))
        for row in back
    )
    return x, y, inside


def _box_of(mask: Floats) -> Box:
    """Rows and columns around all that a mask holds, and some more; of an empty one the first few."""
    found = []
    for axis in (1, 0):
        used = np.flatnonzero(mask.any(axis=axis))
        low, high = (int(used[0]), int(used[-1])) if used.size else (0, 0)
        found.append(slice(max(low - BESIDE, 0), min(high + 1 + BESIDE, len(mask))))
    return found[0], found[1]


@cache
def _face_cells() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the coarse mean face that lie on the face itself."""
    oval = (mean_face().uv[list(FACE_OVAL)] + 1.0) * (LOOK_PX / 2) - 0.5
    mask = np.zeros((LOOK_PX, LOOK_PX), np.uint8)
    cv2.fillPoly(mask, [np.rint(oval).astype(np.int32)], 1)
    rows, columns = np.nonzero(cv2.erode(mask, np.ones((7, 7))))
    return rows, columns


def _frame_places(landmarks: NDArray[np.floating]) -> Floats:
    """Where in a frame, in units of it, the knots over the mean face lie: float32 [GRID, GRID, 2]."""
    mean = mean_face()
    corners, weights, around = _knots()
    points = np.asarray(landmarks, np.float64)[:, :2]
    affine = (mean.fit @ points).T  # rows (a, b, c) of x and of y
    ring = mean.points[len(points) :] @ affine[:, :2].T + affine[:, 2]
    both = np.concatenate([points, ring])
    places = np.einsum("nkc,nk->nc", both[corners], weights)
    outside = corners[:, 0] < 0
    places[outside] = around[outside] @ affine[:, :2].T + affine[:, 2]
    return places.reshape(GRID, GRID, 2).astype(np.float32)


@cache
def _knots() -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Of every knot over the mean face: the corners of its triangle [n, 3] (-1: none), their weights [n, 3],
    and where it lies on the mean face [n, 2].
    """
    mean = mean_face()
    left, top, right, bottom = mean.rectangle
    x, y = np.meshgrid(np.linspace(left, right, GRID), np.linspace(top, bottom, GRID))
    knots = np.stack([x.ravel(), y.ravel()], axis=1)
    corners = np.full((len(knots), 3), -1, np.int64)
    weights = np.zeros((len(knots), 3))
    for triangle in mean.triangles:
        a, b, c = mean.points[triangle]
        low, high = np.min([a, b, c], axis=0), np.max([a, b, c], axis=0)
        span = [
            np.flatnonzero((lines >= low[i]) & (lines <= high[i])) for i, lines in enumerate((x[0], y[:, 0]))
        ]
        near = (span[1][:, None] * GRID + span[0]).ravel()
        basis = np.column_stack([b - a, c - a])
        if not len(near) or abs(np.linalg.det(basis)) < 1e-12:
            continue
        two = np.linalg.solve(basis, (knots[near] - a).T).T
        three = np.column_stack([1.0 - two.sum(axis=1), two])
        hit = (three >= -1e-9).all(axis=1)
        corners[near[hit]], weights[near[hit]] = triangle, three[hit]
    return corners, weights, knots
