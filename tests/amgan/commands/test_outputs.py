"""Outputs that cannot be written: told in one sentence, before any work, with a fake pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command_line import one_sentence, run
from support.command_pipeline import CommandPipeline
from support.fake_pipeline import photo
from support.helpers import closed_folder

from amgan.runtime.face import finder

pytestmark = pytest.mark.usefixtures("fake")


def test_an_output_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    source = photo(tmp_path / "a.png")
    for output, code, told in (
        (tmp_path / "old.gif", 2, "is not a supported picture format"),
        (tmp_path / f"{'x' * 300}.png", 1, "cannot be used: File name too long"),
        (source / "old.png", 1, f"cannot be written: '{source}' is not a folder"),
    ):
        result = run("age", source, "-o", output, "--age", "70")
        assert result.exit_code == code
        assert f"'{output}'" in one_sentence(result) and told in one_sentence(result)


@pytest.mark.parametrize(
    "arguments",
    [
        ("age", "a.png", "-o", "{}/old.png", "--age", "70"),
        ("age", "a.png", "-o", "{}/new", "--age", "70"),
        ("sweep", "a.png", "-o", "{}/old.gif"),
        ("map", "a.png", "-o", "{}/old.png"),
        ("map", "a.png", "--save-map", "{}/old.npy"),
        ("estimate", "a.png", "--draw", "{}/old.png"),
        ("video", ".", "--list-faces", "{}/old.png"),
    ],
)
def test_an_output_folder_that_cannot_be_written_is_told_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake: type[CommandPipeline], arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(finder, "FaceFinder", None)  # `map` finds faces without a pipeline
    photo(tmp_path / "a.png")
    for folder, told in ((closed_folder(tmp_path), "cannot be written ("), ("a.png", "is not a folder")):
        result = run(*(one.format(folder) for one in arguments))
        assert result.exit_code == 1
        assert f"'{folder}/" in one_sentence(result) and told in one_sentence(result)
    assert fake.opened == []
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_result_that_cannot_be_written_is_told_before_minutes_of_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ages.csv").write_text("file,age\n")
    folder = closed_folder(tmp_path)
    for arguments in (
        ("bench", "-o", folder / "new.json"),
        ("fit-field", ".", "--ages", "ages.csv", "--patterns", "none.toml", "-o", folder / "new.npz"),
    ):
        result = run(*arguments)
        assert result.exit_code == 1
        assert f"'{folder}/new." in one_sentence(result) and "cannot be written (" in one_sentence(result)


@pytest.mark.parametrize(
    "arguments",
    [
        ("age", "{}", "-o", "a.png", "--age", "70"),
        ("run-batch", "{}", "-o", "old", "--age", "70"),
        ("run-batch", ".", "-o", "{}", "--age", "70"),
        ("estimate", "{}"),
        ("map", "{}", "-o", "b.png"),
        ("sweep", "{}", "-o", "b.png", "--ages", "30,60"),
    ],
)
def test_a_name_that_is_too_long_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    photo(tmp_path / "a.png")
    name = f"{'x' * 300}.png"
    result = run(*(one.format(name) for one in arguments))
    assert result.exit_code in (1, 2)
    assert name in one_sentence(result) and "unexpected" not in one_sentence(result)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png"]
