"""A TensorRT whose engines compute what FakeProgram does, and whose contexts mind how they are used."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.bundle.manifest import FileEntry
from amgan.runtime.engines.contract import GENERATOR_INPUTS
from support.fake_cuda import FakeCuda
from support.numpy_device import HALO, PATTERNS, age_tile

UINT8, FLOAT = "uint8", "float32"


class Mode(Enum):
    INPUT = 1
    OUTPUT = 2


class Context:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.addresses: dict[str, int] = {}
        self.memory = (0, 0)
        self.runs = 0

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self.engine.rule(self.runs == 0, "a context that was used was changed")
        self.shapes[name] = shape
        return self.engine.low <= shape[0] <= self.engine.high

    def set_tensor_address(self, name: str, address: int) -> bool:
        self.engine.rule(self.runs == 0, "a context that was used was changed")
        self.addresses[name] = address
        return not self.engine.refuses_addresses

    def update_device_memory_size_for_shapes(self) -> int:
        return 1000 * self.shapes["image"][0]

    def set_device_memory(self, address: int, size: int) -> None:
        self.memory = (address, size)

    def execute_async_v3(self, stream: int) -> bool:
        engine, batch = self.engine, self.shapes["image"][0]
        if engine.log_on_run:
            engine.log.log(engine.trt.ILogger.ERROR, engine.log_on_run)
            return False
        self.runs += 1
        engine.rule(self.memory[1] >= 1000 * batch, "too little memory for intermediate results")
        engine.rule(set(self.addresses) == {*GENERATOR_INPUTS, "aged"}, "a tensor has no address")
        engine.rule(all(shape[0] == batch for shape in self.shapes.values()), "the batches differ")
        engine.cuda.do(stream, lambda: self._compute(batch))
        return True

    def _compute(self, batch: int) -> None:
        engine = self.engine
        engine.cuda.view(self.memory[0], self.memory[1])[:] = 0x5A
        arrays = {}
        for name, (_, dtype, shape) in engine.tensors.items():
            size = batch * int(np.prod(shape)) * np.dtype(dtype).itemsize
            arrays[name] = engine.cuda.view(self.addresses[name], size).view(dtype).reshape(batch, *shape)
        for i in range(batch):
            ages, places, pattern = (arrays[n][i] for n in GENERATOR_INPUTS[1:])
            arrays["aged"][i] = age_tile(arrays["image"][i], ages[0], places, pattern)


class RtxContext(Context):
    def is_stream_capturable(self, stream: int) -> bool:
        return self.engine.capturable


class Engine:
    device_memory_size_v2 = 4000

    def __init__(self, trt: Any, cuda: FakeCuda, log: Any, core: int, batch: tuple[int, int, int]) -> None:
        self.trt, self.cuda, self.log = trt, cuda, log
        side = core + 2 * HALO
        self.low, self.opt, self.high = batch
        self.tensors: dict[str, tuple[Mode, str, tuple[int, ...]]] = {
            "image": (Mode.INPUT, UINT8, (side, side, 3)),
            "aging_map": (Mode.INPUT, FLOAT, (1, side // 4, side // 4)),
            "coordinates": (Mode.INPUT, FLOAT, (4, side // 4, side // 4)),
            "pattern": (Mode.INPUT, FLOAT, (PATTERNS,)),
            "aged": (Mode.OUTPUT, UINT8, (core, core, 3)),
        }
        self.refuses_addresses = self.refuses_contexts = False
        self.capturable = self.inspectable = True
        self.log_on_run = ""
        self.contexts: list[Context] = []
        self.configs: list[Any] = []

    @property
    def num_io_tensors(self) -> int:
        return len(self.tensors)

    def rule(self, kept: bool, otherwise: str) -> None:
        if not kept:
            self.cuda.broken.append(otherwise)

    def get_tensor_name(self, i: int) -> str:
        return list(self.tensors)[i]

    def get_tensor_mode(self, name: str) -> Mode:
        return self.tensors[name][0]

    def get_tensor_dtype(self, name: str) -> str:
        return self.tensors[name][1]

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return (-1, *self.tensors[name][2])

    def get_tensor_profile_shape(self, name: str, profile: int) -> list[tuple[int, ...]]:
        return [(n, *self.tensors[name][2]) for n in (self.low, self.opt, self.high)]

    def create_engine_inspector(self) -> Any:
        told = SimpleNamespace(get_engine_information=lambda kind: f"layers as {kind}")
        return told if self.inspectable else None

    def create_execution_context(self, how: Any) -> Context | None:
        if self.refuses_contexts:
            self.log.log(self.trt.ILogger.ERROR, "Error 2: OutOfMemory (no memory)")
            return None
        self.configs.append(how)
        self.contexts.append((RtxContext if hasattr(self, "create_runtime_config") else Context)(self))
        return self.contexts[-1]


class RtxCache:
    """A runtime cache whose content must say b"kernels"."""

    def __init__(self) -> None:
        self.content = b""
        self.read = False

    def deserialize(self, content: bytes) -> bool:
        self.read = content.startswith(b"kernels")
        if self.read:
            self.content = content
        return self.read

    def serialize(self) -> memoryview:
        return memoryview(self.content or b"kernels")


class RtxConfig:
    dynamic_shapes_kernel_specialization_strategy: Any = None

    def set_execution_context_allocation_strategy(self, strategy: Any) -> None:
        self.strategy = strategy

    def create_runtime_cache(self) -> RtxCache:
        return RtxCache()

    def set_runtime_cache(self, cache: RtxCache) -> bool:
        self.cache = cache
        return True


class RtxEngine(Engine):
    def create_runtime_config(self) -> RtxConfig:
        return RtxConfig()


def make_tensorrt(
    flavour: str, cuda: FakeCuda, core: int = 16, batch: Sequence[int] = (1, 2, 4), version: str = "1.7.1.116"
) -> Any:
    """A module like tensorrt or tensorrt_rtx; ``engines`` are what it loaded.

    Plans must say b"good plan", and may give a core after it.
    """
    trt: Any = ModuleType(flavour)

    class ILogger:
        ERROR, INTERNAL_ERROR, INFO = "error", "internal", "info"

    class Runtime:
        def __init__(self, log: Any) -> None:
            if trt.broken:
                raise TypeError("factory function returned nullptr")
            self.log = log

        def deserialize_cuda_engine(self, plan: bytes) -> Engine | None:
            if not plan.startswith(b"good plan"):
                self.log.log(ILogger.INFO, "just so you know")
                self.log.log(ILogger.ERROR, "the plan is bad.\nreally")
                return None
            kind = RtxEngine if flavour == "tensorrt_rtx" else Engine
            side = int(plan.removeprefix(b"good plan") or core)
            trt.engines.append(kind(trt, cuda, self.log, side, tuple(batch)))
            return trt.engines[-1]

    trt.__version__ = version
    trt.ILogger, trt.Runtime, trt.TensorIOMode = ILogger, Runtime, Mode
    trt.nptype = np.dtype
    trt.LayerInformationFormat = SimpleNamespace(JSON="JSON")
    trt.ExecutionContextAllocationStrategy = SimpleNamespace(USER_MANAGED="user managed")
    if flavour == "tensorrt_rtx":
        trt.DynamicShapesKernelSpecializationStrategy = SimpleNamespace(EAGER="eager")
    trt.engines = []
    trt.broken = False
    return trt


def setup(
    folder: Path, monkeypatch: pytest.MonkeyPatch, flavour: str = "tensorrt_rtx", plan: bytes = b"good plan"
) -> tuple[FakeCuda, Any, Path, FileEntry]:
    """A fake GPU with a fake TensorRT, and an engine file of it."""
    cuda = FakeCuda()
    cuda.use(0)
    trt = make_tensorrt(flavour, cuda)
    monkeypatch.setitem(sys.modules, flavour, trt)
    path = folder / "generator.engine"
    entry = Bundle.open(folder).manifest.files[path.name]
    assert entry.build is not None
    path.write_bytes(plan)
    object.__setattr__(entry.build, "flavour", flavour)
    return cuda, trt, path, entry
