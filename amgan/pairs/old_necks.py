"""The lines, folds and mottling of old necks, from pictures of synthetic people, for the runtime's necks.

The neck of each person is marked by hand as a polygon of bare skin, chains left out. Its light is divided, as
a logarithm, into fine lines and folds, each limited, and put on cells in widths of the jaw below the chin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from amgan.runtime.face.finder import Face
from amgan.runtime.face.mesh import CHIN, JAW_ANGLES
from amgan.runtime.face.tone import LUMA
from amgan.runtime.face.warp import sample_affine
from amgan.runtime.files import whole_file

FRAME_PX = 1280
"""Pixels across a face's frame, in which polygons and scales are given."""
CORNER, SIZE = (153.6, 896.0), (972, 896)
"""The first pixel and the size of the window beneath a face, in these pixels."""
CELLS, COLUMNS, ROWS = 160, 208, 160
"""Cells in a width of the jaw, and of the planes; the chin is at the middle of the first row."""
LIMITS = (0.16, 0.20, 0.08)
"""The largest change of logarithms by fine lines, folds and mottling."""
_FINE, _FOLDS = 16.6, 64.0
_SPOTS = (3.8, 38.4)
_CHAIN = 22
_SOFT = (25.0, 70.0)

Plane = NDArray[np.float32]
Points = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class MarkedNeck:
    """The bare skin of a neck in a picture: a polygon in px of its window; ``chains`` are lines over it."""

    file: str
    skin: Points
    chains: tuple[Points, ...] = ()


NECKS = (
    MarkedNeck("faker_0071.jpg", (
        (200, 215), (300, 250), (420, 300), (500, 300), (590, 300), (680, 262), (760, 210), (785, 380),
        (790, 520), (765, 640), (720, 760), (640, 840), (490, 840), (400, 730), (300, 640), (220, 520),
        (200, 380),
    )),
    MarkedNeck("faker_0149.jpg", (
        (145, 205), (230, 195), (330, 230), (400, 272), (500, 272), (570, 245), (660, 205), (700, 205),
        (758, 280), (750, 400), (715, 480), (640, 550), (500, 585), (380, 570), (270, 500), (195, 400),
        (160, 300),
    ), ((
        (240, 150), (218, 230), (250, 350), (300, 430), (370, 505), (410, 545), (460, 562), (510, 540),
        (560, 490), (610, 430), (645, 330), (667, 190),
    ),)),
    MarkedNeck("faker_0157.jpg", (
        (325, 265), (400, 292), (500, 290), (600, 272), (700, 235), (760, 190), (840, 180), (825, 330),
        (790, 420), (740, 465), (640, 575), (560, 600), (480, 610), (400, 590), (340, 530), (326, 460),
    ), (((745, 150), (748, 280), (710, 400), (640, 560)),)),
)  # fmt: skip
"""The first one shows the most: it completes the others beyond their polygons. Alone it is too peculiar."""


def old_neck(rgb: NDArray[np.uint8], face: Face, marked: MarkedNeck) -> Plane:
    """Fine lines, folds, mottling and certainty 0..1 of a neck of a photo, float32 [4, ROWS, COLUMNS]."""
    to_photo = face.frame.to_photo(FRAME_PX)
    to_photo[:, 2] += to_photo[:, :2] @ CORNER
    window = sample_affine(rgb, to_photo, SIZE)
    seen = _seen(marked)
    planes = _planes(window, seen)
    points = face.frame.to_frame(FRAME_PX)[:, :2] @ face.landmarks[:, :2].T
    points = points.T + face.frame.to_frame(FRAME_PX)[:, 2] - CORNER
    wide = float(np.linalg.norm(np.subtract(*points[list(JAW_ANGLES)])))
    step = wide / CELLS
    start = points[CHIN] - (0.5 * COLUMNS * step, 0.0)
    matrix = np.array([[step, 0.0, start[0]], [0.0, step, start[1]]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    smooth = (cv2.GaussianBlur(one, (0, 0), 0.4 * step) for one in planes)
    return np.stack([cv2.warpAffine(one, matrix, (COLUMNS, ROWS), flags=how) for one in smooth])


def completed(necks: Sequence[Plane]) -> NDArray[np.float32]:
    """Fine lines, folds and mottling of all but the first, float32 [n - 1, 3, ROWS, COLUMNS].

    Beyond their skin they have the lines and the mottling of the first.
    """
    first, *others = necks
    whole = []
    for neck in others:
        share = neck[3] * neck[3] * (3.0 - 2.0 * neck[3])
        rest = (1.0 - share) * first[3]
        whole.append([share * neck[0] + rest * first[0], neck[1], share * neck[2] + rest * first[2]])
    return np.asarray(whole, np.float32)


def write_old_necks(necks: NDArray[np.float32], path: Path) -> None:
    """Write `completed` necks as a compressed file of bytes; raises OSError."""
    fine, folds, mottling = (
        np.stack([_coded(neck[number], LIMITS[number], step) for neck in necks])
        for number, step in enumerate((1, 4, 2))
    )
    limits = np.array(LIMITS, np.float32)
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file, cells=np.int32(CELLS), limits=limits, fine=fine, folds=folds, mottling=mottling
        )


def _coded(plane: Plane, limit: float, step: int) -> NDArray[np.int8]:
    """A plane in codes of -127 to 127, reduced ``step`` times."""
    size = (plane.shape[1] // step, plane.shape[0] // step)
    reduced = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    return np.clip(np.rint(reduced * (127.0 / limit)), -127, 127).astype(np.int8)


def _seen(marked: MarkedNeck) -> NDArray[np.bool_]:
    seen = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    cv2.fillPoly(seen, [np.array(marked.skin, np.int32)], 1)
    for chain in marked.chains:
        cv2.polylines(seen, [np.array(chain, np.int32)], False, 0, _CHAIN)
    return seen > 0


def _planes(window: NDArray[np.uint8], seen: NDArray[np.bool_]) -> list[Plane]:
    logs = np.log(np.maximum(window.astype(np.float32), 4.0))
    light, red = logs @ LUMA, logs[..., 0] - logs[..., 1]
    inside = seen.astype(np.float32)

    def around(plane: Plane, px: float) -> Plane:
        mean = cv2.GaussianBlur(plane * inside, (0, 0), px)
        return np.asarray(mean / np.maximum(cv2.GaussianBlur(inside, (0, 0), px), 1e-4), np.float32)

    def band(plane: Plane, limit: float) -> Plane:
        return np.asarray(limit * np.tanh((around(plane, _SPOTS[0]) - around(plane, _SPOTS[1])) / limit))

    base = around(light, _FINE)
    fine = LIMITS[0] * np.tanh((light - base) / LIMITS[0])
    folds = LIMITS[1] * np.tanh((base - around(light, _FOLDS)) / LIMITS[1])
    # Shadows of skin are redder, too: what goes with them is no mottling.
    spots, shade = band(red, LIMITS[2]), band(light, LIMITS[2])
    spots = spots - float((spots * shade * inside).sum() / (shade * shade * inside).sum()) * shade
    apart = cv2.distanceTransform(seen.astype(np.uint8), cv2.DIST_L2, 5)
    edge, wide_edge = (np.clip(apart / px - 0.3, 0.0, 1.0).astype(np.float32) for px in _SOFT)
    return [np.asarray(one, np.float32) for one in (fine, folds * wide_edge, spots, edge)]
