"""The report of a run on another file system, where nothing can be added to a file: put anew now and then."""

from __future__ import annotations

import json
import tempfile
import time
from types import TracebackType

from ..storage.location import put
from .outcome import Outcome
from .report import RunReport, report_line

SECONDS = 60.0


class RemoteReport(RunReport):
    """As RunReport, for the file ``url``: whole at any time, and a minute behind at most."""

    def __init__(self, url: str) -> None:
        """Begin a report; raises PhotoError where it cannot be written."""
        super().__init__(None)
        self._url = url
        self._lines = tempfile.TemporaryFile()  # noqa: SIM115  # closed at the end of the run
        self._put()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._put()
        finally:
            self._lines.close()

    def add(self, outcome: Outcome) -> None:
        """Add a line; raises PhotoError where it is time to write, and that fails."""
        self._lines.write((json.dumps(report_line(outcome)) + "\n").encode())
        if time.monotonic() - self._written >= SECONDS:
            self._put()

    def _put(self) -> None:
        self._lines.seek(0)
        put(self._url, self._lines.read())
        self._written = time.monotonic()
