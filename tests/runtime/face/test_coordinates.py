"""Face coordinates: where on the mean face every cell lies."""

from __future__ import annotations

import numpy as np
import pytest

from amgan.data.mean_face import make_mean_face, mirror_index, symmetric_mean
from amgan.runtime.face import extensions
from amgan.runtime.face.coordinates import (
    face_coordinates,
    frame_coordinates,
    mesh_coordinates,
    resize_plane,
    sample_cells,
    scale_of,
)
from amgan.runtime.face.finder import Face
from amgan.runtime.face.mean_face import doubled_areas, mean_face
from amgan.runtime.face.mesh import FACE_OVAL, LIPS_INNER, N_POINTS, NOSE_TIP
from amgan.runtime.face.region_masks import make_face_mask, make_region_masks
from amgan.runtime.pipeline.estimator import landmarks_unit

CELLS, MARGIN = 128, 23
MEAN = mean_face()
MESH = MEAN.points[:N_POINTS]


def centres() -> np.ndarray:
    """Where the cells' centres lie along a line, in frame units."""
    return (np.arange(CELLS + 2 * MARGIN) - MARGIN + 0.5) / CELLS


def in_atlas(points: np.ndarray) -> np.ndarray:
    """Points in frame units of the mean face in coordinates of the atlas."""
    low, high = MEAN.rectangle[:2], MEAN.rectangle[2:]
    return (points - low) / (high - low) * 2 - 1


