"""Older and younger versions: what they must never do, on real faces."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from amgan.pairs.aging_field import AgingField
from amgan.pairs.face_layers import FaceLayers
from amgan.pairs.log_picture import blur
from amgan.pairs.options import AgingOptions
from amgan.pairs.versions import rendered, version_change, version_codes
from amgan.runtime.face.mesh import FACE_OVAL, LEFT_EYE, LIPS_INNER, RIGHT_EYE, raise_hairline

EVEN = np.full(4, 0.25, np.float32)
ONE = np.array([0.0, 1.0, 0.0, 0.0], np.float32)


def hull(landmarks: np.ndarray, numbers: tuple[int, ...], side: int, shrunk: int = 0) -> np.ndarray:
    mask = np.zeros((side, side), np.uint8)
    points = np.round(landmarks[list(numbers)] * side).astype(np.int32)
    cv2.fillConvexPoly(mask, cv2.convexHull(points), 1)
    return np.asarray(cv2.erode(mask, np.ones((2 * shrunk + 1,) * 2, np.uint8)) > 0)


def other_frame(layers: FaceLayers, field: AgingField, frame: np.ndarray) -> FaceLayers:
    return FaceLayers(replace(layers.face, frame=frame), field)


@pytest.mark.parametrize("who", [0, 1])
def test_a_face_at_its_own_age_is_the_same(layers: list[FaceLayers], field: AgingField, who: int) -> None:
    assert not version_codes(layers[who], field, layers[who].face.age, ONE).any()


@pytest.mark.parametrize("age", [25.0, 60.0, 88.0])
@pytest.mark.parametrize("who", [0, 1])
def test_bounds(layers: list[FaceLayers], field: AgingField, who: int, age: float) -> None:
    one, options = layers[who], AgingOptions()
    light = version_change(one, field, age, EVEN).mean(axis=2)
    own = (one.lips < 1e-3) & (one.brows < 1e-3) & (one.beard < 1e-3)
    assert np.abs(light[own]).max() > 0.05  # something is there to be bounded
    colours = 0.12  # what warmth adds to the mean of three channels
    assert light[own].min() > -options.down - colours
    assert light[own].max() < max(options.up, options.up_young) + colours


@pytest.mark.parametrize("age", [25.0, 88.0])
def test_nothing_outside_the_face_nor_in_eyes_and_mouth(
    layers: list[FaceLayers], field: AgingField, age: float
) -> None:
    for one in layers:
        changed = np.abs(version_codes(one, field, age, ONE).astype(int)).max(axis=2)
        oval = hull(raise_hairline(one.face.landmarks), FACE_OVAL, one.size_px)
        assert changed[oval].max() >= 10
        assert changed[~oval].max() <= 1
        for inside in (RIGHT_EYE, LEFT_EYE, LIPS_INNER):
            assert changed[hull(one.face.landmarks, inside, one.size_px, 1)].max(initial=0) <= 3


def test_grey_pictures_stay_grey(layers: list[FaceLayers], field: AgingField) -> None:
    grey = np.repeat(layers[1].face.frame.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    one = other_frame(layers[1], field, grey)
    after = rendered(one, version_change(one, field, 80.0, ONE))
    assert np.ptp(after.astype(int), axis=2).max() <= 1
    assert np.abs(after.astype(int) - grey).max() >= 10


def test_blown_out_skin_shows_hardly_anything(layers: list[FaceLayers], field: AgingField) -> None:
    one = layers[1]
    cheek = np.round(one.face.landmarks[50] * one.size_px).astype(int)
    blown = one.face.frame.copy()
    there = (slice(cheek[1] - 14, cheek[1] + 14), slice(cheek[0] - 14, cheek[0] + 14))
    blown[there] = 255
    inner = (slice(cheek[1] - 8, cheek[1] + 8), slice(cheek[0] - 8, cheek[0] + 8))
    changed = version_codes(other_frame(one, field, blown), field, 80.0, ONE)[inner]
    assert np.abs(changed.astype(int)).max() <= 5


def test_older_is_darker_in_folds_and_younger_undoes_folds(
    layers: list[FaceLayers], field: AgingField
) -> None:
    old = layers[0]
    band = old.own_lines * old.visible
    lines = band < np.percentile(band, 3)
    older, younger = (version_change(old, field, age, EVEN).mean(axis=2) for age in (88.0, 25.0))
    around = blur(older, 6.0)
    assert (older - around)[lines].mean() < -0.01
    assert (younger - blur(younger, 6.0))[lines].mean() > 0.01


def test_patterns_differ_and_more_years_change_more(layers: list[FaceLayers], field: AgingField) -> None:
    one = layers[1]
    weights = np.eye(len(field.pattern_names), dtype=np.float32)
    changes = [version_change(one, field, 75.0, w).mean(axis=2).ravel() for w in weights]
    related = np.corrcoef(changes)[np.triu_indices(len(changes), 1)]
    assert related.max() < 0.97
    sizes = [float(np.abs(version_change(one, field, age, EVEN)).mean()) for age in (45.0, 60.0, 80.0)]
    assert sizes == sorted(sizes) and sizes[2] > 1.5 * sizes[0]


def test_covered_skin_gets_no_lines(layers: list[FaceLayers], field: AgingField) -> None:
    one = layers[1]
    cheek = np.round(one.face.landmarks[280] * one.size_px).astype(int)
    covered = one.face.frame.copy()
    covered[cheek[1] - 8 : cheek[1] + 9, cheek[0] - 8 : cheek[0] + 9] = (30, 40, 160)
    after = other_frame(one, field, covered)
    assert one.visible[cheek[1], cheek[0]] > 0.8
    assert after.visible[cheek[1], cheek[0]] < 0.1
    assert np.abs(version_change(after, field, 80.0, ONE)[cheek[1], cheek[0]]).max() < 0.03


def test_changes_fit_an_int8(layers: list[FaceLayers], field: AgingField) -> None:
    codes = version_codes(layers[0], field, 88.0, ONE)
    assert codes.dtype == np.int8 and codes.min() >= -127


def test_a_young_version_is_smoother_and_evener_but_keeps_its_pores(
    layers: list[FaceLayers], field: AgingField
) -> None:
    old = layers[0]
    after = other_frame(old, field, rendered(old, version_change(old, field, 25.0, EVEN)))
    seen = (old.visible > 0.9) & (old.weight > 0.9)

    def rough(of: FaceLayers, band: int) -> float:
        return float(of.bands[band][seen].std())

    assert rough(after, 1) < 0.75 * rough(old, 1)
    assert rough(after, 2) < 0.75 * rough(old, 2)
    assert rough(after, 0) > 0.5 * rough(old, 0)
    assert after.chroma[seen].std(axis=0).mean() < old.chroma[seen].std(axis=0).mean()


def test_strands_of_a_light_fringe_are_no_skin(layers: list[FaceLayers], field: AgingField) -> None:
    one = layers[1]
    forehead = one.face.landmarks[[10, 151], :2].mean(axis=0) * one.size_px
    x, y = np.round(forehead).astype(int)
    half = round(24 * one.unit * 512 / one.size_px) if one.size_px < 512 else 48
    stripes = (1.0 + 0.25 * np.sin(np.arange(2 * half) * 1.2))[None, :]
    seen = {}
    for name, pattern in (("strands", stripes), ("lines", stripes.T)):
        covered = one.face.frame.astype(np.float32)
        part = covered[y - half // 2 : y + half // 2, x - half : x + half]
        part *= np.broadcast_to(pattern, (2 * half, 2 * half))[: part.shape[0], : part.shape[1], None]
        after = other_frame(one, field, np.clip(covered, 0, 255).astype(np.uint8))
        seen[name] = float(after.strands[y - 2 : y + 3, x - 2 : x + 3].mean())
    assert seen["strands"] > 0.9
    assert seen["lines"] < 0.5


def test_what_lies_over_a_face_is_left_alone(layers: list[FaceLayers], field: AgingField) -> None:
    one = layers[1]
    own = np.ones((one.size_px,) * 2, np.float32)
    own[: one.size_px // 2] = 0.0
    covered = FaceLayers(replace(one.face, own=own), field)
    change = np.abs(version_change(covered, field, 80.0, ONE))
    assert change[: one.size_px // 2].max() == 0.0
    assert change[one.size_px // 2 :].max() > 0.05


def test_lines_on_pale_skin_are_softer(layers: list[FaceLayers], field: AgingField) -> None:
    frame = layers[1].face.frame.astype(np.float32)
    dark = other_frame(layers[1], field, (frame * 0.6).astype(np.uint8))
    pale = other_frame(layers[1], field, np.clip(frame * 0.55 + 105, 0, 255).astype(np.uint8))
    assert dark.paleness < 0.2 and pale.paleness > 0.9
    only_lines = AgingOptions(
        field_gain=0,
        deviation_gain=0,
        own_lines=0,
        own_fine=0,
        own_mid=0,
        own_folds=0,
        own_pores=0,
        texture=0,
    )
    seen = (dark.visible > 0.9) & (pale.visible > 0.9) & (dark.weight > 0.9)

    def strength(of: FaceLayers, options: AgingOptions) -> float:
        return float(version_change(of, field, 80.0, ONE, options)[seen].std())

    assert strength(pale, only_lines) < 0.8 * strength(dark, only_lines)
    as_before = replace(only_lines, pale_mottling=1.0, pale_soft_px=0.0)
    assert strength(pale, only_lines) < strength(pale, as_before)


@pytest.mark.parametrize(("place", "option"), [("jowls", "calm_jowls"), ("frown", "calm_frown")])
def test_lines_are_calmer_where_they_cross_and_others_stay(
    place: str, option: str, layers: list[FaceLayers], field: AgingField
) -> None:
    one = layers[1]
    calm = version_change(one, field, 80.0, ONE, AgingOptions())
    drawn = version_change(one, field, 80.0, ONE, AgingOptions(**{option: 0.0}))
    apart, there = np.abs(calm - drawn).max(axis=2), getattr(one, place)
    assert apart[there > 0.7].max() > 0.02
    assert apart[there < 0.01].max() < 0.005


def test_jowls_are_beside_the_mouth_and_the_frown_between_the_brows(layers: list[FaceLayers]) -> None:
    one = layers[1]
    for corner in (212, 432):
        x, y = np.round(one.face.landmarks[corner, :2] * one.size_px).astype(int)
        assert one.jowls[y, x] > 0.9
    x, y = np.round(one.face.landmarks[9, :2] * one.size_px).astype(int)
    assert one.frown[y, x] > 0.9


def test_new_lines_go_with_the_strength_of_the_skin(layers: list[FaceLayers], field: AgingField) -> None:
    weak, strong = (other_frame(layers[1], field, layers[1].face.frame) for _ in range(2))
    weak.line_strength, strong.line_strength = 0.4, 1.2
    seen = (weak.visible > 0.9) & (weak.weight > 0.9)
    found = [version_change(one, field, 80.0, ONE).mean(axis=2)[seen].std() for one in (weak, strong)]
    assert found[0] < 0.95 * found[1]


def test_smooth_skin_gets_less_of_the_broad_shade(layers: list[FaceLayers], field: AgingField) -> None:
    one, smooth = (other_frame(layers[1], field, layers[1].face.frame) for _ in range(2))
    one.fitting, smooth.fitting = 1.0, 0.5
    only_broad = AgingOptions(deviation_gain=0, lines=0, own_lines=0, own_fine=0, own_mid=0, own_folds=0)
    seen = (one.visible > 0.9) & (one.weight > 0.9)

    def shade(of: FaceLayers) -> float:
        change = version_change(of, field, 80.0, ONE, only_broad).mean(axis=2)
        return float(-blur(change, 8 * of.unit)[seen].min())

    assert shade(smooth) < 0.95 * shade(one)


def test_skin_that_gets_lighter_keeps_its_colour(layers: list[FaceLayers], field: AgingField) -> None:
    one = layers[1]
    keeps, pales = (version_change(one, field, 80.0, ONE, AgingOptions(paler=p)) for p in (0.3, 1.2))
    lighter = (keeps.mean(axis=2) > 0.04) & (one.visible > 0.9) & (one.weight > 0.9)
    assert lighter.sum() > 50

    def colourful(change: np.ndarray) -> float:
        chroma = one.log + change - (one.log + change).mean(axis=2, keepdims=True)
        return float(np.abs(chroma[lighter]).mean())

    assert colourful(keeps) > 1.01 * colourful(pales)


def test_a_deep_dark_fold_is_filled_and_takes_the_colour_of_the_skin(
    layers: list[FaceLayers], field: AgingField
) -> None:
    one = layers[1]
    x, y = np.round(one.face.landmarks[50, :2] * one.size_px).astype(int)
    folded = one.face.frame.copy()
    fold, beside = (slice(y - 14, y + 15), slice(x - 1, x + 2)), (slice(y - 14, y + 15), slice(x - 9, x - 5))
    folded[fold] = (folded[fold] * [0.42, 0.30, 0.26]).astype(np.uint8)
    other = other_frame(one, field, folded)
    assert other.visible[y, x] < 0.5  # too dark for skin
    assert other.smoothable[y, x] > 0.9  # and narrow
    after = rendered(other, version_change(other, field, 25.0, np.zeros(4, np.float32))).astype(float)

    def depth(frame: np.ndarray) -> float:
        return float(np.log(frame[beside].mean() / frame[fold].mean()))

    def redness(frame: np.ndarray) -> float:
        red, _, blue = frame[fold].mean(axis=(0, 1)) / frame[beside].mean(axis=(0, 1))
        return float(np.log(red / blue))

    assert depth(after) < 0.65 * depth(folded.astype(float))
    assert redness(after) < 0.6 * redness(folded.astype(float))


def test_wide_dark_areas_are_not_smoothed(layers: list[FaceLayers], field: AgingField) -> None:
    one = layers[1]
    x, y = np.round(one.face.landmarks[50, :2] * one.size_px).astype(int)
    patched = one.face.frame.copy()
    cv2.circle(patched, (int(x), int(y)), round(24 * one.unit), (20, 20, 22), -1)
    assert other_frame(one, field, patched).smoothable[y, x] < 0.1
