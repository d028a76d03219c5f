"""Threads in simulated time: it stands still while any of them works, and jumps when all of them wait.

What is simulated must wait through here only: threads, conditions and clocks of a module are replaced by
those of a `World`. Results do not depend on how fast the machine is.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

LONG_S = 600.0  # when a test that waits gives up; no machine is so slow


class World:
    """The clock, and how many threads are at work.

    ``threading`` and ``time`` stand in for the modules of these names. The thread that makes the world is at
    work in it until `leave`.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self._lock = threading.Lock()
        self._working = 1
        self._sleepers: list[tuple[float, int, _Sleeper]] = []
        self._number = itertools.count()
        clock = lambda: self.now  # noqa: E731
        self.time = SimpleNamespace(monotonic=clock, perf_counter=clock)
        self.threading = SimpleNamespace(
            Thread=lambda **options: _Thread(self, **options), Condition=lambda: _Condition(self)
        )

    def sleep(self, seconds: float) -> None:
        """Let simulated time go by."""
        sleeper = _Sleeper()
        with self._lock:
            self._start_sleep(sleeper, self.now + seconds)
            self._stop()
        sleeper.wait()

    def leave(self) -> None:
        """The calling thread is no longer part of the world: time need not wait for it."""
        with self._lock:
            self._stop()

    def join(self) -> None:
        """A thread is part of the world from now on."""
        with self._lock:
            self._working += 1

    def _start_sleep(self, sleeper: _Sleeper, until: float) -> None:
        heapq.heappush(self._sleepers, (until, next(self._number), sleeper))

    def _stop(self) -> None:
        """A thread stops working; where it was the last one, time jumps. Hold the lock."""
        self._working -= 1
        while not self._working and self._sleepers:
            until, _, sleeper = heapq.heappop(self._sleepers)
            if sleeper.wake():
                self.now = max(self.now, until)
                self._working += 1


class _Sleeper:
    """A thread that waits for a time, for a notice, or for whichever comes first."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._awake = False

    def wake(self) -> bool:
        """Wake it up; false where it already is. Hold the world's lock."""
        first, self._awake = not self._awake, True
        self._event.set()
        return first

    def wait(self) -> None:
        assert self._event.wait(LONG_S), "every simulated thread waits for another one"


class _Condition:
    """Like threading.Condition."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._mutex = threading.RLock()
        self._waiting: list[_Sleeper] = []

    def __enter__(self) -> None:
        self._mutex.acquire()

    def __exit__(self, *_: object) -> None:
        self._mutex.release()

    def wait(self, timeout: float | None = None) -> None:
        world, sleeper = self._world, _Sleeper()
        with world._lock:
            self._waiting.append(sleeper)
            if timeout is not None:
                world._start_sleep(sleeper, world.now + timeout)
            world._stop()
        self._mutex.release()
        sleeper.wait()
        self._mutex.acquire()
        self._waiting = [other for other in self._waiting if other is not sleeper]

    def wait_for(self, predicate: Callable[[], Any]) -> Any:
        while not (result := predicate()):
            self.wait()
        return result

    def notify_all(self) -> None:
        world = self._world
        with world._lock:
            for sleeper in self._waiting:
                world._working += sleeper.wake()
            self._waiting.clear()


class _Thread(threading.Thread):
    """A thread that is part of a world from its start to its end."""

    def __init__(self, world: World, **options: Any) -> None:
        super().__init__(**options)
        self._world = world

    def start(self) -> None:
        self._world.join()
        super().start()

    def run(self) -> None:
        try:
            super().run()
        finally:
            self._world.leave()
