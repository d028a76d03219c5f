"""From raw scores to apparent ages, weak scores and experts' together."""

from __future__ import annotations

import numpy as np
import pytest

from amgan.labels.calibration import EXPERT_UNIT, WEAK_UNIT, calibrate
from amgan.runtime.errors import UsageError
from amgan.runtime.face.zones import PART_NAMES, ZONES

N = 200
NAMES = [f"{i}.jpg" for i in range(N)]
JOWLS = [PART_NAMES.index(part) for part in ("jowls-right", "jowls-left")]
TRAINING = np.arange(N) % 10 != 0


@pytest.fixture(scope="module")
def ages() -> np.ndarray:
    return np.random.default_rng(0).permutation(np.linspace(20, 80, N))


@pytest.fixture(scope="module")
def weak(ages: np.ndarray) -> np.ndarray:
    """Scores pulled to the mean: half of the way, and a little noise."""
    noise = np.random.default_rng(1).normal(0, 2, (N, len(PART_NAMES)))
    return 40 + 0.5 * (ages[:, None] - 40) + noise


def test_scores_pulled_to_the_mean_are_spread_again(ages: np.ndarray, weak: np.ndarray) -> None:
    found = calibrate(NAMES, ages, weak, TRAINING)
    assert np.array_equal(found.scores, weak)
    assert np.polyfit(ages, found.years.mean(axis=1), 1)[0] == pytest.approx(1.0, abs=0.08)
    assert np.abs(found.years - ages[:, None]).mean() < 4
    assert set(found.curves) == {zone.name for zone in ZONES}
    assert {curve.unit for curve in found.curves.values()} == {WEAK_UNIT}
    assert set(found.expert.values()) == {0}


def test_a_part_is_as_old_as_the_curve_says_and_no_older_than_the_faces(
    ages: np.ndarray, weak: np.ndarray
) -> None:
    extreme = weak.copy()
    extreme[0], extreme[1] = -1000, 1000
    found = calibrate(NAMES, ages, extreme, TRAINING)
    low, high = ages[TRAINING].min(), ages[TRAINING].max()
    assert (found.years[0] == low).all() and (found.years[1] == high).all()
    curve = found.curves["jowls"]
    inside = slice(2, None)
    assert found.years[inside, JOWLS] == pytest.approx(
        np.clip(curve.age_of(weak[inside][:, JOWLS]), low, high)
    )


def test_held_out_faces_have_no_part_in_the_curves(ages: np.ndarray, weak: np.ndarray) -> None:
    other = weak.copy()
    other[~TRAINING] += 30
    before, after = calibrate(NAMES, ages, weak, TRAINING), calibrate(NAMES, ages, other, TRAINING)
    assert before.curves == after.curves
    assert np.array_equal(before.years[TRAINING], after.years[TRAINING])


def test_expert_scores_take_the_place_of_weak_ones(ages: np.ndarray, weak: np.ndarray) -> None:
    grade = {name: round(float(age) / 10, 2) for name, age in zip(NAMES, ages, strict=True)}
    found = calibrate(NAMES, ages, weak, TRAINING, {"jowls-right": grade, "jowls-left": grade})
    assert found.expert["jowls"] == N and found.expert["chin"] == 0
    assert found.curves["jowls"].unit == EXPERT_UNIT and found.curves["chin"].unit == WEAK_UNIT
    assert found.scores[:, JOWLS[0]].tolist() == list(grade.values())
    assert np.abs(found.years[:, JOWLS] - ages[:, None]).max() < 1
    plain = calibrate(NAMES, ages, weak, TRAINING)
    others = [i for i in range(len(PART_NAMES)) if i not in JOWLS]
    assert np.array_equal(found.years[:, others], plain.years[:, others])


def test_expert_and_weak_scores_mix_in_one_unit(ages: np.ndarray, weak: np.ndarray) -> None:
    graded = set(NAMES[:120])
    grade = {n: float(a) / 10 for n, a in zip(NAMES, ages, strict=True) if n in graded}
    found = calibrate(NAMES, ages, weak, TRAINING, {"jowls-right": grade})
    plain = calibrate(NAMES, ages, weak, TRAINING)
    known = np.array([name in graded for name in NAMES])
    right, left = JOWLS
    assert found.expert["jowls"] == 120
    assert np.abs(found.years[known, right] - ages[known]).max() < 1
    # Faces and sides without an expert's score keep their weak apparent age, in the experts' unit.
    assert found.years[~known, right] == pytest.approx(plain.years[~known, right], abs=1e-6)
    assert found.years[:, left] == pytest.approx(plain.years[:, left], abs=1e-6)
    assert found.scores[:, JOWLS].max() < 9


def test_expert_scores_that_fall_with_age_are_refused(ages: np.ndarray, weak: np.ndarray) -> None:
    falling = {name: -float(age) for name, age in zip(NAMES, ages, strict=True)}
    with pytest.raises(UsageError, match=r"chin, expert score: .* do not rise with age"):
        calibrate(NAMES, ages, weak, TRAINING, {"chin": falling})


def test_too_few_expert_scores_are_refused(ages: np.ndarray, weak: np.ndarray) -> None:
    with pytest.raises(UsageError, match="chin, expert score: a curve cannot be fitted"):
        calibrate(NAMES, ages, weak, TRAINING, {"chin": {NAMES[1]: 1.0, NAMES[2]: 2.0}})
    with pytest.raises(UsageError, match="chin, expert score: a curve cannot be fitted"):
        calibrate(NAMES, ages, weak, TRAINING, {"chin": {NAMES[0]: 1.0}})  # a held-out face alone


def test_expert_scores_of_other_faces_are_refused(ages: np.ndarray, weak: np.ndarray) -> None:
    with pytest.raises(UsageError, match="of none of the faces that could be used"):
        calibrate(NAMES, ages, weak, TRAINING, {"chin": {"somebody.jpg": 1.0}})


def test_weak_scores_that_say_nothing_of_age_are_refused(ages: np.ndarray, weak: np.ndarray) -> None:
    with pytest.raises(UsageError, match=r"forehead, years read by .* do not rise with age"):
        calibrate(NAMES, ages, np.full_like(weak, 40.0), TRAINING)
