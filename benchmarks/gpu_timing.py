"""Times a generator on a GPU: frames a second, time of one frame, share of time the GPU computes, TFLOP/s."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Variant:
    """How a program is driven."""

    graphs: bool
    slots: int

    @property
    def name(self) -> str:
        return f"{'graphs' if self.graphs else 'no graphs'}, {self.slots} slot{'s' * (self.slots > 1)}"


VARIANTS = (Variant(True, 3), Variant(True, 1), Variant(False, 3), Variant(False, 1))
Opener = Callable[[bool], Any]
"""Opens a CudaProgram, with or without graphs."""


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Median and slow ends of some times, in ms."""
    p50, p95, p99 = np.percentile(np.array(seconds) * 1000, (50, 95, 99))
    return {"p50_ms": float(p50), "p95_ms": float(p95), "p99_ms": float(p99)}


def make_frames(count: int, side: int, halo: int, core: int) -> list[Any]:
    """Whole frames of a real face in tiles of one size, each frame with an age of its own."""
    from common import make_inputs

    from amgan.runtime.engines.frame import FrameWork
    from amgan.runtime.engines.tiles import plan_tiles

    image, ages, _ = make_inputs(side, halo)
    tiles = tuple(plan_tiles(side, core, fixed=True))
    return [FrameWork(image[0], ages[0, 0] + i % 5, tiles, f"frame {i}") for i in range(count)]


def time_program(
    cuda: Any, gpu: int, opener: Opener, halo: int, *, side: int, frames: int, runs: int, tile_flop: float
) -> dict[str, Any]:
    """Every variant of a program on the same frames, in turn; ``tile_flop`` is what one tile costs."""
    results: dict[str, Any] = {}
    for variant in VARIANTS:
        program = opener(variant.graphs)
        results[variant.name] = _time_variant(
            cuda, gpu, program, halo, variant.slots, side=side, frames=frames, runs=runs, tile_flop=tile_flop
        )
    return results


def _time_variant(
    cuda: Any, gpu: int, program: Any, halo: int, slots: int, *, side: int, frames: int, runs: int,
    tile_flop: float,
) -> dict[str, Any]:  # fmt: skip
    from amgan.runtime.engines.cuda.device import CudaTileDevice
    from amgan.runtime.engines.scheduler.scheduler import FrameScheduler

    device = CudaTileDevice(cuda, gpu, program, halo, slots=slots)
    likes = device.capabilities
    works = make_frames(frames, side, halo, likes.max_core_px)
    with FrameScheduler(device, halo) as scheduler:
        scheduler.submit(works[0]).result()
        walls, busy, tiles = [], [], []
        for _ in range(runs):
            before, gpu_before = scheduler.counters, device.gpu_busy_s
            start = time.perf_counter()
            for future in [scheduler.submit(work) for work in works]:
                future.result()
            walls.append(time.perf_counter() - start)
            busy.append(device.gpu_busy_s - gpu_before)
            tiles.append(scheduler.counters.tiles - before.tiles)
        single = []
        for work in works:
            start = time.perf_counter()
            scheduler.submit(work).result()
            single.append(time.perf_counter() - start)
        counters = scheduler.counters
    return {
        "frames_per_second": frames / statistics.median(walls),
        "one_frame": percentiles(single),
        "gpu_busy_share": statistics.median(b / w for b, w in zip(busy, walls, strict=True)),
        "tflops_while_busy": tile_flop * sum(tiles) / max(sum(busy), 1e-9) / 1e12,
        "tflops_overall": tile_flop * sum(tiles) / sum(walls) / 1e12,
        "engine": likes.name,
        "precision": likes.precision,
        "core_px": likes.max_core_px,
        "batch": likes.batch,
        "slots": slots,
        "frame_px": side,
        "frames": frames,
        "seconds": walls,
        "counters": {
            name: getattr(counters, name) for name in ("tiles", "batches", "padded_tiles", "graph_launches")
        },
    }


