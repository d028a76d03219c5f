"""The canonical frame and its affine maps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amgan.runtime.face.alignment import Frame, apply_affine, canonical_frame, invert_affine
from amgan.runtime.face.finder import Face
from amgan.runtime.face.mesh import LEFT_EYE, MOUTH_CORNERS, N_POINTS, RIGHT_EYE

coordinate = st.floats(-5000, 5000)


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    angle, half = draw(st.floats(-np.pi, np.pi)), draw(st.floats(1, 3000))
    return Frame((draw(coordinate), draw(coordinate)), (half * np.cos(angle), half * np.sin(angle)))


def plain_face(eyes: float = 60.0, mouth: float = 70.0) -> np.ndarray:
    """Eyes ``eyes`` px apart around (200, 150), the mouth ``mouth`` px below, other points in the middle."""
    points = np.tile([200.0, 150.0], (N_POINTS, 1))
    points[list(RIGHT_EYE)] = (200 - eyes / 2, 150)
    points[list(LEFT_EYE)] = (200 + eyes / 2, 150)
    points[list(MOUTH_CORNERS)] = [(180, 150 + mouth), (220, 150 + mouth)]
    return points


def turn(
    points: np.ndarray, degrees: float, scale: float = 1.0, shift: tuple[float, float] = (0, 0)
) -> np.ndarray:
    angle = np.deg2rad(degrees)
    matrix = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return points @ matrix.T + shift


def test_upright_face_gets_an_upright_frame() -> None:
    frame = canonical_frame(plain_face())
    assert frame.centre == pytest.approx((200, 157))
    assert frame.right == pytest.approx((126, 0))  # 1.8 times the way from eyes to mouth
    assert frame.side_px == pytest.approx(252)


def test_wide_eyes_set_the_size() -> None:
    assert canonical_frame(plain_face(eyes=100)).side_px == pytest.approx(400)


def test_three_columns_of_landmarks_are_as_good_as_two() -> None:
    points = plain_face()
    assert canonical_frame(np.column_stack([points, np.ones(N_POINTS)])) == canonical_frame(points)


def test_landmarks_in_one_point_still_give_a_frame() -> None:
    frame = canonical_frame(np.zeros((N_POINTS, 2)))
    assert np.isfinite([*frame.centre, *frame.right]).all()


@given(st.floats(-180, 180), st.floats(0.2, 10), coordinate, coordinate)
def test_frame_moves_with_the_face(degrees: float, scale: float, x: float, y: float) -> None:
    points = plain_face()
    before, after = canonical_frame(points), canonical_frame(turn(points, degrees, scale, (x, y)))
    unit_before = apply_affine(before.to_frame(1), points)
    unit_after = apply_affine(after.to_frame(1), turn(points, degrees, scale, (x, y)))
    np.testing.assert_allclose(unit_after, unit_before, atol=1e-6)
    assert after.side_px == pytest.approx(scale * before.side_px)


@given(frames(), st.sampled_from([1, 64, 512]))
def test_to_photo_and_back(frame: Frame, size: int) -> None:
    points = np.array([[0.0, 0.0], [size, 0.0], [size / 2, size / 3]])
    there = apply_affine(frame.to_photo(size), points)
    np.testing.assert_allclose(apply_affine(frame.to_frame(size), there), points, atol=1e-5 * size)


@given(frames())
def test_corners_of_the_frame(frame: Frame) -> None:
    centre, right, top = apply_affine(frame.to_photo(8), np.array([[4.0, 4.0], [8.0, 4.0], [4.0, 0.0]]))
    np.testing.assert_allclose(centre, frame.centre, atol=1e-6)
    np.testing.assert_allclose(right - centre, frame.right, atol=1e-6)
    np.testing.assert_allclose(top - centre, (frame.right[1], -frame.right[0]), atol=1e-6)


def test_invert_affine() -> None:
    matrix = np.array([[2.0, 1.0, 5.0], [-1.0, 3.0, -7.0]])
    points = np.array([[[1.0, 2.0], [3.0, -4.0]]])
    np.testing.assert_allclose(apply_affine(invert_affine(matrix), apply_affine(matrix, points)), points)


def test_eyes_and_mouth_of_a_real_face_lie_where_they_should(hopper_face: Face, collins_face: Face) -> None:
    for face in (hopper_face, collins_face):
        unit = apply_affine(face.frame.to_frame(1), face.landmarks)
        eyes = unit[list(RIGHT_EYE + LEFT_EYE)].mean(axis=0)
        mouth = unit[list(MOUTH_CORNERS)].mean(axis=0)
        assert eyes == pytest.approx((0.5, 0.48), abs=0.05)
        assert 0.65 < mouth[1] < 0.80
        assert unit.min() > 0.05 and unit.max() < 1.05
