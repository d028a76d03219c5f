"""Atlases: curves, fitting them, files, and the tables that they are made from."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.atlas_helpers import CURVE, make_atlas, scored_rows, write_scores

from amgan.labels.atlas_fit import MIN_GROUP_FACES, fit_atlas, read_groups, read_scores, split_by_group
from amgan.labels.curve_fit import fit_curve
from amgan.runtime.ages.atlas import (
    ZONE_NAMES,
    Atlas,
    Curve,
    atlas_names,
    check_atlas,
    read_atlas,
    reference_atlas,
    write_atlas,
)
from amgan.runtime.errors import UsageError
from amgan.runtime.pictures.atlas_chart import draw_atlas


@given(st.floats(-50, 200))
def test_a_curve_reads_both_ways_even_beyond_its_ends(age: float) -> None:
    assert CURVE.age_of(CURVE.score_of(age)) == pytest.approx(age, abs=1e-9)


def test_a_curve_runs_straight_between_its_knots_and_on_beyond_them() -> None:
    curve = Curve((20.0, 40.0, 60.0), (0.0, 10.0, 40.0))
    assert [curve.score_of(age) for age in (10.0, 20.0, 30.0, 40.0, 50.0, 70.0)] == [-5, 0, 5, 10, 25, 55]
    assert isinstance(curve.score_of(30.0), float)
    np.testing.assert_allclose(curve.age_of(np.array([-5.0, 25.0, 55.0])), [10, 50, 70])


@given(st.lists(st.floats(-50, 200, width=32), min_size=1, max_size=9))
def test_one_number_gives_what_an_array_gives(ages: list[float]) -> None:
    assert CURVE.score_of(np.array(ages)).tolist() == [CURVE.score_of(age) for age in ages]
    assert CURVE.score_of(np.float32(ages[0])) == CURVE.score_of(ages[0])


@pytest.mark.parametrize("outliers", [0.0, 0.05])
def test_fitting_finds_the_curve_behind_noisy_scores(outliers: float) -> None:
    rng = np.random.default_rng(4)
    ages = rng.uniform(15, 80, 1200)
    scores = 12 + 0.4 * ages + 4 * np.tanh((ages - 45) / 12)
    noisy = scores + rng.normal(0, 3, len(ages))
    wild = rng.random(len(ages)) < outliers
    noisy[wild] += 200
    curve = fit_curve(ages, noisy, "points")
    assert curve.unit == "points"
    knots = np.array(curve.ages)
    assert set(np.diff(knots)) == {5.0}
    truth = 12 + 0.4 * knots + 4 * np.tanh((knots - 45) / 12)
    assert np.abs(curve.scores - truth).max() < 2.0


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.floats(0.2, 30))
def test_a_fitted_curve_always_rises(seed: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    ages = np.clip(rng.gamma(6, 6, 150) + 10, 10, 90)
    curve = fit_curve(ages, 0.5 * ages + rng.normal(0, noise, len(ages)) + 15 * (ages > 60))
    steps = np.diff(curve.scores) / np.diff(curve.ages)
    mean = (curve.scores[-1] - curve.scores[0]) / (curve.ages[-1] - curve.ages[0])
    assert (steps >= 0.2 * mean - 1e-3).all()
    check_atlas(make_atlas(curve=curve))


@pytest.mark.parametrize(
    ("ages", "scores", "word"),
    [
        (np.arange(39.0), np.arange(39.0), "40 faces or more"),
        (np.arange(50.0), np.arange(49.0), "40 faces or more"),
        (np.arange(50.0), np.full(50, np.nan), "not finite"),
        (np.full(50, 41.0), np.arange(50.0), "years' difference"),
        (np.linspace(20, 60, 80), -np.linspace(20, 60, 80), "do not rise"),
        (np.linspace(20, 60, 80), np.ones(80), "do not rise"),
    ],
)
def test_fitting_refuses_what_gives_no_curve(ages: np.ndarray, scores: np.ndarray, word: str) -> None:
    with pytest.raises(UsageError, match=word):
        fit_curve(ages, scores)


def test_an_atlas_is_read_back_as_written(tmp_path: Path) -> None:
    atlas = make_atlas()
    path = write_atlas(atlas, tmp_path / "mine.json")
    assert read_atlas(path) == atlas == read_atlas(str(path))
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine.json"]


@pytest.mark.parametrize("name", atlas_names())
def test_shipped_atlases_are_good_and_say_their_source(name: str) -> None:
    atlas = read_atlas(name)
    assert atlas.name == name
    assert tuple(atlas.curves) == ZONE_NAMES
    assert len(atlas.source) > 20
    assert atlas.faces >= MIN_GROUP_FACES


def test_the_reference_is_the_shipped_base_atlas() -> None:
    assert atlas_names() == ("base",)
    assert reference_atlas() == read_atlas("base")


def test_an_unknown_population_is_answered_with_the_shipped_ones() -> None:
    with pytest.raises(UsageError, match="'atlantis'") as caught:
        read_atlas("atlantis")
    assert all(name in str(caught.value) for name in atlas_names())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda c: c["curves"].pop("chin"), "no curve for chin"),
        (lambda c: c["curves"].update(elbow=c["curves"]["chin"]), "elbow"),
        (lambda c: c["curves"]["chin"].update(scores=[1, 3, 2]), "chin is not monotone"),
        (lambda c: c["curves"]["chin"].update(scores=[1, 3, 3]), "chin is not monotone"),
        (lambda c: c["curves"]["chin"].update(ages=[20, 20, 70]), "ages that do not rise"),
        (lambda c: c["curves"]["chin"].update(scores=[1, 3]), "3 ages and 2 scores"),
        (lambda c: c["curves"]["chin"].update(ages=[20], scores=[1]), "two or more"),
        (lambda c: c["curves"]["chin"].update(scores=[1, 2, math.nan]), "not finite"),
        (lambda c: c["curves"]["chin"].update(scores=[1, 2, math.inf]), "not finite"),
        (lambda c: c["curves"]["chin"].update(scores=[1, 2, 10**400]), "too large"),
        (lambda c: c["curves"]["chin"].update(scores="123"), "curves.chin.scores"),
        (lambda c: c["curves"]["chin"].update(scores=[1, "2", 3]), "not a list of numbers"),
        (lambda c: c["curves"]["chin"].pop("unit"), "curves.chin.unit"),
        (lambda c: c["curves"].update(chin=3), "curves.chin"),
        (lambda c: c.update(curves=[]), "curves is missing or not dict"),
        (lambda c: c.update(schema=2), "schema 2, newer"),
        (lambda c: c.pop("schema"), "schema is missing"),
        (lambda c: c.update(faces=0), "0 faces"),
        (lambda c: c.update(faces=True), "faces is missing or not int"),
        (lambda c: c.update(name=" "), "no name"),
        (lambda c: c.update(source=""), "made from"),
        (lambda c: c.update(ages=[70, 20]), "its ages are"),
        (lambda c: c.update(ages=[20]), "youngest and the oldest"),
    ],
)
def test_a_bad_file_is_refused_with_one_sentence(tmp_path: Path, change: object, word: str) -> None:
    path = write_atlas(make_atlas(), tmp_path / "bad.json")
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(UsageError, match=word) as caught:
        read_atlas(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"[1, 2]", b"3"])
def test_what_is_no_atlas_at_all_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "not.json"
    path.write_bytes(text)
    with pytest.raises(UsageError, match=r"not\.json"):
        read_atlas(path)


def test_files_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_atlas(tmp_path / "none.json")
    with pytest.raises(UsageError, match=r"cannot be written \(Not a directory\)"):
        write_atlas(make_atlas(), Path("/dev/null/folder.json"))
    with pytest.raises(UsageError, match="0 faces"):
        write_atlas(dataclasses.replace(make_atlas(), faces=0), tmp_path / "bad.json")
    assert not list(tmp_path.iterdir())


def test_an_atlas_is_fitted_to_a_table_of_scores(tmp_path: Path) -> None:
    write_scores(tmp_path / "scores.csv", scored_rows(150))
    faces = read_scores(tmp_path)
    assert len(faces.files) == 150
    atlas = fit_atlas(faces, "mine", "made up for a test")
    assert (atlas.name, atlas.faces, atlas.source) == ("mine", 150, "made up for a test")
    assert atlas.ages == (20.0, 70.0)
    # Right parts are scored 2 lower and left ones 2 higher: the zone has their mean.
    assert atlas.curves["jowls"].score_of(45.0) == pytest.approx(32.5, abs=0.5)
    assert atlas.curves["forehead"].score_of(45.0) == pytest.approx(32.5, abs=0.5)


def test_held_out_faces_have_no_part_in_an_atlas_and_units_are_the_data_sets(tmp_path: Path) -> None:
    rows = scored_rows(150)
    for number, row in enumerate(rows):
        row["split"] = "held-out" if number % 3 == 0 else "train"
    write_scores(tmp_path / "scores.csv", rows)
    write_atlas(make_atlas(curve=dataclasses.replace(CURVE, unit="grades")), tmp_path / "atlas.json")
    faces = read_scores(tmp_path)
    assert len(faces.files) == 100
    assert set(faces.units.values()) == {"grades"}
    assert set(read_scores(tmp_path, "points").units.values()) == {"points"}
    assert set(read_scores(tmp_path / "scores.csv").units.values()) == {"years"}
    for row in rows:
        row["split"] = "held-out"
    write_scores(tmp_path / "scores.csv", rows)
    with pytest.raises(UsageError, match="no face of the split 'train'"):
        read_scores(tmp_path)


def test_groups_with_too_few_faces_are_named(tmp_path: Path) -> None:
    rows = scored_rows(2 * MIN_GROUP_FACES)
    write_scores(tmp_path / "scores.csv", rows)
    groups = ["north"] * (MIN_GROUP_FACES + 5) + ["south"] * 10 + [""] * 3
    with (tmp_path / "people.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerows([("file", "region"), *((r["file"], g) for r, g in zip(rows, groups, strict=False))])
    faces = read_scores(tmp_path)
    enough, few = split_by_group(faces, read_groups(tmp_path / "people.csv", "region"))
    assert {name: len(one.files) for name, one in enough.items()} == {"north": MIN_GROUP_FACES + 5}
    assert few == {"south": 10}
    assert enough["north"].files == faces.files[: MIN_GROUP_FACES + 5]
    np.testing.assert_array_equal(enough["north"].scores["chin"], faces.scores["chin"][: MIN_GROUP_FACES + 5])


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda rows: [row.pop("chin") for row in rows], "lacks the column 'chin'"),
        (lambda rows: rows[3].update(chin="old"), "'old' as chin of 'f3.jpg'"),
        (lambda rows: rows[3].update(age="nan"), "'nan' as age"),
        (lambda rows: rows.clear(), "has no rows"),
    ],
)
def test_bad_tables_are_refused(tmp_path: Path, change: object, word: str) -> None:
    rows = scored_rows(20)
    change(rows)
    write_scores(tmp_path / "scores.csv", rows)
    with pytest.raises(UsageError, match=word):
        read_scores(tmp_path)


def test_tables_that_cannot_be_read_or_fitted(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_scores(tmp_path)
    (tmp_path / "scores.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="no CSV"):
        read_scores(tmp_path)
    write_scores(tmp_path / "scores.csv", scored_rows(20))
    with pytest.raises(UsageError, match=f"20 faces: give {MIN_GROUP_FACES}"):
        fit_atlas(read_scores(tmp_path), "few", "test")
    rows = scored_rows(120)
    for row in rows:
        row["chin"] = 5
    write_scores(tmp_path / "scores.csv", rows)
    with pytest.raises(UsageError, match="the sign chin of 'flat'"):
        fit_atlas(read_scores(tmp_path), "flat", "test")


def test_the_picture_of_an_atlas_shows_its_curves() -> None:
    rising = np.asarray(draw_atlas(make_atlas()))
    mixed: Atlas = make_atlas()
    odd = dataclasses.replace(
        mixed, curves={**mixed.curves, "chin": Curve((20.0, 70.0), (1.0, 2.0), "grade")}
    )
    other = np.asarray(draw_atlas(odd))
    assert rising.shape == other.shape
    assert (rising != other).any()
