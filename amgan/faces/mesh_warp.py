"""Piecewise-affine warps between faces that share the 468-point mesh."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

Triangles = NDArray[np.int32]


def triangulate(landmarks_unit: NDArray[np.floating]) -> Triangles:
    """Delaunay triangles [T, 3] of landmarks [468, 2], usually those of a mean face."""
    return np.asarray(Delaunay(np.asarray(landmarks_unit, np.float64)).simplices, np.int32)


def source_coordinates(
    target_px: NDArray[np.floating], source_px: NDArray[np.floating], triangles: Triangles, size_px: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The position in the source frame of every pixel of the target frame.

    Landmarks are [468, 2] in pixels. Returns coordinates [size, size, 2] (x, y) for cv2.remap and a mask
    of the pixels inside the target's mesh.
    """
    labels = np.full((size_px, size_px), -1, np.int32)
    corners = np.asarray(target_px)[triangles]
    for number, triangle in enumerate(np.round(corners * 16).astype(np.int32)):
        cv2.fillConvexPoly(labels, triangle, number, lineType=cv2.LINE_8, shift=4)
    inside = labels >= 0
    coordinates = np.zeros((size_px, size_px, 2), np.float32)
    rows, columns = np.nonzero(inside)
    affine = _affine_of_triangles(corners, np.asarray(source_px)[triangles])[labels[inside]]
    points = np.stack([columns, rows, np.ones_like(rows)], axis=1).astype(np.float64)
    coordinates[inside] = np.einsum("nij,nj->ni", affine, points)
    return coordinates, inside


def _affine_of_triangles(target: NDArray[np.floating], source: NDArray[np.floating]) -> NDArray[np.float64]:
    """Affine matrices [T, 2, 3] from every target triangle [T, 3, 2] to its source triangle."""
    homogeneous = np.concatenate([target, np.ones((*target.shape[:2], 1))], axis=2)
    homogeneous = homogeneous + 1e-9 * np.eye(3)
    solved: NDArray[np.float64] = np.linalg.solve(homogeneous, np.asarray(source, np.float64))
    return solved.transpose(0, 2, 1)
