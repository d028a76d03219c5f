"""The steps of a photo in a batch after the probe: begin (decode, submit), end (paste, write)."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import BundleError, MissingDependencyError, PhotoError, UsageError
from ..files import whole_file
from ..pipeline.face_filter import NoFaceError
from .disk import disk_full, is_disk_full
from .outcome import Outcome, describe_aged, describe_left, describe_search, explain
from .probe import PhotoProbe, Probed, failed
from .record import EarlierRuns
from .staging import Staging
from .task import PhotoTask

if TYPE_CHECKING:
    from ..ages.request import Request
    from ..photo.data import Photo
    from ..photo.metadata import MetadataPolicy
    from ..pipeline.pipeline import Pipeline
    from ..pipeline.results import StartedPhoto

NoFace = Literal["skip", "copy", "error"]


@dataclass(frozen=True, eq=False)
class InFlight:
    """A decoded photo whose faces are in flight, or which has none and will be copied."""

    photo: Photo
    faces: StartedPhoto | None
    details: dict[str, Any]
    since: float
    reason: str = ""


@dataclass(frozen=True)
class PhotoWork:
    """The three steps of every photo; a step that is the last one returns an Outcome.

    ``earlier`` has the entries of earlier runs; without it nothing is hashed. ``staging`` has the local
    files. ``limit`` is the maximum memory of one photo in bytes, ``root`` the local folder that contains all
    outputs. ``metadata`` and ``quality`` are as in BatchOptions.
    """

    pipeline: Pipeline
    request: Request
    no_face: NoFace = "error"
    earlier: EarlierRuns | None = None
    staging: Staging = field(default_factory=lambda: Staging(None))
    limit: int | None = None
    root: Path | None = None
    metadata: MetadataPolicy = "keep"
    quality: int | None = None

    def probe(self, task: PhotoTask) -> Probed | Outcome:
        """Check whether a photo must be processed, see PhotoProbe."""
        return PhotoProbe(self.earlier, self.staging, self.limit).probe(task)

    def begin(self, task: PhotoTask, probed: Probed) -> InFlight | Outcome:
        """Decode a photo and submit its faces to the engine."""
        begun = self._begin(task, probed)
        self._discard_if_ended(task, begun)
        return begun

    def end(self, task: PhotoTask, begun: InFlight) -> Outcome:
        """Paste a photo's faces and write it; raises DiskFullError."""
        try:
            return self._end(task, begun)
        finally:
            self.staging.discard(task)

    def _discard_if_ended(self, task: PhotoTask, result: object) -> None:
        """Remove the local copies of a photo that is done."""
        if isinstance(result, Outcome):
            self.staging.discard(task)

    def _begin(self, task: PhotoTask, probed: Probed) -> InFlight | Outcome:
        from ..photo.read import read_photo

        since = time.perf_counter()
        source = self.staging.files(task).source
        details: dict[str, Any] = {"sha256": probed.sha256} if probed.sha256 else {}
        if probed.sha256 and probed.tag:
            details["source_tag"] = probed.tag
        stages = details["seconds"] = {"look": probed.seconds} if probed.sha256 else {}
        try:
            before = source.stat() if source.exists() else None
            photo = read_photo(source, self.metadata, self.pipeline.jpeg_decoder)
            stages["decode"] = time.perf_counter() - since
            if before is not None and _stamp(before) != _stamp(source.stat()):
                raise PhotoError("it changed while it was read: run again")
        except Exception as error:
            return failed(self.staging, task, error, task.source, since, details)
        try:
            self._check_target(task, photo)
        except Exception as error:
            return failed(self.staging, task, error, task.target, since, details)
        try:
            faces = self.pipeline.start(photo.pixels, self.request, f"'{task.source}'")
        except (UsageError, BundleError, MissingDependencyError):
            raise
        except NoFaceError as error:
            return self._without_faces(task, photo, error, details, since)
        except Exception as error:
            return failed(self.staging, task, error, task.source, since, details)
        stages["faces"] = time.perf_counter() - since - stages["decode"]
        return InFlight(photo, faces, details, since)

    def _without_faces(
        self, task: PhotoTask, photo: Photo, error: NoFaceError, details: dict[str, Any], since: float
    ) -> InFlight | Outcome:
        details["faces"] = describe_left(error.left)
        details["searched"] = describe_search(error.found)
        if self.no_face == "error":
            return failed(self.staging, task, error, task.source, since, details)
        reason = explain(error, task.source)
        if self.no_face == "copy":
            return InFlight(photo, None, details, since, reason)
        seconds = time.perf_counter() - since
        return Outcome(task.source, "skipped", reason, seconds=seconds, details=details)

    def _end(self, task: PhotoTask, begun: InFlight) -> Outcome:
        from ..photo.payloads import left_out

        details, stages, at = begun.details, begun.details["seconds"], time.perf_counter()
        pixels, faces = begun.photo.pixels, 0
        if begun.faces is not None:
            try:
                # Writing a JPEG needs the original pixels: a copy avoids decoding them again.
                aged = self.pipeline.finish(begun.faces, in_place=begun.photo.format != "JPEG")
            except Exception as error:
                return failed(self.staging, task, error, task.source, begun.since, details)
            details["faces"] = describe_aged(aged.faces, self.request) + describe_left(aged.left)
            details["searched"] = describe_search(aged.found)
            pixels, faces = aged.pixels, len(aged.faces)
            stages["engine"] = time.perf_counter() - at
        at = time.perf_counter()
        try:
            self._write(task, begun, pixels)
        except Exception as error:
            if is_disk_full(error, self.staging.files(task).target.parent, pixels.nbytes):
                raise disk_full(task.target) from error
            return failed(self.staging, task, error, task.target, begun.since, details)
        try:
            lost = left_out(self.staging.files(task).source, self.staging.files(task).target)
            if lost:
                details["left_out"] = list(lost)
            tag = self.staging.put(task)
            if self.earlier is not None:
                details["output"] = self.staging.describe_output(task, tag)
        except Exception as error:
            return failed(self.staging, task, error, task.target, begun.since, details)
        stages["write"] = time.perf_counter() - at
        seconds = time.perf_counter() - begun.since
        status: Literal["aged", "copied"] = "copied" if begun.faces is None else "aged"
        return Outcome(task.source, status, begun.reason, faces, seconds, task.target, details)

    def _check_target(self, task: PhotoTask, photo: Photo) -> None:
        """Raise PhotoError for an output that cannot be written or hold the photo, before it is aged."""
        from ..photo.write import check_place, check_target, refuse_outside

        target = self.staging.files(task).target
        if self.root is not None and not task.target.is_remote:
            refuse_outside(target, self.root)
        if self.no_face != "copy" or not self._copies(task):
            check_target(photo, target)
        if not task.target.is_remote:
            check_place(target)

    def _copies(self, task: PhotoTask) -> bool:
        """Whether the photo's file itself can be the output if it has no face."""
        files = self.staging.files(task)
        return self.metadata == "keep" and files.target.suffix.lower() == files.source.suffix.lower()

    def _write(self, task: PhotoTask, begun: InFlight, pixels: NDArray[np.uint8]) -> None:
        """Write the local file of the output."""
        from ..photo.write import refuse_outside, write_photo

        files = self.staging.files(task)
        if self.root is not None and not task.target.is_remote:
            refuse_outside(files.target, self.root)
        if begun.faces is None and self._copies(task):
            with whole_file(files.target) as temporary:
                shutil.copyfile(files.source, temporary)
        else:
            encoder = self.pipeline.jpeg_encoder
            write_photo(begun.photo, pixels, files.target, quality=self.quality, encoder=encoder)


def _stamp(found: os.stat_result) -> tuple[int, int, int]:
    return (found.st_size, found.st_mtime_ns, found.st_ino)
