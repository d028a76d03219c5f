"""`amgan atlas`."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.atlas_helpers import make_atlas, scored_rows, write_scores
from support.command_line import refuse, run

from amgan.labels.atlas_fit import MIN_GROUP_FACES
from amgan.runtime.ages.atlas import ZONE_NAMES, read_atlas, write_atlas


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "labels"
    folder.mkdir()
    write_scores(folder / "scores.csv", scored_rows(2 * MIN_GROUP_FACES + 20))
    return folder


def test_fit_writes_an_atlas_that_check_and_show_accept(dataset: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    result = run("atlas", "fit", dataset, "-o", path, "--source", "a test's faces", "--unit", "points")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{path}: atlas of {2 * MIN_GROUP_FACES + 20} faces\n"
    atlas = read_atlas(path)
    assert (atlas.name, atlas.source, atlas.curves["chin"].unit) == ("mine", "a test's faces", "points")
    result = run("atlas", "check", path)
    assert result.exit_code == 0
    assert "good; mine 1, 220 faces of 20 to 70 years, 15 signs; source: a test's faces" in result.stdout
    picture = tmp_path / "curves.png"
    result = run("atlas", "show", path, "-o", picture)
    assert result.exit_code == 0, result.output
    assert all(zone in result.stdout for zone in ZONE_NAMES)
    assert len(np.unique(np.asarray(Image.open(picture)))) > 10


def test_fit_by_group_writes_one_for_every_group_with_enough_faces(dataset: Path, tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    groups = ["North West"] * MIN_GROUP_FACES + ["South"] * (MIN_GROUP_FACES + 1) + ["East"] * 19
    with table.open("w", newline="") as stream:
        rows = [(f"f{number}.jpg", group) for number, group in enumerate(groups)]
        # Neighbouring rows are of one age: mix them, so that every group has all ages.
        names = np.random.default_rng(1).permutation([name for name, _ in rows])
        csv.writer(stream).writerows([("file", "region"), *zip(names, groups, strict=True)])
    result = run("atlas", "fit", dataset, "-o", tmp_path / "by.json", "--group", "region", "--table", table)
    assert result.exit_code == 0, result.output
    assert {p.name for p in tmp_path.glob("by*")} == {"by-north-west.json", "by-south.json"}
    assert f"left out: region 'East' has 19 faces, an atlas needs {MIN_GROUP_FACES}" in result.stderr
    south = read_atlas(tmp_path / "by-south.json")
    assert (south.name, south.faces) == ("by-south", MIN_GROUP_FACES + 1)
    assert south.source.endswith("region: South")


def test_the_group_may_be_a_column_of_the_scores(tmp_path: Path) -> None:
    rows = scored_rows(MIN_GROUP_FACES)
    for row in rows:
        row["clinic"] = "A"
    write_scores(tmp_path / "scores.csv", rows)
    result = run("atlas", "fit", tmp_path / "scores.csv", "-o", tmp_path / "by.json", "--group", "clinic")
    assert result.exit_code == 0, result.output
    assert read_atlas(tmp_path / "by-a.json").faces == MIN_GROUP_FACES


def test_groups_that_would_share_a_file_are_refused(tmp_path: Path) -> None:
    rows = scored_rows(2 * MIN_GROUP_FACES)
    for number, row in enumerate(rows):
        row["clinic"] = "A b" if number % 2 else "a-B"
    write_scores(tmp_path / "scores.csv", rows)
    result = run("atlas", "fit", tmp_path / "scores.csv", "-o", tmp_path / "by.json", "--group", "clinic")
    assert (result.exit_code, "write them alike" in result.stderr) == (2, True)
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("-o", "mine.txt"), "name it .json"),
        (("-o", "mine.json", "--table", "t.csv"), "--group"),
        (("-o", "mine.json", "--group", "region", "--table", "none.csv"), "cannot be read"),
        (("-o", "mine.json", "--group", "region"), "lacks the column 'region'"),
        (("-o", "mine.json", "--group", "file"), "use a coarser column"),
        (("-o", "/dev/null/mine.json"), "cannot be written"),
    ],
)
def test_fit_refuses_wrong_use(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], word: str
) -> None:
    monkeypatch.chdir(dataset.parent)
    result = run("atlas", "fit", dataset, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    *left_out, sentence = result.stderr.splitlines()
    assert sentence.startswith("amgan: ") and word in sentence
    assert all(line.startswith("left out: ") for line in left_out)
    assert not list(dataset.parent.glob("*.json"))


def test_check_and_show_name_what_is_wrong(tmp_path: Path) -> None:
    path = write_atlas(make_atlas(), tmp_path / "bad.json")
    assert run("atlas", "show", path, "-o", tmp_path / "curves.pdf").exit_code == 2
    content = json.loads(path.read_text())
    del content["curves"]["jowls"]
    path.write_text(json.dumps(content))
    for what in ("check", "show"):
        assert "no curve for jowls" in refuse("atlas", what, path)
    assert "no population 'atlantis'" in run("atlas", "check", "atlantis").stderr
