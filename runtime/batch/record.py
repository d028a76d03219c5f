"""The record of a run: what became of each photo, kept so that the next run goes on from there.

A file of JSON lines in the output folder, only ever added to, one line a photo, each with the checksum of
its entry. A process may be killed while it writes: the torn line is the last one, and the next run cuts it
off. A line is written after the photo it tells of is in its place; so a photo without a line is done again.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import PhotoError
from ..files import file_sha256, whole_file
from ..storage.lock import RUN_FOLDER

RECORD = "run.jsonl"
_STALE_LINES = 1000


@dataclass(frozen=True)
class Entry:
    """What became of the photo that ``name``, relative to the output folder, is made from.

    ``sha256`` is of the photo's content, ``settings`` the key of what was asked for; ``output_sha256``,
    ``output_bytes`` and ``output_mtime_ns`` tell the file that was written, empty and 0 where none was.
    ``details`` are what a report tells of it.
    """

    name: str
    sha256: str
    settings: str
    status: str
    reason: str = ""
    output_sha256: str = ""
    output_bytes: int = 0
    output_mtime_ns: int = 0
    details: Mapping[str, Any] = field(default_factory=dict)


class RunRecord:
    """The record of one output folder, whose lock the caller holds. Not safe to share between threads."""

    def __init__(self, output: Path) -> None:
        """Read the record of a folder; raises PhotoError where its file cannot be read or written."""
        self._output = output
        self._path = output / RUN_FOLDER / RECORD
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            content = self._path.read_bytes() if self._path.exists() else b""
            self._entries, good, lines = parse_lines(content)
            if lines > 2 * len(self._entries) + _STALE_LINES:
                good = self._rewrite()
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.ftruncate(self._file, good)
        except OSError as error:
            raise PhotoError(
                f"'{self._path}' cannot be used ({error.strerror}): a run keeps its record there, "
                "name another output"
            ) from error
        self._size = good

    @property
    def folders(self) -> set[Path]:
        """The folders that photos were written to."""
        return {(self._output / name).parent for name in self._entries}

    def entry(self, name: str) -> Entry | None:
        """The last entry of a photo, whether or not it still holds."""
        return self._entries.get(name)

    def is_there(self, entry: Entry) -> bool:
        """Whether the file that an entry tells of is there, as it was written."""
        return is_there(self._output / entry.name, entry)

    def add(self, entry: Entry) -> None:
        """Write an entry; raises OSError, and then nothing was added."""
        line = line_of(entry)
        try:
            written = 0
            while written < len(line):
                written += os.write(self._file, line[written:])
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(line)
        self._entries[entry.name] = entry

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _rewrite(self) -> int:
        """Leave out the lines that later ones replaced; returns the file's new length in bytes."""
        content = b"".join(map(line_of, self._entries.values()))
        with whole_file(self._path) as temporary:
            temporary.write_bytes(content)
        return len(content)


def is_there(path: Path, entry: Entry) -> bool:
    """Whether ``path`` is the file that an entry tells of, as it was written."""
    try:
        found = path.stat()
        if not entry.output_sha256 or found.st_size != entry.output_bytes:
            return False
        return found.st_mtime_ns == entry.output_mtime_ns or file_sha256(path) == entry.output_sha256
    except OSError:
        return False


def line_of(entry: Entry) -> bytes:
    """An entry as a line with its checksum."""
    text = json.dumps(asdict(entry), separators=(",", ":"), sort_keys=True)
    return f'{{"crc32":"{zlib.crc32(text.encode()):08x}","entry":{text}}}\n'.encode()


def parse_lines(content: bytes) -> tuple[dict[str, Entry], int, int]:
    """The last entry of each photo; bytes up to the end of the last whole line; and how many lines."""
    entries: dict[str, Entry] = {}
    good = content.rfind(b"\n") + 1
    lines = content[:good].splitlines()
    for line in lines:
        entry = _read(line)
        if entry is not None:
            entries.pop(entry.name, None)
            entries[entry.name] = entry
    return entries, good, len(lines)


def _read(line: bytes) -> Entry | None:
    """The entry of a line, or None where its checksum or its fields are wrong: then the photo is redone."""
    try:
        content = json.loads(line)
        entry = Entry(**content["entry"])
        return entry if line_of(entry) == line + b"\n" else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
