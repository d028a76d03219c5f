"""The tables of labelled faces and of expert scores: read back, or refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from amgan.faces.tables import read_expert_scores, write_table
from amgan.labels import read_labels
from amgan.runtime.errors import UsageError
from amgan.runtime.face.zones import PART_NAMES

COLUMNS = ["file", "split", "age", *PART_NAMES]


def write_labels(folder: Path, change: Callable[[list[dict[str, str]]], object] = lambda rows: None) -> Path:
    rows = [
        {"file": f"{i}.jpg", "split": "held-out" if i == 2 else "train", "age": str(30 + i)}
        | {part: f"{20 + i + k / 10:.1f}" for k, part in enumerate(PART_NAMES)}
        for i in range(3)
    ]
    change(rows)
    write_table(folder / "labels.csv", COLUMNS, rows)
    return folder


def test_labels_are_read_back(tmp_path: Path) -> None:
    labels = read_labels(write_labels(tmp_path))
    assert labels.names == ("0.jpg", "1.jpg", "2.jpg")
    assert labels.splits == ("train", "train", "held-out")
    assert labels.ages.dtype == labels.parts.dtype == np.float32
    assert labels.ages.tolist() == [30, 31, 32]
    assert labels.parts.shape == (3, 26)
    assert labels.parts[1] == pytest.approx(21 + np.arange(26) / 10)


def test_columns_may_stand_in_any_order(tmp_path: Path) -> None:
    write_labels(tmp_path)
    lines = [line.split(",") for line in (tmp_path / "labels.csv").read_text().splitlines()]
    (tmp_path / "labels.csv").write_text("\n".join(",".join(reversed(line)) for line in lines))
    assert read_labels(tmp_path).parts[0] == pytest.approx(20 + np.arange(26) / 10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.clear(), "names no face"),
        (lambda rows: rows[1].update(chin="old"), "'old' as chin of 1.jpg: it must be a number"),
        (lambda rows: rows[1].update(chin="nan"), "'nan' as chin of 1.jpg"),
        (lambda rows: rows[1].update(age=""), "'' as age of 1.jpg"),
        (lambda rows: rows[1].update(file="0.jpg"), "names the file '0.jpg' twice"),
        (lambda rows: rows[1].update(file=""), "names the file '' twice or not at all"),
        (lambda rows: rows[1].update(split="test"), "1.jpg into the split 'test'"),
    ],
)
def test_damaged_labels(
    tmp_path: Path, change: Callable[[list[dict[str, str]]], object], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as error:
        read_labels(write_labels(tmp_path, change))
    assert str(tmp_path / "labels.csv") in str(error.value)


def test_missing_labels(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no labelled faces .* make them with `amgan label`"):
        read_labels(tmp_path)
    with pytest.raises(UsageError, match="holds no labelled faces"):
        read_labels(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"file,split,age,chin\na.jpg,train,3,4\n", "lacks the columns forehead, frown"),
        (b"name,age\na.jpg,3\n", "lacks the column file, it has name, age"),
        (b"", "lacks the column file, it has none"),
        (b"file,age\n\xff\xfe\n", "is no CSV in UTF-8"),
    ],
)
def test_labels_of_another_kind(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(UsageError, match=message):
        read_labels(tmp_path)


def write_scores(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_expert_scores_of_zones_and_parts(tmp_path: Path) -> None:
    table = write_scores(
        tmp_path / "scores.csv", "\ufefffile,jowls-left,jowls,chin\na.jpg,7,2,1.5\nb.jpg,,3,\nc.jpg,4,,\n"
    )
    scores = read_expert_scores(table)
    assert scores == {
        "jowls-right": {"a.jpg": 2.0, "b.jpg": 3.0},
        "jowls-left": {"a.jpg": 7.0, "b.jpg": 3.0, "c.jpg": 4.0},
        "chin": {"a.jpg": 1.5},
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,nose\na.jpg,1\n", "the column 'nose': there is no zone 'nose'; the zones are forehead"),
        ("file\na.jpg\n", "holds no scores"),
        ("file,chin\na.jpg,\n", "holds no scores"),
        ("file,chin\na.jpg,deep\n", "'deep' as chin of a.jpg"),
        ("file,chin\na.jpg,inf\n", "'inf' as chin of a.jpg"),
        ("file,chin\na.jpg,1\na.jpg,2\n", "names the file 'a.jpg' twice"),
        ("chin\n1\n", "lacks the column file"),
    ],
)
def test_expert_scores_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_expert_scores(write_scores(tmp_path / "scores.csv", text))


def test_missing_expert_scores(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"the table of scores .*none.csv' does not exist"):
        read_expert_scores(tmp_path / "none.csv")
