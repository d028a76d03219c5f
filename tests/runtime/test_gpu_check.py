"""The parts of the GPU check that need no GPU: arguments, the sentence without one, timing on fakes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import pytest
from fake_cuda import FakeCuda
from fake_program import FakeProgram
from helpers import ROOT
from numpy_device import HALO
from tiny_networks import random_generator

from amgan.export.emit import emit_generator
from amgan.export.simplify import simplify
from amgan.runtime.engines.cuda.api import CudaError, GpuInfo, load_cuda
from amgan.runtime.errors import AmganError, EngineError

FOLDER = ROOT / "benchmarks"
GPU = GpuInfo(0, "Fake H200", 90, 1 << 37)


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    import gpu_check

    return gpu_check


@pytest.fixture
def timing(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    import gpu_timing

    return gpu_timing


def test_arguments(check: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = check.parse_arguments(["--runs", "3", "--size", "512", "-o", "a.json"])
    assert (arguments.runs, arguments.size, arguments.core, arguments.output) == (3, 512, 256, Path("a.json"))
    for bad in (["--size", "100"], ["--core", "66"], ["--runs", "0"], ["--frames", "x"]):
        with pytest.raises(SystemExit):
            check.parse_arguments(bad)
    assert "--size must be a multiple of 64" in capsys.readouterr().err


def has_gpu() -> bool:
    try:
        return bool(load_cuda().gpus())
    except AmganError:
        return False


@pytest.mark.skipif(has_gpu(), reason="there is a GPU in this machine")
def test_without_a_gpu_it_says_so_and_ends_with_2(tmp_path: Path) -> None:
    command = [sys.executable, "-P", str(FOLDER / "gpu_check.py"), "-o", str(tmp_path / "a.json")]
    env = {**os.environ, "PYTHONPATH": str(FOLDER)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 2
    assert done.stderr.startswith("nothing was checked: ")
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_driver_without_gpu(
    check: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cuda = FakeCuda()
    cuda.fail["gpus"] = CudaError("CUDA is ill", "cudaErrorNoDevice")
    monkeypatch.setattr("amgan.runtime.engines.cuda.api.load_cuda", lambda: cuda)
    assert check.main([]) == 2
    assert "there is no NVIDIA GPU with a driver here (cudaErrorNoDevice)" in capsys.readouterr().err
    monkeypatch.setattr("amgan.runtime.engines.cuda.api.load_cuda", lambda: FakeCuda(gpus=[GPU]))
    assert check.main(["--gpu", "3"]) == 2
    assert "there is no cuda:3 in this machine: it has cuda:0 (Fake H200)" in capsys.readouterr().err


def test_timing_of_a_program_on_a_fake_gpu(timing: ModuleType) -> None:
    cuda = FakeCuda()
    opened = []

    def opener(graphs: bool) -> FakeProgram:
        opened.append(FakeProgram(cuda, 64, graphs=graphs))
        return opened[-1]

    found = timing.time_program(cuda, 0, opener, HALO, side=128, frames=3, runs=2, tile_flop=1e9)
    assert list(found) == ["graphs, 3 slots", "graphs, 1 slot", "no graphs, 3 slots", "no graphs, 1 slot"]
    for name, one in found.items():
        counters = one["counters"]
        assert counters["tiles"] == (1 + 2 * 3 + 3) * 4
        assert counters["graph_launches"] == (0 if name.startswith("no") else counters["batches"])
        assert one["frames_per_second"] == pytest.approx(3 / np.median(one["seconds"]))
        assert 0 < one["one_frame"]["p50_ms"] <= one["one_frame"]["p95_ms"] <= one["one_frame"]["p99_ms"]
        # Each batch takes 1 ms on the fake, by its own clock.
        assert one["tflops_while_busy"] >= 1.0
        assert one["tflops_overall"] > 0
        assert (one["core_px"], one["batch"], one["frame_px"]) == (64, 4, 128)
    assert all(program.closed for program in opened)
    assert cuda.leaks == []
    assert cuda.broken == []


def test_percentiles(timing: ModuleType) -> None:
    assert timing.percentiles([0.001] * 99 + [1.0])["p50_ms"] == pytest.approx(1.0)
    assert timing.percentiles([0.001] * 50 + [1.0] * 50)["p95_ms"] == pytest.approx(1000.0)


def test_flop_are_those_of_the_convolutions(timing: ModuleType, tmp_path: Path) -> None:
    onnx.save(emit_generator(simplify(random_generator())[0]), tmp_path / "g.onnx")
    one, four = (timing.count_flop(tmp_path / "g.onnx", side) for side in (128, 256))
    assert 4 * one < four < 5.5 * one


def fake_timing(rate: float) -> dict[str, Any]:
    return {"frames_per_second": rate, "tflops_while_busy": rate / 10, "precision": "f16"}


def test_the_result_has_everything_and_a_failure_is_exit_code_1(
    check: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cuda = FakeCuda(gpus=[GPU])
    monkeypatch.setattr("amgan.runtime.engines.cuda.api.load_cuda", lambda: cuda)

    def build(flavour: str, bundle: Path, core_px: int) -> Path:
        assert core_px == 256
        raise EngineError(f"{flavour} cannot build for sm90 here")

    shipped = ROOT / "runtime" / "bundles" / "amgan-base"
    verdicts = ["passed"]
    monkeypatch.setattr(check, "export_bundle", lambda *_: shipped)
    monkeypatch.setattr(check, "build", build)
    monkeypatch.setattr(
        check, "verify", lambda *_: [{"contender": "PyTorch CUDA", "verdict": v} for v in verdicts]
    )
    monkeypatch.setattr(check, "opener", lambda *_: lambda graphs: FakeProgram(cuda, 64))
    monkeypatch.setattr(check, "count_flop", lambda path, side: 5e9 * (side == 64 + 2 * HALO))
    engine_only = {"graphs, 3 slots": fake_timing(200.0), "graphs, 1 slot": fake_timing(100.0)}
    monkeypatch.setattr(check, "time_program", lambda *_, **__: engine_only)
    monkeypatch.setattr(check, "time_photos", lambda *_: {"photos_per_second": 160.0})
    monkeypatch.setattr(check, "matmul_tflops", lambda *_: {"f16": 40.0})
    monkeypatch.setattr(check, "time_pytorch", lambda *_: {"eager f32": {"frames_per_second": 10.0}})
    assert check.main(["-o", str(tmp_path / "a.json")]) == 0
    result = json.loads((tmp_path / "a.json").read_text())
    assert result["hardware"]["gpu"] == "Fake H200"
    assert result["hardware"]["compute_capability"] == "sm90"
    assert result["hardware"]["memory_gib"] == 128.0
    assert result["versions"]["torch"]
    assert result["command"].startswith("python ")
    assert result["engines"]["tensorrt"] == {"not_run": "tensorrt cannot build for sm90 here"}
    assert set(result["engines"]["torch"]) == {"parity", "tile", "engine_only", "end_to_end"}
    assert result["engines"]["torch"]["tile"] == {"side_px": 72, "gflop": 5.0}
    assert result["summary"] == {
        "torch": {
            "share_of_matmul_rate": 0.5,
            "end_to_end_against_engine_only": 0.8,
            "times_faster_than_eager_f32": 20.0,
        }
    }
    said = capsys.readouterr().err
    assert "tensorrt_rtx: tensorrt_rtx cannot build for sm90 here" in said
    verdicts.append("failed")
    assert check.main(["-o", str(tmp_path / "a.json")]) == 1
