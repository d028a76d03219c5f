"""Which pattern a face gets."""

from __future__ import annotations

import numpy as np
import pytest

from amgan.runtime.errors import UsageError
from amgan.runtime.face.finder import Face
from amgan.runtime.face.mean_face import mean_face
from amgan.runtime.face.mesh import N_POINTS
from amgan.runtime.face.pattern import MAX_PATTERNS, choose_pattern, one_pattern
from amgan.runtime.pipeline.estimator import landmarks_unit

MESH = mean_face().points[:N_POINTS]


@pytest.mark.parametrize("count", range(1, MAX_PATTERNS + 1))
def test_weights_are_shares(count: int) -> None:
    weights = choose_pattern(MESH, count)
    assert weights.dtype == np.float32 and weights.shape == (count,)
    assert weights.min() > 0 and weights.sum() == pytest.approx(1, abs=1e-6)


def test_different_faces_get_different_patterns(hopper_face: Face, collins_face: Face) -> None:
    hopper, collins = (choose_pattern(landmarks_unit(face), 4) for face in (hopper_face, collins_face))
    assert np.abs(hopper - collins).max() > 0.1


def test_faces_spread_over_the_patterns() -> None:
    """Faces as different as people's are: each pattern leads for some, and mostly leads clearly."""
    rng = np.random.default_rng(0)
    chosen = []
    for _ in range(300):
        points = (MESH - 0.5) * (1, np.exp(rng.normal(0, 0.03))) + 0.5
        for numbers in ((61, 291), (105, 334), (168,), (172, 397), (33, 133, 362, 263)):
            points[list(numbers)] += rng.normal(0, 0.008, 2)
        points[61, 0] -= (width := rng.normal(0, 0.012))
        points[291, 0] += width
        chosen.append(choose_pattern(points, 4))
    leads = np.bincount(np.argmax(chosen, axis=1), minlength=4) / len(chosen)
    assert leads.min() > 0.08
    assert 0.5 < np.median(np.max(chosen, axis=1)) < 0.97


def test_the_choice_is_smooth(hopper_face: Face) -> None:
    points = landmarks_unit(hopper_face)
    noise = np.random.default_rng(0).normal(0, 1e-4, points.shape)
    assert np.abs(choose_pattern(points + noise, 4) - choose_pattern(points, 4)).max() < 0.05


def test_size_and_place_of_the_face_do_not_matter() -> None:
    moved = choose_pattern(MESH * 0.5 + 0.2, 4)
    np.testing.assert_allclose(moved, choose_pattern(MESH, 4), atol=1e-6)


@pytest.mark.parametrize("points", [MESH * 0, MESH * (1, 0), MESH * 1e9], ids=["a point", "a line", "huge"])
def test_landmarks_that_are_no_face_give_numbers(points: np.ndarray) -> None:
    assert choose_pattern(points, 4).sum() == pytest.approx(1, abs=1e-5)


def test_one_pattern_alone() -> None:
    assert one_pattern(3, 4).tolist() == [0, 0, 1, 0]
    for number in (0, 5, -1):
        with pytest.raises(
            UsageError, match=f"there is no pattern {number}: this bundle has the patterns 1 to 4"
        ):
            one_pattern(number, 4)
    with pytest.raises(UsageError, match="9 patterns cannot be: 1 to 8 are known"):
        choose_pattern(MESH, 9)
