"""What a batch does to one photo: look, decode and hand over, then paste and write."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import BundleError, DiskFullError, MissingDependencyError, PhotoError, UsageError
from ..files import file_sha256, whole_file
from ..pipeline.face_filter import NoFaceError
from .memory import memory_need, say_size
from .outcome import Outcome, describe_aged, describe_left, describe_search, explain
from .plan import Job

if TYPE_CHECKING:
    from ..ages.request import Request
    from ..photo.data import Photo
    from ..pipeline.pipeline import AgedPhoto, StartedPhoto

NoFace = Literal["skip", "copy", "error"]
Known = Callable[[Job, str], Outcome | None]
_log = logging.getLogger(__name__)


class Ager(Protocol):
    """What the batch needs of a pipeline; `Pipeline` is one."""

    def start(self, rgb: NDArray[np.uint8], request: Request, label: str) -> StartedPhoto:
        """Hand the faces of ``rgb``, uint8 [H, W, 3], to the engine; raise an AmganError where one cannot."""

    def finish(self, started: StartedPhoto, *, in_place: bool) -> AgedPhoto:
        """Wait for the engine and paste the faces; raise an AmganError where that fails."""


@dataclass(frozen=True)
class Looked:
    """A photo that is to be worked on: ``sha256`` of its content, where that is wanted, ``need`` in bytes."""

    sha256: str = ""
    need: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class Started:
    """A decoded photo whose faces are with the engine, or which has none and is to be copied."""

    photo: Photo
    faces: StartedPhoto | None
    details: dict[str, Any]
    since: float
    reason: str = ""


class Work(Protocol):
    """The three steps that every photo goes through; each ends with an Outcome where it is the last one."""

    def look(self, job: Job) -> Looked | Outcome:
        """See whether a photo is to be worked on, and how much memory it will take."""

    def begin(self, job: Job, looked: Looked) -> Started | Outcome:
        """Decode a photo and hand its faces to the engine."""

    def end(self, job: Job, begun: Started) -> Outcome:
        """Paste a photo's faces and write it; raises DiskFullError where there is no space for it."""


