"""A worker process of a batch: opens a pipeline of its own, and ages the photos that its parent sends.

The parent sends a Job and then photos, and gets an answer per photo. If the parent ends, its workers end at
once, since another run may use the output folder from then on.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import AmganError, EngineError
from ..machine import show_one_gpu
from .outcome import Outcome
from .probe import Probed
from .record import EarlierRuns
from .run import BatchOptions, single_threaded_opencv
from .settings import ModelFacts
from .staging import Staging
from .steps import InFlight, PhotoWork
from .task import PhotoTask
from .workers import wrap_error

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from ..ages.request import Request
    from ..pipeline.pipeline import Pipeline

READY = -1
"""The number of the first answer: the worker's ModelFacts, or the error with which its pipeline opened."""
LOG = -2
"""The number of an answer with a record of the worker's log."""


class PipelineChoice(Protocol):
    """Opens a pipeline; can be pickled."""

    def open(self) -> Pipeline:
        """Open the pipeline; raises AmganError."""

    def at(self, precision: str) -> PipelineChoice:
        """The same choice at this precision."""


@dataclass(frozen=True)
class Place:
    """Where a worker runs: its working ``folder``, processor ``cores``, and ``gpu`` (None: all of them)."""

    folder: Path
    cores: tuple[int, ...] = ()
    gpu: int | None = None

    def take(self) -> None:
        """Restrict this process to the place."""
        os.chdir(self.folder)
        if self.cores and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, self.cores)
        if self.gpu is not None:
            show_one_gpu(self.gpu)


@dataclass(frozen=True)
class Job:
    """What all photos of a run share: its temporary folder ``staging``, and if it is ``recorded``."""

    request: Request
    options: BatchOptions
    staging: Path | None
    recorded: bool

    def work(self, pipeline: Pipeline) -> PhotoWork:
        """The steps of a photo with this worker's pipeline."""
        return PhotoWork(
            pipeline, self.request, self.options.no_face, EarlierRuns({}) if self.recorded else None,
            Staging(self.staging), None, self.options.root, self.options.metadata, self.options.quality,
        )  # fmt: skip


@dataclass(frozen=True)
class SentPhoto:
    """A probed photo for a worker; its answer has the same number."""

    number: int
    task: PhotoTask
    probed: Probed


def serve(connection: Connection, choice: PipelineChoice, place: Place) -> None:
    """Open the pipeline, answer with its facts, and age photos until None is received: the whole process."""
    # Ctrl-C reaches all processes of a terminal: the parent decides which photos are still finished.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.filterwarnings("ignore", module=r"PIL\.")  # of odd photos: the outcome says what matters
    channel = _Channel(connection)
    channel.forward_log()
    place.take()
    try:
        pipeline = choice.open()
    except AmganError as error:
        channel.answer(READY, wrap_error(error))
        return
    with pipeline, single_threaded_opencv():
        channel.answer(READY, ModelFacts.of(pipeline))
        job: Job | None = channel.receive()
        if job is not None:
            _age(channel, job.work(pipeline), job.options.threads)


def _age(channel: _Channel, work: PhotoWork, threads: int) -> None:
    """Age photos in two groups of threads until None is received."""
    with (
        ThreadPoolExecutor(threads, "amgan-back") as back,
        ThreadPoolExecutor(threads, "amgan-front") as front,
    ):

        def begin(sent: SentPhoto) -> None:
            with channel.errors_of(sent):
                begun = work.begin(sent.task, sent.probed)
                if isinstance(begun, Outcome):
                    channel.answer(sent.number, begun)
                else:
                    back.submit(end, sent, begun)

        def end(sent: SentPhoto, begun: InFlight) -> None:
            with channel.errors_of(sent):
                channel.answer(sent.number, work.end(sent.task, begun))

        while (sent := channel.receive()) is not None:
            front.submit(begin, sent)


class _Channel:
    """The connection to the parent; answering is thread-safe. The process ends if the parent has ended."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = Lock()

    def receive(self) -> Any:
        """The next message."""
        try:
            return self._connection.recv()
        except (EOFError, OSError):
            os._exit(1)

    def answer(self, number: int, content: Any) -> None:
        """Send an answer."""
        try:
            with self._lock:
                self._connection.send((number, content))
        except OSError:
            os._exit(1)

    @contextlib.contextmanager
    def errors_of(self, sent: SentPhoto) -> Iterator[None]:
        """Answer with the error of the block, which affects all photos."""
        try:
            yield
        except AmganError as error:
            self.answer(sent.number, wrap_error(error))
        except Exception as error:
            said = f"'{sent.task.source}': unexpected {type(error).__name__}: {error}"
            self.answer(sent.number, wrap_error(EngineError(said)))

    def forward_log(self) -> None:
        """Send what is logged as a warning, or worse, to the parent, whose handlers show it."""
        logging.getLogger().addHandler(_Forwarder(self))


class _Forwarder(logging.Handler):
    """Sends records of the log to the parent."""

    def __init__(self, channel: _Channel) -> None:
        super().__init__(logging.WARNING)
        self._channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        self._channel.answer(LOG, (record.name, record.levelno, record.getMessage()))
