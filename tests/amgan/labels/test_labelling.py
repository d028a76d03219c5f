"""Labelling synthetic faces whose zones were drawn with ages of their own, and the folder that it leaves."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.textured_faces import textured_faces

from amgan.faces.aligning import AlignedFace
from amgan.faces.splits import is_held_out
from amgan.labels import labelling, output, read_labels
from amgan.labels.labelled import LabelledFaces, LabelOptions
from amgan.labels.labelling import label_aligned, label_faces
from amgan.labels.output import agreement, evidence
from amgan.runtime.ages.atlas import read_atlas
from amgan.runtime.errors import UsageError
from amgan.runtime.face.zones import PART_NAMES, ZONES

pytestmark = pytest.mark.slow

COUNT = 48
Drawn = tuple[list[AlignedFace], np.ndarray]


@pytest.fixture(scope="module")
def drawn(aligned: list[tuple[np.ndarray, np.ndarray]]) -> Drawn:
    return textured_faces(COUNT, aligned[1][1])


@pytest.fixture(scope="module")
def described() -> list[Any]:
    """The faces and features of which ``labelled`` was made, once it was."""
    return []


@pytest.fixture(scope="module")
def labelled(drawn: Drawn, described: list[Any]) -> LabelledFaces:
    dark = replace(drawn[0][0], name="dark.png", frame=drawn[0][0].frame // 20)
    seen: list[tuple[int, int, str]] = []
    describe = labelling._describe

    def noted(*arguments: Any) -> Any:
        described.append(describe(*arguments))
        return described[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(labelling, "_describe", noted)
        found = label_aligned(
            [*drawn[0], dark], {"tiny": 3}, LabelOptions(), {}, lambda *step: seen.append(step)
        )
    assert all(0 <= done < total for done, total, _ in seen)
    assert {what for _, _, what in seen} == {"describing skin", *(f"reading {zone.name}" for zone in ZONES)}
    return found


def test_apparent_ages_follow_whole_face_age(labelled: LabelledFaces) -> None:
    shown = evidence(labelled)
    assert shown["mean_of_zones"]["train"]["correlation"] >= 0.95
    assert shown["mean_of_zones"]["train"]["mean_absolute_error"] <= 4
    assert shown["mean_of_zones"]["held-out"]["correlation"] >= 0.9
    assert min(zone["train"]["correlation"] for zone in shown["zones"].values()) >= 0.7
    assert shown["mean_of_zones"]["train"]["faces"] == int((~labelled.held_out).sum())
    assert abs(shown["tone"]["train"]) < 0.3


def test_a_zone_is_old_where_it_was_drawn_old(labelled: LabelledFaces, drawn: Drawn) -> None:
    # The regressors were told whole-face ages alone.
    offsets = drawn[1] - labelled.ages[:, None]
    found = labelled.zone_years - labelled.ages[:, None]
    agreeing = [np.corrcoef(offsets[:, k], found[:, k])[0, 1] for k in range(len(ZONES))]
    assert min(agreeing) > 0.3 and np.mean(agreeing) > 0.55


def test_what_misleads_is_left_out_and_counted(labelled: LabelledFaces) -> None:
    assert labelled.left_out == {"tiny": 3, "too dark": 1}
    assert len(labelled.faces) == COUNT
    assert [f.name for f, out in zip(labelled.faces, labelled.held_out, strict=True) if out] == [
        f.name for f in labelled.faces if is_held_out(f.name)
    ]


def test_the_same_seed_gives_the_same_labels(
    drawn: Drawn, described: list[Any], labelled: LabelledFaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the same features, which depend on nothing but a face."""
    monkeypatch.setattr(labelling, "_describe", lambda *arguments: described[0])
    again = label_aligned(drawn[0], {}, LabelOptions(), {})
    assert np.array_equal(again.calibrated.years, labelled.calibrated.years)


def test_too_few_faces(drawn: Drawn) -> None:
    with pytest.raises(UsageError, match=r"only \d+ faces can be used .* needs 40: .*\(left out: 5 grey\)"):
        label_aligned(drawn[0][:10], {"grey": 5}, LabelOptions(), {})
    with pytest.raises(UsageError, match=r"needs 100: .*\(left out: none\)"):
        label_aligned(drawn[0], {}, LabelOptions(folds=50), {})
    dark = [replace(face, frame=face.frame // 20) for face in drawn[0]]
    with pytest.raises(UsageError, match=rf"only 0 faces .*\(left out: {COUNT} too dark\)"):
        label_aligned(dark, {}, LabelOptions(), {})


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "ages.csv").write_text("file,age\na.png,3\n")
    return folder, folder / "ages.csv"


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch, labelled: LabelledFaces) -> None:
    """Aligning and labelling are known already."""
    monkeypatch.setattr(labelling, "align_all", lambda *arguments: ([], {}))
    monkeypatch.setattr(labelling, "label_aligned", lambda *arguments: labelled)


