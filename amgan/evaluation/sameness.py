"""Whether everybody ages alike: correlation of the change between different people, on the mean face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from amgan.faces.mesh_warp import source_coordinates, triangulate
from amgan.runtime.face.mesh import N_POINTS

from .change import LEFT_SIDE, RIGHT_SIDE, FaceChange, blurred_px, inner_face

CANVAS_PX = 256
WIDTH = 0.7
"""Width of the mean face as a share of the canvas."""

BLUR = 0.01

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SmallChange:
    """What the comparison needs of a face: its log change float16 [h, w], no finer than the canvas can hold.

    ``landmarks`` [468, 2] are in px of that plane. Small, so that those of many faces can be kept.
    """

    log: NDArray[np.float16]
    landmarks: Floats


def small_change(face: FaceChange) -> SmallChange:
    """The log change around a face, reduced to the mean face's size where it is larger."""
    points = np.asarray(face.landmarks[:N_POINTS, :2], np.float64)
    height, width = face.log.shape
    low = np.clip(np.floor(points.min(axis=0)) - 2, 0, (width - 1, height - 1)).astype(int)
    high = np.clip(np.ceil(points.max(axis=0)) + 3, low + 1, (width, height)).astype(int)
    log, scale = face.log[low[1] : high[1], low[0] : high[0]], min(1.0, WIDTH * CANVAS_PX / face.width_px)
    if scale < 1:
        size = (max(1, round(log.shape[1] * scale)), max(1, round(log.shape[0] * scale)))
        log = np.asarray(cv2.resize(log, size, interpolation=cv2.INTER_AREA), np.float32)
    ratio = np.array([log.shape[1], log.shape[0]]) / (high - low)
    # Landmarks count from the middle of the first pixel.
    return SmallChange(log.astype(np.float16), (points - low + 0.5) * ratio - 0.5)


def mean_face(landmarks: Sequence[NDArray[np.floating]]) -> Floats:
    """The mean of some faces' landmarks [468, 2], px of a canvas of CANVAS_PX, each first laid upright.

    Every face is moved, turned and scaled so that its two sides fall on the same two points.
    """
    upright = np.mean([_upright(points) for points in landmarks], axis=0)
    middle = (upright.min(axis=0) + upright.max(axis=0)) / 2
    return (upright - middle) * WIDTH * CANVAS_PX + CANVAS_PX / 2


def carried_changes(faces: Sequence[SmallChange], mean: Floats) -> NDArray[np.float32]:
    """The log change of every face in the mean face's inner part, float32 [N, P].

    Carried by the mesh, then blurred by BLUR of the face's width.
    """
    triangles = triangulate(mean / CANVAS_PX)
    width = float(np.linalg.norm(mean[RIGHT_SIDE] - mean[LEFT_SIDE]))
    inner = inner_face(mean, (CANVAS_PX, CANVAS_PX), width)
    rows = []
    for face in faces:
        at, _ = source_coordinates(mean, face.landmarks, triangles, CANVAS_PX)
        log = face.log.astype(np.float32)
        carried = cv2.remap(log, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        rows.append(blurred_px(np.asarray(carried, np.float32), BLUR * width)[inner])
    return np.stack(rows)


def correlations(carried: NDArray[np.float32]) -> NDArray[np.float64]:
    """Correlation of every pair of rows of [N, P], float64 [N (N - 1) / 2]; rows without change are out."""
    rows = carried[carried.std(axis=1) > 1e-6].astype(np.float64)
    if len(rows) < 2:
        return np.zeros(0)
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray((rows @ rows.T)[np.triu_indices(len(rows), 1)])


def change_correlation(faces: Sequence[SmallChange], mean: Floats | None = None) -> float:
    """Mean correlation of the change between different faces: 1 is one mask for all, 0 nothing in common.

    ``mean`` as mean_face gives it (None: the mean of these faces). NaN for fewer than two changed faces.
    """
    if len(faces) < 2:
        return float("nan")
    found = correlations(
        carried_changes(faces, mean_face([face.landmarks for face in faces]) if mean is None else mean)
    )
    return float(found.mean()) if len(found) else float("nan")


def _upright(landmarks: NDArray[np.floating]) -> Floats:
    """Landmarks with the face's right side at (0, 0) and its left at (1, 0)."""
    points = np.asarray(landmarks[:N_POINTS, :2], np.float64)
    across = points[LEFT_SIDE] - points[RIGHT_SIDE]
    turn = np.array([[across[0], across[1]], [-across[1], across[0]]]) / float(across @ across)
    return (points - points[RIGHT_SIDE]) @ turn.T