def count_flop(path: Path, side: int) -> float:
    """Arithmetic of the generator's convolutions for one tile of ``side`` px with its halo, in FLOP."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from amgan.runtime.engines.onnx_graph import OnnxNetwork

    network = OnnxNetwork(path, "meta")
    inputs = (
        torch.empty(1, side, side, 3, dtype=torch.uint8, device="meta"),
        torch.empty(1, 1, side // 4, side // 4, device="meta"),
        torch.empty(1, 3, device="meta"),
    )
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(*inputs)
    return float(counter.get_total_flops())


def time_on_gpu(work: Callable[[], object], runs: int) -> list[float]:
    """Seconds of each run of some work of PyTorch, by the GPU's clock."""
    import torch

    for _ in range(3):
        work()
    seconds = []
    for _ in range(runs):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        work()
        end.record()
        end.synchronize()
        seconds.append(start.elapsed_time(end) / 1000)
    return seconds


def matmul_tflops(gpu: int, runs: int, side: int = 8192) -> dict[str, float]:
    """TFLOP/s of a large product of random matrices: what the GPU can do."""
    import torch

    rates = {}
    for name, dtype in (("f16", torch.float16), ("bf16", torch.bfloat16), ("f32", torch.float32)):
        a, b = (torch.randn(side, side, device=f"cuda:{gpu}", dtype=dtype) for _ in range(2))
        seconds = statistics.median(time_on_gpu(lambda a=a, b=b: a @ b, runs))
        rates[name] = 2 * side**3 / seconds / 1e12
    return rates


def time_pytorch(checkpoint: Path | None, gpu: int, side: int, runs: int) -> dict[str, Any]:
    """The plain network in PyTorch on whole frames: eager and compiled, fp32 and half."""
    import torch
    from common import make_inputs

    from amgan.checkpoint import SHIPPED, load_model
    from amgan.export.deploy import DeployGenerator

    generator, _, config = load_model(checkpoint or SHIPPED)
    device = torch.device("cuda", gpu)
    network = DeployGenerator(generator).to(device).eval()
    arrays = [torch.from_numpy(a).to(device) for a in make_inputs(side, config.generator.halo_px)]
    results: dict[str, Any] = {}
    for name, function in (("eager", network), ("torch.compile", torch.compile(network))):
        for precision, dtype in (("f32", None), ("f16", torch.float16)):

            def work(function: Any = function, dtype: Any = dtype) -> object:
                with torch.inference_mode(), torch.autocast("cuda", dtype, enabled=dtype is not None):
                    return function(*arrays)

            try:
                seconds = time_on_gpu(work, runs)
            except Exception as error:  # a compiler that is missing, mostly
                lines = [line for line in str(error).splitlines() if line.strip()]
                results[f"{name} {precision}"] = {"not_run": lines[0] if lines else type(error).__name__}
            else:
                rate = 1 / statistics.median(seconds)
                results[f"{name} {precision}"] = {"frames_per_second": rate, **percentiles(seconds)}
    return results


def time_photos(bundle: Path, gpu: int, photos: int, runs: int, folder: Path, side: int) -> dict[str, Any]:
    """Photos of ``side`` px end to end: one after the other, and JPEG to JPEG through the batch runner."""
    from common import PHOTO
    from PIL import Image

    from amgan.runtime.ages.request import Request
    from amgan.runtime.batch.run import plan_batch, run_batch
    from amgan.runtime.pipeline.pipeline import Pipeline

    source = folder / "photos"
    source.mkdir(parents=True, exist_ok=True)
    picture = Image.open(PHOTO).convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
    for i in range(photos):
        picture.save(source / f"{i:03}.jpg", quality=92)
    request = Request.parse("70", include_children=True)
    pixels = np.asarray(picture)
    with Pipeline(bundle, f"cuda:{gpu}") as pipeline:
        pipeline.age(pixels, request)
        single = []
        for _ in range(max(runs, 20)):
            start = time.perf_counter()
            pipeline.age(pixels, request)
            single.append(time.perf_counter() - start)
        walls, busy = [], []
        for run in range(runs):
            before = pipeline.counters.busy_s
            start = time.perf_counter()
            outcomes = run_batch(pipeline, plan_batch(source, folder / f"aged{run}"), request)
            walls.append(time.perf_counter() - start)
            busy.append(pipeline.counters.busy_s - before)
            assert all(one.status == "aged" for one in outcomes), outcomes
        engine = pipeline.capabilities
    return {
        "photos_per_second": photos / statistics.median(walls),
        "one_photo": percentiles(single),
        "engine_busy_share": statistics.median(b / w for b, w in zip(busy, walls, strict=True)),
        "engine": engine.name,
        "reason": engine.reason,
        "photo_px": side,
        "photos": photos,
        "seconds": walls,
    }
