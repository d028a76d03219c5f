"""Ages many photos: decoding, finding faces, pasting and encoding in threads around one busy engine.

One bad photo never stops the others: each one ends as an Outcome, with the reason when it failed.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import DiskFullError
from .ledger import Book, Ledger, Lookup
from .outcome import Outcome
from .plan import Job, plan_batch
from .settings import describe_model
from .steps import Ager, Looked, NoFace, PhotoWork, Started, Work, disk_full, is_disk_full, rounded

if TYPE_CHECKING:
    from ..ages.request import Request
    from ..engines.contract import Capabilities
    from ..pipeline.pipeline import Pipeline

__all__ = [
    "Ager",
    "BatchOptions",
    "Job",
    "Ledger",
    "LocalRunner",
    "Outcome",
    "Runner",
    "plan_batch",
    "run_batch",
]

THREADS = 2
LOOKING_AHEAD = 8
FETCHING = 4
"""Photos of another file system that are fetched at the same time."""


@dataclass(frozen=True)
class BatchOptions:
    """How a batch is run.

    ``threads`` decode photos and find their faces, as many paste and encode; at most 2 * ``threads`` photos
    are on either side. ``memory`` is what they may take together, in bytes, decoded; one photo that would
    take more fails. ``no_face`` says what becomes of a photo of which no face is aged. No photo is written
    outside ``root``.
    """

    threads: int = THREADS
    memory: int | None = None
    no_face: NoFace = "error"
    root: Path | None = None


def run_batch(
    pipeline: Ager,
    jobs: Sequence[Job],
    request: Request,
    report: Callable[[Outcome], None] = lambda outcome: None,
    options: BatchOptions = BatchOptions(),
    *,
    ledger: Book | None = None,
    lookup: Lookup | None = None,
) -> list[Outcome]:
    """Age every job's photo and write it; one Outcome a job, as `report` gets them, in order of the jobs.

    With a ``ledger``, what it knows to be done is not done again, and what is done is written down before it
    is reported; ``lookup`` alone is for a ledger that is kept elsewhere. Jobs may be far (see Far): their
    files are on this machine, in a folder of their own, while they are worked on. Raises UsageError,
    BundleError and MissingDependencyError, which every photo would meet, and DiskFullError; anything else is
    the outcome of one photo. However it ends, KeyboardInterrupt included, what is with the engine is written
    and reported first, unless the disk is full.
    """
    lookup = ledger if ledger is not None else lookup
    known = None if lookup is None else lookup.known
    plain = PhotoWork(pipeline, request, options.no_face, known, options.memory, options.root)
    with ExitStack() as stack:
        work: Work = plain
        far = any(job.far is not None for job in jobs)
        if far:
            from .staging import RemoteWork

            staging = stack.enter_context(tempfile.TemporaryDirectory(prefix="amgan-"))
            work = RemoteWork(plain, Path(staging), lookup)
        stack.enter_context(_single_threaded_opencv())
        return _Run(work, options, report, ledger, FETCHING if far else 1).over(jobs)


class Runner(Protocol):
    """Something that runs batches, here or elsewhere."""

    @property
    def capabilities(self) -> Capabilities:
        """What the engine is."""

    @property
    def age_range(self) -> tuple[float, float]:
        """Youngest and oldest age that the model does, in years."""

    def describe(self) -> Mapping[str, Any]:
        """The networks and the precision, in JSON's terms."""

    def run(
        self,
        jobs: Sequence[Job],
        request: Request,
        report: Callable[[Outcome], None],
        options: BatchOptions,
        ledger: Book | None,
    ) -> None:
        """As run_batch."""


class LocalRunner:
    """Runs batches with a pipeline of this process."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    @property
    def capabilities(self) -> Capabilities:
        """What the engine is."""
        return self._pipeline.capabilities

    @property
    def age_range(self) -> tuple[float, float]:
        """Youngest and oldest age that the model does, in years."""
        return self._pipeline.manifest.age_range

    def describe(self) -> Mapping[str, Any]:
        """The networks and the precision, in JSON's terms."""
        return describe_model(self._pipeline)

    def run(
        self,
        jobs: Sequence[Job],
        request: Request,
        report: Callable[[Outcome], None],
        options: BatchOptions,
        ledger: Book | None,
    ) -> None:
        """As run_batch."""
        run_batch(self._pipeline, jobs, request, report, options, ledger=ledger)


