"""Tables of faces: ages, curves, sexes and sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from amgan.faces.age_curve import AgeCurve
from amgan.faces.face_rows import FaceRow, read_face_rows, thinned
from amgan.faces.splits import is_held_out
from amgan.runtime.errors import UsageError


def table(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def test_what_tables_say(tmp_path: Path) -> None:
    curve = AgeCurve((20.0, 30.0, 40.0, 50.0, 60.0), (20.0, 35.0, 50.0, 65.0, 80.0), 40)
    first = table(tmp_path / "web.csv", "file,age_estimate,gender_estimate", "b.jpg,50,male", "a.jpg,40,")
    second = table(
        tmp_path / "own.csv",
        "file,age,age_is,sex,kind",
        "sub/c.jpg,50,true,female,real",
        "d.jpg,50,estimated,,drawn",
        "e.jpg,,true,,real",
    )
    assert read_face_rows([first, second], curve) == [
        FaceRow("a.jpg", 50.0, True, 0.0, "web"),
        FaceRow("b.jpg", 65.0, True, 1.0, "web"),
        FaceRow("d.jpg", 65.0, True, 0.0, "own/drawn"),
        FaceRow("sub/c.jpg", 50.0, False, -1.0, "own/real"),
    ]
    assert [row.age for row in read_face_rows([first])] == [40.0, 50.0]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (None, "the table of ages '.*' does not exist"),
        (["file,years", "a,3"], "needs the columns 'file' and 'age'"),
        (["name,age", "a,3"], "lacks the column file"),
        (["file,age", "a,old"], "has 'old' as age of a: it must be years from 0 to 120"),
        (["file,age", "a,nan"], "has 'nan' as age of a"),
        (["file,age", "a,140"], "has '140' as age of a"),
        (["file,age,sex", "a,40,x"], "has 'x' as sex of a: use female, male or nothing"),
        (["file,age", "a,40", "a,41"], "names the file 'a' twice"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path: Path, lines: list[str] | None, message: str) -> None:
    file = tmp_path / "t.csv"
    if lines is not None:
        table(file, *lines)
    with pytest.raises(UsageError, match=message):
        read_face_rows([file])


def test_a_face_in_two_tables(tmp_path: Path) -> None:
    tables = [table(tmp_path / name, "file,age", "a.jpg,40") for name in ("one.csv", "two.csv")]
    with pytest.raises(UsageError, match=r"two.csv' names a.jpg, which another table names too"):
        read_face_rows(tables)


def test_thinning_is_by_name_and_leaves_held_out_faces() -> None:
    rows = [FaceRow(f"f{i:03}.jpg", 20.0 + i % 20, source="s") for i in range(200)]
    held = {row.file for row in rows if is_held_out(row.file)}
    kept = thinned(rows, 10, kept_anyway=["f003.jpg"])
    files = {row.file for row in kept}
    assert held <= files and "f003.jpg" in files
    training = [row for row in kept if row.file not in held and row.file != "f003.jpg"]
    assert [sum(row.age < 30 for row in training), sum(row.age >= 30 for row in training)] == [10, 10]
    assert [row.file for row in thinned(rows[::-1], 10, ["f003.jpg"])] == [row.file for row in kept]
    assert thinned(rows, None) == rows
    other = [*rows, FaceRow("x.jpg", 25.0, source="other")]
    assert len(thinned(other, 10, ["f003.jpg"])) == len(kept) + 1
