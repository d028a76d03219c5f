"""Registers the skin of a face to its mesh, by image registration on the mean face.

First an affine map of the whole face by least squares, then the remaining local displacement, such as that
of the nose of a turning head, in Gaussian windows. Insensitive to changes of light.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..face.mean_face import mean_face
from ..face.mesh import FACE_OVAL

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
LOOK_PX = 160
MOST_SLIP = 0.02
"""Largest displacement, relative to the mean face's square: beyond it the faces are not the same."""
NO_SLIP = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
OTHER_CODES = 7.0
"""Difference in code values from which a position counts less, as it may show something else."""
HALF_PX = LOOK_PX // 2
"""Side of the reduced appearances in which the smooth local displacement is estimated."""
WINDOW_PX = 5.0
"""Standard deviation of the windows for the local displacement, in px of such an appearance."""
STIFFNESS = 0.2
"""Regularization relative to a window's squared gradients: uniform skin has no position."""
EVEN_LIGHT_PX = HALF_PX / 8
AFFINE_ROUNDS, REST_ROUNDS, BACK_ROUNDS = 2, 4, 2
_CORNERS = np.array([[0.2, 0.2, 1.0], [0.8, 0.2, 1.0], [0.2, 0.8, 1.0], [0.8, 0.8, 1.0]])


@dataclass(frozen=True, eq=False)
class Slip:
    """Displacement of the skin on the mean face.

    ``rest``, float32 [HALF_PX, HALF_PX, 2], is applied first, then ``affine`` [2, 3], both in units of the
    mean face's square. ``rest`` is zero where it is unknown.
    """

    affine: Doubles
    rest: Floats

    def of(self, positions: Floats) -> Floats:
        """Displace positions [h, w, 2] in units of the square."""
        moved = positions + self._rest_at(positions)
        return np.asarray(cv2.transform(moved, self.affine.astype(np.float32)), np.float32).reshape(
            positions.shape
        )

    def back(self, positions: Floats) -> Floats:
        """The inverse of `of`: original positions of displaced ones [h, w, 2]."""
        inverse = cv2.invertAffineTransform(self.affine).astype(np.float32)
        moved = np.asarray(cv2.transform(positions, inverse), np.float32).reshape(positions.shape)
        found = moved
        for _ in range(BACK_ROUNDS):
            found = moved - self._rest_at(found)
        return np.asarray(found, np.float32)

    def _rest_at(self, positions: Floats) -> Floats:
        at = positions * np.float32(HALF_PX) - np.float32(0.5)
        return looked_up(self.rest, at, cv2.INTER_LINEAR)


def register(reference: Floats, look: Floats) -> Slip:
    """Displacement between two appearances, float32 [LOOK_PX, LOOK_PX] in code values.

    ``reference`` at a position corresponds to ``look`` at `Slip.of` it. No displacement if none is found.
    """
    affine = register_affine(reference, look)
    return Slip(affine, _rest(reference, look, affine))


def register_affine(reference: Floats, look: Floats) -> Doubles:
    """The affine part, [2, 3], by least squares over the face, with gain and offset of the light."""
    across = cv2.Sobel(reference, cv2.CV_32F, 1, 0, scale=0.125)
    down = cv2.Sobel(reference, cv2.CV_32F, 0, 1, scale=0.125)
    rows, columns = _every_second()
    x, y = _from_middle()
    gx, gy, level = (plane[rows, columns].astype(np.float64) for plane in (across, down, reference))
    terms = np.stack([gx, gx * x, gx * y, gy, gy * x, gy * y, level / 128.0, np.ones_like(gx)], axis=1)
    slip = NO_SLIP.copy()
    for _ in range(AFFINE_ROUNDS):
        moved = _moved(look, slip)
        apart = moved[rows, columns] - level
        weights = 1.0 / (1.0 + ((apart - np.median(apart)) / OTHER_CODES) ** 2)
        weighted = terms * weights[:, None]
        normal = terms.T @ weighted + 1e-3 * np.eye(8)
        p = -np.linalg.solve(normal, weighted.T @ apart) / LOOK_PX
        step = np.array([[p[1], p[2], p[0]], [p[4], p[5], p[3]]])
        step[:, 2] -= step[:, :2] @ (0.5, 0.5)
        slip = slip + step
    farthest = np.abs(_CORNERS @ (slip - NO_SLIP).T).max()
    return slip if np.isfinite(farthest) and farthest < MOST_SLIP else NO_SLIP


