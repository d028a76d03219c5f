"""Every step of the GPU check, for real but for the GPU: a fake CUDA, PyTorch on the CPU, a tiny network."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from support.exported import skip_comparison
from support.fake_cuda import FakeCuda
from support.fake_nvimgcodec import FakeNvImageCodec
from support.fake_torch_gpu import FakeGpu
from support.helpers import ROOT
from support.tiny_networks import ONE_BLOCK_MODEL, random_discriminator, random_generator

from amgan.checkpoint import save_model
from amgan.export.bundle import ExportOptions, export_bundle
from amgan.runtime.engines.cuda.api import GpuInfo

GPU = GpuInfo(0, "Fake H200", 90, 1 << 37)
NEED_TENSORRT = {"tensorrt", "tensorrt_rtx", "photos-tensorrt", "photos-tensorrt_rtx"}


class HostEvent:
    """An event of the CPU's clock."""

    def __init__(self, enable_timing: bool) -> None:
        self.at = 0.0

    def record(self) -> None:
        self.at = time.perf_counter()

    def synchronize(self) -> None:
        pass

    def elapsed_time(self, end: HostEvent) -> float:
        return 1000 * (end.at - self.at)


@pytest.fixture
def bundle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    skip_comparison(monkeypatch)
    weights = tmp_path / "tiny.safetensors"
    generator = random_generator(ONE_BLOCK_MODEL.generator)
    save_model(weights, generator, random_discriminator(), ONE_BLOCK_MODEL)
    options = ExportOptions(("fp32", "fp16"))
    return export_bundle(weights, tmp_path / "bundle", lambda message: None, options)


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    """A machine whose GPU is the CPU."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    cuda = FakeCuda(gpus=[GPU], free_bytes=1 << 28)
    for module in ("cuda.api", "choose", "gpu_estimator"):
        monkeypatch.setattr(f"amgan.runtime.engines.{module}.load_cuda", lambda: cuda)
    for module in ("pytorch", "gpu_estimator"):
        monkeypatch.setattr(f"amgan.runtime.engines.{module}.TorchCuda", lambda torch, gpu: FakeGpu(cuda))
    monkeypatch.setattr("amgan.runtime.engines.pytorch.load_torch", lambda: torch)
    import gpu_end_to_end
    import gpu_faces
    import gpu_photos
    import gpu_probe
    import gpu_timing
    import gpu_work

    whole_step = gpu_work.Check.faces

    def faces(check: gpu_work.Check) -> dict[str, Any]:
        """The photos of other steps find their faces on the CPU, which takes less time here."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("amgan.runtime.engines.network.load_cuda", lambda: cuda)
            patch.setattr("amgan.runtime.engines.cuda.torch_gpu.TorchCuda", lambda torch, gpu: FakeGpu(cuda))
            return whole_step(check)

    monkeypatch.setattr(gpu_work.Check, "faces", faces)
    monkeypatch.setattr(gpu_faces, "THREADS", 2)
    monkeypatch.setattr(gpu_photos, "FRAME_SIDES", (128,))
    library = FakeNvImageCodec(apart=1)
    for module in ("amgan.runtime.photo.gpu_codec", "gpu_photos"):
        monkeypatch.setattr(f"{module}.load_nvimgcodec", lambda: library)
    monkeypatch.setattr(gpu_faces, "DETECTOR_SIDES", (192,))
    for module in (gpu_timing, gpu_end_to_end):
        monkeypatch.setattr(module, "device_of", lambda gpu: "cpu")
    monkeypatch.setattr(gpu_timing.matmul_tflops, "__defaults__", (64,))
    monkeypatch.setattr(gpu_work, "PROCESSES", (1, 2))
    monkeypatch.setattr(gpu_probe, "SIDES", (256,))
    monkeypatch.setattr(gpu_probe, "BUS_BYTES", 1 << 16)
    monkeypatch.setattr(torch.cuda, "Event", HostEvent)
    monkeypatch.setattr(torch.cuda, "set_device", lambda gpu: None)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)

    def no_compiler(*_: Any, **__: Any) -> None:
        raise RuntimeError("there is no compiler in a rehearsal")

    monkeypatch.setattr(torch, "compile", no_compiler)
    return cuda


