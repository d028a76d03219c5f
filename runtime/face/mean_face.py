"""The mean face: its mesh in units of the canonical frame, and the rectangle covered by the atlas.

The file is made by ``python -m amgan.data.mean_face``; trained weights depend on its version.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .mesh import FACE_OVAL

MEAN_FACE_FILE = Path(__file__).parent / "models" / "mean_face.npz"
RING_SCALE = 1.35
"""The scale of the ring of virtual points: the face's oval, enlarged about its centre."""

Points = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MeanFace:
    """The mean face and the ring around it.

    ``points`` float64 [468 + R, 2] are the mesh in units of the canonical frame, mirror symmetric about
    x = 0.5, then R points of a ring around the oval. ``uv`` float64 [468 + R, 2] are the same points in
    coordinates of the atlas, whose rectangle is -1..1. ``triangles`` int32 [T, 3] hold point numbers, all
    turning the same way; the first ``ring_triangles`` fill the gap between oval and ring. ``rectangle``
    float64 [4] is left, top, right and bottom of the atlas in the units of ``points``. ``fit`` float64 [3,
    468] gives, times the x (or y) of 468 landmarks, the row (a, b, c) of the affine map a * x + b * y + c
    from the mean face to the landmarks that is best by least squares.
    """

    points: Points
    uv: Points
    triangles: NDArray[np.int32]
    ring_triangles: int
    rectangle: Points
    fit: Points


def complete(mesh: Points, mesh_triangles: NDArray[np.int32], rectangle: Points) -> MeanFace:
    """Complete a mesh [468, 2] with triangles [T, 3] by the ring and everything derived from it.

    ``rectangle`` is left, top, right, bottom of the atlas in the units of the mesh.
    """
    oval = np.array(FACE_OVAL)
    middle = (mesh[oval].min(axis=0) + mesh[oval].max(axis=0)) / 2
    points = np.concatenate([mesh, middle + RING_SCALE * (mesh[oval] - middle)])
    here, ring = oval, len(mesh) + np.arange(len(oval))
    following, ring_following = np.roll(here, -1), np.roll(ring, -1)
    strip = np.stack([here, ring, ring_following, here, ring_following, following], axis=1).reshape(-1, 3)
    triangles = np.concatenate([strip, mesh_triangles])
    flipped = doubled_areas(points, triangles) < 0
    triangles[flipped] = triangles[flipped][:, [0, 2, 1]]
    low, high = rectangle[:2], rectangle[2:]
    uv = (points - low) / (high - low) * 2.0 - 1.0
    homogeneous = np.concatenate([mesh, np.ones((len(mesh), 1))], axis=1)
    return MeanFace(
        points, uv, triangles.astype(np.int32), len(strip), rectangle, np.linalg.pinv(homogeneous)
    )


def doubled_areas(points: Points, triangles: NDArray[np.int32]) -> Points:
    """Twice the signed area of every triangle, float64 [T]; positive if oriented as on the mean face."""
    a, b, c = (points[triangles[:, i]] for i in range(3))
    areas: Points = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    return areas


@cache
def mean_face() -> MeanFace:
    """The mean face that ships."""
    with np.load(MEAN_FACE_FILE, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return MeanFace(**{**arrays, "ring_triangles": int(arrays["ring_triangles"])})
