"""Times a generator on a GPU: frames per second, latency, utilization, TFLOP/s."""

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
    """A configuration of the scheduler and the program."""

    graphs: bool
    slots: int
    streams: int = 1

    @property
    def name(self) -> str:
        """The name in the results."""
        how = f"{'graphs' if self.graphs else 'no graphs'}, {self.slots} slot{'s' * (self.slots > 1)}"
        return f"{how}, {self.streams} streams" if self.streams > 1 else how


VARIANTS = (
    Variant(True, 3), Variant(True, 4, 2), Variant(True, 1), Variant(False, 3), Variant(False, 1),
)  # fmt: skip
WARM_UPS = 2
Opener = Callable[[bool], Any]
"""Opens a CudaProgram, with or without graphs."""


def device_of(gpu: int) -> str:
    """The name of a GPU in PyTorch and `--device`; a rehearsal without one replaces it by "cpu"."""
    return f"cuda:{gpu}"


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Median and high percentiles of times, in ms."""
    p50, p95, p99 = np.percentile(np.array(seconds) * 1000, (50, 95, 99))
    return {"p50_ms": float(p50), "p95_ms": float(p95), "p99_ms": float(p99)}


def make_frames(count: int, side: int, halo: int, core: tuple[int, int], patterns: int) -> list[Any]:
    """Whole frames of a real face in tiles of one size, each frame with another age."""
    from common import make_inputs

    from amgan.runtime.engines.frame import FrameWork
    from amgan.runtime.engines.tiles import plan_tiles

    image, ages, places, pattern = make_inputs(side, halo, patterns)
    tiles = tuple(plan_tiles(side, core, fixed=True))
    return [
        FrameWork(image[0], ages[0, 0] + i % 5, places[0], pattern[0], tiles, f"frame {i}")
        for i in range(count)
    ]


def time_program(
    cuda: Any, gpu: int, opener: Opener, halo: int, *, side: int, frames: int, runs: int, tile_flop: float
) -> dict[str, Any]:
    """Time every variant of a program on the same frames, in turn; ``tile_flop`` is the cost of one tile."""
    results: dict[str, Any] = {}
    for variant in VARIANTS:
        program = opener(variant.graphs)
        results[variant.name] = _time_variant(
            cuda, gpu, program, halo, variant, side=side, frames=frames, runs=runs, tile_flop=tile_flop
        )
    return results


def _time_variant(
    cuda: Any, gpu: int, program: Any, halo: int, variant: Variant, *, side: int, frames: int, runs: int,
    tile_flop: float,
) -> dict[str, Any]:  # fmt: skip
    from amgan.runtime.engines.cuda.device import CudaTileDevice
    from amgan.runtime.engines.scheduler.scheduler import FrameScheduler

    device = CudaTileDevice(cuda, gpu, program, halo, slots=variant.slots, streams=variant.streams)
    likes = device.capabilities
    works = make_frames(frames, side, halo, likes.all_cores[-1].size, program.inputs["pattern"].shape[0])
    with FrameScheduler(device, halo) as scheduler:
        # Every batch size must have run in the feeding thread, where cuDNN caches its algorithms.
        for _ in range(WARM_UPS):
            for future in [scheduler.submit(work) for work in works]:
                future.result()
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
        "core_px": likes.all_cores[-1].size,
        "batch": likes.batch,
        "slots": variant.slots,
        "streams": variant.streams,
        "frame_px": side,
        "frames": frames,
        "seconds": walls,
        "counters": {
            name: getattr(counters, name) for name in ("tiles", "batches", "padded_tiles", "graph_launches")
        },
    }


def count_flop(path: Path, core: tuple[int, int], halo: int, patterns: int) -> float:
    """Arithmetic in FLOP of the generator's convolutions for one tile, by width and height of its core."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from amgan.runtime.engines.cuda.program import generator_tensors
    from amgan.runtime.engines.onnx_graph import OnnxNetwork

    network = OnnxNetwork(path, "meta")
    tensors, _ = generator_tensors(core, halo, patterns)
    inputs = {
        name: torch.empty(1, *one.shape, dtype=getattr(torch, str(one.dtype)), device="meta")
        for name, one in tensors.items()
    }
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(*(inputs[name] for name in network.inputs))
    return float(counter.get_total_flops())


def time_on_gpu(work: Callable[[], object], runs: int) -> list[float]:
    """Seconds of each run of PyTorch work, by CUDA events."""
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
    """TFLOP/s of a large product of random matrices by precision, as the GPU's practical peak."""
    import torch

    rates = {}
    for name, dtype in (("fp16", torch.float16), ("bf16", torch.bfloat16), ("fp32", torch.float32)):
        a, b = (torch.randn(side, side, device=device_of(gpu), dtype=dtype) for _ in range(2))
        seconds = statistics.median(time_on_gpu(lambda a=a, b=b: a @ b, runs))
        rates[name] = 2 * side**3 / seconds / 1e12
    return rates


def time_frames(
    cuda: Any, gpu: int, opener: Opener, halo: int, works: Sequence[Any], runs: int
) -> dict[str, Any]:
    """The engine alone on given frames: frames per second, and the latency of a single frame."""
    from amgan.runtime.engines.cuda.device import CudaTileDevice
    from amgan.runtime.engines.scheduler.scheduler import FrameScheduler

    with FrameScheduler(CudaTileDevice(cuda, gpu, opener(True), halo), halo) as scheduler:
        walls, single = [], []
        for run in range(-WARM_UPS, runs):
            start = time.perf_counter()
            for future in [scheduler.submit(work) for work in works]:
                future.result()
            if run >= 0:
                walls.append(time.perf_counter() - start)
        for work in works:
            start = time.perf_counter()
            scheduler.submit(work).result()
            single.append(time.perf_counter() - start)
    return {
        "frames_per_second": len(works) / statistics.median(walls),
        "one_frame": percentiles(single),
        "tiles_a_frame": statistics.mean(len(work.tiles) for work in works),
        "frame_px": works[0].frame_px(halo),
        "seconds": walls,
    }