@pytest.mark.slow
def test_every_step_runs_on_a_machine_without_a_gpu(cuda: FakeCuda, bundle: Path, tmp_path: Path) -> None:
    import gpu_check

    folder = tmp_path / "run"
    code = gpu_check.main(
        [
            "-o", str(folder), "--bundle", str(bundle), "--checkpoint", str(tmp_path / "tiny.safetensors"),
            "--size", "256", "--cores", "144x176", "--frames", "2", "--photos", "2", "--runs", "1",
            "--budget", "100000",
        ]
    )  # fmt: skip
    found = {path.name[3:-5]: json.loads(path.read_text()) for path in sorted(folder.glob("[0-9]*.json"))}
    assert list(found) == list(gpu_check.STEPS)
    assert {name: one["failed"] for name, one in found.items() if "failed" in one} == {}
    assert {name for name, one in found.items() if "not_run" in one} == NEED_TENSORRT
    assert found["ring"]["pixels"] == found["faults"]["afterwards"] == "exact"
    assert found["torch"]["engine_only"]["core 144x176, graphs, 4 slots, 2 streams"]["streams"] == 2
    assert len(found["torch"]["parity"]) == 3
    assert found["estimator"]["years_apart_from_cpu"] < 0.5
    faces = found["faces"]["PyTorch"]
    assert set(faces["networks"]) == {"detector 192 px", "mesh", "parser"}
    for one in faces["networks"].values():
        assert 0 <= one["apart"] <= one["most_apart"]
        assert one["gpu"]["per_second_of_2"] > 0
        assert one["cpu"]["ms_alone"] > 0
    assert faces["photos"]["fell_back"] is False
    assert faces["photos"]["faces"]["gpu"] == [1, 1]
    assert faces["photos"]["landmarks_apart_px"] < 1
    jpegs, pixels = found["jpegs"], found["pixels"]
    assert jpegs["used"] is True
    for one in jpegs["samplings"].values():
        assert (one["apart"], one["same_again"]) == (1, True)
        assert 0 < one["share_apart"] <= 0.34
        assert one["gpu"]["ms"] > 0 < one["cpu"]["cpu_ms"]
    assert set(jpegs["with_decoding_engine"]["4:2:0"]) == {"not_run"}
    assert jpegs["per_second_of_16"] > 0
    assert jpegs["encoder"]["used"] is True
    assert jpegs["encoder"]["error"]["gpu"] <= jpegs["encoder"]["error"]["cpu"] + 1
    assert pixels["apart"] <= 1
    assert pixels["128 px"]["pasted_by_kernels"] is True
    assert pixels["128 px"]["sample_apart"] <= 1 >= pixels["128 px"]["paste_apart"]
    assert pixels["128 px"]["paste"]["gpu"]["ms"] > 0
    assert found["baselines"]["eager f32"]["frames_per_second"] > 0
    assert "no compiler" in found["baselines"]["f16, channels_last, compiled"]["not_run"]
    assert found["photos-torch"]["photos_per_second"] > 0
    assert set(found["processes"]) >= {"1", "2", "2 workers"}
    assert set(found["profile"]) >= {"operators", "fused"}
    assert set(found["matmul"]) >= {"fp16", "bf16", "fp32"}
    (whole,) = folder.glob("gpu_check_*.json")
    result = json.loads(whole.read_text())
    assert set(result["steps"]) == set(gpu_check.STEPS)
    assert result["summary"]["torch"]["share_of_matmul_rate"] > 0
    assert code in (0, 1)  # a network of random weights may be beyond the tolerances
    assert cuda.broken == []
