"""The record of a run: what became of each photo, kept so that the next run goes on from there.

JSON lines in the output folder, one a photo, each with the checksum of its entry. A line is written after the
photo it tells of is in its place; so a photo without a line is done again.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..storage.journal import open_journal
from ..storage.location import Location
from ..storage.lock import RUN_FOLDER
from ..storage.stores import store_of
from .outcome import Outcome
from .task import PhotoTask

KEPT = frozenset({"aged", "copied", "skipped"})


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


class EarlierRuns:
    """Knows what earlier runs have done, by the names of tasks; its methods may be called from any thread."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        """Know the entries of these names, all of the settings of this run."""
        self._entries = dict(entries)

    def entry(self, task: PhotoTask) -> Entry | None:
        """What is known of a task with these settings, whether or not it still holds."""
        return self._entries.get(task.name)

    def known(self, task: PhotoTask, sha256: str) -> Outcome | None:
        """The outcome of a task that is done, with this content, or None where it is to be done."""
        entry = self.entry(task)
        if entry is None or entry.sha256 != sha256:
            return None
        if entry.output_sha256 and not _is_there(task.target, entry):
            return None
        if entry.status == "skipped":
            return Outcome(task.source, "skipped", entry.reason, details=entry.details)
        aged = [face for face in entry.details.get("faces", ()) if face.get("outcome") == "aged"]
        return Outcome(task.source, "unchanged", entry.reason, len(aged), 0.0, task.target, entry.details)


class RunRecord(EarlierRuns):
    """Knows what is done, and writes down what this run does.

    Holding the lock of the output folder is up to the caller. `known` may be called from any thread, `keep`
    from one.
    """

    def __init__(
        self, root: Location, settings: str, *, force: bool = False, check: Callable[[], None] = lambda: None
    ) -> None:
        """Read the record of the output folder ``root``; raises PhotoError.

        With ``force`` nothing counts as done. ``check`` is called before anything is written down; it raises
        where the folder is not this run's any more.
        """
        self._root, self._check = root, check
        self._journal = open_journal(root / RUN_FOLDER, "run")
        super().__init__(_last_entries(self._journal.lines))
        self.settings, self._force = settings, force
        if self._journal.is_long(len(self._entries)):
            self._journal.rewrite(map(line_of, self._entries.values()))

    def clean(self, tasks: Iterable[PhotoTask]) -> int:
        """Remove what runs that were killed have left half-written; returns how many files."""
        written = {(self._root / name).parent for name in self._entries}
        folders = {task.target.parent for task in tasks} | written | {self._root / RUN_FOLDER}
        return store_of(self._root).remove_leftovers(self._root, folders)

    def entry(self, task: PhotoTask) -> Entry | None:
        """What the record says of a task with these settings, whether or not it still holds."""
        entry = None if self._force else super().entry(task)
        return entry if entry is not None and entry.settings == self.settings else None

    def keep(self, task: PhotoTask, outcome: Outcome) -> None:
        """Write down what became of a task, if a later run may rely on it; raises OSError or PhotoError.

        Where a photo is skipped now, what a run with other settings made of it is removed.
        """
        self._check()
        entry = _new_entry(task.name, self.settings, outcome)
        before = self._entries.get(task.name)
        if entry is None or _is_kept(before, entry):
            return
        if outcome.status == "skipped" and before is not None and _is_there(task.target, before):
            store_of(task.target).remove(task.target)  # what other settings made; nobody else has touched it
        self._journal.add(line_of(entry))
        self._entries[task.name] = entry

    def close(self) -> None:
        """Write down what is not written yet, and close the record; raises PhotoError."""
        self._journal.close()


def line_of(entry: Entry) -> bytes:
    """An entry as a line with its checksum."""
    text = json.dumps(asdict(entry), separators=(",", ":"), sort_keys=True)
    return f'{{"crc32":"{zlib.crc32(text.encode()):08x}","entry":{text}}}\n'.encode()


def _last_entries(lines: Iterable[bytes]) -> dict[str, Entry]:
    """The last entry of each photo, in the order in which they were written."""
    entries: dict[str, Entry] = {}
    for line in lines:
        entry = _parse(line)
        if entry is not None:
            entries.pop(entry.name, None)
            entries[entry.name] = entry
    return entries


def _parse(line: bytes) -> Entry | None:
    """The entry of a line, or None where its checksum or its fields are wrong: then the photo is redone."""
    try:
        content = json.loads(line)
        entry = Entry(**content["entry"])
        return entry if line_of(entry) == line + b"\n" else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _new_entry(name: str, settings: str, outcome: Outcome) -> Entry | None:
    """The entry of an outcome that a later run may rely on; None for any other."""
    written = outcome.details.get("output", {})
    sha256 = outcome.details.get("sha256", "")
    if outcome.status not in KEPT or not sha256:
        return None
    return Entry(
        name,
        sha256,
        settings,
        outcome.status,
        outcome.reason,
        written.get("sha256", ""),
        written.get("bytes", 0),
        written.get("mtime_ns", 0),
        outcome.details,
    )


def _is_kept(before: Entry | None, entry: Entry) -> bool:
    """Whether the record says the same already: the photo was known."""
    return before is not None and (before.settings, before.details) == (entry.settings, entry.details)


def _is_there(output: Location, entry: Entry) -> bool:
    """Whether ``output`` is the file that an entry tells of, as it was written.

    Its content is hashed where neither its time nor the store's tag shows that it is the same.
    """
    store = store_of(output)
    found = store.facts(output)
    if found is None or not entry.output_sha256 or found.size != entry.output_bytes:
        return False
    if found.mtime_ns and found.mtime_ns == entry.output_mtime_ns:
        return True
    if found.tag and found.tag == entry.details.get("output", {}).get("tag"):
        return True
    try:
        return store.sha256(output) == entry.output_sha256
    except OSError:
        return False
