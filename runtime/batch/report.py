"""The report of a run: one JSON line for every file, in the order of the run."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any

from ..errors import PhotoError
from ..storage.journal import Lines, begin_lines
from ..storage.location import Location
from .outcome import Outcome


def report_line(outcome: Outcome) -> dict[str, Any]:
    """What a report tells of a file, in JSON's terms."""
    details = outcome.details
    line: dict[str, Any] = {
        "file": outcome.source.text,
        "outcome": outcome.status,
        "reason": outcome.reason,
        "sha256": details.get("sha256", ""),
        "output": None if outcome.target is None else outcome.target.text,
        "faces": details.get("faces", []),
        "searched": details.get("searched", {}),
        "seconds": {"all": round(outcome.seconds, 4), **details.get("seconds", {})},
    }
    return line


class RunReport:
    """Writes a report while the run goes on; whole lines only. A context manager."""

    def __init__(self, location: Location | None) -> None:
        """Begin a report (None: none is wanted); raises PhotoError where it cannot be written."""
        self._location = location
        self._lines: Lines | None = None
        if location is None:
            return
        try:
            if not location.is_remote:
                location.path.parent.mkdir(parents=True, exist_ok=True)
            self._lines = begin_lines(location)
        except OSError as error:
            raise PhotoError(
                f"'{location}' cannot be written ({error.strerror}): name another report"
            ) from error

    def __enter__(self) -> RunReport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lines is not None:
            self._lines.close()

    def add(self, outcome: Outcome) -> None:
        """Add a line; raises PhotoError where that fails, and then no part of it is there."""
        if self._lines is None:
            return
        try:
            self._lines.add((json.dumps(report_line(outcome)) + "\n").encode())
        except OSError as error:
            raise PhotoError(
                f"the report '{self._location}' cannot be written ({error.strerror}): make room and give the "
                "same command again, it goes on from there"
            ) from error
