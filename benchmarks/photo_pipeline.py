"""Photos per second, JPEG to JPEG, compared with the engine alone and PyTorch on whole frames.

    python benchmarks/photo_pipeline.py --faces FOLDER

Portraits of 1024 px are made from the photos of a folder (default: the samples). In turn, and several times,
they are aged by the batch runner, in sequence without overlap, and by the engine alone, which gets exactly
the batch runner's frames. PyTorch eager and OpenVINO also compute whole frames, to show the gain of each
part; precisions that the CPU lacks are left out. CPU time of the whole process is counted, too: the batch
runner's minus the engine's is spent around the engine.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import common
import numpy as np
from PIL import Image

RESULT = common.RESULTS / "photo_pipeline_cpu.json"
SIDE_PX = 1024
AGE = "70"
EAGER = "pytorch eager fp32"
BATCH = "batch runner, JPEG to JPEG"


def parse_arguments() -> argparse.Namespace:
    parser = common.result_option(__doc__, RESULT)
    parser.add_argument("--faces", type=Path, default=common.ROOT / "samples", help="folder of photos")
    parser.add_argument("--photos", type=common.count, default=40, help="portraits to make (default: 40)")
    parser.add_argument("--rounds", type=common.count, default=3, help="times that each way is timed")
    parser.add_argument("--checkpoint", type=Path, help="weights (default: the shipped ones)")
    parser.add_argument("--bundle", type=Path, help="bundle made of them (default: the shipped one)")
    return parser.parse_args()


def make_portraits(faces: Path, folder: Path, wanted: int, pipeline: Any) -> list[Path]:
    """JPEGs of SIDE_PX px, each with a detectable face; photos are reused if there are too few."""
    folder.mkdir()
    made: list[Path] = []
    sources = sorted(p for p in faces.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    while len(made) < wanted:
        before = len(made)
        for source in sources:
            if len(made) == wanted:
                break
            picture = Image.open(source).convert("RGB")
            side = min(picture.size)
            picture = picture.crop((0, 0, side, side)).resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)
            if len(pipeline.see(np.asarray(picture))) == 1:
                made.append(folder / f"{len(made):03}.jpg")
                picture.save(made[-1], quality=92)
        if len(made) == before:
            raise SystemExit(f"{faces} holds no photo with a face")
    return made


def in_batch(pipeline: Any, portraits: Sequence[Path], out: Path) -> float:
    """Seconds of the batch runner for all portraits."""
    from amgan.runtime.ages.request import Request
    from amgan.runtime.batch.plan import plan_run
    from amgan.runtime.batch.run import run_batch

    shutil.rmtree(out, ignore_errors=True)
    start = time.perf_counter()
    request = Request.parse(AGE, include_children=True)
    outcomes = run_batch(pipeline, plan_run([portraits[0].parent], out).tasks, request)
    seconds = time.perf_counter() - start
    assert all(one.status == "aged" for one in outcomes), outcomes
    return seconds


def one_by_one(pipeline: Any, portraits: Sequence[Path], out: Path) -> float:
    """Seconds for all portraits, each finished before the next one begins."""
    from amgan.runtime.ages.request import Request

    request = Request.parse(AGE, include_children=True)
    out.mkdir(exist_ok=True)
    start = time.perf_counter()
    for path in portraits:
        pipeline.age_file(path, out / path.name, request)
    return time.perf_counter() - start


def plan_frames(pipeline: Any, portraits: Sequence[Path]) -> list[Any]:
    """The frames that the batch runner gives the engine."""
    from amgan.runtime.ages.request import Request
    from amgan.runtime.pipeline.face_plan import plan_work

    frames = []
    request = Request.parse(AGE, include_children=True)
    for path in portraits:
        rgb = np.asarray(Image.open(path).convert("RGB"))
        (seen,) = pipeline.see(rgb)
        likes = replace(pipeline.capabilities, min_tiles=1)  # as a busy engine has it
        work = plan_work(rgb, seen, request, pipeline.manifest, likes, path.name)
        frames.append(work.frame)
    return frames


def engine_alone(pipeline: Any, frames: Sequence[Any]) -> float:
    """Seconds of the engine for frames prepared in advance."""
    start = time.perf_counter()
    for aged in [pipeline._scheduler.submit(frame) for frame in frames]:
        aged.result()
    return time.perf_counter() - start


def whole_frames(arguments: argparse.Namespace, side_px: int) -> dict[str, common.Contender]:
    """Contenders for one whole frame: PyTorch eager first, and OpenVINO in the precisions of this CPU."""
    from functools import partial

    import torch
    from engine_vs_pytorch import in_engine

    from amgan.benchmarking.engines import in_pytorch
    from amgan.checkpoint import load_model
    from amgan.export.graphs.deploy import DeployGenerator
    from amgan.runtime.bundle.bundle import Bundle

    torch.set_num_threads(common.limit_threads(None))
    bundle = Bundle.open(arguments.bundle)
    arrays = common.make_inputs(side_px, bundle.manifest.halo_px, bundle.manifest.patterns)
    network = DeployGenerator(load_model(arguments.checkpoint)[0]).eval()
    return {EAGER: partial(in_pytorch, network, arrays)} | in_engine(bundle, arrays)


def steps_of(medians: Mapping[str, float]) -> list[str]:
    """The measured steps from PyTorch on whole frames to the batch runner, each in addition to the last."""
    whole = [name for name in medians if ", whole frames of" in name]
    return [*whole, "engine alone, faces only", "one photo after the other", BATCH]


def main() -> None:
    arguments = parse_arguments()
    threads = common.limit_threads(None)
    from amgan.runtime.pipeline.pipeline import Pipeline

    state = common.hardware(threads)
    with tempfile.TemporaryDirectory() as work, Pipeline(arguments.bundle) as pipeline:
        portraits = make_portraits(arguments.faces, Path(work) / "in", arguments.photos, pipeline)
        frames = plan_frames(pipeline, portraits)
        sides = sorted(f.frame_px(pipeline.manifest.halo_px) for f in frames)
        core_px = [sum(t.width * t.height for t in f.tiles) for f in frames]
        ways: dict[str, Callable[[], float]] = {
            BATCH: lambda: in_batch(pipeline, portraits, Path(work) / "out"),
            "one photo after the other": lambda: one_by_one(pipeline, portraits, Path(work) / "out1"),
            "engine alone, faces only": lambda: engine_alone(pipeline, frames),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        cpu_ms: dict[str, list[float]] = {name: [] for name in ways}
        for round_number in range(-1, arguments.rounds):
            for name, way in ways.items():
                before = time.process_time()
                took = way() / len(portraits)
                if round_number >= 0:
                    seconds[name].append(took)
                    cpu_ms[name].append(1000 * (time.process_time() - before) / len(portraits))
        same = all(
            (Path(work) / "out" / p.name).read_bytes() == (Path(work) / "out1" / p.name).read_bytes()
            for p in portraits
        )
        capabilities = replace(pipeline.capabilities, reason="")
    middle = sides[len(sides) // 2]
    whole = whole_frames(arguments, middle)
    parity = common.compare({name: way for name, way in whole.items() if name != EAGER}, whole[EAGER]())
    for name, runs in common.measure(whole, max(3, arguments.rounds)).items():
        seconds[f"{name}, whole frames of {middle} px"] = runs
    report(arguments, state, seconds, cpu_ms, middle, same, sides, core_px, capabilities, parity)


def report(
    arguments: argparse.Namespace,
    state: dict[str, Any],
    seconds: dict[str, list[float]],
    cpu_ms: dict[str, list[float]],
    middle: int,
    same: bool,
    sides: list[int],
    core_px: list[int],
    capabilities: Any,
    parity: Mapping[str, Any],
) -> None:
    """Print and write the result."""
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    spent = {name: round(statistics.median(values), 1) for name, values in cpu_ms.items()}
    engine_ms = spent["engine alone, faces only"]
    eager, batch, steps = medians[f"{EAGER}, whole frames of {middle} px"], medians[BATCH], steps_of(medians)
    result = common.heading(f"ageing portraits of {SIDE_PX} px", state, "torch", "openvino", "pillow") | {
        "model": common.describe_bundle(arguments.bundle),
        "photos": arguments.photos,
        "frame_px": {"smallest": sides[0], "median": middle, "largest": sides[-1]},
        "share_of_the_frame_computed": round(
            statistics.mean(core_px) / statistics.mean(s * s for s in sides), 3
        ),
        "engine": vars(capabilities),
        "single_and_batch_are_byte_identical": same,
        "difference_from_pytorch": parity,
        "seconds_per_photo": seconds,
        "median_seconds_per_photo": medians,
        "median_cpu_ms_per_photo": spent,
        "cpu_ms_around_the_engine": round(spent[BATCH] - engine_ms, 1),
        "rate_of_batch_over_engine_alone_if_all_cores_were_always_busy": round(engine_ms / spent[BATCH], 3),
        "rate_of_batch_over_engine_alone": medians["engine alone, faces only"] / batch,
        "rate_of_batch_over_pytorch_eager": eager / batch,
        "times_faster_than_the_step_before": {
            name: medians[before] / medians[name] for before, name in itertools.pairwise(steps)
        },
    }
    for name in steps:
        print(f"{name:48} {1000 * medians[name]:8.1f} ms a photo")
    for name, ms in spent.items():
        print(f"{name:48} {ms:8.1f} CPU ms a photo")
    print(
        f"batch over engine alone {result['rate_of_batch_over_engine_alone']:.2f}, by CPU time "
        f"{engine_ms / spent[BATCH]:.2f}"
    )
    print(
        f"batch over PyTorch eager {result['rate_of_batch_over_pytorch_eager']:.1f}, identical files: {same}"
    )
    common.write_result(result, arguments.output)


if __name__ == "__main__":
    main()
