"""The worker processes of a run: photos go to the one with the fewest, and the end of one loses no photo.

The photos that a worker had when it ended are aged again, one at a time, by the process that replaces it.
Thus the photo that ends processes is found, and only that one fails.
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
class _Trial:
    """The photos of a worker that ended, and the process that ages them again, one at a time."""

    place: Place
    lock: threading.Lock = field(default_factory=threading.Lock)
    photos: int = 0
    worker: Worker | None = None


class WorkerPool:
    """Worker processes; `age` is called from as many threads as photos shall be in flight."""

    def __init__(self, choice: PipelineChoice, places: Sequence[Place]) -> None:
        """Start the first worker and wait for its pipeline; raises the error with which it opened."""
        self._places = places
        self._changed = threading.Condition()
        self._all: list[Worker] = []
        self._workers: list[Worker] = []
        self._trials: dict[Worker, _Trial] = {}
        self._starting = self._stopped = False
        self._ends = self._ends_in_a_row = 0
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
        """Begin the run's job; the first worker takes photos at once, the others as they are ready."""
        self._job = job
        self._admit(self._first)
        self._starting = True
        self._starter = threading.Thread(target=self._start_others, name="amgan-workers", daemon=True)
        self._starter.start()

    def age(self, task: PhotoTask, probed: Probed) -> Outcome:
        """Age a photo in one of the workers.

        Raises EngineError if no worker is left, and errors that affect all photos.
        """
        worker = self._borrow()
        trial = None
        try:
            return self._done(worker.age(task, probed))
        except WorkerEndedError:
            trial = self._to_trial(worker)
        finally:
            self._give_back(worker)
        try:
            return self._age_alone(trial, task, probed)
        finally:
            self._leave_trial(worker, trial)

    @property
    def ends(self) -> int:
        """How many workers have ended by themselves: each may have left temporary files."""
        return self._ends

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
            worker = Worker(self._choice, place, self._noticed)
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

    def _noticed(self, worker: Worker) -> None:
        """A process has ended."""
        with self._changed:
            if not self._stopped and worker in self._workers:
                _LOG.warning(
                    "a worker process ended (%s): the photos that it had are aged again, one at a time",
                    worker.ended,
                )
            self._changed.notify_all()

    def _borrow(self) -> Worker:
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
                if self._stopped or not (alive or self._starting or self._trials or handed_over):
                    how = self._workers[-1].ended if self._workers else "none is ready"
                    raise EngineError(
                        f"no worker process is left ({how}): use fewer `workers`, and run again to go on"
                    )
                self._changed.wait()

    def _give_back(self, worker: Worker) -> None:
        with self._changed:
            worker.in_flight -= 1
            self._settle(worker)
            self._changed.notify_all()

    def _done(self, outcome: Outcome) -> Outcome:
        self._ends_in_a_row = 0
        return outcome

    def _to_trial(self, worker: Worker) -> _Trial:
        """The trial of the photos of a worker that has ended."""
        with self._changed:
            if worker not in self._trials:
                self._count_end(worker.ended)
                self._workers.remove(worker)
                self._trials[worker] = _Trial(worker.place)
            trial = self._trials[worker]
            trial.photos += 1
            return trial

    def _count_end(self, how: str) -> None:
        """Count a process that has ended; raises EngineError if that happens again and again."""
        self._ends += 1
        self._ends_in_a_row += 1
        if self._ends_in_a_row > 2 * len(self._places) + 2:
            raise EngineError(
                f"{self._ends_in_a_row} worker processes have ended one after the other, the last one "
                f"{how}: use fewer `workers`, and run again to go on"
            )

    def _age_alone(self, trial: _Trial, task: PhotoTask, probed: Probed) -> Outcome:
        """Age a photo whose worker has ended, while the replacement ages no other."""
        with trial.lock:
            try:
                if trial.worker is None:
                    trial.worker = self._replacement(trial.place)
                return self._done(trial.worker.age(task, probed))
            except WorkerEndedError as ended:
                trial.worker = None
                with self._changed:
                    self._count_end(str(ended))
                reason = (
                    f"the worker process that ages it ends ({ended}), twice: it may need more memory than "
                    "there is, use fewer `workers`, or make it smaller"
                )
                try:
                    trial.worker = self._replacement(trial.place)
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

    def _leave_trial(self, ended: Worker, trial: _Trial) -> None:
        with self._changed:
            trial.photos -= 1
            self._settle(ended)
            self._changed.notify_all()

    def _settle(self, ended: Worker) -> None:
        """After the last photo of a trial its worker takes photos like any other; hold the lock."""
        trial = self._trials.get(ended)
        if trial is not None and not trial.photos and not ended.in_flight:
            del self._trials[ended]
            if trial.worker is not None:
                self._workers.append(trial.worker)
