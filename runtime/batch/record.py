"""The record of a run: the outcome of each photo, from which the next run resumes.

JSON lines in the output folder, one per photo, each with a checksum. A line is written after its photo; a
photo without a line is processed again.
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
    """The outcome of the photo with the result ``name``, relative to the output folder.

    ``sha256`` is that of the photo's content, ``settings`` the key of the run's settings; ``output_sha256``,
    ``output_bytes`` and ``output_mtime_ns`` identify the written file, "" and 0 if there is none. ``details``
    are for the report.
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
    """The entries of earlier runs by the names of tasks; thread-safe."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        """``entries`` are those with the settings of this run, by name."""
        self._entries = dict(entries)

    def entry(self, task: PhotoTask) -> Entry | None:
        """The entry of a task with these settings, whether or not its files are unchanged."""
        return self._entries.get(task.name)

    def known(self, task: PhotoTask, sha256: str) -> Outcome | None:
        """The outcome of a task that is done with this photo content; None if it must be processed."""
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
    """The record of an output folder: entries of earlier runs, and those of this run.

    The caller must hold the lock of the output folder. `known` is thread-safe, `keep` is not.
    """

    def __init__(
        self, root: Location, settings: str, *, force: bool = False, check: Callable[[], None] = lambda: None
    ) -> None:
        """Read the record of the output folder ``root``; raises PhotoError.

        With ``force`` nothing counts as done. ``check`` is called before each write; it raises if the lock of
        the folder was lost.
        """
        self._root, self._check = root, check
        self._journal = open_journal(root / RUN_FOLDER, "run")
        super().__init__(_last_entries(self._journal.lines))
        self.settings, self._force = settings, force
        if self._journal.is_long(len(self._entries)):
            self._journal.rewrite(map(line_of, self._entries.values()))

    def clean(self, tasks: Iterable[PhotoTask]) -> int:
        """Remove temporary files of killed runs; returns their number."""
        written = {(self._root / name).parent for name in self._entries}
        folders = {task.target.parent for task in tasks} | written | {self._root / RUN_FOLDER}
        return store_of(self._root).remove_leftovers(self._root, folders)

    def entry(self, task: PhotoTask) -> Entry | None:
        """The entry of a task with these settings, whether or not its files are unchanged."""
        entry = None if self._force else super().entry(task)
        return entry if entry is not None and entry.settings == self.settings else None

    def keep(self, task: PhotoTask, outcome: Outcome) -> None:
        """Record the outcome of a task if a later run can rely on it; raises OSError or PhotoError.

        If a photo is skipped now, its result from other settings is removed.
        """
        self._check()
        entry = _new_entry(task.name, self.settings, outcome)
        before = self._entries.get(task.name)
        if entry is None or _is_kept(before, entry):
            return
        if outcome.status == "skipped" and before is not None and _is_there(task.target, before):
            store_of(task.target).remove(task.target)  # the result of other settings, unmodified
        self._journal.add(line_of(entry))
        self._entries[task.name] = entry

    def close(self) -> None:
        """Write buffered entries and close the record; raises PhotoError."""
        self._journal.close()


def line_of(entry: Entry) -> bytes:
    """An entry as a line with its checksum."""
    text = json.dumps(asdict(entry), separators=(",", ":"), sort_keys=True)
    return f'{{"crc32":"{zlib.crc32(text.encode()):08x}","entry":{text}}}\n'.encode()


def _last_entries(lines: Iterable[bytes]) -> dict[str, Entry]:
    """The last entry of each photo, in the order of writing."""
    entries: dict[str, Entry] = {}
    for line in lines:
        entry = _parse(line)
        if entry is not None:
            entries.pop(entry.name, None)
            entries[entry.name] = entry
    return entries


def _parse(line: bytes) -> Entry | None:
    """The entry of a line; None if its checksum or fields are invalid: the photo is processed again."""
    try:
        content = json.loads(line)
        entry = Entry(**content["entry"])
        return entry if line_of(entry) == line + b"\n" else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _new_entry(name: str, settings: str, outcome: Outcome) -> Entry | None:
    """The entry of an outcome that a later run can rely on; None for any other."""
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
    """Whether the record already has the same entry."""
    return before is not None and (before.settings, before.details) == (entry.settings, entry.details)


def _is_there(output: Location, entry: Entry) -> bool:
    """Whether ``output`` is unchanged since the entry was written.

    Its content is hashed if neither its modification time nor the store's tag proves it.
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
