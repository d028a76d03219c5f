"""How the files of a run are called."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.fake_pipeline import photo

from amgan.runtime.batch.naming import Naming
from amgan.runtime.batch.plan import plan_run
from amgan.runtime.errors import UsageError


@pytest.mark.parametrize(
    ("format", "suffix", "name", "result"),
    [
        (None, "", "a/b.JPG", "a/b.JPG"),
        ("png", "", "a/b.JPG", "a/b.png"),
        (".PNG", "_70", "b.tar.jpg", "b.tar_70.png"),
        (None, "_70", "a.d/b", "a.d/b_70"),
        ("tif", "", "a.d/b", "a.d/b.tif"),
        (None, " (old)", ".jpg", ".jpg (old)"),
    ],
)
def test_names(format: str | None, suffix: str, name: str, result: str) -> None:
    assert Naming(format, suffix)(name) == result


@pytest.mark.parametrize("format", ["gif", "", "jpgg", "a/png"])
def test_formats_that_cannot_be_written(format: str) -> None:
    with pytest.raises(UsageError, match="is no format that can be written: use one of jpg, "):
        Naming(format)


@pytest.mark.parametrize("suffix", ["/../x", "a/b", "a\\b", "a\0"])
def test_suffixes_that_lead_elsewhere(suffix: str) -> None:
    with pytest.raises(UsageError, match="would lead into another folder"):
        Naming(None, suffix)


def test_two_photos_of_one_new_name_are_not_mixed_up(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png", "b.png", "notes.txt"):
        photo(tmp_path / "in" / name) if "." in name and name != "notes.txt" else (
            tmp_path / "in" / name
        ).write_text("")
    tasks = plan_run([tmp_path / "in"], tmp_path / "out", naming=Naming("png", "_x")).tasks
    names = {Path(task.source.text).name: (task.name, bool(task.refusal)) for task in tasks}
    assert names == {
        "a.jpg": ("a_x.png", False),
        "a.png": ("a_x.png", True),
        "b.png": ("b_x.png", False),
        "notes.txt": ("notes.txt", True),
    }