def _rest(reference: Floats, look: Floats, affine: Doubles) -> Floats:
    """The local displacement after the affine part, in units, by window-wise registration."""
    wanted, now = _even(_halved(reference)), _even(_halved(_moved(look, affine)))
    across = cv2.Sobel(wanted, cv2.CV_32F, 1, 0, scale=0.125)
    down = cv2.Sobel(wanted, cv2.CV_32F, 0, 1, scale=0.125)
    products = [across * across, across * down, down * down]
    rest, at = np.zeros((HALF_PX, HALF_PX, 2), np.float32), _pixels()
    for _ in range(REST_ROUNDS):
        moved = looked_up(now, at + rest)
        apart = moved - wanted
        weights = _face() / (1.0 + np.square(apart / np.float32(OTHER_CODES)))
        a, b, c, p, q = (
            cv2.GaussianBlur(weights * one, (0, 0), WINDOW_PX)
            for one in (*products, across * apart, down * apart)
        )
        a, c = a + np.float32(STIFFNESS), c + np.float32(STIFFNESS)
        area = a * c - b * b
        rest = rest - np.asarray(cv2.merge([(c * p - b * q) / area, (a * q - b * p) / area]), np.float32)
    rest = np.asarray(cv2.GaussianBlur(rest, (0, 0), WINDOW_PX / 2), np.float32)
    most = MOST_SLIP * HALF_PX
    return np.asarray(np.clip(rest, -most, most) / np.float32(HALF_PX), np.float32)


def _halved(look: Floats) -> Floats:
    return np.asarray(cv2.resize(look, (HALF_PX, HALF_PX), interpolation=cv2.INTER_AREA), np.float32)


def _moved(look: Floats, affine: Doubles) -> Floats:
    """Warp an appearance by the affine map."""
    matrix = affine * [1.0, 1.0, LOOK_PX]
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    return np.asarray(
        cv2.warpAffine(
            look, matrix, (LOOK_PX, LOOK_PX),
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
        ),
        np.float32,
    )  # fmt: skip


def _even(look: Floats) -> Floats:
    """High-pass filter an appearance at half size."""
    return np.asarray(look - cv2.GaussianBlur(look, (0, 0), EVEN_LIGHT_PX), np.float32)


def looked_up(picture: Floats, at: Floats, method: int = cv2.INTER_CUBIC) -> Floats:
    """Sample a picture at positions [h, w, 2] in its px; edges repeat."""
    alone: Any = None  # x and y are in one array
    return np.asarray(cv2.remap(picture, at, alone, method, borderMode=cv2.BORDER_REPLICATE), np.float32)


@cache
def face_cells() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of an appearance that are on the face."""
    oval = (mean_face().uv[list(FACE_OVAL)] + 1.0) * (LOOK_PX / 2) - 0.5
    mask = np.zeros((LOOK_PX, LOOK_PX), np.uint8)
    cv2.fillPoly(mask, [np.rint(oval).astype(np.int32)], 1)
    rows, columns = np.nonzero(cv2.erode(mask, np.ones((7, 7))))
    return rows, columns


def _every_second() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Half of the face's cells, enough for eight parameters."""
    rows, columns = face_cells()
    return rows[::2], columns[::2]


@cache
def _face() -> Floats:
    face = np.zeros((LOOK_PX, LOOK_PX), np.float32)
    face[face_cells()] = 1.0
    return _halved(face)


@cache
def _from_middle() -> tuple[Doubles, Doubles]:
    """Offsets of those cells from the centre, right and down, in units."""
    rows, columns = _every_second()
    return (columns + 0.5) / LOOK_PX - 0.5, (rows + 0.5) / LOOK_PX - 0.5


@cache
def _pixels() -> Floats:
    across, down = np.meshgrid(np.arange(HALF_PX), np.arange(HALF_PX))
    return np.stack([across, down], axis=-1).astype(np.float32)
