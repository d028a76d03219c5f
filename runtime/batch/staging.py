"""Photos of other file systems: fetched to this machine, worked on as any photo, and put back."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import time
from dataclasses import replace
from pathlib import Path

from ..errors import DiskFullError, MissingDependencyError, PhotoError, UsageError
from ..storage.location import MAX_FETCHED_BYTES, Facts, fetch, look_up, put
from .ledger import Lookup
from .outcome import Outcome, explain
from .plan import Job
from .steps import Looked, PhotoWork, Started, disk_full, is_disk_full

_log = logging.getLogger(__name__)


class RemoteWork:
    """The three steps of PhotoWork, for jobs that are far and for those that are not.

    ``staging`` is a folder of this run alone; what is in it goes as soon as its photo is done. ``lookup``
    spares fetching photos that are done already, where the store tells by a tag that their content is the
    same.
    """

    def __init__(self, work: PhotoWork, staging: Path, lookup: Lookup | None = None) -> None:
        self._work = work
        self._staging = staging
        self._lookup = lookup
        self._tags: dict[str, str] = {}

    def look(self, job: Job) -> Looked | Outcome:
        """Fetch a photo and see whether it is to be worked on, as PhotoWork.look; raises DiskFullError."""
        if job.refusal:
            return self._told(job, self._work.look(job))
        local = self._local(job)
        since = time.perf_counter()
        try:
            found = self._find(job)
            if found is not None:
                done = self._done_before(job, found)
                if done is not None:
                    return done
                self._tags[job.key] = found.tag
                fetch(_source(job), local.source)
        except (UsageError, MissingDependencyError):
            raise
        except Exception as error:
            self._discard(job)
            if is_disk_full(error, self._staging, 0):
                raise disk_full(local.source) from error
            return _failed(job, error, since)
        looked = self._work.look(local)
        if isinstance(looked, Outcome):
            return self._ended(job, looked)
        return replace(looked, seconds=time.perf_counter() - since)

    def begin(self, job: Job, looked: Looked) -> Started | Outcome:
        """As PhotoWork.begin."""
        begun = self._work.begin(self._local(job), looked)
        return self._ended(job, begun) if isinstance(begun, Outcome) else begun

    def end(self, job: Job, begun: Started) -> Outcome:
        """As PhotoWork.end, and put the result where it belongs; raises DiskFullError."""
        local = self._local(job)
        try:
            outcome = self._work.end(local, begun)
            if outcome.output is not None and job.far is not None and job.far.target:
                outcome = self._put(job, local, outcome)
        except DiskFullError:
            self._discard(job)
            raise
        return self._ended(job, outcome)

    def _find(self, job: Job) -> Facts | None:
        """What the store says of a photo; None for a local one."""
        if not _source(job):
            return None
        found = look_up(_source(job))
        if found is None:
            raise PhotoError("it does not exist")
        if found.size > MAX_FETCHED_BYTES:
            raise PhotoError(
                f"it has {found.size >> 20} MiB, and at most {MAX_FETCHED_BYTES >> 20} MiB are fetched for a "
                "photo: make it smaller"
            )
        return found

    def _done_before(self, job: Job, found: Facts) -> Outcome | None:
        """What an earlier run says of a photo whose content the store knows to be the same."""
        entry = None if self._lookup is None else self._lookup.entry(job)
        if self._lookup is None or entry is None or not found.tag:
            return None
        return self._lookup.known(job, entry.sha256) if entry.details.get("source_tag") == found.tag else None

    def _put(self, job: Job, local: Job, outcome: Outcome) -> Outcome:
        assert job.far is not None
        at = time.perf_counter()
        content = local.target.read_bytes()
        try:
            put(job.far.target, content)
            found = look_up(job.far.target)
            if found is None or found.size != len(content):
                raise PhotoError(f"'{job.far.target}' is not what was written to it: give the command again")
        except Exception as error:
            return _failed(job, error, at, job.far.target, outcome)
        details = dict(outcome.details)
        if "output" in details:
            written = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), "mtime_ns": 0}
            details["output"] = written | ({"tag": found.tag} if found.tag else {})
        took = time.perf_counter() - at
        details["seconds"] = {**details["seconds"], "write": details["seconds"]["write"] + took}
        return replace(outcome, details=details, seconds=outcome.seconds + took)

    def _ended(self, job: Job, outcome: Outcome) -> Outcome:
        """The last outcome of a job, in its own names."""
        tag = self._tags.pop(job.key, "")
        if tag and outcome.details.get("sha256") and outcome.status != "unchanged":
            outcome = replace(outcome, details={**outcome.details, "source_tag": tag})
        self._discard(job)
        return self._told(job, outcome)

    def _told(self, job: Job, outcome: Looked | Outcome) -> Outcome:
        assert isinstance(outcome, Outcome)
        local, reason = self._local(job), outcome.reason
        if job.far is not None:
            for path, url in ((local.source, job.far.source), (local.target, job.far.target)):
                reason = reason.replace(str(path), url or str(path))
        output = None if outcome.output is None else job.target
        return replace(outcome, path=job.source, output=output, reason=reason, far=job.far)

    def _local(self, job: Job) -> Job:
        """The job with files of this machine; their names follow from what the job is."""
        if job.far is None:
            return job
        name = hashlib.sha256(f"{job.far.source}\n{job.key}".encode("utf-8", "surrogateescape")).hexdigest()[
            :24
        ]
        source, target = job.source, job.target
        if job.far.source:
            source = self._staging / f"{name}.in{_ending(source)}"
        if job.far.target:
            target = self._staging / f"{name}.out{_ending(target)}"
        return replace(job, source=source, target=target)

    def _discard(self, job: Job) -> None:
        local = self._local(job)
        for path in (local.source, local.target):
            if path.parent == self._staging:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)


def _source(job: Job) -> str:
    return job.far.source if job.far is not None else ""


def _ending(path: Path) -> str:
    """The ending of a name, which says what a picture is to be written as; a long one is none."""
    return path.suffix if len(path.suffix) <= 8 else ""


def _failed(
    job: Job, error: Exception, since: float, url: str = "", outcome: Outcome | None = None
) -> Outcome:
    _log.debug("%s failed", url or _source(job), exc_info=error)
    details = {} if outcome is None else {k: v for k, v in outcome.details.items() if k != "output"}
    seconds = time.perf_counter() - since + (0.0 if outcome is None else outcome.seconds)
    reason = explain(error, url or _source(job))
    return Outcome(job.source, "failed", reason, seconds=seconds, details=details, far=job.far)
