"""The measures of an evaluation, on pictures and numbers whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from amgan.evaluation.ages import error, is_monotone, slope, tolerance
from amgan.evaluation.judges.age import box_of
from amgan.evaluation.pixels import detail_kept, psnr, sweep_steps, tone_shift, unlined
from amgan.evaluation.regions import changed_pixels, find_regions, share_inside
from amgan.evaluation.requests import ASKED, age_band
from amgan.evaluation.skin import SKIN_BANDS, band_of, typology_angle
from amgan.evaluation.statistics import share, summarise
from amgan.runtime.pipeline.pipeline import Pipeline

SIDE = 96
EVERYWHERE = np.ones((SIDE, SIDE), bool)


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(60, 190, (SIDE, SIDE, 3)).astype(np.uint8)


def test_a_summary_says_mean_and_spread_and_leaves_out_what_is_no_number() -> None:
    found = summarise([1.0, 2.0, 3.0, float("nan"), 4.0])
    assert (found["n"], found["mean"], found["min"], found["max"]) == (4, 2.5, 1.0, 4.0)
    assert found["standard_error"] == pytest.approx(np.std([1, 2, 3, 4], ddof=1) / 2, abs=1e-4)
    assert 1.0 <= found["interval_low"] < 2.5 < found["interval_high"] <= 4.0
    assert found == summarise([1.0, 2.0, 3.0, float("nan"), 4.0])


def test_a_summary_of_nothing_and_of_one() -> None:
    assert summarise([float("nan")]) == {"n": 0}
    assert summarise([7.0])["standard_error"] is None
    assert share([True, True, False, True])["mean"] == 0.75


def test_slope_and_error_of_readings() -> None:
    half = {str(age): 0.5 * age + 10 for age in ASKED}
    assert slope(half) == pytest.approx(0.5)
    assert error(half) == pytest.approx(np.mean([abs(10 - 0.5 * age) for age in ASKED]))
    assert slope({str(age): 30.0 for age in ASKED}) == pytest.approx(0.0, abs=1e-9)


def test_monotone_within_noise() -> None:
    rising = {str(age): float(age) for age in ASKED}
    assert is_monotone(rising, 0.0)
    dent = rising | {"60": 46.0}
    assert not is_monotone(dent, 3.0)
    assert is_monotone(dent, 4.0)
    assert not is_monotone({str(age): 30.0 for age in ASKED}, 5.0), "no change is not monotone"


def test_a_slow_slide_adds_up() -> None:
    sliding = {str(age): 50.0 - 2.0 * k for k, age in enumerate(ASKED)} | {"75": 51.0}
    assert not is_monotone(sliding, 3.0)


def test_the_tolerance_holds_95_percent_of_differences() -> None:
    readings = np.random.default_rng(0).normal(0, 2.0, (20000, 2))
    within = np.abs(np.diff(readings, axis=1)) < tolerance(2.0)
    assert within.mean() == pytest.approx(0.95, abs=0.01)


def test_detail_kept() -> None:
    picture = noise()
    assert detail_kept(picture, picture, EVERYWHERE, 640) == pytest.approx(1.0)
    brighter = (picture + 30).astype(np.uint8)
    assert detail_kept(picture, brighter, EVERYWHERE, 640) == pytest.approx(1.0)
    assert abs(detail_kept(picture, noise(1), EVERYWHERE, 640)) < 0.1
    assert math.isnan(detail_kept(picture, picture, ~EVERYWHERE, 640))
    flat = np.full_like(picture, 90)
    assert math.isnan(detail_kept(flat, picture, EVERYWHERE, 640))


def test_the_tone_of_plain_skin_is_not_moved_by_lines() -> None:
    before = np.full((SIDE, SIDE, 3), 150, np.uint8)
    before[::2, ::2] += 1
    after = before.copy()
    after[:, 40:44] -= 80
    red, green, blue = tone_shift(before, after, EVERYWHERE, 200)
    assert max(abs(red), abs(green), abs(blue)) < 0.5
    after[..., 2] -= 9
    assert tone_shift(before, after, EVERYWHERE, 200)[2] == pytest.approx(-9, abs=0.5)
    assert not unlined((before, after), EVERYWHERE, 200)[:, 41].any()
    assert math.isnan(tone_shift(before, after, ~EVERYWHERE, 200)[0])


def test_the_steps_of_a_sweep() -> None:
    pictures = [np.full((4, 4, 3), value, np.uint8) for value in (100, 101, 102, 107)]
    steps = sweep_steps(pictures, np.ones((4, 4), bool))
    assert (steps.largest, steps.total) == (5.0, 7.0)
    assert steps.times_even == pytest.approx(5 / (7 / 3))
    still = sweep_steps(pictures[:1] * 3, np.ones((4, 4), bool))
    assert still.largest == 0
    assert math.isnan(still.times_even)
    assert math.isnan(sweep_steps(pictures, np.zeros((4, 4), bool)).largest)


def test_psnr() -> None:
    picture = noise()
    assert psnr(picture, picture, EVERYWHERE) == math.inf
    assert psnr(picture, picture + 1, EVERYWHERE) == pytest.approx(20 * math.log10(255))
    assert math.isnan(psnr(picture, picture, ~EVERYWHERE))


def test_share_and_count_of_what_changed() -> None:
    before, where = noise(), np.zeros((SIDE, SIDE), bool)
    where[:10] = True
    after = before.copy()
    after[5, 5] += 3
    after[50, 50, 0] += 3
    assert share_inside(before, after, where) == pytest.approx(9 / 12)
    assert changed_pixels(before, after, ~where) == 1
    assert math.isnan(share_inside(before, before, where))


@pytest.mark.parametrize(("value", "lighter"), [((240, 215, 200), True), ((80, 50, 35), False)])
def test_lightness_of_skin(value: tuple[int, int, int], lighter: bool) -> None:
    picture = np.full((4, 4, 3), value, np.uint8)
    band = band_of(typology_angle(picture, np.ones((4, 4), bool)))
    assert SKIN_BANDS.index(band) < 2 if lighter else SKIN_BANDS.index(band) > 3


def test_the_bands_cover_everything() -> None:
    assert [band_of(angle) for angle in (60, 50, 30, 20, 0, -50)] == list(SKIN_BANDS)
    assert [age_band(years) for years in (20, 30, 59.9, 60)] == [
        "under 30",
        "30 to 45",
        "45 to 60",
        "over 60",
    ]
    assert math.isnan(typology_angle(noise(), ~EVERYWHERE))


def test_places_on_a_face(tiny_bundle, hopper: np.ndarray) -> None:
    with Pipeline(tiny_bundle) as pipeline:
        seen = pipeline.see(hopper, "largest")[0]
    regions = find_regions(seen, hopper.shape)
    assert regions.face.shape == hopper.shape[:2]
    assert not (regions.face & regions.outside).any()
    assert (regions.skin <= regions.face).all()
    assert regions.skin.sum() > 0.1 * regions.face.sum()
    eye = seen.face.landmarks[[33, 133]].mean(axis=0).astype(int)
    assert not regions.face[eye[1], eye[0]]
    forehead, chin = regions.zone(("forehead",)), regions.zone(("chin",))
    assert np.flatnonzero(forehead.any(axis=1)).max() < np.flatnonzero(chin.any(axis=1)).min()


def test_the_box_around_landmarks() -> None:
    top, right, bottom, left = box_of(np.array([[10.0, 20.0], [50.0, 60.0]]))
    assert (right - left, bottom - top) == (40, 40)
    assert left == 10
    assert top > 20
