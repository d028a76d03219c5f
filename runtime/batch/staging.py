"""Photos of other file systems: fetched to this machine before they are worked on, and put back after."""

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
    """The files of this machine that stand for a task's photo and its output."""

    source: Path
    target: Path


class Staging:
    """Files of this machine for every task: its own, or copies in a ``folder`` of this run alone.

    A copy goes as soon as its photo is done.
    """

    def __init__(self, folder: Path | None) -> None:
        """Stage in ``folder``; None where no task is on another file system."""
        self._folder = folder

    def files(self, task: PhotoTask) -> LocalFiles:
        """Where a task's photo is read and its output written; the names follow from what the task is."""
        named = f"{task.source if task.source.is_remote else ''}\n{task.target}"
        stem = hashlib.sha256(named.encode("utf-8", "surrogateescape")).hexdigest()[:24]
        return LocalFiles(self._path(task.source, f"{stem}.in"), self._path(task.target, f"{stem}.out"))

    def source_tag(self, task: PhotoTask) -> str:
        """What the store says that changes with the photo's content, "" where it says nothing.

        Raises PhotoError where the photo is not there, or is too large to be fetched.
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
        """See to it that the photo is on this machine; raises PhotoError."""
        if task.source.is_remote:
            REMOTE.fetch(task.source, self.files(task).source)

    def put(self, task: PhotoTask) -> str:
        """See to it that the output is where it belongs; the store's tag of it, or "". Raises PhotoError."""
        if not task.target.is_remote:
            return ""
        content = self.files(task).target.read_bytes()
        REMOTE.put(task.target, content)
        found = REMOTE.facts(task.target)
        if found is None or found.size != len(content):
            raise PhotoError(f"'{task.target}' is not what was written to it: give the command again")
        return found.tag

    def describe_output(self, task: PhotoTask, tag: str) -> dict[str, Any]:
        """The output after `put`: its SHA-256, size, time, and the store's ``tag`` if it has one."""
        path = self.files(task).target
        status = path.stat()
        described: dict[str, Any] = {"sha256": file_sha256(path), "bytes": status.st_size}
        if not task.target.is_remote:
            return described | {"mtime_ns": status.st_mtime_ns}
        return described | {"mtime_ns": 0} | ({"tag": tag} if tag else {})

    def in_own_names(self, task: PhotoTask, text: str) -> str:
        """A sentence about a task's files, with the names that they have for people."""
        files = self.files(task)
        return text.replace(str(files.source), task.source.text).replace(str(files.target), task.target.text)

    def discard(self, task: PhotoTask) -> None:
        """Remove what of a task is in the folder."""
        files = self.files(task)
        for path in (files.source, files.target):
            if path.parent == self._folder:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)

    def _path(self, location: Location, name: str) -> Path:
        if not location.is_remote:
            return location.path
        assert self._folder is not None
        suffix = location.suffix  # says what a picture is to be written as; a long one is none
        return self._folder / f"{name}{suffix if len(suffix) <= 8 else ''}"


@contextlib.contextmanager
def open_staging(tasks: Iterable[PhotoTask]) -> Iterator[Staging]:
    """Stage what of these tasks is on another file system; the folder goes with the block."""
    if not any(task.is_remote for task in tasks):
        yield Staging(None)
        return
    with tempfile.TemporaryDirectory(prefix="amgan-") as folder:
        yield Staging(Path(folder))
