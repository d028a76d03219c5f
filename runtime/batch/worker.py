"""A worker process as its parent sees it: starting it, sending photos, and noticing its end."""

from __future__ import annotations

import contextlib
import itertools
import logging
import multiprocessing
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from typing import Any

from ..errors import EngineError
from .outcome import Outcome
from .probe import Probed
from .settings import ModelFacts
from .task import PhotoTask
from .worker_process import LOG, READY, Job, PipelineChoice, Place, SentPhoto, serve
from .workers import unwrap_error

PATIENCE_S = 30.0
"""Time for a worker to end after its last photo, before it is killed."""


class WorkerEndedError(Exception):
    """A worker process ended before it answered; the text says how, such as "killed by signal 9"."""


class Worker:
    """A worker process; thread-safe.

    ``place`` is where it runs; ``in_flight`` is for its owner, which counts its photos there. ``ended`` says
    how the process ended, "" if it has not.
    """

    def __init__(
        self, choice: PipelineChoice, place: Place, at_end: Callable[[Worker], None] = lambda worker: None
    ) -> None:
        """Start the process, which opens its pipeline, and do not wait; ``at_end`` is called when it ends."""
        context = multiprocessing.get_context("spawn")
        self._connection, child_end = context.Pipe()
        self._process = context.Process(target=serve, args=(child_end, choice, place), daemon=True)
        with _no_interrupts(), _no_main_module():
            self._process.start()
        child_end.close()
        self.place, self.in_flight = place, 0
        self._at_end = at_end
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self.ended = ""
        self._ready: Future[Any] = Future()
        self._answers: dict[int, Future[Any]] = {READY: self._ready}
        self._listener = threading.Thread(target=self._listen, name="amgan-worker", daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        """The process ID."""
        return self._process.pid or 0

    def facts(self) -> ModelFacts:
        """Wait for the pipeline; raises the error with which it opened, EngineError if the process ended."""
        try:
            facts: ModelFacts = unwrap_error(self._ready.result())
        except WorkerEndedError as ended:
            raise EngineError(
                f"a worker process ended before its pipeline was open ({ended}): use fewer `workers`"
            ) from ended
        return facts

    def take(self, job: Job) -> None:
        """Send the job, before any photo."""
        self._send(job)

    def age(self, task: PhotoTask, probed: Probed) -> Outcome:
        """Send a photo and wait for its outcome.

        Raises WorkerEndedError, and the error of the photo if that affects all photos.
        """
        answer: Future[Any] = Future()
        with self._lock:
            if self.ended:
                raise WorkerEndedError(self.ended)
            number = next(self._numbers)
            self._answers[number] = answer
        self._send(SentPhoto(number, task, probed))
        outcome: Outcome = unwrap_error(answer.result())
        return outcome

    def stop(self) -> None:
        """Ask the process to end after its photos in flight; one that is not ready is killed."""
        if self._ready.done():
            self._send(None)
        else:
            self._process.kill()

    def close(self) -> None:
        """Wait for the end after `stop`; kill the process if it takes too long."""
        self._listener.join(PATIENCE_S)
        if self._listener.is_alive():
            self._process.kill()
            self._listener.join()
        self._connection.close()

    def _send(self, message: Any) -> None:
        """Send a message; if the process has ended, `_listen` says so to all that wait."""
        with self._lock, contextlib.suppress(OSError):
            self._connection.send(message)

    def _listen(self) -> None:
        """Pass answers on until the process ends."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                number, content = self._connection.recv()
                if number == LOG:
                    name, level, sentence = content
                    logging.getLogger(name).log(level, "%s", sentence)
                else:
                    with self._lock:
                        answer = self._answers.pop(number)
                    answer.set_result(content)
        code = _exit_code(self._process)
        with self._lock:
            self.ended = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
            waiting, self._answers = self._answers, {}
        for answer in waiting.values():
            answer.set_exception(WorkerEndedError(self.ended))
        self._at_end(self)


def _exit_code(process: SpawnProcess) -> int:
    """Wait for the end of a process. Another thread that starts one may be told its exit code first."""
    wait([process.sentinel])
    while process.exitcode is None:
        time.sleep(0.01)
    return process.exitcode


@contextlib.contextmanager
def _no_interrupts() -> Iterator[None]:
    """Have a process that is started here inherit a blocked Ctrl-C, until it ignores it itself."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _no_main_module() -> Iterator[None]:
    """Hide the program's main module, which a process that is started here would run again."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
