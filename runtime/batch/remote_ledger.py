"""How a batch goes on in an output folder on another file system."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress

from ..errors import PhotoError
from ..files import is_temporary
from ..storage.location import files_below, look_up, may_leave_parts, read, remove
from .ledger import earlier_outcome, is_kept, new_entry
from .outcome import Outcome
from .plan import Job
from .record import Entry
from .remote_record import RemoteRecord


class RemoteLedger:
    """As Ledger, for the folder ``root``, a URL.

    ``check`` is called before anything is written down; it raises where the folder is not this run's any
    more.
    """

    def __init__(
        self, root: str, settings: str, *, force: bool = False, check: Callable[[], None] = lambda: None
    ) -> None:
        """Read the record of ``root``; raises PhotoError. With ``force`` nothing counts as done."""
        self._root = root
        self._record = RemoteRecord(root)
        self._check = check
        self.settings = settings
        self._force = force

    def clean(self, jobs: Iterable[Job]) -> int:
        """Remove what runs that were killed have left half-written; returns how many files."""
        if not may_leave_parts(self._root):
            return 0
        left = [one.url for one in files_below(self._root) if is_temporary(one.name.rpartition("/")[2])]
        for url in left:
            with suppress(PhotoError):
                remove(url)
        return len(left)

    def entry(self, job: Job) -> Entry | None:
        """What the record says of a job with these settings, whether or not it still holds."""
        entry = None if self._force else self._record.entry(_name(job))
        return entry if entry is not None and entry.settings == self.settings else None

    def known(self, job: Job, sha256: str) -> Outcome | None:
        """The outcome of a job that is done, with this content, or None where it is to be done."""
        return earlier_outcome(job, self.entry(job), sha256, is_there)

    def keep(self, job: Job, outcome: Outcome) -> None:
        """Write down what became of a job, if a later run may rely on it; raises PhotoError."""
        self._check()
        entry = new_entry(_name(job), self.settings, outcome)
        before = self._record.entry(_name(job))
        if entry is None or is_kept(before, entry):
            return
        if outcome.status == "skipped" and before is not None and is_there(job, before):
            remove(_url(job))  # what other settings made; nobody else has touched it
        self._record.add(entry)

    def close(self) -> None:
        """Write down what is not written yet; raises PhotoError."""
        self._record.flush()


def is_there(job: Job, entry: Entry) -> bool:
    """Whether the remote output of a job is the file that an entry tells of, as it was written.

    Where the store has no tag that changes with the content, the output is fetched and hashed.
    """
    found = look_up(_url(job))
    if found is None or not entry.output_sha256 or found.size != entry.output_bytes:
        return False
    if found.tag and found.tag == entry.details.get("output", {}).get("tag"):
        return True
    return hashlib.sha256(read(_url(job)) or b"").hexdigest() == entry.output_sha256


def _name(job: Job) -> str:
    assert job.far is not None
    return job.far.name


def _url(job: Job) -> str:
    assert job.far is not None
    return job.far.target
