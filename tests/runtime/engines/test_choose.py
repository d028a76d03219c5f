"""Which engine is taken on which machine, what is said about it, and every refusal."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.engine_helpers import GPUS, RTX, engine_content
from support.fake_cuda import FakeCuda
from support.fake_program import FakeProgram
from support.fake_tensorrt import make_tensorrt
from support.helpers import tiny_manifest, write_tiny_bundle
from support.numpy_device import HALO, age_frame, make_work

from amgan.runtime.bundle.bundle import MANIFEST, Bundle, write_manifest
from amgan.runtime.bundle.manifest import Manifest
from amgan.runtime.engines import choose, gpus
from amgan.runtime.engines import pytorch as engine_torch
from amgan.runtime.engines.choose import may_use_gpu
from amgan.runtime.engines.cuda.api import CudaError, GpuInfo
from amgan.runtime.engines.gpus import check_device
from amgan.runtime.engines.scheduler.scheduler import open_scheduler
from amgan.runtime.errors import EngineError, MissingDependencyError, UsageError
from amgan.runtime.files import file_sha256

ADA = GpuInfo(0, "Fake RTX 4090", 89, 1 << 34)
HOPPER = GpuInfo(1, "Fake H200", 90, 1 << 37)
LONG_S = 600.0  # when a test that waits gives up; no machine is so slow


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """A bundle with an engine of TensorRT for RTX, and a halo that the fakes have."""
    folder = write_tiny_bundle(tmp_path / "bundle", halo_px=HALO)
    (folder / "generator.engine").write_bytes(b"good plan")
    content = {**tiny_manifest(folder), "halo_px": HALO}
    content["files"]["generator.engine"] = engine_content(folder / "generator.engine")
    write_manifest(folder, Manifest.from_dict(content))
    assert (folder / MANIFEST).is_file()
    assert file_sha256(folder / "generator.engine")
    return Bundle.open(folder)


class Machine:
    """A machine with fake GPUs, a fake TensorRT for RTX, and a fake PyTorch engine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *gpus: GpuInfo) -> None:
        self.cuda = FakeCuda(gpus=gpus)
        self.trt = make_tensorrt("tensorrt_rtx", self.cuda)
        self.torch_error: Exception | None = None
        self.torch_cores = [16]
        monkeypatch.setattr(choose, "load_cuda", lambda: self.cuda)
        monkeypatch.setattr(choose.importlib.util, "find_spec", lambda name: object())
        monkeypatch.setitem(sys.modules, "tensorrt_rtx", self.trt)
        monkeypatch.setattr(engine_torch, "open_torch", self.open_torch)

    def open_torch(self, bundle: Bundle, gpu: int, compute: int, precision: str | None) -> Any:
        if self.torch_error:
            raise self.torch_error
        return [FakeProgram(self.cuda, core) for core in self.torch_cores]


