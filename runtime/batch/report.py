"""The report of a run: one JSON line for every file, in the order of the run."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from types import TracebackType
from typing import Any

from ..errors import PhotoError
from .outcome import Outcome


def report_line(outcome: Outcome) -> dict[str, Any]:
    """What a report tells of a file, in JSON's terms."""
    details = outcome.details
    line: dict[str, Any] = {
        "file": outcome.file,
        "outcome": outcome.status,
        "reason": outcome.reason,
        "sha256": details.get("sha256", ""),
        "output": outcome.written,
        "faces": details.get("faces", []),
        "searched": details.get("searched", {}),
        "seconds": {"all": round(outcome.seconds, 4), **details.get("seconds", {})},
    }
    return line


class RunReport:
    """Writes a report while the run goes on; whole lines only. A context manager."""

    def __init__(self, path: Path | None) -> None:
        """Begin a report (None: none is wanted); raises PhotoError where it cannot be written."""
        self._path = path
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = None if path is None else path.open("wb", buffering=0)
        except OSError as error:
            raise PhotoError(f"'{path}' cannot be written ({error.strerror}): name another report") from error

    def __enter__(self) -> RunReport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            self._stream.close()

    def add(self, outcome: Outcome) -> None:
        """Add a line; raises PhotoError where that fails, and then no part of it is there."""
        if self._stream is None:
            return
        line = (json.dumps(report_line(outcome)) + "\n").encode()
        before = 0
        try:
            before = self._stream.tell() if self._stream.seekable() else 0
            rest = memoryview(line)
            while rest:
                rest = rest[self._stream.write(rest) or 0 :]
        except OSError as error:
            with contextlib.suppress(OSError):  # a pipe has no end to cut off
                self._stream.truncate(before)
            raise PhotoError(
                f"the report '{self._path}' cannot be written ({error.strerror}): make room and give the "
                "same command again, it goes on from there"
            ) from error
