"""Ages many photos: decoding ahead and encoding behind in small thread pools around one pipeline.

One bad photo never stops the others: each one ends as an Outcome, with the reason when it failed.
"""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from .errors import AmganError, BundleError, MissingDependencyError, UsageError

if TYPE_CHECKING:
    from .photo import Photo
    from .pipeline import AgedPhoto
    from .request import Request

PICTURE_SUFFIXES = frozenset(
    {
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".webp",
        ".tif",
        ".tiff",
        ".bmp",
        ".gif",
        ".avif",
        ".heic",
        ".heif",
    }
)
"""Endings of file names, in lower case, that a folder's photos are known by."""

THREADS = 2
_LITTER = frozenset({"thumbs.db", "desktop.ini"})
_log = logging.getLogger(__name__)


class Ager(Protocol):
    """What the batch needs of a pipeline; `Pipeline` is one."""

    def age(self, rgb: NDArray[np.uint8], request: Request) -> AgedPhoto:
        """Age the faces of ``rgb``, uint8 [H, W, 3]; raise an AmganError where that cannot be done."""


@dataclass(frozen=True)
class Job:
    """One file to work on: ``source`` is aged into ``target``, unless ``refusal`` says why it cannot be."""

    source: Path
    target: Path
    refusal: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of one file: ``faces`` aged, ``seconds`` of work (decoding, ageing and encoding)."""

    path: Path
    status: Literal["aged", "failed"]
    reason: str = ""
    faces: int = 0
    seconds: float = 0.0
    output: Path | None = None


def plan_batch(source: Path, output: Path) -> list[Job]:
    """One job for each file of ``source``, in order of name: a folder with all its levels, or one photo.

    A folder's tree is mirrored under ``output``. One photo goes to ``output`` itself where that ends like a
    picture's name, which then decides the format, otherwise into it as a folder. Hidden files are left out;
    so is ``output``, where it lies inside ``source``. Raises UsageError when ``source`` does not exist or is
    empty, when ``output`` does not fit it, or when anything in ``source`` would be written over.
    """
    if source.is_dir():
        jobs = _plan_folder(source, output)
    elif source.exists():
        jobs = [_plan_photo(source, output)]
    else:
        raise UsageError(f"'{source}' does not exist: give a photo or a folder of photos")
    _refuse_overwriting(jobs)
    return jobs


def run_batch(
    pipeline: Ager,
    jobs: Sequence[Job],
    request: Request,
    report: Callable[[Outcome], None] = lambda outcome: None,
    *,
    threads: int = THREADS,
) -> list[Outcome]:
    """Age every job's photo and write it; one Outcome a job, as `report` gets them, in order of completion.

    ``pipeline`` is called from this thread alone; ``threads`` threads decode the photos to come, as many
    encode those that are done, and at most 2 * ``threads`` photos wait on either side. Raises UsageError,
    BundleError and MissingDependencyError, which every photo would meet; anything else is the outcome of
    one photo. However it ends, KeyboardInterrupt included, what has been aged is written and reported first.
    """
    outcomes: list[Outcome] = []

    def finish(outcome: Outcome) -> None:
        outcomes.append(outcome)
        report(outcome)

    reads: deque[tuple[Job, Future[_Read]]] = deque()
    writes: deque[Future[Outcome]] = deque()
    waiting = deque(jobs)
    with (
        ThreadPoolExecutor(threads, "amgan-read") as readers,
        ThreadPoolExecutor(threads, "amgan-write") as writers,
    ):
        try:
            while waiting or reads:
                while waiting and len(reads) < 2 * threads:
                    job = waiting.popleft()
                    reads.append((job, readers.submit(_read, job)))
                job, read = reads.popleft()
                result = _age(pipeline, job, read.result(), request)
                if isinstance(result, Outcome):
                    finish(result)
                else:
                    writes.append(writers.submit(_write, job, result))
                while writes and (writes[0].done() or len(writes) > 2 * threads):
                    finish(writes.popleft().result())
        finally:
            for _, read in reads:
                read.cancel()
            while writes:
                finish(writes.popleft().result())
    return outcomes


@dataclass(frozen=True, eq=False)
class _Read:
    """A decoded photo, or why it could not be decoded."""

    photo: Photo | None
    reason: str
    seconds: float


@dataclass(frozen=True, eq=False)
class _Aged:
    """An aged photo that waits to be written."""

    photo: Photo
    aged: AgedPhoto
    seconds: float


def _read(job: Job) -> _Read:
    start = time.perf_counter()
    if job.refusal:
        return _Read(None, job.refusal, 0.0)
    from .photo import read_photo

    try:
        return _Read(read_photo(job.source), "", time.perf_counter() - start)
    except Exception as error:
        return _Read(None, _explain(error, job.source), time.perf_counter() - start)


def _age(pipeline: Ager, job: Job, read: _Read, request: Request) -> _Aged | Outcome:
    start = time.perf_counter()
    if read.photo is None:
        return Outcome(job.source, "failed", read.reason, seconds=read.seconds)
    try:
        aged = pipeline.age(read.photo.pixels, request)
    except (UsageError, BundleError, MissingDependencyError):
        raise
    except Exception as error:
        seconds = read.seconds + time.perf_counter() - start
        return Outcome(job.source, "failed", _explain(error, job.source), seconds=seconds)
    return _Aged(read.photo, aged, read.seconds + time.perf_counter() - start)


def _write(job: Job, work: _Aged) -> Outcome:
    start = time.perf_counter()
    from .photo import write_photo

    try:
        job.target.parent.mkdir(parents=True, exist_ok=True)
        write_photo(work.photo, work.aged.pixels, job.target)
    except Exception as error:
        seconds = work.seconds + time.perf_counter() - start
        return Outcome(job.source, "failed", _explain(error, job.target), seconds=seconds)
    seconds = work.seconds + time.perf_counter() - start
    return Outcome(job.source, "aged", faces=len(work.aged.faces), seconds=seconds, output=job.target)


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


def _plan_photo(source: Path, output: Path) -> Job:
    """The job of a photo named by itself: what it holds decides, whatever its name ends in."""
    if not source.is_file():
        return Job(source, output, "not a picture: not a regular file")
    if output.is_dir() or output.suffix.lower() not in PICTURE_SUFFIXES:
        if output.exists() and not output.is_dir():
            raise UsageError(f"'{output}' is a file, but no picture: name a folder or a picture to write")
        return Job(source, output / source.name)
    return Job(source, output)


def _plan_file(source: Path, target: Path) -> Job:
    """The job of a file found in a folder: only what is named like a picture is opened."""
    suffix = source.suffix.lower()
    if not source.exists():
        return Job(source, target, "a link to something that does not exist")
    if not source.is_file():
        return Job(source, target, "not a picture: not a regular file")
    if suffix not in PICTURE_SUFFIXES:
        ending = f"its name ends in '{suffix}'" if suffix else "its name has no ending such as .jpg"
        return Job(source, target, f"not a picture: {ending}")
    return Job(source, target)


def _plan_folder(source: Path, output: Path) -> list[Job]:
    if output.exists() and not output.is_dir():
        raise UsageError(f"'{output}' is a file: name a folder for the aged photos of '{source}'")
    if output.exists() and output.samefile(source):
        raise UsageError(
            f"'{output}' is the folder of the photos themselves: name another one, they are never overwritten"
        )
    jobs = list(_walk(source, output))
    if not jobs:
        raise UsageError(f"'{source}' holds no photos: give a photo or a folder of photos")
    return jobs


def _walk(source: Path, output: Path) -> Iterator[Job]:
    closed: list[OSError] = []
    aged = output.resolve()
    for folder, subfolders, names in os.walk(source, onerror=closed.append):
        here = Path(folder)
        subfolders[:] = sorted(
            n for n in subfolders if not n.startswith(".") and (here / n).resolve() != aged
        )
        for name in sorted(names):
            if not name.startswith(".") and name.lower() not in _LITTER:
                path = here / name
                yield _plan_file(path, output / path.relative_to(source))
    for error in closed:
        path = Path(error.filename)
        yield Job(path, output / path.relative_to(source), f"a folder that cannot be read: {error.strerror}")


def _refuse_overwriting(jobs: Sequence[Job]) -> None:
    sources = {job.source.resolve() for job in jobs}
    for job in jobs:
        if job.target.resolve() in sources:
            raise UsageError(
                f"'{job.target}' is one of the photos to age: name another output, they are never overwritten"
            )
