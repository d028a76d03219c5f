"""Times user-visible work on a GPU: estimates, photos from JPEG to JPEG, several processes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gpu_timing import device_of, percentiles


def time_estimator(bundle: Any, gpu: int, faces: int) -> dict[str, Any]:
    """Difference of the GPU's estimator from the CPU's, and its faces per second by number of threads."""
    from concurrent.futures import ThreadPoolExecutor

    from amgan.runtime.engines.gpu_estimator import open_gpu_estimator
    from amgan.runtime.pipeline.estimator import Estimator

    side = bundle.manifest.estimator.frame_px
    frame = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    estimator = open_gpu_estimator(bundle, f"cuda:{gpu}")
    try:
        found: dict[str, Any] = {
            "engine": estimator.name, "years_apart_from_cpu": Estimator(bundle).apart(estimator)
        }  # fmt: skip
        for threads in (1, 16):
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(estimator.read, [frame] * 2 * threads))
                start = time.perf_counter()
                list(pool.map(estimator.read, [frame] * faces))
                found[f"faces_per_second_of_{threads}"] = faces / (time.perf_counter() - start)
    finally:
        estimator.close()
    return found


def time_photos(
    bundle: Path, gpu: int, photos: int, runs: int, folder: Path, side: int, jobs: Sequence[int]
) -> dict[str, Any]:
    """Photos of ``side`` px: in sequence, and JPEG to JPEG with several numbers of jobs.

    ``frames`` in the result are the frames that the engine computed, to time it alone on the same work.
    """
    from common import PHOTO
    from PIL import Image

    from amgan.runtime.ages.request import Request
    from amgan.runtime.pipeline.pipeline import Pipeline

    source = folder / "photos"
    source.mkdir(parents=True, exist_ok=True)
    picture = Image.open(PHOTO).convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
    for i in range(photos):
        picture.save(source / f"{i:03}.jpg", quality=92)
    request = Request.parse("70", include_children=True)
    pixels = np.asarray(picture)
    by_jobs: dict[str, Any] = {}
    with Pipeline(bundle, f"cuda:{gpu}") as pipeline:
        started = pipeline.start(pixels, request)
        frames = [work.frame for work in started.works]
        pipeline.finish(started)
        single = []
        for _ in range(max(runs, 20)):
            start = time.perf_counter()
            pipeline.age(pixels, request)
            single.append(time.perf_counter() - start)
        for threads in jobs:
            by_jobs[str(threads)] = _time_batches(pipeline, request, source, folder, runs, threads)
        engine = pipeline.capabilities
    best = max(by_jobs, key=lambda n: by_jobs[n]["photos_per_second"])
    return {
        "photos_per_second": by_jobs[best]["photos_per_second"],
        "best_jobs": int(best),
        "jobs": by_jobs,
        "one_photo": percentiles(single),
        "engine": engine.name,
        "precision": engine.precision,
        "reason": engine.reason,
        "photo_px": side,
        "photos": photos,
        "frames": frames,
    }


def _time_batches(
    pipeline: Any, request: Any, source: Path, folder: Path, runs: int, threads: int
) -> dict[str, Any]:
    """Time the batch runner on all photos of ``source`` with a number of threads, after one warm-up run."""
    from amgan.runtime.batch.plan import plan_run
    from amgan.runtime.batch.run import BatchOptions, run_batch

    walls, busy, cpu = [], [], []
    photos = len(list(source.iterdir()))
    for run in range(-1, runs):
        before, cpu_before = pipeline.counters.busy_s, time.process_time()
        start = time.perf_counter()
        plan = plan_run([source], folder / f"aged{threads}-{run}").tasks
        outcomes = run_batch(pipeline, plan, request, options=BatchOptions(threads=threads))
        if run < 0:
            continue
        walls.append(time.perf_counter() - start)
        busy.append(pipeline.counters.busy_s - before)
        cpu.append(time.process_time() - cpu_before)
        failed = [one for one in outcomes if one.status != "aged"]
        if failed:
            raise RuntimeError(f"{len(failed)} of {photos} photos failed: {failed[0]}")
    return {
        "photos_per_second": photos / statistics.median(walls),
        "cpu_s_a_photo": statistics.median(cpu) / photos,
        "engine_busy_share": statistics.median(b / w for b, w in zip(busy, walls, strict=True)),
        "seconds": walls,
    }


def time_processes(
    bundle: Path,
    gpu: int,
    folder: Path,
    processes: int,
    jobs: int,
    workers: int = 1,
    timeout_s: float = 120.0,
) -> dict[str, float]:
    """Concurrent run-batch commands, each on all photos of ``folder / "photos"``, start-up included.

    Each command has ``workers`` processes.
    """
    import subprocess
    import sys

    photos = len(list((folder / "photos").iterdir()))
    start = time.perf_counter()
    running = [
        subprocess.Popen(
            [
                sys.executable, "-P", "-m", "amgan", "run-batch", str(folder / "photos"),
                "-o", str(folder / f"processes{processes}-{workers}-{i}"), "--model", str(bundle),
                "--device", device_of(gpu), "--age", "70", "--include-children", "--jobs", str(jobs),
                "--workers", str(workers),
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for i in range(processes)
    ]  # fmt: skip
    try:
        for one in running:
            _, said = one.communicate(timeout=timeout_s)
            if one.returncode:
                raise RuntimeError(f"run-batch ended with {one.returncode}: {said.strip()[-300:]}")
    finally:
        for one in running:
            if one.poll() is None:
                one.kill()
                one.wait()
    took = time.perf_counter() - start
    return {"photos_per_second": processes * photos / took, "seconds": took, "jobs": jobs}
