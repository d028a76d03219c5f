"""Lines that are only ever added, in every kind of store."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from support.object_store import new_bucket

from amgan.runtime.errors import PhotoError, UsageError
from amgan.runtime.storage import journal as journals
from amgan.runtime.storage.journal import begin_lines, open_journal
from amgan.runtime.storage.location import Location
from amgan.runtime.storage.remote import RemoteStore


@pytest.fixture
def folder(system: Any) -> Location:
    return Location(new_bucket(system)) / "out/.amgan"


def write(folder: Location, *lines: bytes) -> None:
    journal = open_journal(folder, "run")
    for line in lines:
        journal.add(line + b"\n")
    journal.close()


def lines_of(folder: Location) -> list[bytes]:
    journal = open_journal(folder, "run")
    journal.close()
    return journal.lines


def test_what_one_process_adds_the_next_one_reads(folder: Location) -> None:
    assert lines_of(folder) == []
    write(folder, b"one", b"two")
    write(folder, b"three")
    assert lines_of(folder) == [b"one", b"two", b"three"]


def test_a_long_journal_is_rewritten(system: Any, folder: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "STALE_LINES", 1)
    write(folder, b"one")
    write(folder, b"two", b"three", b"four")
    journal = open_journal(folder, "run")
    assert journal.is_long(1)
    journal.rewrite([b"four\n"])
    journal.add(b"five\n")
    journal.close()
    assert lines_of(folder) == [b"four", b"five"]
    assert len(system.find(folder.text)) == (2 if folder.is_remote else 1)


def test_a_torn_line_is_cut_off(system: Any, folder: Location) -> None:
    write(folder, b"one", b"two")
    (file,) = system.find(folder.text)
    system.pipe_file(file, b"one\ntw")
    assert lines_of(folder) == [b"one"]
    write(folder, b"three")
    assert lines_of(folder) == [b"one", b"three"]


def test_a_line_that_finds_no_space_is_not_there_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = open_journal(Location.of(tmp_path), "run")
    journal.add(b"one\n")
    write, calls = os.write, [0]

    def full(file: int, content: bytes) -> int:
        calls[0] += 1
        if calls[0] == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, content[:2])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        journal.add(b"two\n")
    monkeypatch.undo()
    journal.add(b"three\n")
    journal.close()
    assert lines_of(Location.of(tmp_path)) == [b"one", b"three"]


def test_a_journal_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run.jsonl").mkdir()
    with pytest.raises(PhotoError, match=r"run\.jsonl' cannot be used \(Is a directory\)"):
        open_journal(Location.of(tmp_path), "run")

    def refuse(self: RemoteStore, place: Location, content: bytes) -> None:
        raise PhotoError("'x' cannot be written (no): check its name and the access to it")

    journal = open_journal(Location("memory://refused/.amgan"), "run")
    monkeypatch.setattr(RemoteStore, "put", refuse)
    journal.add(b"one\n")
    with pytest.raises(PhotoError, match="record of the run cannot be written: 'x' cannot be written"):
        journal.close()


def test_lines_of_a_store_wait_until_there_are_some(system: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "MAX_BUFFERED_LINES", 2)
    monkeypatch.setattr(journals, "FLUSH_AFTER_S", 1e9)
    folder = Location(new_bucket(system)) / ".amgan"
    journal = open_journal(folder, "run")
    for line in (b"one\n", b"two\n", b"three\n"):
        journal.add(line)
    # A process that was killed here has lost what waited.
    assert lines_of(folder) == ([b"one", b"two"] if folder.is_remote else [b"one", b"two", b"three"])
    journal.close()
    assert lines_of(folder) == [b"one", b"two", b"three"]


def test_a_file_of_lines_begins_anew(system: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    file = Location(new_bucket(system)) / "report.jsonl"
    for _ in range(2):
        system.pipe_file(file.text, b"of an earlier run")
        monkeypatch.setattr(journals, "REWRITE_AFTER_S", 1e9)
        lines = begin_lines(file)
        lines.add(b"one\n")
        assert system.cat_file(file.text) == (b"" if file.is_remote else b"one\n")
        monkeypatch.setattr(journals, "REWRITE_AFTER_S", 0.0)
        lines.add(b"two\n")
        assert system.cat_file(file.text) == b"one\ntwo\n"
        lines.add(b"three\n")
        lines.close()
        assert system.cat_file(file.text) == b"one\ntwo\nthree\n"
    with pytest.raises(UsageError, match="no known file system"):
        begin_lines(Location("nope://report.jsonl"))
