"""One whole frame: PyTorch eager and compiled, ONNX Runtime on the plain export, and our engine."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch

from amgan.benchmarking import engines
from amgan.export.graphs.deploy import DeployGenerator
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.engines.openvino import OpenVinoEngine
from amgan.runtime.errors import EngineError
from amgan.runtime.machine import count_cores


def bench_pytorch_eager(in_turn: Any, eager: Any) -> None:
    in_turn(eager, "f32")


def bench_torch_compile(in_turn: Any, generator: Any, arrays: Any, size: Any) -> None:
    backend = "inductor" if size.rounds > 1 else "eager"  # the short form only sees that the graph is taken
    compiled = torch.compile(DeployGenerator(generator).eval(), dynamic=False, backend=backend)
    way = partial(engines.in_pytorch, compiled, arrays)
    try:
        way()
    except Exception as error:
        pytest.skip(f"torch.compile cannot run here: {' '.join(str(error).split())[:300]}")
    in_turn(way, "f32")


def bench_onnx_runtime_plain(in_turn: Any, generator: Any, arrays: Any) -> None:
    pytest.importorskip("onnxruntime")
    in_turn(engines.in_onnx_runtime(generator, arrays, count_cores()), "f32")


@pytest.mark.parametrize("precision", ["f32", "bf16"])
def bench_openvino(in_turn: Any, bundle: Bundle, arrays: Any, precision: str) -> None:
    try:
        engine = OpenVinoEngine(bundle, precision)
    except EngineError as error:
        pytest.skip(str(error))
    in_turn(partial(engines.age_in_tiles, engine, bundle.manifest.halo_px, arrays), precision)
    engine.close()
