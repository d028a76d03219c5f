"""Face coordinates: the position of every cell of the canonical frame on the mean face.

Inside the mesh the mapping is affine on every triangle. The mesh is surrounded by a ring of points that
follow the face by one affine map, fitted by least squares; that map continues beyond the ring, so the
coordinates are continuous everywhere except where a turned head folds over itself.

All steps are in float64 and in one order, so that the C library computes the same numbers.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import extensions
from .mean_face import MeanFace, doubled_areas, mean_face
from .region_masks import make_face_mask

REFERENCE_PX = 512.0
"""Side of the frame, in px, at which the scale is 0."""
EDGE = 1e-9
"""Tolerance of the inside test, as a share of the triangle's height, which closes gaps at edges."""

_BAND_ROWS = 64  # small enough to stay in the cache

Doubles = NDArray[np.float64]


def face_coordinates(
    landmarks_unit: NDArray[np.floating], cells: int, margin: int = 0
) -> NDArray[np.float32]:
    """Coordinates of all cell centres: float32 [3, cells + 2 margin, cells + 2 margin].

    Planes: u and v, -1..1 across the atlas (u grows to the right of the picture, v downwards), and inside,
    0..1, which is 1 on the face and 0 far from it. ``landmarks_unit`` [468, 2] are in frame units (0..1
    across the frame); the frame has ``cells`` on a side, and ``margin`` more on every side.
    """
    inside = make_face_mask(landmarks_unit, cells, margin)
    return np.concatenate([mesh_coordinates(landmarks_unit, cells, margin), inside[None]])


def frame_coordinates(cells: int, margin: int = 0) -> NDArray[np.float32]:
    """The paper's gradients in the same planes: X and Y, -1..1 across the frame, and inside 1 everywhere."""
    centres = (np.arange(cells + 2 * margin) - margin + 0.5) * (2.0 / cells) - 1.0
    x, y = np.meshgrid(centres, centres)
    return np.stack([x, y, np.ones_like(x)]).astype(np.float32)


def scale_of(frame_px: float) -> float:
    """The scale plane of the coordinates: log2 of a frame's side over REFERENCE_PX."""
    return math.log2(frame_px / REFERENCE_PX)


def mesh_coordinates(
    landmarks_unit: NDArray[np.floating], cells: int, margin: int = 0
) -> NDArray[np.float32]:
    """Positions u and v of all cell centres, float32 [2, n, n] n = cells + 2 margin; see face_coordinates."""
    mean = mean_face()
    # In units of cells, with the centre of cell i at i.
    landmarks = np.asarray(landmarks_unit, np.float64)[:, :2] * cells + (margin - 0.5)
    along_x, along_y = (_sum_in_order(mean.fit * landmarks[:, axis]) for axis in (0, 1))
    side = cells + 2 * margin
    uv = _around(mean, along_x, along_y, side)
    ring = mean.points[len(landmarks) :]
    carried = [row[0] * ring[:, 0] + row[1] * ring[:, 1] + row[2] for row in (along_x, along_y)]
    points = np.concatenate([landmarks, np.stack(carried, axis=1)])
    _draw_triangles(uv, mean, points)
    return uv.astype(np.float32)


def sample_cells(planes: NDArray[np.float32], count: int, step: float, shift: float) -> NDArray[np.float32]:
    """Sample planes [C, n, n] at ``count`` x ``count`` points, ``step`` cells apart, from cell ``shift`` on.

    Bilinear, with the edge repeated outside; float32 [C, count, count].
    """
    along = _Along.of(planes.shape[1], count, step, shift)
    out = np.empty((len(planes), count, count), np.float32)
    _interpolate(planes, along, along, out)
    return out


