"""The two threads of a device: one submits batches, the other collects results."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from ...errors import AmganError, EngineError
from .backlog import Aged, Backlog, FrameTask
from .batches import Chosen, Counters, InFlightBatch, Meter, form_batch
from .device import PlacedTile, TileDevice

_LOG = logging.getLogger(__name__)

ROUNDS_AHEAD = 2
"""The number of full batches per slot for which a device begins frames in advance."""


class DeviceWorker:
    """Takes frames from a backlog, and settles each of them exactly once.

    All fields are guarded by the backlog's lock; the device is called and futures are settled without it. The
    code that removes a task from ``_begun`` settles it.
    """

    def __init__(
        self, device: TileDevice, backlog: Backlog, linger_s: float, died: Callable[[], None]
    ) -> None:
        """Take over a device, which is closed with the worker.

        An incomplete batch is launched ``linger_s`` seconds after a slot is free for it, and immediately if
        no other is in flight. ``died`` is called after the device failed permanently.
        """
        self.device = device
        self.fault = ""
        self._died = died
        self._backlog = backlog
        self._changed = backlog.changed
        self._linger_s = linger_s
        self._tiles_ahead = ROUNDS_AHEAD * device.slots * device.capabilities.batch
        self._free = deque(range(device.slots))
        self._tasks: deque[FrameTask] = deque()
        self._begun: set[FrameTask] = set()
        self._over: deque[FrameTask] = deque()
        self._in_flight: deque[InFlightBatch] = deque()
        self._fed = False
        self._meter = Meter()
        self._threads = [
            threading.Thread(target=self._guarded, args=(run,), name=f"amgan-{name}", daemon=True)
            for name, run in (("feed", self._feed), ("collect", self._collect))
        ]

    @property
    def counters(self) -> Counters:
        """Totals of what was computed so far; hold the lock."""
        return self._meter.read(self.device.graph_launches)

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait until all frames are computed, and close the device; the backlog must have been stopped."""
        for thread in self._threads:
            thread.join()
        self.device.close()

    def _guarded(self, run: Callable[[], None]) -> None:
        """Run a thread's loop; an unexpected exception fails the frames, so that no caller blocks forever."""
        try:
            self.device.attach()
            run()
        except Exception as error:
            _LOG.exception("a thread of the scheduler failed")
            self._die(_reason(error))

    # The feeding thread.

    def _feed(self) -> None:
        while (batch := self._next_batch()) is not None:
            self._launch(batch)
        with self._changed:
            self._fed = True
            self._changed.notify_all()

    def _next_batch(self) -> InFlightBatch | None:
        """Block until there is a free slot and tiles for it; None once the backlog is stopped and empty."""
        since: float | None = None
        while True:
            with self._changed:
                self._let_go()
                if self.fault:
                    return None
                now = time.monotonic()
                chosen, ready = self._form(since, now) if self._free else ((), 0)
                if chosen:
                    return InFlightBatch(self._free.popleft(), chosen)
                task = self._backlog.take(self._fits)
                if task is None:
                    if self._backlog.closing and not self._begun:
                        return None
                    if ready:
                        since = now if since is None else since
                        self._changed.wait(max(since + self._linger_s - now, 0.0))
                    else:
                        since = None
                        self._changed.wait()
                    continue
            self._begin(task)

    def _form(self, since: float | None, now: float) -> tuple[Chosen, int]:
        """form_batch, where a batch need not wait if no other is in flight. Hold the lock."""
        idle = len(self._free) == self.device.slots
        waited = idle or (since is not None and now - since >= self._linger_s)
        return form_batch(self._tasks, self.device.capabilities, waited)

    def _fits(self, task: FrameTask) -> bool:
        """Whether the device needs one more frame and has memory for it; hold the lock."""
        ahead = sum(begun.tiles_left for begun in self._begun)
        return not self._begun or (ahead < self._tiles_ahead and self.device.has_room(task.work))

    def _begin(self, task: FrameTask) -> None:
        """Begin a frame on the device."""
        if task.given_up:
            self._backlog.finish(task)
            return
        try:
            task.device_frame = self.device.begin_frame(task.work)
        except Exception as error:
            task.fail(_wrap(task.work.label, error))
            self._backlog.finish(task)
            self._check_device()
            return
        with self._changed:
            self._begun.add(task)
            self._tasks.append(task)

    def _launch(self, batch: InFlightBatch) -> None:
        """Launch a batch, and the transfer of the frames that it completes."""
        tiles = [PlacedTile(task.device_frame, tile) for task, tile in batch.tiles]
        try:
            computed = self.device.gather(batch.slot, tiles)
            with self._changed:
                self._meter.launched(len(tiles), computed)
            batch.launched = True
            self.device.launch(batch.slot)
            self.device.stitch(batch.slot)
        except Exception as error:
            with contextlib.suppress(AmganError):
                self.device.abandon(batch.slot)
            self._batch_done(batch, error)
            return
        for task in batch.tasks:
            if task.all_given and not task.given_up:
                self._end(task)
        with self._changed:
            self._in_flight.append(batch)
            self._changed.notify_all()

    def _end(self, task: FrameTask) -> None:
        try:
            self.device.end_frame(task.device_frame)
        except Exception as error:
            with self._changed:
                task.fail(_wrap(task.work.label, error))
            self._check_device()

    def _let_go(self) -> None:
        """Remove failed and cancelled frames from those that have tiles; hold the lock."""
        for task in [task for task in self._tasks if task.given_up]:
            task.give_up()
            self._close_out(task)

    # The collecting thread.

    def _collect(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._over or self._in_flight or self._fed or self.fault)
                task = self._over.popleft() if self._over else None
                batch = self._in_flight.popleft() if self._in_flight and not task else None
            if task:
                self._settle(task)
            elif batch:
                self._wait_for(batch)
            else:
                return

    def _wait_for(self, batch: InFlightBatch) -> None:
        error: Exception | None = None
        try:
            self.device.wait(batch.slot)
        except Exception as caught:
            error = caught
        self._batch_done(batch, error)

    def _settle(self, task: FrameTask) -> None:
        """Settle a frame of which no tile is on the device any more."""
        aged: Aged | None = None
        try:
            if task.given_up:
                self.device.drop_frame(task.device_frame)
            else:
                aged = self.device.finish_frame(task.device_frame)
        except Exception as error:
            with self._changed:
                task.fail(_wrap(task.work.label, error))
            self._check_device()
        with self._changed:
            ours = task in self._begun
            self._begun.discard(task)
            self._meter.finished(aged is not None)
        if ours:
            self._backlog.finish(task, aged)

    # Both threads.

    def _batch_done(self, batch: InFlightBatch, error: Exception | None) -> None:
        """Free the slot of a finished batch; after an error retry its tiles one by one, or fail its frame."""
        if error is not None and self._check_device():
            return
        with self._changed:
            self._free.append(batch.slot)
            if batch.launched:
                self._meter.landed(len(batch.tiles) if error is None else 0)
            for task, tile in batch.tiles:
                task.in_flight -= 1
                if error is not None and len(batch.tiles) == 1:
                    task.fail(_wrap(task.name(tile), error))
                elif error is not None and not task.given_up:
                    # Which tile failed is not known here.
                    task.alone.append(tile)
                    if task not in self._tasks:
                        self._tasks.appendleft(task)
            for task in batch.tasks:
                self._close_out(task)
            self._changed.notify_all()

    def _close_out(self, task: FrameTask) -> None:
        """Hand a frame to the collecting thread if all its tiles are done; hold the lock."""
        if task.given_up:
            task.give_up()
        if task.all_given and task in self._tasks:
            self._tasks.remove(task)
        if task.all_given and not task.in_flight and task in self._begun and task not in self._over:
            self._over.append(task)
            self._changed.notify_all()

    def _check_device(self) -> bool:
        """Whether the device failed permanently; if so, its frames are failed."""
        if self.device.fault:
            self._die(self.device.fault)
        return bool(self.device.fault)

    def _die(self, reason: str) -> None:
        with self._changed:
            self.fault = self.fault or reason
            tasks = list(self._begun)
            for held in (self._begun, self._tasks, self._over, self._in_flight):
                held.clear()
            self._changed.notify_all()
        for task in tasks:
            task.fail(EngineError(f"{task.work.label} was not finished: {reason}"))
            self._backlog.finish(task)
        self._died()


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, AmganError) else f"{type(error).__name__}: {error}"


def _wrap(what: str, error: Exception) -> EngineError:
    wrapped = EngineError(f"{what}: {_reason(error)}")
    wrapped.__cause__ = error
    return wrapped
