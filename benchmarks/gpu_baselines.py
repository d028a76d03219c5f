"""The plain network in PyTorch on a GPU: eager fp32, half precision, as a CUDA graph, compiled."""

from __future__ import annotations

import copy
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Baseline:
    """One configuration of PyTorch.

    ``half`` computes every convolution in fp16, with weights cast once, and pictures as channels_last;
    ``tf32`` allows TF32 in fp32 convolutions, ``graph`` replays a CUDA graph, ``compiled`` is the mode
    "max-autotune" of torch.compile. cuDNN selects its fastest algorithms in all of them.
    """

    name: str
    half: bool = False
    tf32: bool = False
    graph: bool = False
    compiled: bool = False


BASELINES = (
    Baseline("eager f32"),
    Baseline("eager f32, TF32 allowed", tf32=True),
    Baseline("f16, channels_last", half=True),
    Baseline("f16, channels_last, graph", half=True, graph=True),
    Baseline("f16, channels_last, compiled", half=True, compiled=True),
)


def half_convolutions(network: Any, dtype: Any) -> Any:
    """A copy of a network whose convolutions compute in ``dtype``, in channels_last."""
    import torch

    made = copy.deepcopy(network).to(memory_format=torch.channels_last)
    for module in made.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.to(dtype)
            module.register_forward_pre_hook(lambda _, given: (given[0].to(dtype),))
    return made


def make_work(network: Any, arrays: Any, baseline: Baseline) -> Callable[[], Any]:
    """A callable that runs a network once as a baseline does; network and inputs are on the GPU already."""
    import torch

    used = half_convolutions(network, torch.float16) if baseline.half else network
    if baseline.compiled:
        used = torch.compile(used, mode="max-autotune")
    flags = {"enabled": True, "benchmark": True, "allow_tf32": baseline.tf32}

    def work() -> Any:
        torch.backends.cuda.matmul.allow_tf32 = baseline.tf32
        with torch.inference_mode(), torch.backends.cudnn.flags(**flags):
            return used(*arrays)

    return _as_graph(work) if baseline.graph else work


def _as_graph(work: Callable[[], Any]) -> Callable[[], Any]:
    import torch

    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for _ in range(3):
            work()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=side):
        made = work()

    def replay() -> Any:
        graph.replay()
        return made

    return replay


def time_pytorch(checkpoint: Path | None, gpu: int, side: int, runs: int) -> dict[str, Any]:
    """Rate, times and difference from eager fp32 of every baseline, on frames of ``side`` px."""
    import torch
    from common import difference, make_inputs
    from gpu_timing import device_of, percentiles, time_on_gpu

    from amgan.checkpoint import SHIPPED, load_model
    from amgan.export.graphs.deploy import DeployGenerator

    generator, _, config = load_model(checkpoint or SHIPPED)
    torch.cuda.set_device(gpu)
    device = device_of(gpu)
    network = DeployGenerator(generator).to(device).eval()
    arrays = [
        torch.from_numpy(a).to(device)
        for a in make_inputs(side, config.generator.halo_px, config.generator.patterns)
    ]
    results: dict[str, Any] = {}
    wanted = None
    for baseline in BASELINES:
        try:
            work = make_work(network, arrays, baseline)
            pixels = work().cpu().numpy()
            seconds = time_on_gpu(work, runs)
        except Exception as error:  # a compiler that is missing, memory that runs out
            lines = [line for line in str(error).splitlines() if line.strip()]
            results[baseline.name] = {"not_run": lines[0] if lines else type(error).__name__}
            continue
        wanted = pixels if wanted is None else wanted
        rate = 1 / statistics.median(seconds)
        results[baseline.name] = {
            "frames_per_second": rate,
            **percentiles(seconds),
            "from_eager_f32": difference(pixels, wanted),
        }
    return results


def profile_tile(program: Any, runs: int = 5, most: int = 40) -> dict[str, Any]:
    """Time of every kernel of one tile of a program of PyTorch, by torch.profiler, slowest first."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    tensors = program.tensors(1)
    for _ in range(3):
        program.compute(tensors, 1)
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CUDA, ProfilerActivity.CPU]) as seen:
        for _ in range(runs):
            program.compute(tensors, 1)
        torch.cuda.synchronize()
    events = [e for e in seen.key_averages() if getattr(e, "self_device_time_total", 0) > 0]
    events.sort(key=lambda e: -e.self_device_time_total)
    return {
        "microseconds": sum(e.self_device_time_total for e in events) / runs,
        "kernels": sum(e.count for e in events) / runs,
        "slowest": [
            {"name": e.key, "times": e.count / runs, "microseconds": e.self_device_time_total / runs}
            for e in events[:most]
        ],
    }
