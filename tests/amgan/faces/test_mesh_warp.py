"""Warps between faces that share the mesh."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from amgan.faces.mesh_warp import source_coordinates, triangulate

SIZE = 192
Faces = list[tuple[np.ndarray, np.ndarray]]


@pytest.fixture(scope="module")
def landmarks(aligned: Faces) -> np.ndarray:
    return aligned[0][1] * SIZE


def pixels() -> np.ndarray:
    """x and y of every pixel, [SIZE, SIZE, 2]."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    return np.stack([columns, rows], axis=2).astype(np.float64)


def test_triangles_are_made_of_landmarks(landmarks: np.ndarray) -> None:
    triangles = triangulate(landmarks)
    assert triangles.dtype == np.int32 and triangles.shape[1] == 3
    assert set(np.unique(triangles)) == set(range(468))
    assert np.array_equal(triangulate(landmarks * 3 + 7), triangles)


def test_the_identity(landmarks: np.ndarray) -> None:
    coordinates, inside = source_coordinates(landmarks, landmarks, triangulate(landmarks), SIZE)
    assert coordinates.dtype == np.float32 and inside.dtype == bool
    hull = cv2.convexHull(landmarks.astype(np.float32))
    area = cv2.contourArea(hull)
    assert inside.sum() == pytest.approx(area, rel=0.03)
    np.testing.assert_allclose(coordinates[inside], pixels()[inside], atol=1e-3)
    assert (coordinates[~inside] == 0).all()


@pytest.mark.parametrize(
    ("matrix", "shift"),
    [
        (np.eye(2), (11.0, -7.5)),
        (np.array([[0.8, 0.1], [-0.2, 1.1]]), (20.0, 3.0)),
        (np.array([[-1.0, 0.0], [0.0, 1.0]]), (SIZE, 0.0)),
    ],
    ids=["shift", "skew", "mirror"],
)
def test_an_affine_warp_is_recovered(
    landmarks: np.ndarray, matrix: np.ndarray, shift: tuple[float, float]
) -> None:
    moved = landmarks @ matrix.T + shift
    coordinates, inside = source_coordinates(landmarks, moved, triangulate(landmarks), SIZE)
    np.testing.assert_allclose(coordinates[inside], (pixels() @ matrix.T + shift)[inside], atol=2e-3)


def test_landmarks_go_to_landmarks(aligned: Faces) -> None:
    target, source = (a[1] * SIZE for a in aligned)
    triangles = triangulate((target + source) / 2)
    coordinates, inside = source_coordinates(target, source, triangles, SIZE)
    found = cv2.remap(
        coordinates, target[:, 0].astype(np.float32), target[:, 1].astype(np.float32), cv2.INTER_LINEAR
    ).reshape(-1, 2)
    well_inside = cv2.erode(inside.astype(np.uint8), np.ones((5, 5)))
    column, row = np.clip(target.astype(int), 0, SIZE - 1).T
    use = well_inside[row, column] > 0
    assert use.sum() > 380
    assert np.median(np.abs(found - source)[use]) < 0.3
    assert np.percentile(np.abs(found - source)[use], 97) < 3


def test_flat_triangles_do_not_fail(landmarks: np.ndarray) -> None:
    flat = landmarks.copy()
    flat[:, 1] = 90.0
    coordinates, inside = source_coordinates(flat, landmarks, triangulate(landmarks), SIZE)
    assert np.isfinite(coordinates).all() and inside.sum() < 4 * SIZE
