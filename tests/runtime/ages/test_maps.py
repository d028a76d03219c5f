"""Aging maps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from amgan.runtime.ages.maps import (
    MAX_AGE,
    MIN_AGE,
    NEUTRAL_AGE,
    FaceAges,
    RegionMasks,
    build_map,
    change_mask,
    edit_mask,
    make_region_masks,
    read_map,
)
from amgan.runtime.ages.plan import plan_face
from amgan.runtime.ages.request import Request
from amgan.runtime.face.mesh import FACE_OVAL, LEFT_EYE, N_POINTS, RIGHT_EYE, raise_hairline
from amgan.runtime.face.zones import PART_NAMES

CELLS = 96
years = st.floats(MIN_AGE, MAX_AGE)
part_ages = st.dictionaries(st.sampled_from(PART_NAMES), years)


@pytest.fixture(scope="module")
def masks(unit: np.ndarray) -> RegionMasks:
    return make_region_masks(unit, CELLS)


def bounding(unit: np.ndarray, points: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    return unit[list(points)].min(axis=0), unit[list(points)].max(axis=0)


def outside_face(unit: np.ndarray, size: int, slack: float) -> np.ndarray:
    """Cells at least ``slack`` of the frame outside the bounding box of the face and its forehead."""
    low, high = bounding(raise_hairline(unit), FACE_OVAL)
    centres = (np.arange(size) + 0.5) / size
    column = (centres < low[0] - slack) | (centres > high[0] + slack)
    row = (centres < low[1] - slack) | (centres > high[1] + slack)
    return row[:, None] | column[None, :]


def test_region_masks_are_weights(masks: RegionMasks) -> None:
    assert masks.face.shape == (CELLS, CELLS) and masks.face.dtype == np.float32
    assert masks.parts.shape == (len(PART_NAMES), CELLS, CELLS) and masks.parts.dtype == np.float32
    assert masks.face.min() == 0 and masks.face.max() == pytest.approx(1, abs=0.01)
    assert masks.parts.min() >= 0
    assert masks.parts.sum(axis=0).max() <= 1 + 1e-5
    assert (masks.parts.max(axis=(1, 2)) > 0.4).all()  # every part is there


def test_a_margin_adds_cells_and_changes_none(unit: np.ndarray, masks: RegionMasks) -> None:
    wide = make_region_masks(unit, CELLS, 14)
    assert wide.face.shape == (CELLS + 28, CELLS + 28)
    np.testing.assert_allclose(wide.face[14:-14, 14:-14], masks.face, atol=0.02)
    np.testing.assert_allclose(wide.parts[:, 14:-14, 14:-14], masks.parts, atol=0.05)


def test_right_parts_are_at_the_left_of_the_picture(masks: RegionMasks) -> None:
    columns = np.arange(CELLS)
    for name, weight in zip(PART_NAMES, masks.parts, strict=True):
        centre = float((weight.sum(axis=0) * columns).sum() / weight.sum())
        if name.endswith("-right"):
            assert centre < CELLS / 2, name
        elif name.endswith("-left"):
            assert centre > CELLS / 2, name


@given(base=years)
def test_one_age_everywhere_is_a_flat_map_inside_the_face(masks: RegionMasks, base: float) -> None:
    aging_map = build_map(masks, base, {})
    assert aging_map.dtype == np.float32 and aging_map.shape == (CELLS, CELLS)
    np.testing.assert_allclose(aging_map[masks.face == 1], base, atol=1e-3)
    assert (aging_map[masks.face == 0] == NEUTRAL_AGE).all()
    low, high = sorted((base, NEUTRAL_AGE))
    assert aging_map.min() >= low - 1e-3 and aging_map.max() <= high + 1e-3


@given(base=years, ages=part_ages)
def test_no_hole_and_never_beyond_the_ages_asked_for(
    masks: RegionMasks, base: float, ages: dict[str, float]
) -> None:
    aging_map = build_map(masks, base, ages)
    assert np.isfinite(aging_map).all()
    asked = [NEUTRAL_AGE, base, *ages.values()]
    assert aging_map.min() >= min(asked) - 0.01 and aging_map.max() <= max(asked) + 0.01
    inside = aging_map[masks.face > 0.999]
    asked = [base, *ages.values()]
    assert inside.min() >= min(asked) - 0.1 and inside.max() <= max(asked) + 0.1


@given(base=st.tuples(years, years), ages=st.tuples(part_ages, part_ages), share=st.floats(0, 1))
def test_the_map_is_linear_in_the_ages(
    masks: RegionMasks,
    base: tuple[float, float],
    ages: tuple[dict[str, float], dict[str, float]],
    share: float,
) -> None:
    def between(a: float, b: float) -> float:
        return (1 - share) * a + share * b

    mixed = {n: between(ages[0].get(n, base[0]), ages[1].get(n, base[1])) for n in PART_NAMES}
    first, second = (build_map(masks, base[i], ages[i]) for i in range(2))
    between_maps = (1 - share) * first + share * second
    np.testing.assert_allclose(build_map(masks, between(*base), mixed), between_maps, atol=0.01)


@given(name=st.sampled_from(PART_NAMES), age=years)
def test_a_part_changes_its_own_place_only(masks: RegionMasks, name: str, age: float) -> None:
    changed = build_map(masks, 40.0, {name: age}) - build_map(masks, 40.0, {})
    weight = masks.parts[PART_NAMES.index(name)]
    assert (np.abs(changed[weight == 0]) < 1e-3).all()
    np.testing.assert_allclose(changed, masks.face * weight * np.float32(age - 40), atol=0.01)


def test_outside_the_face_is_neutral(unit: np.ndarray, masks: RegionMasks) -> None:
    aging_map = build_map(masks, 80.0, dict.fromkeys(PART_NAMES, 20.0))
    outside = outside_face(unit, CELLS, 0.1)
    assert outside.any()
    assert (aging_map[outside] == NEUTRAL_AGE).all()


@settings(max_examples=25)
@given(base=years, ages=part_ages, size=st.sampled_from([24, 64, 96, 150]), margin=st.sampled_from([0, 14]))
def test_a_map_built_from_ages_gives_the_ages_back(
    unit: np.ndarray, base: float, ages: dict[str, float], size: int, margin: int
) -> None:
    masks = make_region_masks(unit, size, margin)
    found = read_map(masks, build_map(masks, base, ages))
    assert tuple(found.parts) == PART_NAMES
    assert found.base == pytest.approx(base, abs=0.5)
    for name in PART_NAMES:
        assert found.parts[name] == pytest.approx(ages.get(name, base), abs=0.5), name


def head_target(masks: RegionMasks, aging_map: np.ndarray, grid: int) -> np.ndarray:
    """What the age head learns to read: the mean age of the face inside every cell of a coarse grid."""
    cells = len(masks.face) // grid
    face, ages = (
        plane.reshape(grid, cells, grid, cells).mean(axis=(1, 3))
        for plane in (masks.face, aging_map * masks.face)
    )
    return (ages / np.maximum(face, 1e-3)).astype(np.float32)


@given(base=years)
def test_one_age_everywhere_is_read_back_from_a_coarse_grid(masks: RegionMasks, base: float) -> None:
    found = read_map(masks, head_target(masks, build_map(masks, base, {}), 16))
    np.testing.assert_allclose([found.base, *found.parts.values()], base, atol=0.1)


def test_a_coarse_grid_shows_which_part_is_older(masks: RegionMasks) -> None:
    for name in PART_NAMES:
        found = read_map(masks, head_target(masks, build_map(masks, 40.0, {name: 70.0}), 16))
        assert 40 < found.parts[name] < 71, name
        assert abs(found.base - 40) < 2, name
        if not name.startswith("under-eye-lines"):  # thinner than a cell, and next to the bags
            assert max(found.parts, key=lambda part: found.parts[part]) == name


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), noise=st.floats(0, 6))
def test_noise_on_a_coarse_grid_does_not_explode(masks: RegionMasks, seed: int, noise: float) -> None:
    ages = head_target(masks, build_map(masks, 50.0, {}), 16)
    ages += np.random.default_rng(seed).normal(0, noise, ages.shape).astype(np.float32)
    found = read_map(masks, ages)
    assert abs(found.base - 50) <= noise + 0.1
    spread = np.array(list(found.parts.values())) - 50
    assert np.abs(spread).max() <= 6 * noise + 0.1
    assert spread.std() <= 2 * noise + 0.1


def test_a_part_out_of_the_frame_reads_as_the_face(unit: np.ndarray) -> None:
    low = make_region_masks(unit + np.array([0, 0.45]), CELLS)
    found = read_map(low, build_map(low, 33.0, {"forehead": 60.0}))
    assert found.parts["chin"] == pytest.approx(33, abs=0.5)
    assert found.parts["forehead"] == pytest.approx(60, abs=0.5)
    nowhere = make_region_masks(unit + 5.0, CELLS)
    found = read_map(nowhere, np.full((CELLS, CELLS), 33.0))
    assert set(found.parts.values()) == {found.base} == {NEUTRAL_AGE}
    assert (build_map(nowhere, 80.0, {}) == NEUTRAL_AGE).all()


def test_where_a_change_is_asked() -> None:
    years = np.array([[0.0, 0.5], [-3.0, 60.0]])
    mask = change_mask(years, 2)
    assert mask[0, 0] == 0
    assert 0 < mask[0, 1] < 0.05
    assert mask[1, 0] == pytest.approx(0.5)
    assert mask[1, 1] == 1


def test_the_asked_mask_is_that_of_the_difference(masks: RegionMasks) -> None:
    now = FaceAges(40.0, dict.fromkeys(PART_NAMES, 45.0))
    mask = plan_face(Request.parse(None, ["chin=75"]), now, masks, 0, CELLS).asked
    chin = masks.parts[PART_NAMES.index("chin")]
    assert (mask[chin == 0] == 0).all()
    assert (mask[chin > 0.5] == 1).all()
    assert not plan_face(Request.parse("+0"), now, masks, 0, CELLS).asked.any()


@pytest.mark.parametrize("size", [64, 256])
def test_edit_mask(unit: np.ndarray, size: int) -> None:
    mask = edit_mask(unit, size)
    assert mask.shape == (size, size) and mask.dtype == np.float32
    assert mask.min() == 0 and mask.max() == 1
    assert (mask[outside_face(unit, size, 0.02)] == 0).all()
    for eye in (RIGHT_EYE, LEFT_EYE):
        x, y = (unit[list(eye)].mean(axis=0) * size).astype(int)
        assert mask[y, x] == 0
    for skin in (50, 280, 9):  # both cheeks, between the brows
        x, y = (unit[skin] * size).astype(int)
        assert mask[y, x] > 0.9
    assert 0.15 < mask.mean() < 0.6


def test_edit_mask_has_no_steps(unit: np.ndarray) -> None:
    mask = edit_mask(unit, 256)
    assert max(np.abs(np.diff(mask, axis=axis)).max() for axis in (0, 1)) < 0.75
    column = mask[:, 128]
    edge = np.flatnonzero(column > 0)[[0, -1]]
    assert column[edge].max() < 0.15


@settings(max_examples=25)
@given(
    landmarks=arrays(np.float64, (N_POINTS, 2), elements=st.floats(-3, 4)),
    size=st.integers(4, 70),
    margin=st.integers(0, 15),
    base=years,
    ages=part_ages,
)
def test_any_landmarks_and_sizes_give_finite_maps(
    landmarks: np.ndarray, size: int, margin: int, base: float, ages: dict[str, float]
) -> None:
    masks = make_region_masks(landmarks, size, margin)
    cells = size + 2 * margin
    assert masks.face.shape == (cells, cells) and masks.parts.shape == (len(PART_NAMES), cells, cells)
    assert masks.parts.sum(axis=0).max() <= 1 + 1e-5
    aging_map = build_map(masks, base, ages)
    assert np.isfinite(aging_map).all()
    assert min(NEUTRAL_AGE, base, *ages.values(), 91) - 0.1 <= aging_map.min()
    assert aging_map.max() <= max(NEUTRAL_AGE, base, *ages.values(), 0) + 0.1
    found = read_map(masks, aging_map)
    assert np.isfinite([found.base, *found.parts.values()]).all()
    mask = edit_mask(landmarks, size)
    assert mask.min() >= 0 and mask.max() <= 1 and mask.shape == (size, size)


@pytest.mark.parametrize("scale", [0.0, 1e-9, 1e6])
def test_degenerate_landmarks(unit: np.ndarray, scale: float) -> None:
    masks = make_region_masks(unit * scale, 32, 4)
    assert np.isfinite(build_map(masks, 70.0, {"chin": 80.0})).all()
    assert np.isfinite(edit_mask(unit * scale, 32)).all()