class _Run:
    """One run over a batch; all but the three steps of a photo happen in the calling thread."""

    def __init__(
        self,
        work: Work,
        options: BatchOptions,
        report: Callable[[Outcome], None],
        ledger: Book | None,
        looking: int,
    ) -> None:
        self._work = work
        self._looking = looking
        self._options = options
        self._report = report
        self._ledger = ledger
        self._outcomes: list[Outcome] = []
        self._looks: deque[tuple[Job, Future[Looked | Outcome]]] = deque()
        self._fronts: deque[tuple[Job, int, Future[Started | Outcome]]] = deque()
        self._backs: deque[tuple[Job, int, Future[Outcome]]] = deque()
        self._memory = 0
        self._stopped = threading.Event()

    def over(self, jobs: Sequence[Job]) -> list[Outcome]:
        threads = self._options.threads
        waiting = deque(jobs)
        with (
            ThreadPoolExecutor(self._looking, "amgan-look") as look,
            ThreadPoolExecutor(threads, "amgan-front") as front,
            ThreadPoolExecutor(threads, "amgan-back") as back,
        ):
            try:
                while waiting or self._looks or self._fronts or self._backs:
                    while waiting and len(self._looks) < LOOKING_AHEAD:
                        job = waiting.popleft()
                        self._looks.append((job, look.submit(self._work.look, job)))
                    while self._looks and len(self._fronts) < 2 * threads and self._begin(front):
                        pass
                    if self._fronts:
                        self._hand_over(back)
                    # With nothing at the front, the photos at the back hold the memory that is waited for.
                    self._collect(2 * threads if self._fronts else len(self._backs) - 1)
            finally:
                for _, looked in self._looks:
                    looked.cancel()
                self._drain(back)
        return self._outcomes

    def _begin(self, front: ThreadPoolExecutor) -> bool:
        """Begin the next photo that was looked at, if there is memory for it."""
        job, looked = self._looks[0]
        if (self._fronts or self._backs) and not looked.done():
            return False
        result = looked.result()
        need = result.need if isinstance(result, Looked) else 0
        limit = self._options.memory
        if limit is not None and self._memory + need > limit:
            return False
        self._looks.popleft()
        self._memory += need
        self._fronts.append((job, need, front.submit(self._front, job, result)))
        return True

    def _hand_over(self, back: ThreadPoolExecutor) -> None:
        job, need, begun = self._fronts[0]
        result = begun.result()
        self._fronts.popleft()
        self._backs.append((job, need, back.submit(self._back, job, result)))

    def _collect(self, most: int) -> None:
        """Take what is finished at the back, in order, and wait until at most ``most`` photos are there."""
        while self._backs and (self._backs[0][2].done() or len(self._backs) > most):
            job, need, ended = self._backs.popleft()
            self._memory -= need
            self._finish(job, ended.result())

    def _drain(self, back: ThreadPoolExecutor) -> None:
        """End what is under way, as far as it can be."""
        for job, need, begun in self._fronts:
            if not begun.cancel() and begun.exception() is None:
                self._backs.append((job, need, back.submit(self._back, job, begun.result())))
        while self._backs:
            job, _, ended = self._backs.popleft()
            if ended.exception() is None and not self._stopped.is_set():
                self._finish(job, ended.result())

    def _front(self, job: Job, looked: Looked | Outcome) -> Started | Outcome:
        return self._work.begin(job, looked) if isinstance(looked, Looked) else looked

    def _back(self, job: Job, begun: Started | Outcome) -> Outcome:
        if isinstance(begun, Outcome):
            return begun
        if self._stopped.is_set():
            raise DiskFullError("the run has ended")
        try:
            return self._work.end(job, begun)
        except Exception:
            self._stopped.set()
            raise

    def _finish(self, job: Job, outcome: Outcome) -> None:
        outcome = rounded(outcome)
        try:
            if self._ledger is not None:
                self._ledger.keep(job, outcome)
            self._outcomes.append(outcome)
            self._report(outcome)
        except Exception as error:
            self._stopped.set()
            if is_disk_full(error, job.target.parent, 0):
                raise disk_full(job.target) from error
            raise


@contextlib.contextmanager
def _single_threaded_opencv() -> Iterator[None]:
    """Keep OpenCV to the calling thread: photos run side by side, its own threads would be in the way."""
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
