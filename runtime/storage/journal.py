"""Append-only files of lines: the record and the report of a run, which may be killed at any time.

Local files are appended to line by line. Remote stores cannot append: there, lines are buffered for a few
seconds and written as whole objects.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import PhotoError
from ..files import whole_file
from .location import Location
from .remote import REMOTE

STALE_LINES = 1000
MAX_BUFFERED_LINES = 100
FLUSH_AFTER_S = 5.0
REWRITE_AFTER_S = 60.0


class Lines(ABC):
    """A file to which whole lines are appended."""

    @abstractmethod
    def add(self, line: bytes) -> None:
        """Append a line, line feed included; raises OSError or PhotoError, and then writes none of it."""

    @abstractmethod
    def close(self) -> None:
        """Write buffered lines and close the file; raises PhotoError."""


def begin_lines(location: Location) -> Lines:
    """Create an empty file of lines; raises OSError or PhotoError."""
    return _RemoteLines(location) if location.is_remote else _LocalLines(location.path, 0)


class Journal(Lines):
    """Lines that a later process reads and continues. ``lines`` are the existing ones, without line feeds."""

    lines: list[bytes]

    @abstractmethod
    def is_long(self, kept: int) -> bool:
        """Whether it has grown enough to be rewritten with only the ``kept`` lines that are still valid."""

    @abstractmethod
    def rewrite(self, lines: Iterable[bytes]) -> None:
        """Replace all lines; raises PhotoError."""


def open_journal(folder: Location, name: str) -> Journal:
    """Open the journal ``name`` of a folder; creates both if they do not exist.

    An incomplete last line, left by a killed process, is removed. Raises PhotoError if the journal cannot be
    read or written.
    """
    if folder.is_remote:
        return _RemoteJournal(folder, name)
    return _LocalJournal(folder.path / f"{name}.jsonl")


class _LocalLines(Lines):
    def __init__(self, path: Path, size: int) -> None:
        """Open a file and truncate it to ``size`` bytes."""
        fresh = 0 if size else os.O_TRUNC
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | fresh, 0o666)
        if size:
            os.ftruncate(self._file, size)
        self._size = size

    def add(self, line: bytes) -> None:
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError:
            with contextlib.suppress(OSError):  # a pipe cannot be truncated
                os.ftruncate(self._file, self._size)
            raise
        self._size += len(line)

    def close(self) -> None:
        os.close(self._file)


class _LocalJournal(Journal):
    def __init__(self, path: Path) -> None:
        self._path = path
        with _as_photo_error(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            content = path.read_bytes() if path.exists() else b""
            self.lines = _whole_lines(content)
            self._file = _LocalLines(path, content.rfind(b"\n") + 1)

    def is_long(self, kept: int) -> bool:
        return len(self.lines) > 2 * kept + STALE_LINES

    def rewrite(self, lines: Iterable[bytes]) -> None:
        content = b"".join(lines)
        with _as_photo_error(self._path):
            with whole_file(self._path) as temporary:
                temporary.write_bytes(content)
            self._file.close()
            self._file = _LocalLines(self._path, len(content))

    def add(self, line: bytes) -> None:
        self._file.add(line)

    def close(self) -> None:
        self._file.close()


class _RemoteLines(Lines):
    """One object that is rewritten regularly: always complete, at most REWRITE_AFTER_S seconds old."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._lines = tempfile.TemporaryFile()  # noqa: SIM115  # closed at the end of the run
        self._put()

    def add(self, line: bytes) -> None:
        self._lines.write(line)
        if time.monotonic() - self._written >= REWRITE_AFTER_S:
            self._put()

    def close(self) -> None:
        try:
            self._put()
        finally:
            self._lines.close()

    def _put(self) -> None:
        self._lines.seek(0)
        REMOTE.put(self._location, self._lines.read())
        self._written = time.monotonic()


class _RemoteJournal(Journal):
    """A sequence of objects NAME-000001.jsonl, NAME-000002.jsonl, ..., one every few seconds.

    The next run reads them in order, merges them into one and removes the others. A killed run loses the
    lines of the last seconds.
    """

    def __init__(self, folder: Location, name: str) -> None:
        self._folder, self._name = folder, name
        pattern = re.compile(rf"{re.escape(name)}-(\d{{6,}})\.jsonl")
        found = [(pattern.fullmatch(one.name), one) for one in REMOTE.files_in(folder)]
        self._parts = sorted((int(match[1]), one) for match, one in found if match and one.parent == folder)
        self.lines = [line for _, one in self._parts for line in _whole_lines(REMOTE.read(one) or b"")]
        self._number = self._parts[-1][0] if self._parts else 0
        self._waiting: list[bytes] = []
        self._written = time.monotonic()

    def is_long(self, kept: int) -> bool:
        return len(self._parts) > 1

    def rewrite(self, lines: Iterable[bytes]) -> None:
        self._put(b"".join(lines))
        for _, one in self._parts:
            REMOTE.remove(one)

    def add(self, line: bytes) -> None:
        self._waiting.append(line)
        if len(self._waiting) >= MAX_BUFFERED_LINES or time.monotonic() - self._written >= FLUSH_AFTER_S:
            self._flush()

    def close(self) -> None:
        self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._put(b"".join(self._waiting))
            self._waiting.clear()
        self._written = time.monotonic()

    def _put(self, content: bytes) -> None:
        try:
            REMOTE.put(self._folder / f"{self._name}-{self._number + 1:06}.jsonl", content)
        except PhotoError as error:
            raise PhotoError(
                f"the record of the run cannot be written: {error}, and run the same command again"
            ) from error
        self._number += 1


@contextlib.contextmanager
def _as_photo_error(path: Path) -> Iterator[None]:
    """Convert an OSError to a PhotoError about a record."""
    try:
        yield
    except OSError as error:
        raise PhotoError(
            f"'{path}' cannot be used ({error.strerror}): a run keeps its record there, name another output"
        ) from error


def _whole_lines(content: bytes) -> list[bytes]:
    return content[: content.rfind(b"\n") + 1].splitlines()
