"""From photos and a table of ages to a training set."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.helpers import COLLINS, HOPPER

from amgan.data.dataset import Dataset, load_dataset
from amgan.data.prepare import PrepareOptions, prepare_dataset
from amgan.faces.splits import is_held_out
from amgan.faces.tables import read_ages
from amgan.pairs.aging_field import load_field
from amgan.pairs.face_layers import FaceLayers
from amgan.pairs.face_masks import PairFace
from amgan.pairs.plan import plan_versions
from amgan.pairs.versions import version_codes
from amgan.runtime.errors import UsageError
from amgan.runtime.face.zones import PART_NAMES

FRAME = 96
OPTIONS = PrepareOptions(frame_px=FRAME)


def names(stem: str, held_out: bool) -> list[str]:
    """File names that fall into one split."""
    return [f"{stem}{i}" for i in range(60) if is_held_out(f"{stem}{i}") == held_out]


OLD = [f"{name}.jpg" for name in names("hopper", False)[:2]]
YOUNG = [f"{name}.png" for name in names("collins", False)[:2]]
HELD = [f"{names('hopper', True)[0]}.jpg", f"{names('collins', True)[0]}.png"]


def write_table(path: Path, ages: dict[str, float], columns: str = "file,age") -> Path:
    path.write_text("\n".join([columns, *(f"{name},{age}" for name, age in ages.items())]) + "\n")
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    hopper = Image.open(HOPPER)
    collins = Image.open(COLLINS).resize((800, 800))  # faces must be 190 px wide at least
    for name in (*OLD, *YOUNG, *HELD):
        if name.endswith("jpg"):
            shutil.copy(HOPPER, folder / name)
        else:
            collins.save(folder / name, compress_level=1)
    hopper.convert("L").save(folder / "grey.png")
    hopper.resize((64, 75)).save(folder / "tiny.png")
    Image.effect_noise((200, 200), 60).save(folder / "noise.png")
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def table(photos: Path) -> Path:
    ages = {OLD[0]: 78.0, OLD[1]: 64.0, YOUNG[0]: 31.0, YOUNG[1]: 45.5, HELD[0]: 71.0, HELD[1]: 36.0}
    left_out = dict.fromkeys(("grey.png", "tiny.png", "noise.png", "broken.jpg", "missing.jpg"), 50.0)
    return write_table(photos / "ages.csv", ages | left_out)


@pytest.fixture(scope="module")
def prepared(photos: Path, table: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    output = tmp_path_factory.mktemp("prepared") / "set"
    seen: list[tuple[int, int, str]] = []
    found = prepare_dataset([photos], [table], output, OPTIONS, lambda *step: seen.append(step))
    assert found == output
    assert [p.name for p in output.parent.iterdir()] == ["set"]  # nothing half-written stays
    assert {what for _, _, what in seen} == {"aligning", "changing ages"}
    assert all(0 <= done <= total for done, total, _ in seen)
    return load_dataset(output)


def test_faces_ages_and_splits(prepared: Dataset) -> None:
    assert set(prepared.names) == {*OLD, *YOUNG, *HELD}
    held = {prepared.names[i] for i in prepared.faces("held-out")}
    assert held == set(HELD)
    assert dict(zip(prepared.names, prepared.ages.tolist(), strict=True))[YOUNG[1]] == 45.5


def test_shapes(prepared: Dataset) -> None:
    n, cells = 6, FRAME // 4
    assert prepared.frames.shape == (n, FRAME, FRAME, 3) and prepared.frames.dtype == np.uint8
    assert prepared.landmarks.shape == (n, 468, 2) and prepared.landmarks.dtype == np.float32
    assert prepared.part_ages.shape == (n, 26) and prepared.sides.shape == (n,)
    assert (prepared.part_ages == prepared.ages[:, None]).all() and (prepared.sides > 190).all()
    assert prepared.region_masks.shape == (n, 27, cells, cells) and prepared.region_masks.dtype == np.uint8
    assert prepared.changes.shape[1:] == (FRAME, FRAME, 3) and prepared.changes.dtype == np.int8
    assert prepared.landmarks.min() > -0.2 and prepared.landmarks.max() < 1.2
    assert (prepared.region_masks[:, 0].reshape(n, -1).mean(axis=1) > 40).all()


def test_what_was_left_out_and_why(prepared: Dataset) -> None:
    assert prepared.index["left_out"] == {"grey": 1, "tiny": 1, "no face": 1, "not there": 1, "unreadable": 1}
    assert prepared.index["options"]["frame_px"] == FRAME


def test_changes_are_those_of_the_plan(prepared: Dataset) -> None:
    """Only training faces get versions: the ages and patterns of plan.py, made by the shipped field."""
    row = 0
    for number, name in enumerate(prepared.names):
        if is_held_out(name):
            continue
        for version in plan_versions(name, float(prepared.ages[number]), prepared.patterns):
            assert prepared.change_faces[row] == number
            assert prepared.change_ages[row] == pytest.approx(version.age)
            strength = float(prepared.line_strengths[number])
            assert prepared.change_patterns[row] == pytest.approx(version.pattern * strength)
            assert np.abs(prepared.changes[row].astype(int)).max() > 5
            row += 1
    assert row == len(prepared.changes) == len(prepared.change_ages)
    face = prepared.change_faces[0]
    field = load_field()
    layers = FaceLayers(
        PairFace(
            np.array(prepared.frames[face]),
            prepared.landmarks[face].astype(float),
            float(prepared.ages[face]),
        ),
        field,
    )
    shares = prepared.change_patterns[0] / prepared.change_patterns[0].sum()
    again = version_codes(layers, field, float(prepared.change_ages[0]), shares)
    assert np.abs(again.astype(int) - prepared.changes[0]).mean() < 1.0  # the turn of the head is left out


def test_a_face_is_the_same_however_often_it_is_there(prepared: Dataset) -> None:
    first, second = (prepared.names.index(n) for n in YOUNG)
    assert np.array_equal(prepared.frames[first], prepared.frames[second])
    assert np.array_equal(prepared.region_masks[first], prepared.region_masks[second])


def test_an_output_that_holds_something_is_left_alone(photos: Path, table: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(UsageError, match=r"is not empty; name a new folder"):
        prepare_dataset([photos], [table], tmp_path, OPTIONS)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_no_face_fit_for_training(photos: Path, tmp_path: Path) -> None:
    for ages in ({"noise.png": 30.0}, {HELD[0]: 30.0}, {}):
        with pytest.raises(UsageError, match=r"no face in .* is fit for training"):
            prepare_dataset([photos], [write_table(tmp_path / "a.csv", ages)], tmp_path / "set", OPTIONS)
        assert not (tmp_path / "set").exists()


def test_read_ages(tmp_path: Path) -> None:
    ages = {"a.jpg": 31.0, "b.jpg": 40.5}
    assert read_ages(write_table(tmp_path / "a.csv", ages)) == ages
    both = tmp_path / "both.csv"
    both.write_text("age_estimate,age,file\n1,2,a.jpg\n")
    assert read_ages(both) == {"a.jpg": 2.0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "the table of ages .* does not exist"),
        ("", "needs the columns 'file' and 'age'"),
        ("name,age\na.jpg,3\n", "needs the columns 'file' and 'age'"),
        ("file,years\na.jpg,3\n", "needs the columns 'file' and 'age'"),
        ("file,age\na.jpg,old\n", "an age that is no number: .*old"),
        ("file,age\na.jpg,nan\n", "an age that is no number: .*nan"),
        ("file,age\na.jpg\n", "an age that is no number"),
    ],
)
def test_a_table_that_cannot_be_used(tmp_path: Path, text: str | None, message: str) -> None:
    table = tmp_path / "ages.csv"
    if text is not None:
        table.write_text(text)
    with pytest.raises(UsageError, match=message):
        read_ages(table)


def test_the_index_is_plain_json(prepared: Dataset) -> None:
    assert json.loads(json.dumps(prepared.index)) == prepared.index


def test_zone_labels_move_the_ages_of_parts(photos: Path, table: Path, tmp_path: Path) -> None:
    """Half way from the face's age to the label; a face without labels has its own age everywhere."""
    labels = tmp_path / "labels"
    labels.mkdir()
    years = dict.fromkeys(PART_NAMES, 40.0) | {"chin": 60.0}
    rows = [f"{OLD[0]},train,78.0,{','.join(str(y) for y in years.values())}"]
    (labels / "labels.csv").write_text("\n".join([f"file,split,age,{','.join(years)}", *rows]) + "\n")
    found = load_dataset(
        prepare_dataset([photos], [table], tmp_path / "set", PrepareOptions(FRAME, labels=labels))
    )
    number = found.names.index(OLD[0])
    chin = PART_NAMES.index("chin")
    assert found.part_ages[number, chin] == pytest.approx(69.0)
    assert found.part_ages[number, 0] == pytest.approx(59.0)
    others = [i for i in range(len(found.names)) if i != number]
    assert (found.part_ages[others] == found.ages[others, None]).all()
    with pytest.raises(UsageError, match=r"holds no labelled faces"):
        prepare_dataset([photos], [table], tmp_path / "other", PrepareOptions(FRAME, labels=tmp_path))
