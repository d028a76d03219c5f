"""The short set of benchmarks: all contenders, whole photos, stages, cold start and memory."""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from amgan.checkpoint import load_model
from amgan.export.graphs.deploy import DeployGenerator
from amgan.export.verify import find_checkpoint
from amgan.networks import Generator
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.engines.openvino import OpenVinoEngine
from amgan.runtime.machine import count_cores
from amgan.runtime.pipeline.pipeline import Pipeline

from .engines import OURS, REFERENCE, Contenders, OpenEngine, describe, find_contenders, in_pytorch
from .machine import hardware, heading
from .parity import judge, tolerances_of
from .photos import StagedPhoto, age_folder, run_cold
from .portrait import whole_frame, write_portrait
from .timing import measure_in_turn, noise, percentiles, spread, times_faster

Progress = Callable[[int, int, str], None]
SCHEMA = 1
PHOTO, FOLDER = f"{OURS}one photo", f"{OURS}a folder"
AGAIN = f"{REFERENCE}, again"
"""The reference again in every turn: its difference from itself is the error of any ratio."""
JOBS_ROUNDS = 3
PACKAGES = ("torch", "onnxruntime", "openvino", "opencv-python-headless", "pillow")


@dataclass(frozen=True)
class Size:
    """Extent: side of the face's frame in px, turns, photos of the folder, cold processes."""

    frame_px: int = 512
    rounds: int = 11
    photos: int = 4
    cold_runs: int = 3


SHORT = Size()
SMALLEST = Size(256, 3, 2, 1)


def run_short_set(
    model: Path | None,
    size: Size,
    command: str,
    progress: Progress = lambda done, total, what: None,
    *,
    checkpoint: Path | None = None,
    open_engine: OpenEngine = OpenVinoEngine,
) -> dict[str, Any]:
    """Measure a bundle (None: the shipped one) on the CPU, compared with PyTorch with the same weights.

    ``checkpoint`` are these weights (None: the shipped ones); ``command`` is stored in the result, which
    consists of JSON values. Raises UsageError, BundleError and EngineError.
    """
    bundle = Bundle.open(model)
    generator = load_model(find_checkpoint(bundle, checkpoint))[0]
    threads = count_cores()
    state = hardware(threads)
    arrays = whole_frame(size.frame_px, bundle.manifest.halo_px, bundle.manifest.patterns)
    contenders = find_contenders(
        generator, bundle, arrays, threads, lambda what: progress(0, 1, f"preparing {what}"), open_engine
    )
    with tempfile.TemporaryDirectory(prefix="amgan-bench.") as folder:
        photos = _measure_photos(bundle, generator, contenders, size, Path(folder), progress)
    wanted = contenders.ways[REFERENCE]()
    parity = {
        name: judge(way(), wanted, contenders.precisions[name], tolerances_of(bundle.manifest))
        for name, way in contenders.ways.items()
    }
    seconds = photos.pop("seconds")
    cpu = photos.pop("cpu_seconds", {})
    parity |= photos.pop("parity")
    again = seconds.pop(AGAIN, None)
    return heading(
        f"ageing a face of {size.frame_px} x {size.frame_px} px on the CPU, all in turn",
        command,
        state,
        *PACKAGES,
    ) | {
        "schema": SCHEMA,
        "size": asdict(size),
        "model": describe(bundle),
        "reference": REFERENCE,
        "noise": noise(seconds[REFERENCE], again) if again else None,
        "speeds": {name: _speed(name, seconds, parity[name], cpu.get(name)) for name in seconds},
        "absent": contenders.absent,
        "prepared_s": contenders.prepared_s,
        "photo": photos,
    }


def _speed(
    name: str, seconds: dict[str, list[float]], parity: dict[str, Any], cpu: list[float] | None
) -> dict[str, Any]:
    """The entry of a result for one contender."""
    return {
        "times_faster": times_faster(seconds[name], seconds[REFERENCE]),
        "spread": spread(seconds[name], seconds[REFERENCE]),
        "median_cpu_s": statistics.median(cpu) if cpu else None,
        "median_s": statistics.median(seconds[name]),
        "seconds": seconds[name],
        "ours": name.startswith(OURS),
        "parity": parity,
    }


