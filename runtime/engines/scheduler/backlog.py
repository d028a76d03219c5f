"""Frames that wait for a device, and what is known of each until its result is out."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import EngineError
from ..frame import FrameWork
from ..tiles import Tile

Aged = NDArray[np.uint8]


@dataclass(eq=False)
class FrameTask:
    """One frame in flight.

    ``waiting`` are the tiles not yet given to the device, ``alone`` those whose batch failed and that are to
    be tried again by themselves, ``in_flight`` counts those that the device has. ``place`` is the frame on
    the device. The future stays cancellable until its result is there.
    """

    work: FrameWork
    frame_px: int
    future: Future[Aged] = field(default_factory=Future)
    waiting: deque[Tile] = field(default_factory=deque)
    alone: deque[Tile] = field(default_factory=deque)
    in_flight: int = 0
    place: Any = None
    error: EngineError | None = None

    @property
    def given_up(self) -> bool:
        """Whether the frame failed or was cancelled, so that no more of it need be computed."""
        return self.error is not None or self.future.cancelled()

    @property
    def tiles_left(self) -> int:
        """How many tiles are not computed yet."""
        return len(self.waiting) + len(self.alone) + self.in_flight

    @property
    def all_given(self) -> bool:
        """Whether no tile waits for the device any more."""
        return not self.waiting and not self.alone

    def name(self, tile: Tile) -> str:
        """What a tile is called in error messages: photo, face, rectangle."""
        return f"{self.work.label}, tile {tile} of a frame of {self.frame_px} px"

    def fail(self, error: EngineError) -> None:
        """Give the frame up; the first error stays."""
        self.error = self.error or error
        self.give_up()

    def give_up(self) -> None:
        """Give no more of its tiles to the device."""
        self.waiting.clear()
        self.alone.clear()

    def settle(self, aged: Aged | None = None) -> None:
        """Give the result, the error or the cancellation out; call it once, holding no lock."""
        if not self.future.set_running_or_notify_cancel():
            return
        if aged is not None and self.error is None:
            self.future.set_result(aged)
        else:
            self.future.set_exception(self.error or EngineError(f"{self.work.label} was never computed"))


@dataclass(frozen=True)
class Limits:
    """What may be unfinished when one more frame comes: fewer than ``frames``, however large, or more.

    More only while their tiles are fewer than ``tiles`` and their arrays smaller than ``nbytes`` together:
    small frames have few tiles, and a GPU needs many.
    """

    frames: int
    tiles: int = 0
    nbytes: int = 0


class Backlog:
    """Frames that no device has begun, first come first served, with room for so many and no more.

    ``changed`` is the one lock of a scheduler, and wakes up whoever waits for anything.
    """

    def __init__(self, limits: Limits) -> None:
        """``limits`` count what is unfinished, begun frames included."""
        self.changed = threading.Condition()
        self.closing = False
        self._limits = limits
        self._tiles = self._bytes = 0
        self._fault = ""
        self._queue: deque[FrameTask] = deque()
        self._unfinished: set[FrameTask] = set()

    def put(self, task: FrameTask) -> None:
        """Add a frame, blocking while there is no room; raises EngineError when it is too late."""
        with self.changed:
            self.changed.wait_for(lambda: self._has_room() or self.closing or self._fault)
            if self._fault:
                raise EngineError(f"{task.work.label} cannot be computed any more: {self._fault}")
            if self.closing:
                raise EngineError(f"{task.work.label} came after the scheduler was closed: open a new one")
            self._queue.append(task)
            self._unfinished.add(task)
            self._tiles += len(task.work.tiles)
            self._bytes += task.work.nbytes
            self.changed.notify_all()
        # A future keeps its callbacks for ever: with the task in one, they would keep each other alive.
        waits = weakref.ref(task)
        task.future.add_done_callback(lambda _: self._forget(waits()))

    def take(self, fits: Callable[[FrameTask], bool]) -> FrameTask | None:
        """The next frame, if there is one that fits; hold ``changed``, and finish it whatever comes of it."""
        return self._queue.popleft() if self._queue and fits(self._queue[0]) else None

    def finish(self, task: FrameTask, aged: Aged | None = None) -> None:
        """Settle a frame that was taken, and make room; hold no lock."""
        task.settle(aged)
        self._remove(task)

    def cancel(self) -> None:
        """Cancel all frames that are not finished."""
        with self.changed:
            tasks = list(self._unfinished)
        for task in tasks:
            task.future.cancel()

    def shut(self, fault: str) -> None:
        """Refuse all further frames for good, and fail those that wait; hold no lock."""
        with self.changed:
            self._fault = self._fault or fault
            tasks = list(self._queue)
            self._queue.clear()
            self.changed.notify_all()
        for task in tasks:
            task.fail(EngineError(f"{task.work.label} was not computed: {fault}"))
            self.finish(task)

    def stop(self) -> None:
        """Take no more frames; those there are will be computed."""
        with self.changed:
            self.closing = True
            self.changed.notify_all()

    def _forget(self, task: FrameTask | None) -> None:
        """A future is done: where it was cancelled while it waited, its frame leaves the queue.

        None is a frame that no caller holds any more, so it waits no longer.
        """
        with self.changed:
            waited = task in self._queue
            if task is not None and waited:
                self._queue.remove(task)
            self.changed.notify_all()
        if task is not None and waited:
            self.finish(task)

    def _has_room(self) -> bool:
        limits = self._limits
        few = self._tiles < limits.tiles and self._bytes < limits.nbytes
        return few or len(self._unfinished) < limits.frames

    def _remove(self, task: FrameTask) -> None:
        with self.changed:
            if task in self._unfinished:
                self._unfinished.remove(task)
                self._tiles -= len(task.work.tiles)
                self._bytes -= task.work.nbytes
            self.changed.notify_all()
