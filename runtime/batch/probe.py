"""The probe of a photo in a batch: whether it was done before, its checksum, and the memory that it needs."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

from ..errors import AmganError, MissingDependencyError, UsageError
from ..files import file_sha256
from ..storage.location import Location
from .disk import disk_full, is_disk_full
from .memory import memory_need, say_size
from .outcome import Outcome, explain
from .record import EarlierRuns
from .staging import Staging
from .task import PhotoTask

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Probed:
    """A photo to process: ``sha256`` of its content if recorded, ``need`` is its memory in bytes.

    ``tag`` is the store's tag of its content; ``seconds`` the duration of the probe.
    """

    sha256: str = ""
    tag: str = ""
    need: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class PhotoProbe:
    """Probes photos; ``earlier``, ``staging`` and ``limit`` are as in PhotoWork."""

    earlier: EarlierRuns | None
    staging: Staging
    limit: int | None

    def probe(self, task: PhotoTask) -> Probed | Outcome:
        """Check whether a photo must be processed, and estimate its memory; raises DiskFullError."""
        if task.refusal:
            return Outcome(task.source, "skipped" if task.unasked else "failed", task.refusal)
        probed = self._probe(task)
        if isinstance(probed, Outcome):
            self.staging.discard(task)
        return probed

    def _probe(self, task: PhotoTask) -> Probed | Outcome:
        since = time.perf_counter()
        sha256 = tag = ""
        source = self.staging.files(task).source
        try:
            tag = self.staging.source_tag(task)
            done = self._done_before(task, tag)
            if done is not None:
                return done
            self.staging.fetch(task)
        except (UsageError, MissingDependencyError):
            raise
        except Exception as error:
            self.staging.discard(task)
            if is_disk_full(error, source.parent, 0):
                raise disk_full(source) from error
            return failed(self.staging, task, error, task.source, since)
        try:
            if self.earlier is not None:
                sha256 = file_sha256(source)
                done = self.earlier.known(task, sha256)
                if done is not None:
                    return done
            need = 0 if self.limit is None else memory_need(source)
        except Exception as error:
            return failed(self.staging, task, error, task.source, since)
        if self.limit is not None and need > self.limit:
            reason = (
                f"it needs {say_size(need)} of memory, over the limit of {say_size(self.limit)}: "
                "raise `memory_bytes`, or make the photo smaller"
            )
            return Outcome(task.source, "failed", reason, details={"sha256": sha256} if sha256 else {})
        return Probed(sha256, tag, need, time.perf_counter() - since)

    def _done_before(self, task: PhotoTask, tag: str) -> Outcome | None:
        """The outcome of an earlier run for a photo that is unchanged by its store's tag."""
        entry = None if self.earlier is None else self.earlier.entry(task)
        if self.earlier is None or entry is None or not tag or entry.details.get("source_tag") != tag:
            return None
        return self.earlier.known(task, entry.sha256)


def failed(
    staging: Staging,
    task: PhotoTask,
    error: Exception,
    at: Location,
    since: float,
    details: dict[str, Any] | None = None,
) -> Outcome:
    """The outcome of a photo that failed with an error in the file ``at``.

    The listing shows the photo's name, so the reason names ``at`` only if it is the output.
    """
    _log.debug("%s failed", at, exc_info=error)
    seconds = time.perf_counter() - since
    files = staging.files(task)
    if at == task.source:
        text = explain(error, files.source, at)
    else:
        text = str(error) if isinstance(error, AmganError) else explain(error, files.target)
    reason = staging.with_original_names(task, text)
    return Outcome(task.source, "failed", reason, seconds=seconds, details=details or {})
