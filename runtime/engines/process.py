"""Detection of forks: a forked process does not have the threads of its parent."""

from __future__ import annotations

import os

from ..errors import EngineError


class OpeningProcess:
    """Remembers which process opened an object, such as a pipeline.

    A forked process has a copy of the object but not of its threads, so calls would block forever.
    """

    def __init__(self, thing: str) -> None:
        self._thing = thing
        self._number = os.getpid()

    @property
    def is_this(self) -> bool:
        """Whether this process opened the object."""
        return os.getpid() == self._number

    def check(self) -> None:
        """Raise EngineError in any other process."""
        if not self.is_this:
            raise EngineError(
                f"{self._thing} was opened before a fork, in process {self._number}: open one in each process"
            )
