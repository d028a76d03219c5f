"""Ages many photos: decoding, finding faces, pasting and encoding in threads around one busy engine.

One bad photo never stops the others: each one ends as an Outcome, with the reason when it failed.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from .batch_plan import Job, plan_batch
from .errors import AmganError, BundleError, MissingDependencyError, UsageError

if TYPE_CHECKING:
    from .photo import Photo
    from .pipeline import AgedPhoto, StartedPhoto
    from .request import Request

__all__ = ["Ager", "Job", "Outcome", "plan_batch", "run_batch"]

THREADS = 2
_log = logging.getLogger(__name__)


class Ager(Protocol):
    """What the batch needs of a pipeline; `Pipeline` is one."""

    def start(self, rgb: NDArray[np.uint8], request: Request, label: str) -> StartedPhoto:
        """Hand the faces of ``rgb``, uint8 [H, W, 3], to the engine; raise an AmganError where one cannot."""

    def finish(self, started: StartedPhoto, *, in_place: bool) -> AgedPhoto:
        """Wait for the engine and paste the faces; raise an AmganError where that fails."""


@dataclass(frozen=True)
class Outcome:
    """What became of one file: ``faces`` aged, ``seconds`` from its decoding to its end, waiting included."""

    path: Path
    status: Literal["aged", "failed"]
    reason: str = ""
    faces: int = 0
    seconds: float = 0.0
    output: Path | None = None


@dataclass(frozen=True, eq=False)
class _Started:
    """A decoded photo whose faces are with the engine."""

    photo: Photo
    faces: StartedPhoto
    since: float


def run_batch(
    pipeline: Ager,
    jobs: Sequence[Job],
    request: Request,
    report: Callable[[Outcome], None] = lambda outcome: None,
    *,
    threads: int = THREADS,
) -> list[Outcome]:
    """Age every job's photo and write it; one Outcome a job, as `report` gets them, in order of the jobs.

    ``threads`` threads decode photos and find their faces, as many paste and encode; at most 2 * ``threads``
    photos are on either side, so memory does not grow with the folder. Raises UsageError, BundleError and
    MissingDependencyError, which every photo would meet; anything else is the outcome of one photo. However
    it ends, KeyboardInterrupt included, what is with the engine is written and reported first.
    """
    outcomes: list[Outcome] = []
    fronts: deque[tuple[Job, Future[_Started | Outcome]]] = deque()
    backs: deque[Future[Outcome]] = deque()
    waiting = deque(jobs)

    def finish(outcome: Outcome) -> None:
        outcomes.append(outcome)
        report(outcome)

    with (
        _single_threaded_opencv(),
        ThreadPoolExecutor(threads, "amgan-front") as front,
        ThreadPoolExecutor(threads, "amgan-back") as back,
    ):
        try:
            while waiting or fronts:
                while waiting and len(fronts) < 2 * threads:
                    job = waiting.popleft()
                    fronts.append((job, front.submit(_begin, pipeline, job, request)))
                job, begun = fronts[0]
                result = begun.result()
                fronts.popleft()
                backs.append(back.submit(_end, pipeline, job, result))
                while backs and (backs[0].done() or len(backs) > 2 * threads):
                    finish(backs.popleft().result())
        finally:
            for job, begun in fronts:
                if not begun.cancel() and begun.exception() is None:
                    backs.append(back.submit(_end, pipeline, job, begun.result()))
            while backs:
                finish(backs.popleft().result())
    return outcomes


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


def _begin(pipeline: Ager, job: Job, request: Request) -> _Started | Outcome:
    """Decode a photo and hand its faces to the engine."""
    since = time.perf_counter()
    if job.refusal:
        return Outcome(job.source, "failed", job.refusal)
    from .photo import read_photo

    try:
        photo = read_photo(job.source, request.metadata)
        return _Started(photo, pipeline.start(photo.pixels, request, f"'{job.source}'"), since)
    except (UsageError, BundleError, MissingDependencyError):
        raise
    except Exception as error:
        return _failed(job, error, job.source, since)


def _end(pipeline: Ager, job: Job, begun: _Started | Outcome) -> Outcome:
    """Paste a photo's faces and write it."""
    if isinstance(begun, Outcome):
        return begun
    from .photo import write_photo

    try:
        aged = pipeline.finish(begun.faces, in_place=True)
    except Exception as error:
        return _failed(job, error, job.source, begun.since)
    try:
        job.target.parent.mkdir(parents=True, exist_ok=True)
        write_photo(begun.photo, aged.pixels, job.target)
    except Exception as error:
        return _failed(job, error, job.target, begun.since)
    seconds = time.perf_counter() - begun.since
    return Outcome(job.source, "aged", faces=len(aged.faces), seconds=seconds, output=job.target)


def _failed(job: Job, error: Exception, path: Path, since: float) -> Outcome:
    return Outcome(job.source, "failed", _explain(error, path), seconds=time.perf_counter() - since)


def _explain(error: Exception, path: Path) -> str:
    """The reason in words, without the path in front of it: the listing has that already."""
    _log.debug("%s failed", path, exc_info=error)
    if isinstance(error, AmganError):
        text = str(error)
        for prefix in (f"{path}: ", f"'{path}': ", f"'{path}' ", f"{path} "):
            text = text.removeprefix(prefix)
        return text
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: '{error.filename or path}'"
    return f"unexpected {type(error).__name__}: {error}"
