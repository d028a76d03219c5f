"""The worker processes of a run: each photo goes to the least busy one, and a crash loses no photo.

If a worker ends, the process that replaces it ages its photos in flight again, one at a time. This isolates a
photo that crashes workers: only that photo fails.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..errors import AmganError, EngineError
from .outcome import Outcome
from .probe import Probed
from .settings import ModelFacts
from .task import PhotoTask
from .worker import Worker, WorkerEndedError
from .worker_process import Job, PipelineChoice, Place

_LOG = logging.getLogger(__name__)


@dataclass(eq=False)
class _Retry:
    """The photos in flight of a worker that ended, and the process that ages them again, one at a time."""

    place: Place
    lock: threading.Lock = field(default_factory=threading.Lock)
    photos: int = 0
    worker: Worker | None = None


class WorkerPool:
    """Worker processes. Each thread that calls `age` has one photo in flight."""

    def __init__(self, choice: PipelineChoice, places: Sequence[Place]) -> None:
        """Start the first worker and wait for its pipeline; raises the error with which it opened."""
        self._places = places
        self._changed = threading.Condition()
        self._all: list[Worker] = []
        self._workers: list[Worker] = []
        self._retries: dict[Worker, _Retry] = {}
        self._starting = self._stopped = False
        self._crashes = self._crashes_in_a_row = 0
        self._starter: threading.Thread | None = None
        self._choice = choice
        self._job: Job | None = None
        try:
            self._first = self._start(places[0])
            self.facts: ModelFacts = self._first.facts()
        except BaseException:
            self.close()
            raise
        self._choice = choice.at(self.facts.capabilities.precision)

    def begin(self, job: Job) -> None:
        """Begin the run's job. The first worker takes photos immediately, the others when they are ready."""
        self._job = job
        self._admit(self._first)
        self._starting = True
        self._starter = threading.Thread(target=self._start_others, name="amgan-workers", daemon=True)
        self._starter.start()

    def age(self, task: PhotoTask, probed: Probed) -> Outcome:
        """Age a photo in a worker.

        Raises EngineError if no worker is left, and errors that affect all photos.
        """
        worker = self._acquire()
        retry = None
        try:
            return self._completed(worker.age(task, probed))
        except WorkerEndedError:
            retry = self._retry_of(worker)
        finally:
            self._release(worker)
        try:
            return self._age_alone(retry, task, probed)
        finally:
            self._leave_retry(worker, retry)

    @property
    def crashes(self) -> int:
        """The number of workers that ended unexpectedly; each may have left temporary files."""
        return self._crashes

    def close(self) -> None:
        """End all workers after their photos in flight."""
        with self._changed:
            self._stopped = True
            started = list(self._all)
            self._changed.notify_all()
        for worker in started:
            worker.stop()
        if self._starter is not None:
            self._starter.join()
        for worker in started:
            worker.close()

    def _start(self, place: Place) -> Worker:
        """Start a worker; raises EngineError once the pool is closed."""
        with self._changed:
            if self._stopped:
                raise EngineError("the run has ended")
            worker = Worker(self._choice, place, self._on_end)
            self._all.append(worker)
            return worker

    def _start_others(self) -> None:
        """Start all workers but the first, one after the other, as each looks for free memory of the GPU."""
        try:
            for place in self._places[1:]:
                worker = self._start(place)
                worker.facts()
                self._admit(worker)
        except AmganError as error:
            if not self._stopped:
                _LOG.warning("fewer than %d worker processes run: %s", len(self._places), error)
        finally:
            with self._changed:
                self._starting = False
                self._changed.notify_all()

    def _admit(self, worker: Worker) -> None:
        """Let a worker that is ready take photos."""
        assert self._job is not None
        worker.take(self._job)
        with self._changed:
            self._workers.append(worker)
            self._changed.notify_all()

    def _on_end(self, worker: Worker) -> None:
        """A process has ended."""
        with self._changed:
            if not self._stopped and worker in self._workers:
                _LOG.warning(
                    "a worker process ended (%s): its photos in flight are aged again, one at a time",
                    worker.ended,
                )
            self._changed.notify_all()

    def _acquire(self) -> Worker:
        """The worker with the fewest photos, among those with room; waits for one."""
        assert self._job is not None
        room = 2 * self._job.options.threads
        with self._changed:
            while True:
                alive = [one for one in self._workers if not one.ended]
                free = [one for one in alive if one.in_flight < room]
                if free:
                    worker = min(free, key=lambda one: one.in_flight)
                    worker.in_flight += 1
                    return worker
                # Photos of a process that has just ended are still to be handed to its replacement.
                handed_over = any(one.ended and one.in_flight for one in self._workers)
                if self._stopped or not (alive or self._starting or self._retries or handed_over):
                    how = self._workers[-1].ended if self._workers else "none is ready"
                    raise EngineError(
                        f"no worker process is left ({how}): use fewer `workers`, and run again to resume"
                    )
                self._changed.wait()

    def _release(self, worker: Worker) -> None:
        with self._changed:
            worker.in_flight -= 1
            self._settle(worker)
            self._changed.notify_all()

    def _completed(self, outcome: Outcome) -> Outcome:
        self._crashes_in_a_row = 0
        return outcome

    def _retry_of(self, worker: Worker) -> _Retry:
        """The retry of the photos of a worker that has ended, created by the first of them."""
        with self._changed:
            if worker not in self._retries:
                self._count_crash(worker.ended)
                self._workers.remove(worker)
                self._retries[worker] = _Retry(worker.place)
            retry = self._retries[worker]
            retry.photos += 1
            return retry

    def _count_crash(self, how: str) -> None:
        """Count a process that has ended; raises EngineError after too many in a row."""
        self._crashes += 1
        self._crashes_in_a_row += 1
        most = 2 * len(self._places) + 2
        if self._crashes_in_a_row > most:
            raise EngineError(
                f"more than {most} worker processes have ended in a row, one of them {how}: use fewer "
                "`workers`, and run again to resume"
            )

    def _age_alone(self, retry: _Retry, task: PhotoTask, probed: Probed) -> Outcome:
        """Age a photo whose worker has ended, while the replacement ages no other."""
        with retry.lock:
            try:
                if retry.worker is None:
                    retry.worker = self._replacement(retry.place)
                return self._completed(retry.worker.age(task, probed))
            except WorkerEndedError as ended:
                retry.worker = None
                with self._changed:
                    self._count_crash(str(ended))
                reason = (
                    f"its worker process ended twice ({ended}): it may need more memory than "
                    "there is, use fewer `workers`, or make the photo smaller"
                )
                try:
                    retry.worker = self._replacement(retry.place)
                except AmganError as error:
                    _LOG.warning("a worker process is not replaced: %s", error)
        return Outcome(
            task.source, "failed", reason, details={"sha256": probed.sha256} if probed.sha256 else {}
        )

    def _replacement(self, place: Place) -> Worker:
        """A new worker that is ready, and gets no photos of others; raises the error with which it opened."""
        assert self._job is not None
        worker = self._start(place)
        worker.facts()
        worker.take(self._job)
        return worker

    def _leave_retry(self, ended: Worker, retry: _Retry) -> None:
        with self._changed:
            retry.photos -= 1
            self._settle(ended)
            self._changed.notify_all()

    def _settle(self, ended: Worker) -> None:
        """After the last photo of a retry, let its worker take any photo. The caller holds the lock."""
        retry = self._retries.get(ended)
        if retry is not None and not retry.photos and not ended.in_flight:
            del self._retries[ended]
            if retry.worker is not None:
                self._workers.append(retry.worker)
