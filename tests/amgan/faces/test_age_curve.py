"""The curve from estimated to true ages, on portraits whose readings are made up."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from amgan.faces.age_curve import (
    AgeCurve,
    calibrate_ages,
    check_age_curve,
    curve_in_words,
    fit_age_curve,
    read_age_curve,
    read_calibrated_ages,
)
from amgan.runtime.errors import UsageError


def readings(count: int = 300, seed: int = 0, noise: float = 6.0) -> tuple[np.ndarray, np.ndarray]:
    """Readings and true ages of 30 to 85: old faces read too young, as estimators do."""
    random = np.random.default_rng(seed)
    years = random.uniform(30, 85, count)
    return np.round(30 + 0.75 * (years - 30) + random.normal(0, noise, count)), years


def test_the_curve_takes_the_bias_out_on_faces_that_it_was_not_fitted_to() -> None:
    curve = fit_age_curve(*readings())
    found = check_age_curve(curve, *readings(seed=1))
    assert found.faces == 300
    assert found.bias_before < -5
    assert abs(found.bias_after) < 1.0
    assert found.error_after < 0.85 * found.error_before
    estimates, years = readings(seed=2)
    old = years > 70
    assert abs(np.mean(curve.years_of(estimates[old]) - years[old])) < 4


def test_without_noise_it_undoes_the_squeeze() -> None:
    estimates, years = readings(noise=0.0)
    curve = fit_age_curve(estimates, years)
    inner = (years > 45) & (years < 80)
    assert np.abs(curve.years_of(estimates[inner]) - years[inner]).max() < 1.0
    assert curve.faces == 300


def test_the_curve_is_monotone_and_smooth_and_leaves_the_young_alone() -> None:
    curve = fit_age_curve(*readings())
    at = np.arange(0.0, 100.0, 0.5)
    steps = np.diff(curve.years_of(at)) / 0.5
    assert steps.min() > 0
    assert steps.max() < 3
    assert np.abs(np.diff(steps)).max() < 0.6
    assert curve.years_of(np.array([0.0, 10.0])) == pytest.approx([0.0, 10.0])
    assert (curve.years_of(at[at > 70]) >= at[at > 70] - 0.5).all()
    assert float(curve.years_of(np.array(300.0))) == curve.years[-1]


def test_ages_by_file() -> None:
    curve = AgeCurve((0.0, 50.0, 100.0), (0.0, 60.0, 110.0), 40)
    assert calibrate_ages({"a": 50.0, "b": 0.0}, curve) == {"a": 60.0, "b": 0.0}


def table(path: Path, count: int = 200) -> Path:
    estimates, years = readings(count)
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "age", "age_estimate"])
        writer.writerows(
            [f"{k}.jpg", f"{y:.1f}", e] for k, (e, y) in enumerate(zip(estimates, years, strict=True))
        )
        writer.writerow(["unknown.jpg", "", "40"])
    return path


def test_one_half_of_a_table_is_fitted_and_the_other_checks(tmp_path: Path) -> None:
    curve, check = read_age_curve(table(tmp_path / "true.csv"))
    assert curve.faces + check.faces == 200
    assert min(curve.faces, check.faces) > 60
    assert check.error_after < check.error_before
    words = curve_in_words(tmp_path / "true.csv")
    assert f"on {check.faces} others the mean error went from {check.error_before:.1f}" in words
    ages = tmp_path / "ages.csv"
    ages.write_text("file,age_estimate\nx.jpg,60\n")
    assert read_calibrated_ages(ages, None) == {"x.jpg": 60.0}
    assert read_calibrated_ages(ages, tmp_path / "true.csv")["x.jpg"] == pytest.approx(70, abs=4)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file,age\na.jpg,61\n", "lacks the columns age_estimate"),
        ("file,age,age_estimate\na.jpg,old,50\n", "'old' as an age of a.jpg"),
        ("file,age,age_estimate\na.jpg,60,50\n", "give 40 or more"),
    ],
)
def test_a_table_that_gives_no_curve(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError, match=r"true\.csv' does not exist"):
        read_age_curve(tmp_path / "true.csv")
    (tmp_path / "true.csv").write_text(text)
    with pytest.raises(UsageError, match=words):
        read_age_curve(tmp_path / "true.csv")


def test_portraits_of_one_age_or_none_to_check_with_give_no_curve() -> None:
    with pytest.raises(UsageError, match="give portraits of more ages"):
        fit_age_curve(np.full(50, 42.0), np.full(50, 50.0))
    with pytest.raises(UsageError, match="no portrait to check"):
        check_age_curve(fit_age_curve(*readings()), np.zeros(0), np.zeros(0))
