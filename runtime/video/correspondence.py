"""Dense correspondence between a face's frame and the mean face, on which changes are averaged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ..ages.maps import MAP_CELLS
from ..face.coordinates import mesh_coordinates
from ..face.mean_face import mean_face
from ..pipeline.seen_face import SeenFace
from .register import LOOK_PX, Slip, looked_up

Floats = NDArray[np.float32]
Box = tuple[slice, slice]
GRID = 129
"""Knots of the grid over the mean face, in each direction."""


@dataclass(frozen=True, eq=False)
class Correspondence:
    """The correspondence of one face, in units of its frame and of the mean face's square.

    ``knots`` float32 [GRID, GRID, 2]: positions in the frame of a grid over the mean face. ``units`` float32
    [MAP_CELLS, MAP_CELLS, 2]: positions on the mean face of the frame's cells. ``inside`` float32
    [MAP_CELLS, MAP_CELLS], 0..1: whether a cell is on the mean face.
    """

    knots: Floats
    units: Floats
    inside: Floats

    @classmethod
    def of(cls, seen: SeenFace, kind: str) -> Correspondence:
        """Compute it from a face; ``kind`` is the manifest's ``coordinates``, "face" or "frame"."""
        landmarks = seen.landmarks
        if kind == "face":
            inner = slice(seen.margin, seen.margin + MAP_CELLS)
            u, v = seen.coordinates[:2, inner, inner]
        else:
            u, v = mesh_coordinates(landmarks, MAP_CELLS)
        inside = np.clip((1.0 - np.maximum(np.abs(u), np.abs(v))) * 16.0, 0.0, 1.0)
        units = cv2.merge([u, v]) * np.float32(0.5) + np.float32(0.5)
        return cls(_frame_positions(landmarks), units, inside.astype(np.float32))

    def moved(self, slip: Slip) -> Floats:
        """The knots [GRID, GRID, 2] after the skin was displaced by ``slip``."""
        at = slip.of(_unit_knots()) * np.float32(GRID - 1)
        return looked_up(self.knots, at, cv2.INTER_LINEAR)

    def on_mean(self, slip: Slip, frame_px: int, box: Box, side: int) -> tuple[Floats, Floats]:
        """Positions of the pixels of ``box`` on an average of ``side`` px, [h, w, 2].

        ``box`` is a part of the frame of ``frame_px``. The second array, [h, w] in 0..1, is whether a pixel
        is on the average.
        """
        positions = slip.back(self.units) * np.float32(side) - np.float32(0.5)
        scale = MAP_CELLS / frame_px
        rows, columns = box
        x, y = (scale * (one.start + 0.5) - 0.5 for one in (columns, rows))
        matrix, size = (
            np.array([[scale, 0, x], [0, scale, y]]),
            (columns.stop - columns.start, rows.stop - rows.start),
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        fine, inside = (
            np.asarray(
                cv2.warpAffine(one, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32
            )
            for one in (positions, self.inside)
        )
        return fine, inside


def sampled(picture: Floats, knots: Floats, side: int) -> Floats:
    """Resample a picture [h, w, ...] on the mean face, ``side`` px; ``knots`` are in px of the picture."""
    scale = (GRID - 1) / side
    matrix = np.array([[scale, 0, 0.5 * scale], [0, scale, 0.5 * scale]])  # knots lie at the edges
    at = cv2.warpAffine(
        knots,
        matrix,
        (side, side),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return looked_up(picture, np.asarray(at, np.float32))


def texture_px(frame_px: int) -> int:
    """Side of the average in px: the frame's own resolution on the mean face."""
    left, top, right, bottom = mean_face().rectangle
    return math.ceil(max(right - left, bottom - top) * frame_px / 32) * 32


def look_of_frame(grey: Floats, knots: Floats) -> Floats:
    """A face's lightness on the mean face at low resolution, float32 [LOOK_PX, LOOK_PX] in code values.

    ``grey`` [n, n] is the lightness of the frame, ``knots`` are in units of the frame.
    """
    found = sampled(grey, knots * np.float32(len(grey)) - np.float32(0.5), LOOK_PX)
    return np.asarray(cv2.GaussianBlur(found, (0, 0), 1.0), np.float32)


@cache
def _unit_knots() -> Floats:
    """Positions of the knots on the mean face, in units of its square, [GRID, GRID, 2]."""
    across = np.linspace(0.0, 1.0, GRID, dtype=np.float32)
    return np.stack(np.meshgrid(across, across), axis=-1)


def _frame_positions(landmarks: NDArray[np.floating]) -> Floats:
    """Positions of the knots in the frame, in units of it, float32 [GRID, GRID, 2]."""
    mean = mean_face()
    corners, weights, around = _knots()
    points = np.asarray(landmarks, np.float64)[:, :2]
    affine = (mean.fit @ points).T  # rows (a, b, c) of x and of y
    ring = mean.points[len(points) :] @ affine[:, :2].T + affine[:, 2]
    both = np.concatenate([points, ring])
    positions = np.empty((len(corners), 2), np.float32)
    for axis in (0, 1):
        along = both[:, axis]
        positions[:, axis] = sum(along[corners[:, i]] * weights[:, i] for i in range(3))
    outside = corners[:, 0] < 0
    positions[outside] = around[outside] @ affine[:, :2].T + affine[:, 2]
    return positions.reshape(GRID, GRID, 2)


@cache
def _knots() -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """For each knot: the vertices of its triangle [n, 3] (-1: outside), their barycentric weights [n, 3], and
    its position on the mean face [n, 2].
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