@dataclass(frozen=True)
class PhotoWork:
    """The steps for photos of this machine.

    ``known`` tells the outcome of a job that an earlier run has done; without it nothing is hashed.
    ``limit`` is the memory in bytes that one photo may take, ``root`` the folder that no output leaves.
    """

    pipeline: Ager
    request: Request
    no_face: NoFace = "error"
    known: Known | None = None
    limit: int | None = None
    root: Path | None = None

    def look(self, job: Job) -> Looked | Outcome:
        """See whether a photo is to be worked on, and how much memory it will take."""
        since = time.perf_counter()
        if job.refusal:
            return Outcome(job.source, "skipped" if job.unasked else "failed", job.refusal)
        sha256 = ""
        try:
            if self.known is not None:
                sha256 = file_sha256(job.source)
                done = self.known(job, sha256)
                if done is not None:
                    return done
            need = 0 if self.limit is None else memory_need(job.source)
        except Exception as error:
            return _failed(job, error, job.source, since)
        if self.limit is not None and need > self.limit:
            reason = (
                f"it takes {say_size(need)} of memory, over the limit of {say_size(self.limit)}: "
                "raise --limit-memory or make it smaller"
            )
            return Outcome(job.source, "failed", reason, details={"sha256": sha256} if sha256 else {})
        return Looked(sha256, need, time.perf_counter() - since)

    def begin(self, job: Job, looked: Looked) -> Started | Outcome:
        """Decode a photo and hand its faces to the engine."""
        from ..photo.read import read_photo

        since = time.perf_counter()
        details: dict[str, Any] = {"sha256": looked.sha256} if looked.sha256 else {}
        stages = details["seconds"] = {"look": looked.seconds} if looked.sha256 else {}
        try:
            before = job.source.stat() if job.source.exists() else None
            photo = read_photo(job.source, self.request.metadata)
            stages["decode"] = time.perf_counter() - since
            if before is not None and _stamp(before) != _stamp(job.source.stat()):
                raise PhotoError("it changed while it was read: run again")
        except Exception as error:
            return _failed(job, error, job.source, since, details)
        try:
            faces = self.pipeline.start(photo.pixels, self.request, f"'{job.source}'")
        except (UsageError, BundleError, MissingDependencyError):
            raise
        except NoFaceError as error:
            return self._without_faces(job, photo, error, details, since)
        except Exception as error:
            return _failed(job, error, job.source, since, details)
        stages["faces"] = time.perf_counter() - since - stages["decode"]
        return Started(photo, faces, details, since)

    def _without_faces(
        self, job: Job, photo: Photo, error: NoFaceError, details: dict[str, Any], since: float
    ) -> Started | Outcome:
        details["faces"] = describe_left(error.left)
        details["searched"] = describe_search(error.found)
        if self.no_face == "error":
            return _failed(job, error, job.source, since, details)
        reason = explain(error, job.source)
        if self.no_face == "copy":
            return Started(photo, None, details, since, reason)
        seconds = time.perf_counter() - since
        return Outcome(job.source, "skipped", reason, seconds=seconds, details=details)

    def end(self, job: Job, begun: Started) -> Outcome:
        """Paste a photo's faces and write it; raises DiskFullError where there is no space for it."""
        from ..photo.write import refuse_outside, write_photo

        details, stages, at = begun.details, begun.details["seconds"], time.perf_counter()
        pixels, faces = begun.photo.pixels, 0
        if begun.faces is not None:
            try:
                aged = self.pipeline.finish(begun.faces, in_place=True)
            except Exception as error:
                return _failed(job, error, job.source, begun.since, details)
            details["faces"] = describe_aged(aged.faces, self.request) + describe_left(aged.left)
            details["searched"] = describe_search(aged.found)
            pixels, faces = aged.pixels, len(aged.faces)
            stages["engine"] = time.perf_counter() - at
        at = time.perf_counter()
        try:
            if self.root is not None:
                refuse_outside(job.target, self.root)
            job.target.parent.mkdir(parents=True, exist_ok=True)
            same_kind = job.target.suffix.lower() == job.source.suffix.lower()
            if begun.faces is None and same_kind and self.request.metadata == "keep":
                with whole_file(job.target) as temporary:
                    shutil.copyfile(job.source, temporary)
            else:
                write_photo(begun.photo, pixels, job.target)
            if self.known is not None:
                details["output"] = _describe_file(job.target)
        except Exception as error:
            if is_disk_full(error, job.target.parent, pixels.nbytes):
                raise disk_full(job.target) from error
            return _failed(job, error, job.target, begun.since, details)
        stages["write"] = time.perf_counter() - at
        seconds = time.perf_counter() - begun.since
        status: Literal["aged", "copied"] = "copied" if begun.faces is None else "aged"
        return Outcome(job.source, status, begun.reason, faces, seconds, job.target, details)


def disk_full(target: Path) -> DiskFullError:
    """The error for a disk that has no space left for ``target``."""
    return DiskFullError(
        f"no space is left for '{target}': make room and give the same command again, it goes on from there"
    )


def is_disk_full(error: BaseException, folder: Path, size: int) -> bool:
    """Whether writing ``size`` bytes at most failed for want of space, which every later photo would meet."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError):
            if cause.errno in (errno.ENOSPC, errno.EDQUOT):
                return True
            if cause.errno is None:  # Pillow's encoders do not say why they could not write
                return _free_bytes(folder) < max(size, 1 << 20)
        cause = cause.__cause__ or cause.__context__
    return False


def _free_bytes(folder: Path) -> int:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _describe_file(path: Path) -> dict[str, Any]:
    found = path.stat()
    return {"sha256": file_sha256(path), "bytes": found.st_size, "mtime_ns": found.st_mtime_ns}


def _stamp(found: os.stat_result) -> tuple[int, int, int]:
    return (found.st_size, found.st_mtime_ns, found.st_ino)


def _failed(
    job: Job, error: Exception, path: Path, since: float, details: dict[str, Any] | None = None
) -> Outcome:
    _log.debug("%s failed", path, exc_info=error)
    seconds = time.perf_counter() - since
    return Outcome(job.source, "failed", explain(error, path), seconds=seconds, details=details or {})


def rounded(outcome: Outcome) -> Outcome:
    """The outcome with the seconds of its stages to a tenth of a millisecond, as it is written down."""
    stages = outcome.details.get("seconds")
    if not stages:
        return outcome
    short = {name: round(value, 4) for name, value in stages.items()}
    return replace(outcome, details={**outcome.details, "seconds": short})
