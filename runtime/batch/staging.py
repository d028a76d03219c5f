"""Remote photos: downloaded before they are processed, and uploaded after."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import PhotoError
from ..files import file_sha256
from ..storage.location import Location
from ..storage.remote import MAX_FETCHED_BYTES, REMOTE
from .task import PhotoTask


@dataclass(frozen=True)
class LocalFiles:
    """The local files of a task's photo and its output."""

    source: Path
    target: Path


class Staging:
    """Local files for every task: its own, or copies in the temporary ``folder`` of this run.

    A copy is removed when its photo is done.
    """

    def __init__(self, folder: Path | None) -> None:
        """Stage in ``folder``; None if no task is remote."""
        self.folder = folder

    def files(self, task: PhotoTask) -> LocalFiles:
        """The local paths of a task's photo and output, derived from the task."""
        named = f"{task.source if task.source.is_remote else ''}\n{task.target}"
        stem = hashlib.sha256(named.encode("utf-8", "surrogateescape")).hexdigest()[:24]
        return LocalFiles(self._path(task.source, f"{stem}.in"), self._path(task.target, f"{stem}.out"))

    def source_tag(self, task: PhotoTask) -> str:
        """The store's tag of the photo's content, "" if it has none.

        Raises PhotoError if the photo does not exist or is too large to be downloaded.
        """
        if not task.source.is_remote:
            return ""
        found = REMOTE.facts(task.source)
        if found is None:
            raise PhotoError("it does not exist")
        if found.size > MAX_FETCHED_BYTES:
            raise PhotoError(
                f"it has {found.size >> 20} MiB, and at most {MAX_FETCHED_BYTES >> 20} MiB are fetched for a "
                "photo: make it smaller"
            )
        return found.tag

    def fetch(self, task: PhotoTask) -> None:
        """Download the photo if it is remote; raises PhotoError."""
        if task.source.is_remote:
            REMOTE.fetch(task.source, self.files(task).source)

    def put(self, task: PhotoTask) -> str:
        """Upload the output if it is remote; returns the store's tag of it, or "". Raises PhotoError."""
        if not task.target.is_remote:
            return ""
        content = self.files(task).target.read_bytes()
        REMOTE.put(task.target, content)
        found = REMOTE.facts(task.target)
        if found is None or found.size != len(content):
            raise PhotoError(f"'{task.target}' differs from what was written: run the same command again")
        return found.tag

    def describe_output(self, task: PhotoTask, tag: str) -> dict[str, Any]:
        """The output after `put`: its SHA-256, size, modification time, and the store's ``tag`` if any."""
        path = self.files(task).target
        status = path.stat()
        described: dict[str, Any] = {"sha256": file_sha256(path), "bytes": status.st_size}
        if not task.target.is_remote:
            return described | {"mtime_ns": status.st_mtime_ns}
        return described | {"mtime_ns": 0} | ({"tag": tag} if tag else {})

    def with_original_names(self, task: PhotoTask, text: str) -> str:
        """A message about a task's files that names the originals instead of the local copies."""
        files = self.files(task)
        return text.replace(str(files.source), task.source.text).replace(str(files.target), task.target.text)

    def discard(self, task: PhotoTask) -> None:
        """Remove the copies of a task."""
        files = self.files(task)
        for path in (files.source, files.target):
            if path.parent == self.folder:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)

    def _path(self, location: Location, name: str) -> Path:
        if not location.is_remote:
            return location.path
        assert self.folder is not None
        suffix = location.suffix  # determines the picture format; a long one is no extension
        return self.folder / f"{name}{suffix if len(suffix) <= 8 else ''}"


@contextlib.contextmanager
def open_staging(tasks: Iterable[PhotoTask]) -> Iterator[Staging]:
    """A Staging for these tasks; its temporary folder is removed at the end of the block."""
    if not any(task.is_remote for task in tasks):
        yield Staging(None)
        return
    with tempfile.TemporaryDirectory(prefix="amgan-") as folder:
        yield Staging(Path(folder))
