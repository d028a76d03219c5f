"""The process that opened something: threads do not come along when a process forks."""

from __future__ import annotations

import os

from ..errors import EngineError


class OpeningProcess:
    """Remembers which process opened a thing, such as a pipeline.

    A process that is forked has a copy of the thing, but not of the threads that work for it: what is asked
    of it would never be answered.
    """

    def __init__(self, thing: str) -> None:
        self._thing = thing
        self._number = os.getpid()

    @property
    def is_this(self) -> bool:
        """Whether it was this process."""
        return os.getpid() == self._number

    def check(self) -> None:
        """Raise EngineError where it was another process."""
        if not self.is_this:
            raise EngineError(
                f"{self._thing} was opened before a fork, in process {self._number}: open one in each process"
            )