@pytest.mark.usefixtures("no_work")
def test_the_folder(labelled: LabelledFaces, inputs: tuple[Path, Path], tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()  # an empty folder is as good as none
    assert label_faces(*inputs, folder, LabelOptions(7, 3)) is labelled
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]
    names = {"labels.csv", "scores.csv", "labels.json", "atlas.json", "report.html"}
    assert {p.name for p in folder.iterdir()} == names
    labels = read_labels(folder)
    assert labels.names == tuple(f.name for f in labelled.faces)
    assert labels.parts == pytest.approx(labelled.calibrated.years, abs=0.0501)
    assert [split == "held-out" for split in labels.splits] == labelled.held_out.tolist()
    header, first = (folder / "scores.csv").read_text().splitlines()[:2]
    assert header.split(",") == ["file", "split", "age", *PART_NAMES]
    assert [float(v) for v in first.split(",")[3:]] == pytest.approx(labelled.calibrated.scores[0], rel=1e-4)
    content = json.loads((folder / "labels.json").read_text())
    assert (content["schema"], content["seed"], content["folds"]) == (1, 3, 7)
    assert content["left_out"] == {"tiny": 3, "too dark": 1}
    assert sum(content["faces"].values()) == COUNT
    assert content["zones"] == evidence(labelled)["zones"] and content["expert_scores"] is None
    atlas = read_atlas(folder / "atlas.json")
    assert atlas.name == "mine" and atlas.faces == content["faces"]["train"]
    assert atlas.curves == labelled.calibrated.curves


@pytest.mark.usefixtures("no_work")
def test_the_report_shows_every_zone_and_needs_nothing_else(
    inputs: tuple[Path, Path], tmp_path: Path
) -> None:
    label_faces(*inputs, tmp_path / "out", LabelOptions())
    page = (tmp_path / "out" / "report.html").read_text()
    assert [z for z in re.findall(r"<h2>([^<]+)</h2>", page)][2:] == [zone.name for zone in ZONES]
    assert page.count("<svg") == 1 + len(ZONES) and page.count("<img") == 3 * 7 * len(ZONES)
    assert "<td>too dark</td><td>1</td>" in page and "<td>tiny</td><td>3</td>" in page
    assert {source.split(",")[0] for source in re.findall(r'src="([^"]{30})', page)} == {
        "data:image/jpeg;base64"
    }
    assert "http" not in page and "<script" not in page and "$" not in page


@pytest.mark.usefixtures("no_work")
def test_a_failure_leaves_nothing_half_written(
    inputs: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(output, "write_report", fail)
    with pytest.raises(OSError, match="disk full"):
        label_faces(*inputs, tmp_path / "out", LabelOptions())
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_holds_something_is_left_alone(inputs: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    for taken in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(UsageError, match="is not an empty folder: name a new one"):
            label_faces(*inputs, taken, LabelOptions())
    assert (tmp_path / "mine.txt").read_text() == "keep"


def test_agreement_where_there_is_none_to_measure() -> None:
    empty = agreement(np.empty(0), np.empty(0))
    assert empty == {"faces": 0, "mean_absolute_error": None, "correlation": None}
    flat = agreement(np.array([20.0, 30.0, 40.0]), np.full(3, 30.0))
    assert flat["correlation"] is None and flat["mean_absolute_error"] == pytest.approx(6.67)


def test_the_numbers_in_the_documentation_are_good_enough() -> None:
    path = Path(__file__).parents[3] / "docs" / "labels.json"
    content = json.loads(path.read_text())
    assert set(content["zones"]) == {zone.name for zone in ZONES}
    for split, least in (("train", 400), ("held-out", 40)):
        assert content["mean_of_zones"][split]["faces"] == content["faces"][split] >= least
        assert content["mean_of_zones"][split]["correlation"] >= 0.85
        assert min(zone[split]["correlation"] for zone in content["zones"].values()) >= 0.5
