"""`amgan label`."""

from __future__ import annotations

import builtins
import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.command_line import one_sentence, refuse, run

from amgan.labels import read_labels
from amgan.runtime.ages.atlas import read_atlas

pytestmark = pytest.mark.slow

COUNT = 44


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory, collins: np.ndarray) -> Path:
    """Photos of one face under a grain that is stronger the older it is meant to be, and one of no face."""
    folder = tmp_path_factory.mktemp("photos")
    portrait = np.asarray(Image.fromarray(collins).resize((580, 580)), np.float32)
    random = np.random.default_rng(0)
    with (folder / "ages.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["file", "age", "grade"])
        for number, age in enumerate(np.round(np.linspace(18, 78, COUNT))):
            grain = random.normal(size=(580, 580, 1)) * (age - 10) / 5
            Image.fromarray(np.clip(portrait + grain, 0, 255).astype(np.uint8)).save(
                folder / f"{number}.jpg", quality=97
            )
            table.writerow([f"{number}.jpg", f"{age:g}", f"{age / 10:g}"])
        table.writerow(["grain.png", "50", "5"])
    Image.fromarray(random.integers(0, 256, (300, 300, 3), np.uint8)).save(folder / "grain.png")
    return folder


def test_from_photos_to_labels(photos: Path, tmp_path: Path) -> None:
    scores = tmp_path / "grades.csv"
    scores.write_text((photos / "ages.csv").read_text().replace("age,grade", "unused,jowls"))
    # "unused" is no zone: the table is refused before any work is done.
    output = tmp_path / "labels"
    options = ("label", photos, "--ages", photos / "ages.csv", "-o", output, "--scores", scores)
    assert "there is no zone 'unused'" in refuse(*options)
    rows = [line.split(",") for line in scores.read_text().splitlines()]
    scores.write_text("\n".join(f"{file},{grade}" for file, _, grade in rows))
    result = run(*options, "--folds", 3)
    assert result.exit_code == 0, result.output
    assert f"{COUNT} faces labelled, 1 left out (1 no face)" in result.stdout
    assert "mean of all zones against whole-face age, out of fold: correlation 0.9" in result.stdout
    assert f"labels written to {output}" in result.stdout
    labels = read_labels(output)
    assert len(labels.names) == COUNT
    assert np.corrcoef(labels.parts.mean(axis=1), labels.ages)[0, 1] > 0.9
    curves = read_atlas(output / "atlas.json").curves
    assert curves["jowls"].unit == "expert score" and curves["chin"].unit != "expert score"
    assert curves["jowls"].score_of(50.0) == pytest.approx(5, abs=0.3)


def test_what_it_is_given_must_exist(photos: Path, tmp_path: Path) -> None:
    table, output = photos / "ages.csv", tmp_path / "out"
    assert "is no folder" in refuse("label", tmp_path / "none", "--ages", table, "-o", output)
    assert "does not exist" in refuse("label", photos, "--ages", tmp_path / "a.csv", "-o", output)
    missing = ("--scores", tmp_path / "b.csv")
    assert "does not exist" in refuse("label", photos, "--ages", table, "-o", output, *missing)
    assert "is not an empty folder" in refuse("label", photos, "--ages", table, "-o", photos)
    assert not output.exists()


def test_help_has_examples() -> None:
    result = run("label", "--help")
    assert result.exit_code == 0
    assert "amgan label faces --ages faces.csv -o labels" in result.stdout


def test_a_missing_package_is_named(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any) -> Any:
        if name == "amgan.labels.labelling":
            raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn.svm")
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    result = run("label", photos, "--ages", photos / "ages.csv", "-o", tmp_path / "out")
    assert "labelling faces needs the package sklearn, which is not installed" in one_sentence(result)
    assert "pip install 'amgan[train]'" in result.stderr