def test_the_engine_that_fits_is_taken_and_said_once(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    machine = Machine(monkeypatch, ADA)
    with caplog.at_level(logging.INFO), open_scheduler(bundle) as scheduler:
        assert scheduler.capabilities.name == "TensorRT for RTX"
        assert scheduler.capabilities.device == "cuda:0"
        assert scheduler.capabilities.reason == "as the bundle has an engine that fits Fake RTX 4090"
        work = make_work("p0")
        assert np.array_equal(scheduler.submit(work).result(LONG_S), age_frame(work))
    said = [r.message for r in caplog.records if r.levelno == logging.INFO]
    assert said == [
        "using TensorRT for RTX on cuda:0 in fp16, as the bundle has an engine that fits Fake RTX 4090"
    ]
    assert machine.cuda.leaks == []
    assert machine.cuda.broken == []


def test_pytorch_where_no_tensorrt_fits(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Machine(monkeypatch, HOPPER)
    with caplog.at_level(logging.INFO), open_scheduler(bundle, "cuda") as scheduler:
        likes = scheduler.capabilities
    assert (likes.name, likes.device) == ("Fake", "cuda:1")
    assert "as no TensorRT can be used (TensorRT: the bundle has no engine for it" in likes.reason
    assert f"it was built for GPUs of {', '.join(GPUS)}, and this one is sm90" in likes.reason
    assert likes.reason in caplog.text


def test_another_version_or_precision_is_a_reason(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, ADA)
    with open_scheduler(bundle, "cuda", "bf16") as scheduler:
        assert "no TensorRT engine of its bf16 generator" in scheduler.capabilities.reason
    machine.trt.__version__ = "9.9"
    with open_scheduler(bundle, "cuda", "f16") as scheduler:
        assert (
            f"TensorRT for RTX {RTX[1]}, and TensorRT for RTX 9.9 loads none" in scheduler.capabilities.reason
        )
    monkeypatch.setattr(choose.importlib.util, "find_spec", lambda name: None)
    with open_scheduler(bundle, "cuda:0") as scheduler:
        assert "TensorRT for RTX: it is not installed" in scheduler.capabilities.reason


def test_an_engine_of_another_network(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, ADA)
    object.__setattr__(bundle.manifest, "halo_px", HALO + 4)
    machine.torch_error = EngineError("PyTorch is not there")
    with pytest.raises(EngineError, match="is no generator of this bundle, its tensor aged is"):
        open_scheduler(bundle, "cuda")
    assert machine.cuda.leaks == []


TWINS = (ADA, GpuInfo(1, "Fake RTX 4090", 89, 1 << 34), GpuInfo(2, "Fake RTX 4090", 89, 1 << 34))


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_one_gpu_is_taken_unless_more_are_named(
    device: str, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That with the most free memory; where the driver does not tell, the first."""
    machine = Machine(monkeypatch, *TWINS)
    asked: list[str] = []
    for free, taken in (((0, 0, 0), 0), ((5, 9, 7), 1), ((5, 7, 7), 1), ((5, 7, 9), 2)):
        asked.clear()
        monkeypatch.setattr(gpus, "free_gpu_memory", lambda buses, free=free: (asked.extend(buses), free)[1])
        with open_scheduler(bundle, device) as scheduler:
            assert scheduler.capabilities.device == f"cuda:{taken}"
            assert scheduler.capabilities.in_flight == 3
        assert asked == ["0000:00:00.0", "0000:01:00.0", "0000:02:00.0"]
    assert machine.cuda.leaks == []


def test_memory_is_not_asked_where_there_is_no_choice(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(monkeypatch, ADA)
    monkeypatch.setattr(gpus, "free_gpu_memory", lambda buses: pytest.fail("asked"))
    open_scheduler(bundle, "cuda").close()
    machine = Machine(monkeypatch, *TWINS)
    for device, taken in (("cuda:2", "cuda:2"), ("cuda:2,0", "cuda:0, cuda:2"), ("cuda:1,1", "cuda:1")):
        with open_scheduler(bundle, device) as scheduler:
            assert scheduler.capabilities.device == taken
    machine.cuda.fail["pci_address"] = CudaError("it does not tell", "cudaErrorNotSupported")
    with open_scheduler(bundle, "cuda") as scheduler:
        assert scheduler.capabilities.device == "cuda:0"


def test_another_gpu_is_taken_where_the_freest_cannot_be_used(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    machine = Machine(monkeypatch, ADA, HOPPER)
    machine.torch_error = EngineError("PyTorch is not there")
    monkeypatch.setattr(gpus, "free_gpu_memory", lambda buses: [1, 2])
    with open_scheduler(bundle, "auto") as scheduler:
        assert scheduler.capabilities.device == "cuda:0"
    assert "cuda:1, Fake H200 (sm90), cannot be used" in caplog.text


def test_all_gpus_share_the_work_and_a_number_picks_one(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = GpuInfo(1, "Fake RTX 4090", 89, 1 << 34)
    Machine(monkeypatch, ADA, second)
    with open_scheduler(bundle, "cuda:all") as scheduler:
        assert scheduler.capabilities.device == "cuda:0, cuda:1"
        assert scheduler.capabilities.in_flight == 6
    with open_scheduler(bundle, "cuda:1") as scheduler:
        assert scheduler.capabilities.device == "cuda:1"
    for device in ("cuda:7", "cuda:0,7"):
        with pytest.raises(
            EngineError, match=r"there is no cuda:7 in this machine: it has cuda:0 \(Fake RTX 4090\)"
        ):
            open_scheduler(bundle, device)


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:all,1", "cuda:1,", "cuda:-1", "cuda:1000", ""])
def test_another_device_is_refused(device: str) -> None:
    with pytest.raises(UsageError, match=f"`device` '{device}' is not known: use auto, cpu, cuda, cuda:N"):
        check_device(device)


def test_a_gpu_that_does_not_fit_to_the_others_is_left_out(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    machine = Machine(monkeypatch, ADA, HOPPER)
    machine.torch_cores = [32]
    with open_scheduler(bundle, "cuda:all") as scheduler:
        assert scheduler.capabilities.device == "cuda:0"
    assert "cuda:1, Fake H200 (sm90), cannot be used, its tiles would be of another size" in caplog.text


def test_a_gpu_that_shares_a_size_of_tiles_shares_the_work(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(monkeypatch, ADA, HOPPER)
    machine.torch_cores = [32, 16]
    with open_scheduler(bundle, "cuda:all") as scheduler:
        likes = scheduler.capabilities
        assert likes.device == "cuda:0, cuda:1"
        assert ([core.width for core in likes.cores], likes.max_core_px) == ([16], 16)
        works = [make_work(f"p{i}", 32 + 16 * (i % 3)) for i in range(9)]
        for work, future in [(w, scheduler.submit(w)) for w in works]:
            assert np.array_equal(future.result(LONG_S), age_frame(work))
    assert machine.cuda.leaks == []


def test_all_sizes_of_tiles_in_the_bundle_are_used(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, ADA)
    file = bundle.path / "generator.32.engine"
    file.write_bytes(b"good plan 32")
    side = 32 + 2 * HALO
    cells = side // 4
    shapes = {"image": [side, side, 3], "aging_map": [1, cells, cells]}
    shapes |= {"coordinates": [4, cells, cells], "pattern": [3]}
    content = bundle.manifest.to_dict()
    content["files"][file.name] = engine_content(file, profile={"batch": [1, 2, 4], "inputs": shapes})
    write_manifest(bundle.path, Manifest.from_dict(content))
    with open_scheduler(Bundle.open(bundle.path), "cuda") as scheduler:
        likes = scheduler.capabilities
        assert ([core.width for core in likes.cores], likes.max_core_px) == ([16, 32], 32)
        works = [make_work(f"p{i}", 32, core) for i, core in enumerate((16, 32, 16, 32))]
        for work, future in [(w, scheduler.submit(w)) for w in works]:
            assert np.array_equal(future.result(LONG_S), age_frame(work))
    assert len(machine.trt.engines) == 2
    assert machine.cuda.leaks == []
    assert machine.cuda.broken == []
    # One that is no generator of the bundle spoils the set, and nothing stays open.
    file.write_bytes(b"good plan 48")
    content["files"][file.name]["sha256"] = file_sha256(file)
    object.__setattr__(bundle.manifest, "halo_px", HALO)
    write_manifest(bundle.path, Manifest.from_dict({**content, "halo_px": HALO + 4}))
    machine.torch_error = EngineError("PyTorch is not there")
    with pytest.raises(EngineError, match="is no generator of this bundle"):
        open_scheduler(Bundle.open(bundle.path), "cuda")
    assert machine.cuda.leaks == []


def test_a_gpu_without_any_engine_is_an_error_or_leads_auto_to_the_cpu(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    machine = Machine(monkeypatch, HOPPER)
    machine.torch_error = MissingDependencyError("the PyTorch engine needs torch: pip install torch")
    with pytest.raises(EngineError) as caught:
        open_scheduler(bundle, "cuda")
    text = str(caught.value)
    assert text.startswith("device 'cuda' cannot be had, cuda:1, Fake H200 (sm90), cannot be used, TensorRT")
    assert "pip install torch" in text
    assert "\n" not in text
    with caplog.at_level(logging.INFO), open_scheduler(bundle, "auto", "f32") as scheduler:
        assert scheduler.capabilities.name == "OpenVINO"
        assert "no GPU can be used: cuda:1, Fake H200 (sm90)" in scheduler.capabilities.reason
    assert caplog.text.count("using OpenVINO on cpu in fp32, no GPU can be used") == 1


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("cudaErrorNoDevice", "there is no NVIDIA GPU with a driver here (cudaErrorNoDevice): install"),
        ("cudaErrorUnknown", "CUDA is ill"),
    ],
)
def test_machines_without_a_gpu(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, name: str, says: str
) -> None:
    machine = Machine(monkeypatch)
    with pytest.raises(EngineError, match="there is no NVIDIA GPU here: use device 'cpu'"):
        open_scheduler(bundle, "cuda")
    machine.cuda.fail["gpus"] = CudaError("CUDA is ill", name)
    with pytest.raises(EngineError) as caught:
        open_scheduler(bundle, "cuda:0")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("versions", "says"),
    [
        (
            (12080, 13040),
            "NVIDIA's driver knows CUDA 12.8 and cuda-bindings calls CUDA 13.4 "
            "(cudaErrorInsufficientDriver): pip install 'cuda-bindings>=12.9.1,<13', or install a newer "
            "driver",
        ),
        ((0, 13040), "there is no NVIDIA GPU with a driver here (cudaErrorInsufficientDriver): install"),
        ((13000, 13040), "there is no NVIDIA GPU with a driver here"),
    ],
)
def test_an_old_driver_is_not_called_a_missing_one(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, versions: tuple[int, int], says: str
) -> None:
    machine = Machine(monkeypatch)
    machine.cuda.driver_and_runtime = versions
    machine.cuda.fail["gpus"] = CudaError("CUDA is ill", "cudaErrorInsufficientDriver")
    with pytest.raises(EngineError) as caught:
        open_scheduler(bundle, "cuda")
    assert says in str(caught.value)
    machine.cuda.fail["versions"] = CudaError("CUDA is very ill", "cudaErrorUnknown")
    with pytest.raises(EngineError, match="there is no NVIDIA GPU with a driver here"):
        open_scheduler(bundle, "cuda")


def test_memory_that_runs_out_while_opening_frees_what_was_opened(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(monkeypatch, ADA)
    machine.cuda.free_bytes = 1000
    with pytest.raises(EngineError, match="too little for one tile in TensorRT for RTX"):
        open_scheduler(bundle, "cuda")
    assert machine.cuda.leaks == []


def test_no_silent_answer_to_nonsense(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch, ADA)
    with pytest.raises(UsageError, match="'gpu' is not known"):
        open_scheduler(bundle, "gpu")
    with pytest.raises(UsageError, match="'int8' is not a precision: write"):
        open_scheduler(bundle, "cuda", "int8")
    with pytest.raises(UsageError, match="'int8' is not a precision: write"):
        open_scheduler(bundle, "cpu", "int8")


def test_where_a_gpu_may_be_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, ADA)
    assert may_use_gpu("auto")
    assert may_use_gpu("cuda:3")
    assert not may_use_gpu("cpu")
    machine.cuda = FakeCuda(gpus=[])
    assert not may_use_gpu("auto")
    assert may_use_gpu("cuda")
