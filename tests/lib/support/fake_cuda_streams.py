"""The streams and events of the fake CUDA: work that is done late, in any order that CUDA allows."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Work = Callable[[], None]


@dataclass(eq=False)
class FakeEvent:
    asked: int = 0
    happened: int = 0


@dataclass(eq=False)
class FakeStream:
    todo: deque[tuple[str, Any]] = field(default_factory=deque)
    captured: list[Work] | None = None
    capturer: int = 0


class FakeOrder:
    """Does the work of streams, found in a table of handles; ``working`` is the one whose work runs now."""

    def __init__(self, seed: int, handles: dict[int, Any]) -> None:
        self.working: FakeStream | None = None
        self._random = random.Random(seed)
        self._handles = handles

    def runnable(self) -> list[FakeStream]:
        """The streams that can go on."""
        found = []
        for stream in self._handles.values():
            if isinstance(stream, FakeStream) and stream.todo:
                kind, what = stream.todo[0]
                if kind != "wait" or what[0].happened >= what[1]:
                    found.append(stream)
        return found

    def step(self) -> None:
        """Do the next work of any stream that can go on."""
        runnable = self.runnable()
        assert runnable, "the streams wait for each other for ever"
        chosen = self._random.choice(runnable)
        kind, what = chosen.todo.popleft()
        if kind == "work":
            before, self.working = self.working, chosen
            try:
                what()
            finally:
                self.working = before
        elif kind == "record":
            what[0].happened = max(what[0].happened, what[1])

    def some_steps(self) -> None:
        """Do some of the work, or none, by lot."""
        while self._random.random() < 0.4 and self.runnable():
            self.step()

    def drain(self) -> None:
        """Do all work, as freeing and destroying do or must be preceded by in CUDA."""
        while self.runnable():
            self.step()
