"""Runs a batch in several worker processes of this machine, which share its cores, GPUs and memory limit.

One process cannot use many cores, since only one of its threads runs Python at a time. Only the calling
process probes photos and writes the record and the report, so any number of workers can resume a run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..engines.cuda.api import load_cuda
from ..engines.gpus import find_gpus, gpu_numbers, takes_one
from ..errors import AmganError
from ..machine import count_cores, count_visible_gpus
from .outcome import Outcome
from .probe import PhotoProbe, Probed
from .record import RunRecord
from .run import MAX_DOWNLOADS, BatchOptions, Runner, run_steps, threads_for
from .staging import Staging, open_staging
from .steps import InFlight
from .task import PhotoTask
from .worker_pool import WorkerPool
from .worker_process import Job, PipelineChoice, Place

if TYPE_CHECKING:
    from ..ages.request import Request

CORES_PER_WORKER = 8
"""The cores that one process can use: of 42 ms of a photo's CPU time, 14 % hold the GIL."""
PHOTOS_PER_WORKER = 1000
"""The photos for which a further process is worth the seconds that it takes to start."""
PROBE_THREADS = 2


def workers_for(device: str, photos: int) -> int:
    """The default number of worker processes; 1 means none besides this process.

    A CPU is kept busy by one process. With GPUs there is one process per GPU of the device, and per
    CORES_PER_WORKER cores, if there are enough photos for them.
    """
    gpus = 0 if device == "cpu" else count_visible_gpus()
    if not gpus:
        return 1
    named = 1 if takes_one(device) else len(gpu_numbers(device)) or gpus
    wanted = max(count_cores() // CORES_PER_WORKER, named)
    if photos >= wanted * PHOTOS_PER_WORKER:
        return wanted
    return max(1, min(wanted, photos // PHOTOS_PER_WORKER))


def places_for(workers: int, device: str) -> list[Place]:
    """The places of ``workers`` processes: an equal share of the cores for each, and the GPUs in turn.

    With fewer workers than GPUs each uses all GPUs that the device names. If the device is the GPU with the
    most free memory, all use the same one.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    gpus = _taken_in_turn(device) if device != "cpu" and count_visible_gpus() > 1 else []
    return [
        Place(
            Path.cwd(),
            tuple(cores[number * len(cores) // workers : (number + 1) * len(cores) // workers])
            or tuple(cores[number % len(cores) :][:1]),
            gpus[number % len(gpus)] if 0 < len(gpus) <= workers else None,
        )
        for number in range(workers)
    ]


def _taken_in_turn(device: str) -> list[int]:
    """The numbers of the GPUs that a device on a machine with several stands for; empty if there is none.

    A worker that sees only one of them must not get a device with another number: see `ModelChoice.on_one`.
    """
    if device.startswith("cuda:") and takes_one(device):
        return []  # its number says it
    try:
        found = find_gpus(load_cuda(), device)
    except AmganError:
        return []
    return [gpu.number for gpu in (found[:1] if takes_one(device) else found)]


@contextmanager
def process_runner(choice: PipelineChoice, places: Sequence[Place]) -> Iterator[Runner]:
    """A Runner with a worker process per place, until the end of the block.

    The first process has opened its pipeline, the others start with `run`. ``threads`` of the Runner are
    those of each worker. Raises the error with which the first pipeline opened.
    """
    pool = WorkerPool(choice, places)
    try:
        threads = threads_for(pool.facts.capabilities, len(places))
        yield Runner(pool.facts, _Run(pool, len(places)).run, threads)
    finally:
        pool.close()


@dataclass(frozen=True)
class _Run:
    """Runs a batch in a pool; once."""

    pool: WorkerPool
    workers: int

    def run(
        self,
        tasks: Sequence[PhotoTask],
        request: Request,
        report: Callable[[Outcome], None],
        options: BatchOptions,
        record: RunRecord | None,
    ) -> None:
        """See run_batch; ``options.threads`` are those of each worker, ``options.memory`` is shared."""
        fetching = MAX_DOWNLOADS if any(task.source.is_remote for task in tasks) else PROBE_THREADS
        with open_staging(tasks) as staging:
            self.pool.begin(Job(request, options, staging.folder, record is not None))
            steps = _Steps(PhotoProbe(record, staging, options.memory), self.pool, staging)
            waiting = replace(options, threads=2 * options.threads * self.workers)
            run_steps(steps, tasks, waiting, report, record, fetching)
            if record is not None and self.pool.crashes:
                record.clean(tasks)


@dataclass(frozen=True)
class _Steps:
    """The steps of every photo: a worker does all after the probe."""

    probing: PhotoProbe
    pool: WorkerPool
    staging: Staging

    def probe(self, task: PhotoTask) -> Probed | Outcome:
        """Check whether a photo must be processed."""
        return self.probing.probe(task)

    def begin(self, task: PhotoTask, probed: Probed) -> Outcome:
        """Have a worker age the photo, and wait for it."""
        try:
            return self.pool.age(task, probed)
        finally:
            self.staging.discard(task)

    def end(self, task: PhotoTask, begun: InFlight) -> Outcome:
        """No photo is left to be finished here."""
        raise AssertionError("a worker finishes its photos")
