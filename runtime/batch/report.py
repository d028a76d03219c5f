"""The report of a run: one JSON line per file, in the order of the run."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any

from ..errors import PhotoError
from ..storage.journal import Lines, begin_lines
from ..storage.location import Location
from .outcome import Outcome


def report_line(outcome: Outcome) -> dict[str, Any]:
    """The report's entry of a file, as JSON values."""
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
    """Writes a report during a run, in whole lines. A context manager."""

    def __init__(self, location: Location | None) -> None:
        """Create a report file (None: no report); raises PhotoError if it cannot be written."""
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
        """Append a line; raises PhotoError, and writes no part of the line then."""
        if self._lines is None:
            return
        try:
            self._lines.add((json.dumps(report_line(outcome)) + "\n").encode())
        except OSError as error:
            raise PhotoError(
                f"the report '{self._location}' cannot be written ({error.strerror}): free some space "
                "and run the same command again to resume"
            ) from error