def resize_plane(plane: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Resize a plane [n, n] to float32 [count, count] by bilinear interpolation.

    Only the box that has values other than 0 is computed.
    """
    cells = plane.shape[0]
    if cells == count:
        return plane
    step = cells / count
    along = _Along.of(cells, count, step, 0.5 * step - 0.5)
    rows, columns = (along.reached_by(np.asarray(plane.any(axis=axis))) for axis in (1, 0))
    out = np.zeros((1, count, count), np.float32)
    _interpolate(plane[None], along.part(rows), along.part(columns), out[:, rows, columns])
    return out[0]


class _Along(NamedTuple):
    """Points along an axis: the cells ``low`` and ``high`` beside each, and its ``share`` of the second."""

    low: NDArray[np.int64]
    high: NDArray[np.int64]
    share: NDArray[np.float32]

    @classmethod
    def of(cls, cells: int, count: int, step: float, shift: float) -> _Along:
        """``count`` points, ``step`` of the ``cells`` apart, from cell ``shift`` on, clamped to the cells."""
        at = np.clip(np.arange(count) * step + shift, 0.0, float(cells - 1))
        low = at.astype(np.int64)
        return cls(low, np.minimum(low + 1, cells - 1), (at - low).astype(np.float32))

    def reached_by(self, filled: NDArray[np.bool_]) -> slice:
        """The points beside one of the ``filled`` cells, [cells], and those between them."""
        points = np.flatnonzero(filled[self.low] | filled[self.high])
        return slice(int(points[0]), int(points[-1]) + 1) if points.size else slice(0, 0)

    def part(self, points: slice) -> _Along:
        """Only these points."""
        return _Along(self.low[points], self.high[points], self.share[points])


def _interpolate(
    planes: NDArray[np.float32], rows: _Along, columns: _Along, out: NDArray[np.float32]
) -> None:
    """Write bilinear samples of planes [C, n, n] into ``out`` [C, points of rows, points of columns].

    The extension computes the same numbers as NumPy, in a tenth of its time.
    """
    extension = extensions.between()
    if extension is not None and out.size:
        for plane, made in zip(np.ascontiguousarray(planes, np.float32), out, strict=True):
            extension.between(plane, *rows, *columns, made)
        return
    left = planes[:, :, columns.low]
    across = left + (planes[:, :, columns.high] - left) * columns.share
    for top in range(0, len(rows.low), _BAND_ROWS):
        few = rows.part(slice(top, top + _BAND_ROWS))
        above, band = across[:, few.low], out[:, top : top + _BAND_ROWS]
        np.subtract(across[:, few.high], above, out=band)
        band *= few.share[:, None]
        band += above


def _sum_in_order(terms: Doubles) -> Doubles:
    """Sums of rows in a fixed order, which np.sum does not guarantee."""
    total: Doubles = np.add.accumulate(terms, axis=1)[:, -1]
    return total


def _around(mean: MeanFace, along_x: Doubles, along_y: Doubles, side: int) -> Doubles:
    """Positions u and v of all cells by the affine map, [2, side, side]; 0 if the landmarks span no area."""
    a, b, c = along_x
    d, e, f = along_y
    determinant = a * e - b * d
    uv = np.zeros((2, side, side))
    if abs(determinant) < 1e-6:
        return uv
    left, top, right, bottom = mean.rectangle
    index = np.arange(side, dtype=np.float64)
    x, y = index[None, :] - c, index[:, None] - f
    uv[0] = ((e * x - b * y) / determinant - left) * (2.0 / (right - left)) - 1.0
    uv[1] = ((a * y - d * x) / determinant - top) * (2.0 / (bottom - top)) - 1.0
    return uv


def _draw_triangles(uv: Doubles, mean: MeanFace, points: Doubles) -> None:
    """Write u and v of all cells with their centre in a triangle of ``points`` [P, 2], in units of cells.

    Where triangles overlap, those of the face take precedence over those of the ring, and larger,
    front-facing ones over smaller and back-facing ones.
    """
    side = uv.shape[1]
    areas = doubled_areas(points, mean.triangles)
    ring = mean.ring_triangles
    order = np.concatenate([np.arange(ring), ring + np.argsort(areas[ring:], kind="stable")])
    order = order[areas[order] != 0.0]
    corners, areas = points[mean.triangles[order]], areas[order]
    low = np.clip(np.ceil(corners.min(axis=1)), 0, side).astype(np.int64)
    high = np.clip(np.floor(corners.max(axis=1)), -1, side - 1).astype(np.int64)
    size = np.maximum(high - low + 1, 0)
    count = size[:, 0] * size[:, 1]
    number = np.repeat(np.arange(len(order)), count)
    index = np.arange(len(number)) - np.repeat(np.cumsum(count) - count, count)
    row, column = np.divmod(index, size[number, 0])
    row, column = row + low[number, 1], column + low[number, 0]
    # Weights of the second and third corner are linear in x and y.
    (ax, ay), (bx, by), (cx, cy) = (corners[:, i].T for i in range(3))
    to_second = np.stack([(cy - ay) / areas, (ax - cx) / areas])
    to_third = np.stack([(ay - by) / areas, (bx - ax) / areas])
    x, y = column - ax[number], row - ay[number]
    second = to_second[0][number] * x + to_second[1][number] * y
    third = to_third[0][number] * x + to_third[1][number] * y
    hit = (second >= -EDGE) & (third >= -EDGE) & (second + third <= 1.0 + EDGE)
    number, second, third, cell = number[hit], second[hit], third[hit], (row * side + column)[hit]
    winner = np.full(side * side, -1, np.int64)
    winner[cell] = np.arange(len(cell))  # the last of repeated cells wins
    cell = np.flatnonzero(winner >= 0)
    taken = winner[cell]
    number, second, third = number[taken], second[taken], third[taken]
    for axis in range(2):
        first, other, last = mean.uv[mean.triangles[order[number]], axis].T
        uv[axis].reshape(-1)[cell] = first + second * (other - first) + third * (last - first)
