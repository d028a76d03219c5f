"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from support.helpers import closed_folder

from amgan.runtime import files
from amgan.runtime.files import check_writable, is_temporary, temporary_name, whole_file, whole_folder


def test_a_file_appears_at_the_end_of_the_block(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    target.write_text("old")
    with whole_file(target, ".png") as temporary:
        assert (temporary.parent, temporary.suffix) == (tmp_path, ".png")
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("own")
    (tmp_path / "a").symlink_to(tmp_path / "own")
    with whole_file(tmp_path / "a") as temporary:
        temporary.write_text("new")
    assert not (tmp_path / "a").is_symlink()
    assert (tmp_path / "own").read_text() == "own"


def test_a_block_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_text("old")
    with pytest.raises(ValueError, match="no"), whole_file(target) as temporary:
        temporary.write_text("half")
        raise ValueError("no")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
    with pytest.raises(FileNotFoundError), whole_file(target):
        pass  # nothing was written


def test_the_folder_is_made(tmp_path: Path) -> None:
    with whole_file(tmp_path / "new" / "folder" / "a") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "new" / "folder" / "a").read_text() == "new"
    with pytest.raises(NotADirectoryError), whole_file(tmp_path / "new" / "folder" / "a" / "b"):
        raise AssertionError("there is no place for it")


def test_temporary_names_are_known_and_fit_every_file_system(tmp_path: Path) -> None:
    long = "ö" * 120 + ".jpg"
    with whole_file(tmp_path / long) as temporary:
        temporary.write_text("new")
    assert is_temporary(temporary_name(long))
    assert temporary_name("a") != temporary_name("a")
    assert not is_temporary(".my.notes.part")
    assert not is_temporary("a.0123abcd.part")


def test_a_folder_appears_at_the_end_of_the_block(tmp_path: Path) -> None:
    target = tmp_path / "out" / "set"
    target.mkdir(parents=True)
    (tmp_path / "out" / "set.part").mkdir()
    (tmp_path / "out" / "set.part" / "old").touch()  # of a process that was killed
    with whole_folder(target) as work:
        (work / "new").touch()
        assert not list(target.iterdir())
    assert [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*")] == [
        "out",
        "out/set",
        "out/set/new",
    ]


def test_a_folder_that_fails_or_has_no_place_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "set"
    with pytest.raises(ValueError, match="stop"), whole_folder(target) as work:
        (work / "new").touch()
        raise ValueError("stop")
    assert not list(tmp_path.iterdir())
    target.mkdir()
    (target / "mine").touch()
    with pytest.raises(OSError, match="not empty"), whole_folder(target) as work:
        (work / "new").touch()
    assert [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*")] == ["set", "set/mine"]


def test_a_place_is_checked_before_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for good in ("a", "old", "new/folder/a", "loop"):
        check_writable(tmp_path / good)
    for bad, error in (
        (tmp_path, IsADirectoryError),
        (tmp_path / "old" / "folder" / "a", NotADirectoryError),
        (tmp_path / "loop" / "a", NotADirectoryError),
        (tmp_path / ("x" * 300), OSError),
    ):
        with pytest.raises(error):
            check_writable(bad)
        with pytest.raises(OSError), whole_file(bad) as temporary:
            temporary.write_text("new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["loop", "old"]


@pytest.mark.parametrize("name", ["a", "new/folder/a"])
def test_a_folder_that_takes_no_files_is_told_before(tmp_path: Path, name: str) -> None:
    folder = closed_folder(tmp_path)
    before = sorted(folder.iterdir())
    with pytest.raises(PermissionError):
        check_writable(folder / name)
    assert sorted(folder.iterdir()) == before


def test_a_full_disk_is_told_when_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the error says how to go on."""

    def full(dir: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(dir))

    monkeypatch.setattr(files.tempfile, "TemporaryFile", full)
    check_writable(tmp_path / "a")
