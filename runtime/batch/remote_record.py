"""The record of a run whose output folder is on another file system, where nothing can be added to a file.

The lines of record.py, in objects run-000001.jsonl, run-000002.jsonl, ... that are each written once, as
a whole, every few seconds. The next run reads them in order, puts them into one and removes the others. A run
that is killed loses the lines of these last seconds: their photos are done again.
"""

from __future__ import annotations

import re
import time

from ..errors import PhotoError
from ..storage.location import files_below, join_url, put, read, remove
from ..storage.lock import RUN_FOLDER
from .record import Entry, line_of, parse_lines

LINES_AT_MOST = 100
SECONDS_AT_MOST = 5.0
_NAME = re.compile(r"run-(\d{6,})\.jsonl")


class RemoteRecord:
    """The record below the folder ``output``, a URL, whose lock the caller holds. For one thread."""

    def __init__(self, output: str) -> None:
        """Read the record; raises PhotoError where the store refuses."""
        self._folder = join_url(output, RUN_FOLDER)
        self._entries: dict[str, Entry] = {}
        self._waiting: list[bytes] = []
        self._written = time.monotonic()
        found = [
            (int(name[1]), one.url)
            for one in files_below(self._folder)
            if (name := _NAME.fullmatch(one.name))
        ]
        for _, url in sorted(found):
            entries, _, _ = parse_lines(read(url) or b"")
            for entry in entries.values():
                self._entries.pop(entry.name, None)
                self._entries[entry.name] = entry
        self._number = max((number for number, _ in found), default=0)
        if len(found) > 1:
            self._put(b"".join(map(line_of, self._entries.values())))
            for _, url in found:
                remove(url)

    def entry(self, name: str) -> Entry | None:
        """The last entry of a photo, whether or not it still holds."""
        return self._entries.get(name)

    def add(self, entry: Entry) -> None:
        """Keep an entry, and write those that wait if it is time; raises PhotoError where that fails."""
        self._entries[entry.name] = entry
        self._waiting.append(line_of(entry))
        if len(self._waiting) >= LINES_AT_MOST or time.monotonic() - self._written >= SECONDS_AT_MOST:
            self.flush()

    def flush(self) -> None:
        """Write what waits; raises PhotoError where that fails."""
        if self._waiting:
            self._put(b"".join(self._waiting))
            self._waiting.clear()
        self._written = time.monotonic()

    def _put(self, content: bytes) -> None:
        url = join_url(self._folder, f"run-{self._number + 1:06}.jsonl")
        try:
            put(url, content)
        except PhotoError as error:
            raise PhotoError(
                f"the record of the run cannot be kept: {error}, and give the same command again"
            ) from error
        self._number += 1
