"""How a batch goes on where an earlier one ended: its record, with the settings of this run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from ..files import is_temporary
from ..storage.lock import RUN_FOLDER
from .outcome import Outcome
from .plan import Job
from .record import Entry, RunRecord, is_there

KEPT = frozenset({"aged", "copied", "skipped"})


class Lookup(Protocol):
    """Knows what earlier runs have done; its methods may be called from any thread."""

    def entry(self, job: Job) -> Entry | None:
        """What the record says of a job with these settings, whether or not it still holds."""

    def known(self, job: Job, sha256: str) -> Outcome | None:
        """The outcome of a job that is done, with this content, or None where it is to be done."""


class Book(Lookup, Protocol):
    """A ledger, wherever it is kept; ``keep`` is called from one thread."""

    def keep(self, job: Job, outcome: Outcome) -> None:
        """Write down what became of a job; raises OSError or PhotoError."""


class Ledger:
    """Knows what is done, and writes down what this run does. ``root`` is the output folder.

    Holding its lock is up to the caller. ``known`` may be called from any thread, ``keep`` from one.
    """

    def __init__(self, root: Path, settings: str, *, force: bool = False) -> None:
        """Read the record of ``root``; raises PhotoError. With ``force`` nothing counts as done."""
        self._root = root
        self._record = RunRecord(root)
        self.settings = settings
        self._force = force

    def clean(self, jobs: Iterable[Job]) -> int:
        """Remove what runs that were killed have left half-written; returns how many files."""
        removed = 0
        for folder in {job.target.parent for job in jobs} | self._record.folders | {self._root / RUN_FOLDER}:
            with contextlib.suppress(OSError):
                for path in folder.iterdir():
                    if is_temporary(path.name):
                        path.unlink()
                        removed += 1
        return removed

    def entry(self, job: Job) -> Entry | None:
        """What the record says of a job with these settings, whether or not it still holds."""
        entry = None if self._force else self._record.entry(self._name(job))
        return entry if entry is not None and entry.settings == self.settings else None

    def known(self, job: Job, sha256: str) -> Outcome | None:
        """The outcome of a job that is done, with this content, or None where it is to be done."""
        return earlier_outcome(job, self.entry(job), sha256)

    def keep(self, job: Job, outcome: Outcome) -> None:
        """Write down what became of a job, if a later run may rely on it; raises OSError.

        Where a photo is skipped now, what a run with other settings made of it is removed.
        """
        entry = new_entry(self._name(job), self.settings, outcome)
        before = self._record.entry(self._name(job))
        if entry is None or is_kept(before, entry):
            return
        if outcome.status == "skipped" and before is not None and self._record.is_there(before):
            job.target.unlink()  # what other settings made; nobody else has touched it
        self._record.add(entry)

    def close(self) -> None:
        """Close the record."""
        self._record.close()

    def _name(self, job: Job) -> str:
        return job.target.relative_to(self._root).as_posix()


def new_entry(name: str, settings: str, outcome: Outcome) -> Entry | None:
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


def is_kept(before: Entry | None, entry: Entry) -> bool:
    """Whether the record says the same already: the photo was known."""
    return before is not None and (before.settings, before.details) == (entry.settings, entry.details)


def earlier_outcome(
    job: Job,
    entry: Entry | None,
    sha256: str,
    there: Callable[[Job, Entry], bool] = lambda job, entry: is_there(job.target, entry),
) -> Outcome | None:
    """What an entry with the right settings says of a job with this content; None where it is to be done.

    ``there`` tells whether the output is what the entry says.
    """
    if entry is None or entry.sha256 != sha256 or (entry.output_sha256 and not there(job, entry)):
        return None
    if entry.status == "skipped":
        return Outcome(job.source, "skipped", entry.reason, details=entry.details, far=job.far)
    aged = [face for face in entry.details.get("faces", ()) if face.get("outcome") == "aged"]
    return Outcome(job.source, "unchanged", entry.reason, len(aged), 0.0, job.target, entry.details, job.far)
