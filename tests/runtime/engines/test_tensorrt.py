"""TensorRT engines: a fake TensorRT on a fake GPU, and the real library as far as it goes without one."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from support.engine_helpers import RTX
from support.fake_cuda import FakeCuda
from support.fake_tensorrt import setup
from support.numpy_device import HALO, PATTERNS, age_frame, age_tile, make_work

from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.bundle.manifest import FileEntry
from amgan.runtime.engines.contract import Engine, TileBatch
from amgan.runtime.engines.cuda.api import OutOfMemoryError
from amgan.runtime.engines.cuda.arrays import ArrayRunner, CudaEngine
from amgan.runtime.engines.cuda.device import CudaTileDevice
from amgan.runtime.engines.cuda.handles import Stream
from amgan.runtime.engines.scheduler.scheduler import FrameScheduler
from amgan.runtime.engines.tensorrt import TensorRtProgram
from amgan.runtime.engines.tensorrt_library import load_tensorrt
from amgan.runtime.errors import EngineError, MissingDependencyError

FLAVOURS = ["tensorrt", "tensorrt_rtx"]
LONG_S = 600.0  # when a test that waits gives up; no machine is so slow


def test_what_the_inspector_says(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cuda, trt, path, entry = setup(folder, monkeypatch)
    program = TensorRtProgram(cuda, path, entry)
    assert program.inspect() == "layers as JSON"
    trt.engines[0].inspectable = False
    assert program.inspect() == ""
    program.close()


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("graphs", [True, False])
def test_frames_through_tensorrt(
    folder: Path, monkeypatch: pytest.MonkeyPatch, flavour: str, graphs: bool
) -> None:
    cuda, trt, path, entry = setup(folder, monkeypatch, flavour)
    program = TensorRtProgram(cuda, path, entry, graphs=graphs)
    device = CudaTileDevice(cuda, 0, program, HALO, slots=2)
    works = [make_work(f"p{i}", 32 + 16 * (i % 2), 16) for i in range(4)]
    with FrameScheduler(device, HALO) as scheduler:
        assert scheduler.capabilities.name == {"tensorrt": "TensorRT"}.get(flavour, "TensorRT for RTX")
        assert scheduler.capabilities.precision == "fp16"
        for work, future in [(w, scheduler.submit(w)) for w in works]:
            assert np.array_equal(future.result(LONG_S), age_frame(work))
        counters = scheduler.counters
    assert counters.graph_launches == (counters.batches if graphs else 0)
    engine = trt.engines[0]
    # One to ask for sizes, one a slot for single tiles, and one for each other batch size that came.
    assert 1 + 2 < len(engine.contexts) <= 1 + 2 * 3
    assert cuda.broken == []
    assert cuda.leaks == []
    if flavour == "tensorrt":
        assert set(engine.configs) == {"user managed"}
    else:
        assert {c.strategy for c in engine.configs} == {"user managed"}
        assert {c.dynamic_shapes_kernel_specialization_strategy for c in engine.configs} == {"eager"}
        assert len({id(c.cache) for c in engine.configs}) == 1


def test_arrays_of_any_batch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cuda, _, path, entry = setup(folder, monkeypatch)
    runner = ArrayRunner(cuda, 0, TensorRtProgram(cuda, path, entry))
    rng = np.random.default_rng(0)
    inputs = {
        "image": rng.integers(0, 256, (7, 24, 24, 3), dtype=np.uint8),
        "aging_map": rng.uniform(15, 90, (7, 1, 6, 6)).astype(np.float32),
        "coordinates": rng.integers(0, 99, (7, 4, 6, 6)).astype(np.float32),
        "pattern": rng.integers(0, 99, (7, PATTERNS)).astype(np.float32),
    }
    aged = runner.run(inputs)["aged"]
    for i in range(7):
        image, ages, places, pattern = (array[i] for array in inputs.values())
        assert np.array_equal(aged[i], age_tile(image, ages[0], places, pattern))
    with pytest.raises(
        EngineError, match=r"takes image as uint8 \(7, 24, 24, 3\), not uint8 \(7, 20, 24, 3\)"
    ):
        runner.run(inputs | {"image": inputs["image"][:, :20]})
    with pytest.raises(EngineError, match=r"takes coordinates as .* not missing"):
        runner.run({n: inputs[n] for n in ("image", "aging_map")})
    runner.close()
    runner.close()
    with pytest.raises(EngineError, match="after it was closed"):
        runner.run(inputs)
    assert cuda.leaks == []
    assert cuda.broken == []


@pytest.mark.parametrize("size", [(16, 16), (12, 8), (36, 20)])
def test_tiles_of_any_size_as_an_engine(
    folder: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    cuda, _, path, entry = setup(folder, monkeypatch)
    engine = CudaEngine(cuda, 0, TensorRtProgram(cuda, path, entry), HALO)
    assert isinstance(engine, Engine)
    assert (engine.capabilities.max_core_px, engine.capabilities.batch) == (16, 4)
    height, width = (s + 2 * HALO for s in size)
    rng = np.random.default_rng(0)
    batch = TileBatch(
        rng.integers(0, 256, (3, height, width, 3), dtype=np.uint8),
        rng.uniform(15, 90, (3, 1, height // 4, width // 4)).astype(np.float32),
        rng.integers(0, 40, (3, 4, height // 4, width // 4)).astype(np.float32),
        rng.integers(0, 40, (3, PATTERNS)).astype(np.float32),
        "tile 7",
    )
    ticket = engine.submit(batch)
    aged = engine.wait(ticket)
    for i in range(3):
        assert np.array_equal(
            aged[i], age_tile(batch.image[i], batch.aging_map[i, 0], batch.coordinates[i], batch.pattern[i])
        )
    with pytest.raises(EngineError, match="tile 7 is not in flight"):
        engine.wait(ticket)
    with pytest.raises(EngineError, match="tile 7 is not larger than its halo of 4 px"):
        low = batch.image[:, :8], batch.aging_map[:, :, :2], batch.coordinates[:, :, :2], batch.pattern
        engine.submit(TileBatch(*low, "tile 7"))
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="tile 7 came after the engine was closed"):
        engine.submit(batch)
    assert cuda.leaks == []


def test_a_failure_names_the_tile_and_the_reason(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cuda, trt, path, entry = setup(folder, monkeypatch)
    engine = CudaEngine(cuda, 0, TensorRtProgram(cuda, path, entry, graphs=False), HALO)
    trt.engines[0].log_on_run = "Error 1: the GPU is tired.\nmore"
    batch = TileBatch(
        np.zeros((1, 24, 24, 3), np.uint8),
        np.zeros((1, 1, 6, 6), np.float32),
        np.zeros((1, 4, 6, 6), np.float32),
        np.zeros((1, PATTERNS), np.float32),
        "tile 7",
    )
    with pytest.raises(
        EngineError, match=r"TensorRT for RTX failed on tile 7: .*Error 1: the GPU is tired: run"
    ):
        engine.wait(engine.submit(batch))
    engine.close()


def test_an_engine_that_asks_for_too_much_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cuda, trt, path, entry = setup(folder, monkeypatch)
    program = TensorRtProgram(cuda, path, entry)
    trt.engines[0].refuses_contexts = True
    with Stream(cuda) as stream, pytest.raises(OutOfMemoryError, match="OutOfMemory"):
        program.open_slots(1, (1,), stream)
    trt.engines[0].refuses_contexts = False
    trt.engines[0].refuses_addresses = True
    with Stream(cuda) as stream, pytest.raises(EngineError, match="refuses the memory of image"):
        program.open_slots(1, (1,), stream)
    trt.engines[0].refuses_addresses = False
    with Stream(cuda) as stream, pytest.raises(EngineError, match=r"'generator\.engine' takes no batch of 9"):
        program.open_slots(1, (9,), stream)
    assert cuda.leaks == []
    assert program.memory(3, 4) > program.memory(3, 1) > 1000


def test_files_that_tensorrt_refuses(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cuda, trt, path, entry = setup(folder, monkeypatch, plan=b"bad plan")
    with pytest.raises(
        EngineError, match=r"cannot load '.*generator\.engine', the plan is bad: build it again"
    ):
        TensorRtProgram(cuda, path, entry)
    trt.broken = True
    with pytest.raises(EngineError, match="TensorRT for RTX cannot start here, it gave no reason: run"):
        TensorRtProgram(cuda, path, entry)
    with pytest.raises(EngineError, match="cannot be read: No such file"):
        TensorRtProgram(cuda, path.with_name("none.engine"), entry)
    with pytest.raises(EngineError, match="is no TensorRT engine"):
        TensorRtProgram(cuda, path, FileEntry("generator", "onnx", "fp16", ""))


def test_open_sizes_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cuda, trt, path, entry = setup(folder, monkeypatch)
    kind = type(trt.Runtime(None).deserialize_cuda_engine(b"good plan"))
    monkeypatch.setattr(kind, "get_tensor_shape", lambda self, name: (-1, -1, 24, 3))
    with pytest.raises(EngineError, match=r"image of 'generator.engine' has no fixed size \(-1, 24, 3\)"):
        TensorRtProgram(cuda, path, entry)


def test_tensorrt_missing_or_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(MissingDependencyError, match="the TensorRT engine needs the package tensorrt"):
        load_tensorrt("tensorrt")

    def broken(name: str) -> None:
        raise OSError("libnvinfer.so.11: no such file")

    monkeypatch.setattr("importlib.import_module", broken)
    with pytest.raises(
        MissingDependencyError, match=r"cannot be loaded \(libnvinfer.so.11: no such file\): pip"
    ):
        load_tensorrt("tensorrt")


def test_the_real_tensorrt_has_all_that_is_used() -> None:
    trt = pytest.importorskip("tensorrt_rtx")
    names = {
        trt.ICudaEngine: "num_io_tensors get_tensor_name get_tensor_mode get_tensor_dtype get_tensor_shape "
        "get_tensor_profile_shape device_memory_size_v2 create_execution_context create_runtime_config",
        trt.IExecutionContext: "set_input_shape set_tensor_address set_device_memory execute_async_v3 "
        "update_device_memory_size_for_shapes is_stream_capturable",
        trt.IRuntimeCache: "serialize deserialize",
        trt.IRuntimeConfig: "set_execution_context_allocation_strategy create_runtime_cache "
        "set_runtime_cache dynamic_shapes_kernel_specialization_strategy",
        trt.ExecutionContextAllocationStrategy: "USER_MANAGED",
        trt.DynamicShapesKernelSpecializationStrategy: "EAGER",
        trt.TensorIOMode: "INPUT",
        trt.ILogger: "ERROR INTERNAL_ERROR",
    }
    for owner, used in names.items():
        assert [n for n in used.split() if not hasattr(owner, n)] == []
    assert trt.nptype(trt.DataType.UINT8) is np.uint8


def test_the_real_tensorrt_refuses_what_is_no_engine(folder: Path) -> None:
    trt = pytest.importorskip("tensorrt_rtx")
    entry = Bundle.open(folder).manifest.files["generator.engine"]
    assert entry.build is not None
    assert entry.build.flavour == RTX[0] == trt.__name__
    with pytest.raises(
        EngineError, match=r"TensorRT for RTX cannot load '.*generator\.engine', .*: build it again"
    ):
        TensorRtProgram(FakeCuda(), folder / "generator.engine", entry)
