"""PyTorch on CUDA as a contender, on a fake GPU that is this machine's CPU."""

from __future__ import annotations

import gc
from pathlib import Path

import onnx
import pytest
import torch
from support.fake_cuda import FakeCuda
from support.fake_torch_gpu import FakeGpu
from support.tiny_networks import TINY_MODEL, random_discriminator, random_generator

from amgan.export.graphs.emit import emit_generator
from amgan.export.parity import on_gpu
from amgan.export.parity.comparison import Reference, compare
from amgan.export.parity.contender import NotRun
from amgan.export.parity.on_gpu import open_pytorch_cuda
from amgan.export.simplify import simplify
from amgan.runtime.bundle.manifest import FileEntry
from amgan.runtime.bundle.precision import Precision
from amgan.runtime.engines import pytorch
from amgan.runtime.engines.cuda.api import GpuInfo
from amgan.runtime.errors import EngineError

NAME = "generator.onnx"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    onnx.save(emit_generator(simplify(random_generator())), tmp_path / NAME)
    return tmp_path


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    cuda = FakeCuda(gpus=[GpuInfo(3, "Fake", 90, 1 << 34)])
    monkeypatch.setattr(on_gpu, "current_target", lambda: "sm90")
    monkeypatch.setattr(on_gpu, "load_cuda", lambda: cuda)
    monkeypatch.setattr(on_gpu, "load_torch", lambda: torch)
    monkeypatch.setattr(pytorch, "load_torch", lambda: torch)
    monkeypatch.setattr(pytorch, "TorchCuda", lambda torch, number: FakeGpu(cuda))
    return cuda


@pytest.mark.usefixtures("few_inputs")
def test_a_file_is_tried_as_it_is_and_in_half(folder: Path, gpu: FakeCuda) -> None:
    reference = Reference.of(random_generator(), random_discriminator(), TINY_MODEL.estimator_frame_px)
    files = {NAME: FileEntry("generator", "onnx", "fp32", "")}
    report = compare(reference, folder, files)
    found = {r.precision: r for r in report.results if r.contender == "PyTorch CUDA"}
    assert {p: (r.verdict, r.file) for p, r in found.items()} == {
        "fp32": ("passed", NAME),
        "fp16": ("passed", NAME),
    }
    apart = {p: r.difference.mean_codes for p, r in found.items() if r.difference}
    assert apart["fp32"] < apart["fp16"]
    gc.collect()
    assert gpu.leaks == []
    assert gpu.broken == []


def test_why_it_is_not_tried(folder: Path, gpu: FakeCuda, monkeypatch: pytest.MonkeyPatch) -> None:
    path, config = folder / NAME, random_generator().config
    gpu.gpus()[0] = GpuInfo(0, "Old", 61, 1 << 34)
    with pytest.raises(NotRun, match="this GPU \\(sm61\\) is not made for fp16"):
        open_pytorch_cuda(path, Precision.FP32, Precision.FP16, config)

    def for_the_cpu() -> None:
        raise EngineError("PyTorch 2.13 cannot use a GPU here")

    monkeypatch.setattr(on_gpu, "load_torch", for_the_cpu)
    with pytest.raises(NotRun, match="cannot use a GPU here"):
        open_pytorch_cuda(path, Precision.FP32, Precision.FP32, config)
    monkeypatch.setattr(on_gpu, "current_target", lambda: None)
    with pytest.raises(NotRun, match="there is no NVIDIA GPU"):
        open_pytorch_cuda(path, Precision.FP32, Precision.FP32, config)
