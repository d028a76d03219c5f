"""How strong new lines may be on a skin."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from amgan.runtime.face.line_strength import (
    FITTING,
    PALE_SHARE,
    READ_PX,
    SKIN_LANDMARKS,
    fitting_of,
    read_line_strength,
    read_skin,
    shrink,
    skin_pattern,
    strength_of,
)
from amgan.runtime.face.mean_face import mean_face
from amgan.runtime.face.mesh import N_POINTS
from amgan.runtime.face.pattern import choose_pattern

POINTS = mean_face().points[:N_POINTS]


def skin(code: float, noise: float, seed: int = 0) -> np.ndarray:
    """A frame of one colour with noise of one px."""
    grain = np.random.default_rng(seed).normal(0, noise, (READ_PX, READ_PX, 1))
    return np.clip(code + grain, 0, 255).repeat(3, axis=2).astype(np.uint8)


def test_lines_are_weaker_on_smooth_skin_and_stronger_on_rough_skin() -> None:
    found = [read_line_strength(skin(120, noise), POINTS) for noise in (0.5, 4, 8, 30)]
    assert found == sorted(found)
    assert found[0] == pytest.approx(FITTING[0])
    assert found[-1] == pytest.approx(FITTING[1])
    assert found[0] < found[1] < found[2]


def test_lines_are_weaker_on_pale_skin() -> None:
    assert strength_of(1.0, 120.0) == pytest.approx(1.0)
    assert strength_of(1.0, 220.0) == pytest.approx(PALE_SHARE)
    assert PALE_SHARE < strength_of(1.0, 165.0) < 1.0


def test_contrast_and_brightness_are_those_of_the_skin() -> None:
    contrast, codes = read_skin(skin(140, 4), POINTS)
    twice, _ = read_skin(skin(140, 8), POINTS)
    assert codes == pytest.approx(140, abs=1)
    assert twice == pytest.approx(2 * contrast, rel=0.1)
    assert fitting_of(contrast) < fitting_of(twice)


def test_hair_over_the_forehead_and_a_shadow_do_not_count() -> None:
    plain = skin(150, 3)
    covered = plain.copy()
    covered[: int(POINTS[9, 1] * READ_PX)] = skin(60, 60, 1)[: int(POINTS[9, 1] * READ_PX)]
    assert read_line_strength(covered, POINTS) == pytest.approx(read_line_strength(plain, POINTS), rel=0.1)


def test_faces_at_the_edge_and_beyond_it_are_read() -> None:
    for shift in (-2.0, -0.5, 0.6, 3.0):
        assert FITTING[0] * PALE_SHARE <= read_line_strength(skin(200, 3), POINTS + shift) <= FITTING[1]


def test_a_larger_frame_is_shrunk_first() -> None:
    large = cv2.resize(skin(140, 4), (800, 800), interpolation=cv2.INTER_CUBIC)
    small = shrink(large)
    assert small.shape == (READ_PX, READ_PX, 3)
    assert shrink(small) is small
    assert shrink(small[:100, :100]).shape == (READ_PX, READ_PX, 3)


def test_the_pattern_of_a_skin_is_that_of_the_face_times_the_strength() -> None:
    image = skin(150, 3)
    found = skin_pattern(image, POINTS, 4)
    strength = read_line_strength(image, POINTS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, choose_pattern(POINTS, 4) * strength, rtol=1e-6)
    assert len(SKIN_LANDMARKS) == 9