def _measure_photos(
    bundle: Bundle, generator: Generator, contenders: Contenders, size: Size, work: Path, progress: Progress
) -> dict[str, Any]:
    """Time everything in turn: the contenders on one frame, one photo, a folder; then cold processes."""
    folder = work / "in"
    folder.mkdir()
    source = write_portrait(work / "portrait.jpg", size.frame_px)
    for number in range(size.photos):
        shutil.copy(source, folder / f"{number}.jpg")
    stage_runs: list[dict[str, tuple[float, float]]] = []
    cpu: dict[str, list[float]] = {}
    with ExitStack() as stack:
        photo = stack.enter_context(StagedPhoto(bundle, source, work / "aged.jpg"))
        pipeline = stack.enter_context(Pipeline(bundle.path, "cpu"))
        ways: dict[str, Callable[[], object]] = {
            **contenders.ways,
            AGAIN: contenders.ways[REFERENCE],
            PHOTO: lambda: stage_runs.append(photo.run_counted()),
            FOLDER: lambda: age_folder(pipeline, folder, work / "out"),
        }
        total = (size.rounds + 1) * len(ways) + size.cold_runs
        done = 0

        def count(what: str) -> None:
            nonlocal done
            done += 1
            progress(done, total, what)

        seconds = measure_in_turn(ways, size.rounds, done=count, cpu=cpu)
        jobs = {
            number: partial(age_folder, pipeline, folder, work / "jobs", number)
            for number in sorted({1, 2, count_cores()})
        }
        of_jobs = measure_in_turn({str(n): way for n, way in jobs.items()}, min(size.rounds, JOBS_ROUNDS))
        parity = photo_parity(bundle, generator, photo)
        precision = photo.capabilities.precision
    for times in (seconds, cpu):
        times[FOLDER] = [s / size.photos for s in times[FOLDER]]
    same = all(p.read_bytes() == (work / "aged.jpg").read_bytes() for p in (work / "out").iterdir())
    cold = []
    for _ in range(size.cold_runs):
        cold.append(run_cold(bundle, source, work / "cold.jpg"))
        count("a fresh process")
    return {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "parity": {PHOTO: parity, FOLDER: parity | {"verified": parity["verified"] and same}},
        "precision": precision,
        "folder_gives_the_same_bytes": same,
        "warm": percentiles(seconds[PHOTO]),
        "stages_median_s": _stage_medians(stage_runs[1:], 0),
        "stages_median_cpu_s": _stage_medians(stage_runs[1:], 1),
        "photos_per_second_by_jobs": {n: size.photos / statistics.median(s) for n, s in of_jobs.items()},
        "cold_s": [run.seconds for run in cold],
        "cold_peak_mib": [round(run.peak_mib, 1) for run in cold],
    }


def _stage_medians(runs: Sequence[dict[str, tuple[float, float]]], which: int) -> dict[str, float]:
    return {name: statistics.median(run[name][which] for run in runs) for name in runs[0]}


def photo_parity(bundle: Bundle, generator: Generator, photo: StagedPhoto) -> dict[str, Any]:
    """Parity of the engine with PyTorch on the frame of the photo's face, in the cores of tiles."""
    arrays, tiles, aged = photo.frame()
    wanted = in_pytorch(DeployGenerator(generator).eval(), arrays)[0]
    computed = np.zeros(aged.shape[:2], bool)
    for tile in tiles:
        computed[tile.core] = True
    expected = np.where(computed[..., None], wanted, aged)
    return judge(aged[None], expected[None], photo.capabilities.precision, tolerances_of(bundle.manifest))


def quiet_torch() -> None:
    """Keep PyTorch's exporters and compiler from writing to the terminal."""
    import logging
    import warnings

    warnings.filterwarnings("ignore", module=r"torch(\.|$)")
    warnings.filterwarnings("ignore", message="torch.tensor results are registered as constants")
    for name in ("torch", "onnxscript"):
        logging.getLogger(name).setLevel(logging.ERROR)
