"""Runs a batch: threads decode photos, find faces, paste and encode, and share one engine.

A bad photo never stops the others: each photo gets an Outcome, with the reason if it failed.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import DiskFullError
from ..machine import count_cores
from .disk import disk_full, is_disk_full
from .outcome import Outcome, rounded
from .probe import Probed
from .record import EarlierRuns, RunRecord
from .settings import ModelFacts
from .staging import open_staging
from .steps import InFlight, NoFace, PhotoWork
from .task import PhotoTask

if TYPE_CHECKING:
    from ..ages.request import Request
    from ..engines.contract import Capabilities
    from ..photo.metadata import MetadataPolicy
    from ..pipeline.pipeline import Pipeline

THREADS = 2
PROBED_AHEAD = 8
MAX_DOWNLOADS = 4
"""The number of remote photos that are downloaded concurrently."""


@dataclass(frozen=True)
class BatchOptions:
    """Options of a batch.

    ``threads`` threads decode photos and find faces, as many paste and encode; at most 2 * ``threads`` photos
    are in either stage. ``memory`` limits the memory of all photos in flight, in bytes; a photo that needs
    more fails. ``no_face`` is the treatment of photos without an aged face. No photo is written outside
    ``root``. ``metadata`` selects the metadata to keep (see photo/metadata.py), ``quality`` (1 to 100) is
    that of lossy outputs; with None a JPEG keeps its tables and all unchanged blocks.
    """

    threads: int = THREADS
    memory: int | None = None
    no_face: NoFace = "error"
    root: Path | None = None
    metadata: MetadataPolicy = "keep"
    quality: int | None = None


def run_batch(
    pipeline: Pipeline,
    tasks: Sequence[PhotoTask],
    request: Request,
    report: Callable[[Outcome], None] = lambda outcome: None,
    options: BatchOptions = BatchOptions(),
    record: RunRecord | None = None,
    *,
    earlier: EarlierRuns | None = None,
) -> list[Outcome]:
    """Age and write the photo of every task; returns and reports one Outcome per task, in order.

    With a ``record``, tasks that are done are skipped, and outcomes are recorded before they are reported;
    ``earlier`` is for a record that the caller keeps. Remote files are processed as local copies in a
    temporary folder. Raises UsageError, BundleError and MissingDependencyError, which affect all photos, and
    DiskFullError; other errors are outcomes of single photos. On any exception, KeyboardInterrupt included,
    photos in flight are written and reported first, unless the disk is full.
    """
    known = record if record is not None else earlier
    fetching = MAX_DOWNLOADS if any(task.source.is_remote for task in tasks) else 1
    with open_staging(tasks) as staging, single_threaded_opencv():
        work = PhotoWork(
            pipeline, request, options.no_face, known, staging, options.memory, options.root,
            options.metadata, options.quality,
        )  # fmt: skip
        return run_steps(work, tasks, options, report, record, fetching)


class Steps(Protocol):
    """The steps of every photo, see PhotoWork; a step that is the last one returns an Outcome."""

    def probe(self, task: PhotoTask) -> Probed | Outcome:
        """Check whether a photo must be processed."""

    def begin(self, task: PhotoTask, probed: Probed) -> InFlight | Outcome:
        """Begin a photo."""

    def end(self, task: PhotoTask, begun: InFlight) -> Outcome:
        """Finish a photo that was begun."""


def run_steps(
    steps: Steps,
    tasks: Sequence[PhotoTask],
    options: BatchOptions,
    report: Callable[[Outcome], None],
    record: RunRecord | None,
    probing: int,
) -> list[Outcome]:
    """Run the steps of every photo in threads, ``probing`` of them for probes; see run_batch."""
    return _Run(steps, options, report, record, probing).run_all(tasks)


@dataclass(frozen=True)
class Runner:
    """Runs batches: ``run`` has the arguments of run_batch after the pipeline.

    ``threads`` is the default of BatchOptions.threads.
    """

    facts: ModelFacts
    run: Callable[
        [Sequence[PhotoTask], Request, Callable[[Outcome], None], BatchOptions, RunRecord | None], object
    ]
    threads: int


def local_runner(pipeline: Pipeline) -> Runner:
    """A Runner with a pipeline of this process."""
    facts = ModelFacts.of(pipeline)
    return Runner(facts, partial(run_batch, pipeline), threads_for(facts.capabilities))


def threads_for(capabilities: Capabilities, workers: int = 1) -> int:
    """The default number of threads for reading, and for writing, of one of ``workers`` with a device.

    A GPU ages faces faster than one core can read them, so all cores are used; on a CPU the engine needs
    them.
    """
    on_gpu = capabilities.device.startswith("cuda")
    return max(THREADS, count_cores() // workers) if on_gpu else THREADS


class _Run:
    """The state of a run. Only the three steps of a photo run in other threads than the caller's."""

    def __init__(
        self,
        work: Steps,
        options: BatchOptions,
        report: Callable[[Outcome], None],
        record: RunRecord | None,
        probing: int,
    ) -> None:
        self._work = work
        self._probing = probing
        self._options = options
        self._report = report
        self._record = record
        self._outcomes: list[Outcome] = []
        self._probes: deque[tuple[PhotoTask, Future[Probed | Outcome]]] = deque()
        self._beginning: deque[tuple[PhotoTask, int, Future[InFlight | Outcome]]] = deque()
        self._ending: deque[tuple[PhotoTask, int, Future[Outcome]]] = deque()
        self._memory = 0
        self._stopped = threading.Event()

    def run_all(self, tasks: Sequence[PhotoTask]) -> list[Outcome]:
        threads = self._options.threads
        waiting = deque(tasks)
        with (
            ThreadPoolExecutor(self._probing, "amgan-probe") as probe,
            ThreadPoolExecutor(threads, "amgan-front") as front,
            ThreadPoolExecutor(threads, "amgan-back") as back,
        ):
            try:
                while waiting or self._probes or self._beginning or self._ending:
                    while waiting and len(self._probes) < PROBED_AHEAD:
                        task = waiting.popleft()
                        self._probes.append((task, probe.submit(self._work.probe, task)))
                    while self._probes and len(self._beginning) < 2 * threads and self._begin(front):
                        pass
                    if self._beginning:
                        self._hand_over(back)
                    self._collect(2 * threads if self._beginning else self._awaited())
            finally:
                for _, probed in self._probes:
                    probed.cancel()
                self._drain(back)
        return self._outcomes

    def _begin(self, front: ThreadPoolExecutor) -> bool:
        """Begin the next probed photo if there is memory for it."""
        task, probed = self._probes[0]
        if (self._beginning or self._ending) and not probed.done():
            return False
        result = probed.result()
        need = result.need if isinstance(result, Probed) else 0
        if not self._fits(need):
            return False
        self._probes.popleft()
        self._memory += need
        self._beginning.append((task, need, front.submit(self._begin_photo, task, result)))
        return True

    def _fits(self, need: int) -> bool:
        """Whether ``need`` bytes are left of the memory of photos in flight."""
        return self._options.memory is None or self._memory + need <= self._options.memory

    def _hand_over(self, back: ThreadPoolExecutor) -> None:
        """Pass on the first photo that was begun. Waits for it, but not while another one can begin."""
        task, need, begun = self._beginning[0]
        if self._probes and len(self._beginning) < 2 * self._options.threads:
            probed = self._probes[0][1]
            if not probed.done():
                first: tuple[Future[Any], ...] = (begun, probed)
                wait(first, return_when=FIRST_COMPLETED)
                if not begun.done():
                    return
        result = begun.result()
        self._beginning.popleft()
        self._ending.append((task, need, back.submit(self._end_photo, task, result)))

    def _collect(self, most: int) -> None:
        """Take finished photos in order, and wait until at most ``most`` are being finished."""
        while self._ending and (self._ending[0][2].done() or len(self._ending) > most):
            task, need, ended = self._ending.popleft()
            self._memory -= need
            self._finish(task, ended.result())

    def _awaited(self) -> int:
        """How many photos may remain in the finishing stage while none is being begun.

        One less if the next photo waits for their memory; all if it was not probed yet: then this waits for
        the probe, or for the first photo of the finishing stage.
        """
        if self._ending and self._probes:
            probed = self._probes[0][1]
            if not probed.done():
                first: tuple[Future[Any], ...] = (probed, self._ending[0][2])
                wait(first, return_when=FIRST_COMPLETED)
                return len(self._ending)
            result = probed.result()
            if not isinstance(result, Probed) or self._fits(result.need):
                return len(self._ending)
        return len(self._ending) - 1

    def _drain(self, back: ThreadPoolExecutor) -> None:
        """Finish the photos in flight as far as possible."""
        for task, need, begun in self._beginning:
            if not begun.cancel() and begun.exception() is None:
                self._ending.append((task, need, back.submit(self._end_photo, task, begun.result())))
        while self._ending:
            task, _, ended = self._ending.popleft()
            if ended.exception() is None and not self._stopped.is_set():
                self._finish(task, ended.result())

    def _begin_photo(self, task: PhotoTask, probed: Probed | Outcome) -> InFlight | Outcome:
        try:
            return self._work.begin(task, probed) if isinstance(probed, Probed) else probed
        except DiskFullError:
            self._stopped.set()
            raise

    def _end_photo(self, task: PhotoTask, begun: InFlight | Outcome) -> Outcome:
        if isinstance(begun, Outcome):
            return begun
        if self._stopped.is_set():
            raise DiskFullError("the run has ended")
        try:
            return self._work.end(task, begun)
        except Exception:
            self._stopped.set()
            raise

    def _finish(self, task: PhotoTask, outcome: Outcome) -> None:
        outcome = rounded(outcome)
        try:
            if self._record is not None:
                self._record.keep(task, outcome)
            self._outcomes.append(outcome)
            self._report(outcome)
        except Exception as error:
            self._stopped.set()
            if is_disk_full(error, Path() if task.target.is_remote else task.target.path.parent, 0):
                raise disk_full(task.target) from error
            raise


@contextlib.contextmanager
def single_threaded_opencv() -> Iterator[None]:
    """Disable OpenCV's threads, since photos are already processed in parallel."""
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
