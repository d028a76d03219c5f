"""The estimator on a GPU that is a fake: batches over threads, both engines, and when it stays on the CPU."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.fake_cuda import FakeCuda
from support.fake_torch_gpu import FakeGpu

from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.bundle.precision import Precision
from amgan.runtime.engines import gpu_estimator
from amgan.runtime.engines.cuda.handles import DeviceMemory, HandleStack, Stream
from amgan.runtime.engines.cuda.program import Arounds, Tensor
from amgan.runtime.engines.gpu_estimator import GpuEstimator, of_program, of_torch
from amgan.runtime.engines.shared_batches import SharedBatches
from amgan.runtime.errors import EngineError
from amgan.runtime.pipeline import estimator as estimators
from amgan.runtime.pipeline.estimator import Estimator, open_estimator

SIDE, GRID = 8, 2


def ages_of(frames: np.ndarray) -> np.ndarray:
    """What the fake estimator reads: means of quarters."""
    quarters = frames.reshape(len(frames), GRID, SIDE // GRID, GRID, SIDE // GRID, 3)
    return quarters.mean(axis=(2, 4, 5), dtype=np.float32)[:, None]


class FakeReader:
    """A CudaProgram for the estimator."""

    name, precision, batches = "Fake", Precision.FP32, (1, 2, 4)

    def __init__(self, cuda: FakeCuda) -> None:
        self.cuda, self.launched, self.closed = cuda, [], 0
        self.inputs = {"image": Tensor((SIDE, SIDE, 3), np.dtype(np.uint8))}
        self.outputs = {"ages": Tensor((1, GRID, GRID), np.dtype(np.float32))}

    def memory(self, slots: int, batch: int) -> int:
        return 0

    def open_slots(
        self, count: int, batches: Sequence[int], stream: Stream, around: Arounds = ()
    ) -> list[FakeReaderSlot]:
        return [FakeReaderSlot(self) for _ in range(count)]

    def close(self) -> None:
        self.closed += 1


class FakeReaderSlot:
    def __init__(self, program: FakeReader) -> None:
        self.program, self.handles = program, HandleStack()
        sizes = {"image": 4 * SIDE * SIDE * 3, "ages": 4 * GRID * GRID * 4}
        self.memory = {n: self.handles.own(DeviceMemory(program.cuda, s)) for n, s in sizes.items()}

    def address(self, name: str) -> int:
        return self.memory[name].handle

    def launch(self, batch: int, stream: Stream) -> bool:
        self.program.launched.append(batch)
        self.program.cuda.do(stream.handle, lambda: self.compute(batch))
        return False

    def compute(self, batch: int) -> None:
        view = self.program.cuda.view
        frames = view(self.address("image"), batch * SIDE * SIDE * 3).reshape(batch, SIDE, SIDE, 3)
        view(self.address("ages"), batch * GRID * GRID * 4).view(np.float32)[:] = ages_of(frames).ravel()

    def close(self) -> None:
        self.handles.close()


def test_threads_that_ask_meanwhile_share_the_next_batch() -> None:
    asked, sizes = threading.Semaphore(0), []

    def run(arrays: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        batch, halves = arrays
        sizes.append(len(batch))
        if len(sizes) == 1:
            for _ in range(5):
                asked.acquire()
            while len(batches._queue) < 5:
                pass
        return (batch + 2 * halves,)

    batches = SharedBatches(run, most=3)
    found: dict[int, int] = {}

    def ask(number: int) -> None:
        if number:
            asked.release()
        (doubled,) = batches(np.array(number), np.array(number / 2))
        found[number] = int(doubled)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    threads[0].start()
    while not sizes:
        pass
    for thread in threads[1:]:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: 2 * number for number in range(6)}
    assert sizes == [1, 3, 2]


def test_an_error_is_that_of_all_in_the_batch_and_ends_nothing() -> None:
    def run(arrays: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        if (arrays[0] < 0).any():
            raise EngineError("the GPU is tired")
        return arrays

    batches = SharedBatches(run, 4)
    with pytest.raises(EngineError, match="the GPU is tired"):
        batches(np.array(-1))
    assert batches(np.array(3)) == (3,)


def test_many_threads_read_through_a_program() -> None:
    cuda = FakeCuda()
    program = FakeReader(cuda)
    gpu = of_program(cuda, 0, program)
    frames = np.random.default_rng(0).integers(0, 256, (24, SIDE, SIDE, 3), dtype=np.uint8)
    found: dict[int, np.ndarray] = {}

    def read(first: int) -> None:
        for i in range(first, 24, 6):
            found[i] = gpu.read(frames[i])

    threads = [threading.Thread(target=read, args=(first,)) for first in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wanted = ages_of(frames)
    assert all(np.array_equal(found[i], wanted[i]) for i in range(24))
    gpu.close()
    assert program.closed == 1
    assert cuda.broken == cuda.leaks == []


def test_pytorch_reads_as_the_cpu_does() -> None:
    bundle = Bundle.open()
    fake = FakeGpu(FakeCuda())
    gpu: Any = of_torch(fake, bundle)  # type: ignore[arg-type]
    assert 0 <= Estimator(bundle).apart(gpu) < 0.01
    side = bundle.manifest.estimator.frame_px
    with pytest.raises(EngineError, match=r"PyTorch failed on the estimator|cannot be run"):
        gpu.read(np.zeros((side, side, 4), np.uint8))
    gpu.close()
    assert fake.released == 1


def opened(
    monkeypatch: pytest.MonkeyPatch, bundle: Bundle, change: float, device: str = "cuda:0, cuda:1"
) -> tuple[Estimator, list[str]]:
    """An estimator beside a GPU whose readings are so many years off, and what became of that."""
    told: list[str] = []
    cpu = Estimator(bundle)

    def open_gpu(bundle: Bundle, device: str) -> GpuEstimator:
        told.append(device)
        return GpuEstimator(
            "Fake",
            lambda f: np.stack([cpu._run_on_cpu(one)[0] for one in f]) + change,
            lambda: told.append("closed"),
        )

    monkeypatch.setattr(gpu_estimator, "open_gpu_estimator", open_gpu)
    return open_estimator(bundle, device), told


def test_a_gpu_that_agrees_reads(monkeypatch: pytest.MonkeyPatch, tiny_bundle: Path) -> None:
    bundle = Bundle.open(tiny_bundle)
    found, told = opened(monkeypatch, bundle, 0.25)
    picture = np.zeros((bundle.manifest.estimator.frame_px,) * 2 + (3,), np.uint8)
    assert np.allclose(found._run(picture), Estimator(bundle)._run(picture) + 0.25)
    found.close()
    assert told == ["cuda:0", "closed"]


@pytest.mark.parametrize(
    ("change", "says"),
    [(0.75, "it is 0.75 years apart from Fake"), (float("nan"), "it is nan years apart from Fake")],
)
def test_a_gpu_that_does_not_agree_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
    tiny_bundle: Path,
    caplog: pytest.LogCaptureFixture,
    change: float,
    says: str,
) -> None:  # fmt: skip
    bundle = Bundle.open(tiny_bundle)
    found, told = opened(monkeypatch, bundle, change)
    assert told == ["cuda:0", "closed"]
    assert f"ages are estimated on the CPU: {says}" in caplog.text
    picture = np.zeros((bundle.manifest.estimator.frame_px,) * 2 + (3,), np.uint8)
    assert np.array_equal(found._run(picture), Estimator(bundle)._run(picture))
    found.close()


def test_without_one_that_can_run_the_cpu_reads_and_the_log_says_why(
    monkeypatch: pytest.MonkeyPatch, tiny_bundle: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bundle = Bundle.open(tiny_bundle)
    monkeypatch.setattr(gpu_estimator, "load_cuda", FakeCuda)
    assert open_estimator(bundle, "cuda:0")._gpu is None
    assert "ages are estimated on the CPU: TensorRT" in caplog.text
    assert "PyTorch: PyTorch " in caplog.text
    monkeypatch.setattr(gpu_estimator, "open_gpu_estimator", lambda *_: pytest.fail("there is no GPU"))
    assert open_estimator(bundle, "cpu")._gpu is None

    def ill(frames: np.ndarray) -> np.ndarray:
        raise EngineError("the GPU is ill")

    closed: list[bool] = []
    broken = GpuEstimator("Fake", ill, lambda: closed.append(True))
    monkeypatch.setattr(gpu_estimator, "open_gpu_estimator", lambda *_: broken)
    assert open_estimator(bundle, "cuda:0")._gpu is None
    assert "ages are estimated on the CPU: the GPU is ill" in caplog.text
    assert closed == [True]
    assert estimators.MAX_APART_YEARS == 0.5


@pytest.mark.parametrize(("side", "fits"), [(SIDE, True), (2 * SIDE, False)])
def test_an_engine_of_tensorrt_is_taken_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, side: int, fits: bool
) -> None:
    cuda = FakeCuda()
    program = FakeReader(cuda)
    spec = SimpleNamespace(estimator=SimpleNamespace(frame_px=side, grid=GRID))
    bundle: Any = SimpleNamespace(manifest=spec)
    monkeypatch.setattr(gpu_estimator, "load_cuda", lambda: cuda)
    monkeypatch.setattr(gpu_estimator.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(gpu_estimator, "find_engines", lambda *_: [(tmp_path / "e.engine", None)])
    module = "amgan.runtime.engines.tensorrt"
    monkeypatch.setattr(f"{module}_library.load_tensorrt", lambda name: SimpleNamespace(__version__="1"))
    monkeypatch.setattr(f"{module}.TensorRtProgram", lambda *_, **__: program)
    if fits:
        gpu = gpu_estimator.open_gpu_estimator(bundle, "cuda:0")
        frame = np.full((SIDE, SIDE, 3), 9, np.uint8)
        assert (gpu.name, gpu.read(frame).tolist()) == ("Fake", [[[9.0, 9.0], [9.0, 9.0]]])
        gpu.close()
    else:
        with pytest.raises(EngineError, match=r"'.*e\.engine' is no estimator of this bundle.*PyTorch:"):
            gpu_estimator.open_gpu_estimator(bundle, "cuda:0")
    assert program.closed >= 1
    assert cuda.broken == cuda.leaks == []