def at(planes: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Planes at a place in frame units, linear between cells."""
    (x, y), n = point * CELLS + MARGIN - 0.5, planes.shape[1]
    column, row = int(np.clip(x, 0, n - 2)), int(np.clip(y, 0, n - 2))
    cell = planes[:, row : row + 2, column : column + 2]
    across = cell[:, :, 0] + (cell[:, :, 1] - cell[:, :, 0]) * (x - column)
    return across[:, 0] + (across[:, 1] - across[:, 0]) * (y - row)


def test_on_the_mean_face_they_are_its_own_places() -> None:
    u, v, inside = face_coordinates(MESH, CELLS, MARGIN)
    wanted = in_atlas(np.stack([centres(), centres()], axis=1))
    assert np.abs(u - wanted[:, 0]).max() < 1e-5
    assert np.abs(v - wanted[:, 1][:, None]).max() < 1e-5
    assert np.array_equal(inside, make_face_mask(MESH, CELLS, MARGIN))
    assert np.array_equal(inside, make_region_masks(MESH, CELLS, MARGIN).face)


def test_the_atlas_spans_the_oval_and_a_little_more() -> None:
    oval = in_atlas(MESH[list(FACE_OVAL)])
    assert np.allclose(oval.min(axis=0), -1 / 1.16) and np.allclose(oval.max(axis=0), 1 / 1.16)


@pytest.mark.parametrize(
    "matrix",
    [
        ((0.7, 0.0), (0.0, 0.7)),
        ((0.9, -0.3), (0.3, 0.9)),
        ((0.6, 0.0), (0.2, 1.1)),
        ((-0.8, 0.0), (0.0, 0.8)),
    ],
)
def test_an_affine_face_gives_the_inverse_map_everywhere(matrix: tuple[tuple[float, float], ...]) -> None:
    """Also for one that is mirrored, whose triangles all turn the other way."""
    linear, middle = np.array(matrix), np.array([0.5, 0.5])
    points = (MESH - middle) @ linear.T + middle + (0.03, -0.02)
    found = mesh_coordinates(points, CELLS, MARGIN)
    x, y = np.meshgrid(centres(), centres())
    back = (np.stack([x, y], axis=-1) - middle - (0.03, -0.02)) @ np.linalg.inv(linear).T + middle
    assert np.abs(found - np.moveaxis(in_atlas(back), -1, 0)).max() < 1e-4


def test_every_landmark_has_its_place(hopper_face: Face, collins_face: Face) -> None:
    for face in (hopper_face, collins_face):
        points = landmarks_unit(face)
        planes = mesh_coordinates(points, CELLS, MARGIN)
        # The closed lips lie on each other, and an interpolated place is not exact at a fold.
        tested = [i for i in range(N_POINTS) if i not in LIPS_INNER]
        apart = np.array([at(planes, points[i]) - MEAN.uv[i] for i in tested])
        assert np.abs(apart).mean() < 0.01 and np.quantile(np.abs(apart), 0.98) < 0.05


def test_the_map_is_continuous_where_the_face_is_not_folded(hopper_face: Face) -> None:
    """Neighbouring cells are neighbours on the face, from the nose to the frame's corner."""
    planes = mesh_coordinates(landmarks_unit(hopper_face), CELLS, MARGIN)
    usual = 2 / (MEAN.rectangle[2] - MEAN.rectangle[0]) / CELLS
    for axis in (1, 2):
        steps = np.abs(np.diff(planes, axis=axis))
        assert np.median(steps.max(axis=0)) < 1.6 * usual
        assert np.quantile(steps, 0.999) < 6 * usual and steps.max() < 0.5


def test_of_folded_parts_the_one_in_front_wins() -> None:
    """What lies right of 0.62 is folded over to the left, behind what is seen there."""
    points = MESH.copy()
    behind = points[:, 0] > 0.62
    points[behind, 0] = 0.62 - 0.5 * (points[behind, 0] - 0.62)
    planes = mesh_coordinates(points, CELLS, MARGIN)
    for place in ((0.57, 0.5), (0.58, 0.6), (0.59, 0.66)):
        assert np.abs(at(planes, np.array(place)) - in_atlas(np.array(place))).max() < 0.01


def test_a_margin_adds_cells_and_changes_none(hopper_face: Face) -> None:
    points = landmarks_unit(hopper_face)
    wide, bare = face_coordinates(points, 64, 10), face_coordinates(points, 64, 0)
    assert wide.shape == (3, 84, 84) and wide.dtype == np.float32
    assert np.abs(wide[:, 10:-10, 10:-10] - bare).max() < 1e-5


@pytest.mark.parametrize(
    "points", [np.full((468, 2), 0.5), MESH * (1, 0), MESH * 1e6, MESH * 0, MESH - 1e5], ids=str
)
def test_landmarks_that_are_no_face_give_numbers(points: np.ndarray) -> None:
    assert np.isfinite(face_coordinates(points, 32, 4)).all()


def test_frame_coordinates_run_across_the_frame() -> None:
    x, y, inside = frame_coordinates(64, 8)
    assert x.shape == (80, 80) and (inside == 1).all()
    assert x[0, 8] == y[8, 0] == -1 + 1 / 64 and x[0, -9] == y[-9, 0] == 1 - 1 / 64


def test_scales_are_octaves() -> None:
    assert [scale_of(px) for px in (256, 512, 4096)] == [-1, 0, 3]


def test_sampling_is_linear_and_repeats_the_edge() -> None:
    planes = np.array([[[0, 1], [10, 11]]], np.float32)
    assert np.array_equal(sample_cells(planes, 2, 1.0, 0.0), planes)
    assert np.allclose(sample_cells(planes, 3, 0.5, 0.0)[0], [[0, 0.5, 1], [5, 5.5, 6], [10, 10.5, 11]])
    assert np.allclose(sample_cells(planes, 3, 1.0, -1.0)[0], [[0, 0, 1], [0, 0, 1], [10, 10, 11]])


# ---- the mean face


def test_the_mean_face_is_mirror_symmetric() -> None:
    partner = mirror_index(MESH)
    assert np.array_equal(partner[partner], np.arange(N_POINTS))
    assert np.abs(MESH[partner] * (-1, 1) + (1, 0) - MESH).max() < 1e-12


def test_triangles_cover_oval_and_ring_once() -> None:
    areas = doubled_areas(MEAN.points, MEAN.triangles) / 2
    assert (areas > 0).all()

    def area(points: np.ndarray) -> float:
        x, y = points.T
        return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2

    oval, ring = MESH[list(FACE_OVAL)], MEAN.points[N_POINTS:]
    # A triangle may cross the oval where it is hollow.
    assert areas[MEAN.ring_triangles :].sum() == pytest.approx(area(oval), rel=2e-3)
    assert areas[: MEAN.ring_triangles].sum() == pytest.approx(area(ring) - area(oval), rel=1e-9)


def test_the_file_can_be_made_again() -> None:
    made = make_mean_face(MESH)
    assert np.array_equal(made.triangles, MEAN.triangles) and made.ring_triangles == MEAN.ring_triangles
    for name in ("points", "uv", "rectangle", "fit"):
        assert np.allclose(getattr(made, name), getattr(MEAN, name), atol=1e-12), name


def test_only_faces_that_look_ahead_are_averaged() -> None:
    turned = MESH.copy()
    turned[NOSE_TIP, 0] += 0.2
    assert np.allclose(symmetric_mean(np.stack([MESH, turned, MESH])), MESH)


needs_the_extension = pytest.mark.skipif(
    extensions.between() is None, reason="the extension in C was not built, or this CPU has no FMA"
)


@needs_the_extension
@pytest.mark.parametrize(
    ("count", "step", "shift"), [(70, 0.31, -2.0), (9, 3.7, 1.5), (40, 1.0, 0.0), (300, 0.13, 0.4)]
)
def test_extension_and_numpy_give_the_same(
    count: int, step: float, shift: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    planes = np.random.default_rng(4).normal(size=(3, 40, 40)).astype(np.float32)
    planes[1, 12:] = 0
    found = sample_cells(planes, count, step, shift), resize_plane(planes[1], 97)
    monkeypatch.setattr(extensions, "between", lambda: None)
    wanted = sample_cells(planes, count, step, shift), resize_plane(planes[1], 97)
    assert all(np.array_equal(one, other) for one, other in zip(found, wanted, strict=True))


@needs_the_extension
def test_extension_refuses_what_does_not_fit() -> None:
    from amgan.runtime.face import _between

    plane, out = np.zeros((6, 5), np.float32), np.zeros((4, 3), np.float32)
    rows, columns, down, across = np.arange(4), np.arange(3), np.zeros(4, np.float32), np.zeros(3, np.float32)
    good = [plane, rows, rows + 2, down, columns, columns + 2, across, out]
    _between.between(*good)
    wrong = [(0, plane.astype(np.float64)), (1, rows - 1), (2, rows + 3), (4, columns[:2]), (5, columns + 3)]
    for at, other in [*wrong, (3, down[:3]), (6, across.astype(np.float64)), (7, out[:, :2].copy())]:
        with pytest.raises(ValueError, match="array"):
            _between.between(*[other if i == at else one for i, one in enumerate(good)])


@pytest.mark.parametrize("count", [7, 40, 41, 97, 256])
@pytest.mark.parametrize("box", [(0, 0, 0, 0), (0, 40, 0, 40), (5, 6, 30, 31), (0, 3, 38, 40)])
def test_only_the_filled_box_of_a_plane_is_resized(count: int, box: tuple[int, int, int, int]) -> None:
    top, bottom, left, right = box
    plane = np.zeros((40, 40), np.float32)
    plane[top:bottom, left:right] = np.random.default_rng(2).random((bottom - top, right - left)) + 0.1
    step = 40 / count
    whole = plane if count == 40 else sample_cells(plane[None], count, step, 0.5 * step - 0.5)[0]
    assert np.array_equal(resize_plane(plane, count), whole)
