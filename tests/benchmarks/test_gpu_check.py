"""The parts of the GPU check that need no GPU: arguments, the sentence without one, timing on fakes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support.fake_cuda import FakeCuda
from support.fake_program import FakeProgram
from support.helpers import ROOT
from support.numpy_device import HALO

from amgan.runtime.bundle.precision import Precision
from amgan.runtime.engines.cuda.api import CudaError, GpuInfo, load_cuda
from amgan.runtime.engines.cuda.program import CORES
from amgan.runtime.errors import AmganError, EngineError, MissingDependencyError

FOLDER = ROOT / "benchmarks"
FEW = ("--runs", "1", "--frames", "2")
"""Nothing is measured on a fake: as few repetitions as there can be."""
GPU = GpuInfo(0, "Fake H200", 90, 1 << 37)


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    import gpu_check

    return gpu_check


def test_arguments(check: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = check.parse_arguments(["--runs", "3", "--size", "512", "-o", "a.json"])
    assert (arguments.runs, arguments.size, arguments.output) == (3, 512, Path("a.json"))
    assert set(arguments.cores) <= set(CORES)
    assert check.parse_arguments(["--cores", "64,128x160"]).cores == ((64, 64), (128, 160))
    assert check.parse_arguments(["--only", "cuda, ring"]).only == {"cuda", "ring"}
    bad = (
        ["--size", "100"],
        ["--cores", "66"],
        ["--cores", "64x"],
        ["--cores", "64x64x64"],
        ["--runs", "0"],
        ["--frames", "x"],
        ["--only", "x"],
        ["--only", ""],
    )
    for one in bad:
        with pytest.raises(SystemExit):
            check.parse_arguments(one)
    said = capsys.readouterr().err
    assert "--size must be a multiple of 64" in said
    assert "there is no step 'x'" in said


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
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5")
    assert check.main(["--gpu", "3"]) == 2
    assert "there is no cuda:3 in this machine: it has cuda:0 (Fake H200)" in capsys.readouterr().err


def fake_timing(rate: float) -> dict[str, Any]:
    return {"frames_per_second": rate, "tflops_while_busy": rate / 10, "precision": Precision.FP16}


def missing() -> None:
    raise MissingDependencyError("nvImageCodec is not installed")


class FakeCheck:
    """A machine where every step but the engines' works; ``verdicts`` are those of PyTorch."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, work: ModuleType) -> None:
        self.cuda = FakeCuda(gpus=[GPU], free_bytes=1 << 28)
        self.verdicts = ["passed"]
        self.cores = ((256, 304), (496, 624), (816, 1024))
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        monkeypatch.setattr("amgan.runtime.engines.cuda.api.load_cuda", lambda: self.cuda)
        monkeypatch.setattr(work, "export_bundle", lambda checkpoint, folder: (folder / "bundle").mkdir())
        monkeypatch.setattr(work, "build", self.build)
        monkeypatch.setattr(
            work, "verify", lambda *_: [{"contender": "PyTorch CUDA", "verdict": v} for v in self.verdicts]
        )
        monkeypatch.setattr(work, "opener", lambda *_: lambda graphs: [FakeProgram(self.cuda, 64)])
        monkeypatch.setattr(work.Check, "halo_px", HALO)
        monkeypatch.setattr(
            work, "count_flop", lambda path, core, halo, patterns: 5e9 * (core == (64, 64) and halo == HALO)
        )
        engine_only = {"graphs, 3 slots": fake_timing(200.0), "graphs, 1 slot": fake_timing(100.0)}
        monkeypatch.setattr(work, "time_program", lambda *_, **__: engine_only)
        photos = {"photos_per_second": 160.0, "frames": [None]}
        monkeypatch.setattr(work, "time_photos", lambda *_: dict(photos))
        monkeypatch.setattr(work, "time_frames", lambda *_: {"frames_per_second": 320.0})
        monkeypatch.setattr(work, "matmul_tflops", lambda *_: {"fp16": 40.0})
        baselines = {"eager f32": {"frames_per_second": 10.0}, "f16": {"frames_per_second": 50.0}}
        monkeypatch.setattr("gpu_baselines.time_pytorch", lambda *_: baselines)
        monkeypatch.setattr("gpu_probe.SIDES", (256,))
        monkeypatch.setattr("gpu_probe.BUS_BYTES", 1 << 16)
        monkeypatch.setattr("gpu_photos.FRAME_SIDES", (64,))
        for module in ("amgan.runtime.photo.gpu_codec", "gpu_photos"):
            monkeypatch.setattr(f"{module}.load_nvimgcodec", missing)
        monkeypatch.setattr("gpu_baselines.profile_tile", lambda *_: {"kernels": 3})

    def build(self, flavour: str, bundle: Path, cores: tuple[tuple[int, int], ...]) -> Path:
        assert cores == self.cores
        if flavour == "tensorrt":
            raise RuntimeError("cuDNN is ill\nvery")
        raise EngineError(f"{flavour} cannot build for sm90 here")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, check: ModuleType) -> FakeCheck:
    import gpu_work

    return FakeCheck(monkeypatch, gpu_work)


