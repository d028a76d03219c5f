"""The queue of frames that wait for a device, and the state of each frame."""

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

    ``waiting`` are the tiles not yet submitted to the device, ``alone`` those to be retried one by one after
    their batch failed; ``in_flight`` counts those on the device. ``device_frame`` is the handle of the frame
    on the device. The future can be cancelled until it has its result.
    """

    work: FrameWork
    frame_px: int
    future: Future[Aged] = field(default_factory=Future)
    waiting: deque[Tile] = field(default_factory=deque)
    alone: deque[Tile] = field(default_factory=deque)
    in_flight: int = 0
    device_frame: Any = None
    error: EngineError | None = None

    @property
    def given_up(self) -> bool:
        """Whether the frame failed or was cancelled."""
        return self.error is not None or self.future.cancelled()

    @property
    def tiles_left(self) -> int:
        """The number of tiles that are not computed yet."""
        return len(self.waiting) + len(self.alone) + self.in_flight

    @property
    def all_given(self) -> bool:
        """Whether all tiles have been submitted to the device."""
        return not self.waiting and not self.alone

    def name(self, tile: Tile) -> str:
        """The name of a tile in error messages: photo, face, rectangle."""
        return f"{self.work.label}, tile {tile} of a frame of {self.frame_px} px"

    def fail(self, error: EngineError) -> None:
        """Mark the frame as failed; the first error is kept."""
        self.error = self.error or error
        self.give_up()

    def give_up(self) -> None:
        """Drop the tiles that were not submitted yet."""
        self.waiting.clear()
        self.alone.clear()

    def settle(self, aged: Aged | None = None) -> None:
        """Resolve the future with the result, the error or the cancellation; call once, without the lock."""
        if not self.future.set_running_or_notify_cancel():
            return
        if aged is not None and self.error is None:
            self.future.set_result(aged)
        else:
            self.future.set_exception(self.error or EngineError(f"{self.work.label} was never computed"))


@dataclass(frozen=True)
class Limits:
    """Limits of the unfinished frames at which `Backlog.put` blocks.

    Up to ``frames`` frames of any size are accepted, and more while their total is below ``tiles`` tiles and
    ``nbytes`` bytes: small frames have few tiles, and a GPU needs many.
    """

    frames: int
    tiles: int = 0
    nbytes: int = 0


class Backlog:
    """A bounded first-in, first-out queue of frames that no device has begun.

    ``changed`` is the condition variable of a scheduler, which guards all its state.
    """

    def __init__(self, limits: Limits) -> None:
        """``limits`` apply to all unfinished frames, begun ones included."""
        self.changed = threading.Condition()
        self.closing = False
        self._limits = limits
        self._tiles = self._bytes = 0
        self._fault = ""
        self._queue: deque[FrameTask] = deque()
        self._unfinished: set[FrameTask] = set()

    @property
    def tiles(self) -> int:
        """The number of tiles of all unfinished frames."""
        with self.changed:
            return self._tiles

    def put(self, task: FrameTask) -> None:
        """Add a frame, blocking while the backlog is full; raises EngineError if it is closed or failed."""
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
        # A future keeps its callbacks: a callback with a reference to the task would form a cycle.
        waits = weakref.ref(task)
        task.future.add_done_callback(lambda _: self._forget(waits()))

    def take(self, fits: Callable[[FrameTask], bool]) -> FrameTask | None:
        """The next frame if it ``fits``, else None. Hold ``changed``; the caller must `finish` the frame."""
        return self._queue.popleft() if self._queue and fits(self._queue[0]) else None

    def finish(self, task: FrameTask, aged: Aged | None = None) -> None:
        """Settle a frame that was taken and wake blocked callers; call without the lock."""
        task.settle(aged)
        self._remove(task)

    def cancel(self) -> None:
        """Cancel all unfinished frames."""
        with self.changed:
            tasks = list(self._unfinished)
        for task in tasks:
            task.future.cancel()

    def shut(self, fault: str) -> None:
        """Refuse all further frames and fail those in the queue; call without the lock."""
        with self.changed:
            self._fault = self._fault or fault
            tasks = list(self._queue)
            self._queue.clear()
            self.changed.notify_all()
        for task in tasks:
            task.fail(EngineError(f"{task.work.label} was not computed: {fault}"))
            self.finish(task)

    def stop(self) -> None:
        """Refuse further frames; those in the queue are still computed."""
        with self.changed:
            self.closing = True
            self.changed.notify_all()

    def _forget(self, task: FrameTask | None) -> None:
        """The callback of a future: remove a frame that was cancelled while it was queued.

        None is a frame that was garbage-collected.
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
