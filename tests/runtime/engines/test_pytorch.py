"""The PyTorch engine: on the CPU in place of a GPU, with a fake CUDA around it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from support.engine_helpers import write_half_bundle
from support.fake_cuda import FakeCuda
from support.fake_torch_gpu import FakeGpu
from support.tile_inputs import frame_positions, mixtures
from support.tiny_networks import TINY_GENERATOR, random_generator

from amgan.export.graphs.emit import emit_generator
from amgan.export.simplify import simplify
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.bundle.precision import Precision
from amgan.runtime.engines import pytorch as engine_torch
from amgan.runtime.engines.cuda.api import OutOfMemoryError
from amgan.runtime.engines.cuda.device import CudaTileDevice
from amgan.runtime.engines.cuda.handles import Stream
from amgan.runtime.engines.cuda.program import CORES, check_generator, core_size
from amgan.runtime.engines.frame import FrameWork
from amgan.runtime.engines.onnx_graph import OnnxNetwork
from amgan.runtime.engines.pytorch import choose_file, choose_precision, load_torch, open_torch
from amgan.runtime.engines.scheduler.scheduler import FrameScheduler
from amgan.runtime.engines.tiles import plan_tiles
from amgan.runtime.engines.torch_program import TorchProgram
from amgan.runtime.errors import BundleError, EngineError, MissingDependencyError

HALO = TINY_GENERATOR.halo_px
PATTERNS = TINY_GENERATOR.patterns
CORE = 128
LONG_S = 600.0  # when a test that waits gives up; no machine is so slow


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> OnnxNetwork:
    path = tmp_path_factory.mktemp("torch") / "generator.onnx"
    onnx.save(emit_generator(simplify(random_generator())), path)
    return OnnxNetwork(path)


@pytest.fixture
def idle(network: OnnxNetwork) -> Any:
    """A network that computes nothing, for tests of sizes and memory."""

    def zeros(image: torch.Tensor, *_: torch.Tensor) -> tuple[torch.Tensor]:
        n, height, width, channels = image.shape
        return (torch.zeros((n, height - 2 * HALO, width - 2 * HALO, channels), dtype=torch.uint8),)

    return SimpleNamespace(inputs=network.inputs, outputs=network.outputs, run_all=zeros)


@pytest.mark.parametrize("graphs", [True, False])
def test_frames_come_out_as_the_network_makes_them(network: OnnxNetwork, graphs: bool) -> None:
    cuda = FakeCuda()
    cuda.use(0)
    gpu = FakeGpu(cuda)
    program = TorchProgram(gpu, network, Precision.FP32, HALO, PATTERNS, largest_px=CORE, graphs=graphs)
    assert check_generator(program, HALO, PATTERNS) is None
    device = CudaTileDevice(cuda, 0, program, HALO, slots=2, batch=2)
    side = CORE + 64
    padded = side + 2 * HALO
    rng = np.random.default_rng(0)
    work = FrameWork(
        rng.integers(0, 256, (padded, padded, 3), dtype=np.uint8),
        rng.uniform(15, 90, (padded // 4, padded // 4)).astype(np.float32),
        frame_positions(side, HALO),
        mixtures(1, PATTERNS)[0],
        tuple(plan_tiles(side, CORE, fixed=True)),
    )
    with FrameScheduler(device, HALO) as scheduler:
        aged = scheduler.submit(work).result(LONG_S)
        assert scheduler.counters.graph_launches == (2 if graphs else 0)
    arrays = (work.image, work.aging_map[None], work.coordinates, work.pattern)
    with torch.inference_mode():
        whole = network(*(torch.from_numpy(array)[None] for array in arrays))
    assert np.abs(aged.astype(int) - whole[0].numpy()).max() <= 1
    assert gpu.captured == (2 * 2 if graphs else 0)
    assert gpu.released
    assert cuda.broken == []
    assert cuda.leaks == []


def test_a_large_gpu_gets_tiles_of_several_sizes_of_one_network(idle: Any) -> None:
    programs = TorchProgram(FakeGpu(FakeCuda()), idle, Precision.FP32, HALO, PATTERNS).sizes()
    assert [core_size(p, HALO) for p in programs] == list(CORES[::-1])
    assert [p.outputs["aged"].shape for p in programs] == [(*core[::-1], 3) for core in CORES[::-1]]
    assert (programs[0].batches, programs[-1].batches) == ((1, 2), (1, 2, 4, 8))
    assert all(check_generator(p, HALO, PATTERNS) is None for p in programs)
    assert len({id(p._network) for p in programs}) == 1
    small = TorchProgram(FakeGpu(FakeCuda(), 100 << 20), idle, Precision.FP32, HALO, PATTERNS)
    assert [core_size(p, HALO) for p in small.sizes()] == [(144, 176)]


def test_a_network_that_cannot_be_captured_runs_without_graphs(
    network: OnnxNetwork, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(self: FakeGpu, work: Callable[[], object], stream: Stream) -> None:
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    monkeypatch.setattr(FakeGpu, "capture", refuse)
    cuda = FakeCuda()
    cuda.use(0)
    device = CudaTileDevice(
        cuda,
        0,
        TorchProgram(FakeGpu(cuda), network, Precision.FP32, HALO, PATTERNS, largest_px=CORE),
        HALO,
        slots=2,
        batch=2,
    )
    side = CORE + 2 * HALO
    work = FrameWork(
        np.full((side, side, 3), 99, np.uint8),
        np.full((side // 4, side // 4), 20, np.float32),
        np.zeros((4, side // 4, side // 4), np.float32),
        np.full(PATTERNS, 1 / PATTERNS, np.float32),
        tuple(plan_tiles(CORE, CORE, fixed=True)),
    )
    with FrameScheduler(device, HALO) as scheduler:
        assert scheduler.submit(work).result(LONG_S).shape == (CORE, CORE, 3)
        assert scheduler.counters.graph_launches == 0
    said = (
        "PyTorch CUDA cannot be captured as a CUDA graph (operation not permitted when stream is capturing)"
    )
    assert caplog.text.count(said) == 1
    assert cuda.leaks == []


def test_memory_is_measured_when_the_algorithms_are_chosen(idle: Any) -> None:
    runs: list[int] = []

    class Watched(FakeGpu):
        def peak_bytes(self, work: Callable[[], object]) -> int:
            runs.append(len(calls))
            return super().peak_bytes(work)

    calls: list[int] = []

    def run_all(*tensors: torch.Tensor) -> tuple[torch.Tensor]:
        calls.append(1)
        return idle.run_all(*tensors)

    counted: Any = SimpleNamespace(inputs=idle.inputs, outputs=idle.outputs, run_all=run_all)
    TorchProgram(Watched(FakeCuda()), counted, Precision.FP32, HALO, PATTERNS)
    assert runs == [3]


@pytest.mark.parametrize("mib", [1 << 20, 1000, 300, 100])
def test_free_memory_decides_the_tile(idle: Any, mib: int) -> None:
    cuda = FakeCuda()
    program = TorchProgram(FakeGpu(cuda, mib << 20), idle, Precision.FP32, HALO, PATTERNS)
    fitting = [(w, h) for w, h in CORES if 1000 * (w + 2 * HALO) * (h + 2 * HALO) <= mib << 19]
    width, height = core_size(program, HALO)
    assert (width, height) == fitting[-1]
    assert program.memory(3, 4) > program.memory(3, 2) > program.memory(1, 2) > 1000 * width * height


def test_a_tile_is_no_larger_than_the_bundles_frames(idle: Any) -> None:
    program = TorchProgram(FakeGpu(FakeCuda()), idle, Precision.FP32, HALO, PATTERNS, largest_px=320)
    assert program.outputs["aged"].shape == (304, 256, 3)


def test_a_gpu_that_is_full(idle: Any) -> None:
    with pytest.raises(
        OutOfMemoryError, match=r"too little free memory for PyTorch: a tile of 144x176 px takes \d+ MiB"
    ):
        TorchProgram(FakeGpu(FakeCuda(), 1 << 20), idle, Precision.FP32, HALO, PATTERNS)


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (
            torch.OutOfMemoryError("Tried to allocate\nmuch"),
            OutOfMemoryError,
            r"ran out of memory \(Tried to",
        ),
        (
            RuntimeError("CUDA error: no kernel image\nis available"),
            EngineError,
            "CUDA error: no kernel image: run",
        ),
    ],
)
def test_errors_of_pytorch_are_one_sentence(
    network: OnnxNetwork, error: Exception, kind: type[EngineError], says: str
) -> None:
    cuda = FakeCuda()
    cuda.use(0)
    gpu = FakeGpu(cuda)
    program = TorchProgram(gpu, network, Precision.FP32, HALO, PATTERNS, largest_px=CORE)

    def fail(*_: object) -> None:
        raise error

    with Stream(cuda) as stream:
        (slot,) = program.open_slots(1, (1,), stream)
        gpu.run = gpu.capture = fail
        with pytest.raises(kind, match=says) as caught:
            program.open_slots(2, (1, 2), stream)
        assert "\n" not in str(caught.value)
        slot.close()
        with pytest.raises(KeyError):
            slot.launch(1, stream)


def test_precisions() -> None:
    assert choose_precision(None, 90) is Precision.FP16
    assert choose_precision(None, 61) is Precision.FP32
    assert choose_precision(Precision.FP16, 75) is Precision.FP16
    assert choose_precision(Precision.BF16, 80) is Precision.BF16
    with pytest.raises(EngineError, match=r"sm75.* not made for bf16"):
        choose_precision(Precision.BF16, 75)
    assert choose_precision(Precision.FP8, 89) is Precision.FP8
    with pytest.raises(EngineError, match=r"sm86.* not made for fp8"):
        choose_precision(Precision.FP8, 86)


def test_the_file_of_the_precision_is_preferred(tmp_path: Path, tiny_bundle: Path) -> None:
    bundle = Bundle.open(write_half_bundle(tmp_path / "b"))
    assert choose_file(bundle, Precision.FP16) == (tmp_path / "b" / "generator.fp16.onnx", True)
    assert choose_file(bundle, Precision.BF16) == (tmp_path / "b" / "generator.onnx", False)
    assert choose_file(Bundle.open(tiny_bundle), Precision.FP16) == (tiny_bundle / "generator.onnx", False)
    with pytest.raises(BundleError, match=r"holds no fp8 onnx generator .*: export the bundle with it"):
        choose_file(bundle, Precision.FP8)


def test_pytorch_missing_or_without_gpu(monkeypatch: pytest.MonkeyPatch, tiny_bundle: Path) -> None:
    if not torch.cuda.is_available():
        with pytest.raises(
            EngineError, match=r"PyTorch .* cannot use a GPU here, it .*pip install --force-reinst"
        ):
            open_torch(Bundle.open(tiny_bundle), 0, 90, None)
    none = SimpleNamespace(is_available=lambda: False)
    fake = SimpleNamespace(cuda=none, version=SimpleNamespace(cuda="13.0"), __version__="2.13")
    monkeypatch.setitem(sys.modules, "torch", fake)
    with pytest.raises(EngineError, match="it finds no GPU that it supports"):
        load_torch()
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependencyError, match="the PyTorch engine needs the package torch"):
        load_torch()


def test_open_torch_gives_the_network_its_precision(
    monkeypatch: pytest.MonkeyPatch, network: OnnxNetwork, tmp_path: Path
) -> None:
    opened: dict[str, Any] = {}
    cuda = FakeCuda()
    monkeypatch.setattr(engine_torch, "load_torch", lambda: torch)
    monkeypatch.setattr(engine_torch, "TorchCuda", lambda torch, gpu: opened.update(gpu=gpu) or FakeGpu(cuda))
    bundle = Bundle.open(write_half_bundle(tmp_path / "b"))
    monkeypatch.setattr(Bundle, "file", lambda self, *_: network.path)
    monkeypatch.setattr(TorchProgram, "_measure", lambda self: opened.update(network=self._network) or 1000.0)
    program, *_ = open_torch(bundle, 3, 90, Precision.BF16)
    assert opened["gpu"] == 3
    assert opened["network"].convolutions is torch.bfloat16
    assert program.precision is Precision.BF16
    assert core_size(program, bundle.manifest.halo_px) == (192, 240)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_on_a_gpu_the_pixels_are_those_of_openvino() -> None:
    from amgan.runtime.engines.scheduler.scheduler import open_scheduler

    bundle = Bundle.open()
    halo = bundle.manifest.halo_px
    padded = 512 + 2 * halo
    rng = np.random.default_rng(0)
    work = FrameWork(
        rng.integers(0, 256, (padded, padded, 3), dtype=np.uint8),
        np.full((padded // 4, padded // 4), 70, np.float32),
        frame_positions(512, halo),
        mixtures(1, bundle.manifest.patterns)[0],
        tuple(plan_tiles(512, 256)),
    )
    results = {}
    for device, precision in (("cpu", "f32"), ("cuda:0", "f32"), ("cuda:0", None)):
        with open_scheduler(bundle, device, precision) as scheduler:
            results[device, precision] = scheduler.submit(work).result().astype(int)
            assert device == "cpu" or scheduler.counters.graph_launches > 0
    wanted = results.pop(("cpu", "f32"))
    assert np.abs(results["cuda:0", "f32"] - wanted).max() <= 1
    assert np.abs(results["cuda:0", None] - wanted).max() <= 3