def test_every_step_writes_its_file_and_none_ends_the_others(
    check: ModuleType, fake: FakeCheck, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check.main(["-o", str(tmp_path / "a"), *FEW]) == 1  # TensorRT's step failed
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    numbered = [name for name in names if name[:2].isdigit()]
    assert [name[3:-5] for name in numbered] == list(check.STEPS)
    assert set(names) - set(numbered) == {"gpu_check_fake_h200.json", "nvidia-smi.txt"}
    result = json.loads((tmp_path / "a" / "gpu_check_fake_h200.json").read_text())
    assert result["hardware"]["gpu"] == "Fake H200"
    assert result["hardware"]["compute_capability"] == "sm90"
    assert result["hardware"]["memory_gib"] == 128.0
    assert result["versions"]["torch"]
    assert result["command"].startswith("python ")
    engines = result["engines"]
    assert [name for name, one in result["steps"].items() if "failed" in one] == ["tensorrt"]
    assert engines["tensorrt"]["failed"] == engines["tensorrt"]["not_run"] == "RuntimeError: cuDNN is ill"
    assert engines["tensorrt"]["trace"]
    assert result["steps"]["jpegs"]["not_run"] == "nvImageCodec is not installed"
    assert engines["tensorrt_rtx"]["not_run"] == "tensorrt_rtx cannot build for sm90 here"
    assert set(engines["torch"]) >= {"parity", "engine_only", "end_to_end"}
    assert engines["torch"]["tile_gflop"] == {"core 64x64": 5.0}
    assert set(engines["torch"]["engine_only"]) == {
        "core 64x64, graphs, 3 slots",
        "core 64x64, graphs, 1 slot",
    }
    # What the photos are held against is the engine alone on the faces in them.
    assert result["summary"] == {
        "torch": {
            "share_of_matmul_rate": 0.5,
            "end_to_end_against_engine_only": 0.5,
            "times_faster_than_eager_f32": 20.0,
            "times_faster_than_best_pytorch": 4.0,
        }
    }
    said = capsys.readouterr().err
    assert "tensorrt_rtx: tensorrt_rtx cannot build for sm90 here" in said
    assert "tensorrt: failed, RuntimeError: cuDNN is ill" in said
    assert f"send back the folder {tmp_path / 'a'}" in said
    assert fake.cuda.broken == []
    assert fake.cuda.leaks == []


def test_steps_can_be_chosen_and_a_broken_engine_is_exit_code_1(
    check: ModuleType, fake: FakeCheck, tmp_path: Path
) -> None:
    arguments = ["-o", str(tmp_path / "a"), "--only", "torch,matmul"]
    assert check.main(arguments) == 0
    names = {path.name[3:-5] for path in (tmp_path / "a").iterdir() if path.name[:2].isdigit()}
    assert names == {"torch", "matmul"}
    fake.verdicts.append("failed")
    assert check.main(arguments) == 1


def test_a_budget_that_is_spent_leaves_steps_out(check: ModuleType, fake: FakeCheck, tmp_path: Path) -> None:
    assert check.main(["-o", str(tmp_path), "--budget", "40", *FEW]) == 0
    result = json.loads((tmp_path / "gpu_check_fake_h200.json").read_text())
    assert "not_run" not in result["steps"]["cuda"]
    assert result["steps"]["torch"]["not_run"].startswith("it takes about 90 s, and ")
    assert result["summary"] == {}


def test_the_chosen_gpu_is_the_only_one_seen(check: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert check.use_one_gpu(0) == 0
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    assert (check.use_one_gpu(2), os.environ["CUDA_VISIBLE_DEVICES"]) == (0, "2")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    assert (check.use_one_gpu(1), os.environ["CUDA_VISIBLE_DEVICES"]) == (0, "7")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4")
    assert check.use_one_gpu(1) == 1


def test_a_step_that_fails_is_told_with_its_trace(check: ModuleType, tmp_path: Path) -> None:
    from gpu_steps import Step, run_steps

    def interrupted() -> dict[str, Any]:
        raise KeyboardInterrupt

    found = run_steps([Step("one", lambda: 1 / 0), Step("two", lambda: {"a": Path("x")})], tmp_path)
    assert found["one"]["failed"] == "ZeroDivisionError: division by zero"
    assert json.loads((tmp_path / "02-two.json").read_text())["a"] == "x"
    with pytest.raises(KeyboardInterrupt):
        run_steps([Step("three", interrupted)], tmp_path)
    assert not list(tmp_path.glob(".*"))
