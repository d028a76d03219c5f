"""One device at work: a thread that feeds it with batches, and one that collects what it has done."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from ...errors import AmganError, EngineError
from .backlog import Aged, Backlog, Job
from .batches import Chosen, Counters, Flight, Meter, form_flight
from .device import PlacedTile, TileDevice

_LOG = logging.getLogger(__name__)

ROUNDS_AHEAD = 2
"""For how many rounds of all its slots a device has tiles at hand, as far as frames wait."""


class Lane:
    """Takes frames from a backlog, and gives each result, error or cancellation out exactly once.

    All fields are guarded by the backlog's lock; the device is called, and futures are settled, without it.
    Whoever takes a job out of ``_begun`` settles it.
    """

    def __init__(
        self, device: TileDevice, backlog: Backlog, linger_s: float, died: Callable[[], None]
    ) -> None:
        """Take over a device, which is closed with the lane.

        A batch that is not full is launched ``linger_s`` seconds after there was a slot for it, and at once
        where no other is in flight. ``died`` is called after the device broke for good.
        """
        self.device = device
        self.fault = ""
        self._died = died
        self._backlog = backlog
        self._changed = backlog.changed
        self._linger_s = linger_s
        self._tiles_ahead = ROUNDS_AHEAD * device.slots * device.capabilities.batch
        self._free = deque(range(device.slots))
        self._jobs: deque[Job] = deque()
        self._begun: set[Job] = set()
        self._over: deque[Job] = deque()
        self._flights: deque[Flight] = deque()
        self._fed = False
        self._meter = Meter()
        self._threads = [
            threading.Thread(target=self._guarded, args=(run,), name=f"amgan-{name}", daemon=True)
            for name, run in (("feed", self._feed), ("collect", self._collect))
        ]

    @property
    def counters(self) -> Counters:
        """What was computed so far; hold the lock."""
        return self._meter.read(self.device.graph_launches)

    def start(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait until all is computed, and close the device; the backlog must have been stopped."""
        for thread in self._threads:
            thread.join()
        self.device.close()

    def _guarded(self, run: Callable[[], None]) -> None:
        """Run a thread's loop; a fault of our own must not leave anybody waiting for ever."""
        try:
            self.device.attach()
            run()
        except Exception as error:
            _LOG.exception("a thread of the scheduler failed")
            self._die(_reason(error))

    # The thread that feeds.

    def _feed(self) -> None:
        while (flight := self._next_flight()) is not None:
            self._take_off(flight)
        with self._changed:
            self._fed = True
            self._changed.notify_all()

    def _next_flight(self) -> Flight | None:
        """Block until there is a slot and tiles for it; None when there will be none any more."""
        since: float | None = None
        while True:
            with self._changed:
                self._let_go()
                if self.fault:
                    return None
                now = time.monotonic()
                flight, ready = self._form(since, now) if self._free else ((), 0)
                if flight:
                    return Flight(self._free.popleft(), flight)
                job = self._backlog.take(self._fits)
                if job is None:
                    if self._backlog.closing and not self._begun:
                        return None
                    if ready:
                        since = now if since is None else since
                        self._changed.wait(max(since + self._linger_s - now, 0.0))
                    else:
                        since = None
                        self._changed.wait()
                    continue
            self._begin(job)

    def _form(self, since: float | None, now: float) -> tuple[Chosen, int]:
        """As form_flight; a batch has waited long enough where no other is in flight. Hold the lock."""
        idle = len(self._free) == self.device.slots
        waited = idle or (since is not None and now - since >= self._linger_s)
        return form_flight(self._jobs, self.device.capabilities, waited)

    def _fits(self, job: Job) -> bool:
        """Whether the device should have one more frame by now, and can; hold the lock."""
        ahead = sum(begun.tiles_left for begun in self._begun)
        return not self._begun or (ahead < self._tiles_ahead and self.device.has_room(job.work))

    def _begin(self, job: Job) -> None:
        """Take a frame onto the device."""
        if job.given_up:
            self._backlog.finish(job)
            return
        try:
            job.place = self.device.begin_frame(job.work)
        except Exception as error:
            job.fail(_wrap(job.work.label, error))
            self._backlog.finish(job)
            self._check_device()
            return
        with self._changed:
            self._begun.add(job)
            self._jobs.append(job)

    def _take_off(self, flight: Flight) -> None:
        """Start a batch, and the way back of the frames it completes."""
        tiles = [PlacedTile(job.place, tile) for job, tile in flight.tiles]
        try:
            computed = self.device.gather(flight.slot, tiles)
            with self._changed:
                self._meter.launched(len(tiles), computed)
            flight.launched = True
            self.device.launch(flight.slot)
            self.device.stitch(flight.slot)
        except Exception as error:
            with contextlib.suppress(AmganError):
                self.device.abandon(flight.slot)
            self._land(flight, error)
            return
        for job in flight.jobs:
            if job.all_given and not job.given_up:
                self._end(job)
        with self._changed:
            self._flights.append(flight)
            self._changed.notify_all()

    def _end(self, job: Job) -> None:
        try:
            self.device.end_frame(job.place)
        except Exception as error:
            with self._changed:
                job.fail(_wrap(job.work.label, error))
            self._check_device()

    def _let_go(self) -> None:
        """Take frames that failed or were cancelled out of those that have tiles; hold the lock."""
        for job in [job for job in self._jobs if job.given_up]:
            job.give_up()
            self._close_out(job)

    # The thread that collects.

    def _collect(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._over or self._flights or self._fed or self.fault)
                job = self._over.popleft() if self._over else None
                flight = self._flights.popleft() if self._flights and not job else None
            if job:
                self._settle(job)
            elif flight:
                self._wait_for(flight)
            else:
                return

    def _wait_for(self, flight: Flight) -> None:
        error: Exception | None = None
        try:
            self.device.wait(flight.slot)
        except Exception as caught:
            error = caught
        self._land(flight, error)

    def _settle(self, job: Job) -> None:
        """Give out what became of a frame that the device has no tile of any more."""
        aged: Aged | None = None
        try:
            if job.given_up:
                self.device.drop_frame(job.place)
            else:
                aged = self.device.finish_frame(job.place)
        except Exception as error:
            with self._changed:
                job.fail(_wrap(job.work.label, error))
            self._check_device()
        with self._changed:
            ours = job in self._begun
            self._begun.discard(job)
            self._meter.finished(aged is not None)
        if ours:
            self._backlog.finish(job, aged)

    # Both threads.

    def _land(self, flight: Flight, error: Exception | None) -> None:
        """A batch is over: free its slot; after an error try its tiles again one by one, or fail a frame."""
        if error is not None and self._check_device():
            return
        with self._changed:
            self._free.append(flight.slot)
            if flight.launched:
                self._meter.landed(len(flight.tiles) if error is None else 0)
            for job, tile in flight.tiles:
                job.under_way -= 1
                if error is not None and len(flight.tiles) == 1:
                    job.fail(_wrap(job.name(tile), error))
                elif error is not None and not job.given_up:
                    # Who was at fault cannot be seen from here.
                    job.alone.append(tile)
                    if job not in self._jobs:
                        self._jobs.appendleft(job)
            for job in flight.jobs:
                self._close_out(job)
            self._changed.notify_all()

    def _close_out(self, job: Job) -> None:
        """Hand a frame to the collector if nothing of it is left to do; hold the lock."""
        if job.given_up:
            job.give_up()
        if job.all_given and job in self._jobs:
            self._jobs.remove(job)
        if job.all_given and not job.under_way and job in self._begun and job not in self._over:
            self._over.append(job)
            self._changed.notify_all()

    def _check_device(self) -> bool:
        """Whether the device broke for good; if so, everything it had is failed."""
        if self.device.fault:
            self._die(self.device.fault)
        return bool(self.device.fault)

    def _die(self, reason: str) -> None:
        with self._changed:
            self.fault = self.fault or reason
            jobs = list(self._begun)
            for held in (self._begun, self._jobs, self._over, self._flights):
                held.clear()
            self._changed.notify_all()
        for job in jobs:
            job.fail(EngineError(f"{job.work.label} was not finished: {reason}"))
            self._backlog.finish(job)
        self._died()


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, AmganError) else f"{type(error).__name__}: {error}"


def _wrap(what: str, error: Exception) -> EngineError:
    wrapped = EngineError(f"{what}: {_reason(error)}")
    wrapped.__cause__ = error
    return wrapped
