"""Folds, regressors that never see the face they read, and readings that skin tone does not shift."""

from __future__ import annotations

import numpy as np
import pytest

from amgan.labels.regression import RegressionOptions, make_split, score_zone

N = 80
OPTIONS = RegressionOptions()


@pytest.fixture(scope="module")
def ages() -> np.ndarray:
    return np.random.default_rng(0).permutation(np.linspace(18, 78, N))


@pytest.fixture(scope="module")
def held_out() -> np.ndarray:
    return np.arange(N) % 10 == 3


@pytest.fixture(scope="module")
def features(ages: np.ndarray) -> np.ndarray:
    random = np.random.default_rng(1)
    signal = np.repeat(ages[:, None, None] / 20, 2, axis=1) * np.linspace(0.5, 1.5, 6)
    return (signal + random.normal(0, 0.8, (N, 2, 6))).astype(np.float32)


FLAT = np.full(N, 50.0)


def test_every_face_is_asked_once_by_who_has_not_seen_it(ages: np.ndarray, held_out: np.ndarray) -> None:
    rounds = make_split(ages, held_out, 5, 0).rounds()
    assert len(rounds) == 6
    assert (np.sum([asked for _, asked in rounds], axis=0) == 1).all()
    for seen, asked in rounds:
        assert not (seen & asked).any() and not (seen & held_out).any()
    assert np.array_equal(rounds[-1][1], held_out) and np.array_equal(rounds[-1][0], ~held_out)


def test_no_round_for_held_out_faces_that_are_not_there(ages: np.ndarray) -> None:
    assert len(make_split(ages, np.zeros(N, bool), 4, 0).rounds()) == 4


def test_folds_have_all_ages_and_depend_on_the_seed(ages: np.ndarray, held_out: np.ndarray) -> None:
    split = make_split(ages, held_out, 5, 0)
    means = [ages[~held_out & (split.fold == k)].mean() for k in range(5)]
    sizes = [(~held_out & (split.fold == k)).sum() for k in range(5)]
    assert np.ptp(means) < 4 and np.ptp(sizes) <= 1
    assert np.array_equal(split.fold, make_split(ages, held_out, 5, 0).fold)
    assert not np.array_equal(split.fold, make_split(ages, held_out, 5, 1).fold)


def test_scores_follow_age_and_come_again(
    features: np.ndarray, ages: np.ndarray, held_out: np.ndarray
) -> None:
    split = make_split(ages, held_out, 5, 0)
    scores = score_zone(features, FLAT, ages, split, OPTIONS)
    assert scores.shape == (N, 2) and np.isfinite(scores).all()
    for rows in (~held_out, held_out):
        assert np.corrcoef(scores[rows].mean(axis=1), ages[rows])[0, 1] > 0.8
    assert np.array_equal(scores, score_zone(features, FLAT, ages, split, OPTIONS))


def test_a_face_has_no_part_in_its_own_score(
    features: np.ndarray, ages: np.ndarray, held_out: np.ndarray
) -> None:
    split = make_split(ages, held_out, 5, 0)
    before = score_zone(features, FLAT, ages, split, OPTIONS)
    lied = ages.copy()
    lied[held_out] = 100 - lied[held_out]
    assert np.array_equal(score_zone(features, FLAT, lied, split, OPTIONS), before)
    asked = ~held_out & (split.fold == 2)
    lied = ages.copy()
    lied[asked] = 96 - lied[asked]
    after = score_zone(features, FLAT, lied, split, OPTIONS)
    assert np.array_equal(after[asked], before[asked])
    assert not np.array_equal(after[~asked], before[~asked])


def test_random_features_say_nothing_of_age(ages: np.ndarray, held_out: np.ndarray) -> None:
    noise = np.random.default_rng(2).normal(size=(N, 2, 6)).astype(np.float32)
    scores = score_zone(noise, FLAT, ages, make_split(ages, held_out, 5, 0), OPTIONS)
    assert abs(np.corrcoef(scores[~held_out].mean(axis=1), ages[~held_out])[0, 1]) < 0.35


def test_skin_tone_does_not_shift_the_score(
    features: np.ndarray, ages: np.ndarray, held_out: np.ndarray
) -> None:
    tone = np.random.default_rng(3).uniform(20, 80, N)
    shifted = features + ((50 - tone) / 25)[:, None, None].astype(np.float32)
    split = make_split(ages, held_out, 5, 0)

    def drift(lightness: np.ndarray) -> float:
        scores = score_zone(shifted, lightness, ages, split, OPTIONS).mean(axis=1)
        rest = scores - np.polyval(np.polyfit(ages, scores, 2), ages)
        return abs(float(np.corrcoef(rest, tone)[0, 1]))

    assert drift(FLAT) > 0.6
    assert drift(tone) < 0.2
