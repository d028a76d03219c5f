"""The calls of CUDA and their handles; cuda-bindings itself is asked where it is installed, GPU or not."""

from __future__ import annotations

import re
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.fake_cuda import FakeCuda

from amgan.runtime.engines.cuda import api
from amgan.runtime.engines.cuda.api import (
    ADDRESS,
    NUMBER,
    Cuda,
    CudaError,
    GpuInfo,
    OutOfMemoryError,
    load_cuda,
)
from amgan.runtime.engines.cuda.handles import (
    DeviceMemory,
    Event,
    Graph,
    Handle,
    HandleStack,
    PinnedMemory,
    Stream,
)
from amgan.runtime.errors import EngineError, MissingDependencyError


class FakeRuntime:
    """A cuda.bindings.runtime: every function gives its status first, here ``status``, and notes its name."""

    cudaMemcpyKind = SimpleNamespace(cudaMemcpyDefault=4)
    cudaStreamCaptureMode = SimpleNamespace(cudaStreamCaptureModeThreadLocal=1)
    cudaDeviceAttr = SimpleNamespace(
        cudaDevAttrComputeCapabilityMajor=75, cudaDevAttrComputeCapabilityMinor=76
    )
    cudaHostAllocDefault = 0
    cudaStreamNonBlocking = 1
    cudaEventBlockingSync = 1
    cudaEventDisableTiming = 2
    cudaError_t = int

    def __init__(self) -> None:
        self.status = 0
        self.called: list[tuple[Any, ...]] = []
        self.fetched = 0
        self.gives: dict[str, tuple[Any, ...]] = {
            "cudaGetDeviceCount": (1,),
            "cudaGetDeviceProperties": (SimpleNamespace(name=b"A GPU\0\0", totalGlobalMem=7 << 30),),
            "cudaMemGetInfo": (5, 7),
            "cudaDeviceGetPCIBusId": (b"0000:65:00.0\0\0",),
            "cudaEventElapsedTime": (2.5,),
        }

    def __getattr__(self, name: str) -> Any:
        if not name.startswith(("cuda", "cu")):
            raise AttributeError(name)

        def function(*arguments: Any) -> tuple[Any, ...]:
            self.called.append((name, *arguments))
            if name == "cudaDeviceGetAttribute":
                return (self.status, 8 if arguments[0] == 75 else 6)
            return (self.status, *self.gives.get(name, (77,)))

        function.__name__ = name
        return function

    def cudaGetErrorName(self, status: int) -> tuple[int, bytes]:
        return (0, b"cudaErrorMemoryAllocation") if status == 2 else (1, b"")

    def cudaGetErrorString(self, status: int) -> tuple[int, bytes]:
        return (0, b"out of memory") if status == 2 else (1, b"")

    def cudaGetLastError(self) -> tuple[int]:
        self.fetched += 1
        return (0,)


CALLS: dict[str, tuple[Any, ...]] = {
    "use": (1,), "malloc": (8,), "free": (9,), "host_alloc": (8,), "host_free": (9,), "stream_create": (),
    "stream_destroy": (1,), "stream_synchronize": (1,), "stream_wait": (1, 2), "event_create": (True,),
    "event_destroy": (1,), "event_record": (1, 2), "event_synchronize": (1,), "elapsed_ms": (1, 2),
    "copy": (1, 2, 3, 4), "copy_2d": (1, 2, 3, 4, 5, 6, 7), "fill": (1, 0, 3, 4), "capture_begin": (1,),
    "capture_end": (1,), "graph_instantiate": (1,), "graph_launch": (1, 2), "graph_destroy": (1,),
    "graph_exec_destroy": (1,), "memory": (), "gpus": (), "versions": (), "pci_address": (1,),
    "library_load": (b"ptx",), "library_unload": (1,), "kernel": (1, "name"),
    "kernel_launch": (1, (1, 2, 3), 64, [(5, ADDRESS), (6, NUMBER)], 7),
}  # fmt: skip


@pytest.mark.parametrize("method", CALLS)
def test_every_status_is_checked_and_named(method: str) -> None:
    runtime = FakeRuntime()
    cuda = Cuda(runtime, driver=runtime)
    getattr(cuda, method)(*CALLS[method])
    name = runtime.called[0][0]
    runtime.status = 2
    with pytest.raises(OutOfMemoryError) as full:
        getattr(cuda, method)(*CALLS[method])
    assert str(full.value) == f"CUDA's {name} failed with cudaErrorMemoryAllocation (out of memory)"
    runtime.status = 999
    with pytest.raises(CudaError, match=f"CUDA's {name} failed with error 999") as other:
        getattr(cuda, method)(*CALLS[method])
    assert not isinstance(other.value, OutOfMemoryError)
    assert runtime.fetched == 2


def test_no_method_is_left_out() -> None:
    assert set(CALLS) == {name for name in vars(Cuda) if not name.startswith("_")}
    assert set(CALLS) <= set(vars(FakeCuda))


def test_what_cuda_answers() -> None:
    runtime = FakeRuntime()
    cuda = Cuda(runtime)
    assert cuda.gpus() == [GpuInfo(0, "A GPU", 86, 7 << 30)]
    assert cuda.memory() == (5, 7)
    assert cuda.pci_address(0) == "0000:65:00.0"
    assert cuda.elapsed_ms(1, 2) == 2.5
    assert cuda.malloc(8) == cuda.host_alloc(8) == cuda.stream_create() == 77
    cuda.event_create(False)
    assert runtime.called[-1] == ("cudaEventCreateWithFlags", 3)
    cuda.event_create(True)
    assert runtime.called[-1] == ("cudaEventCreateWithFlags", 1)
    cuda.copy_2d(10, 20, 30, 40, 5, 6, 70)
    assert runtime.called[-1] == ("cudaMemcpy2DAsync", 10, 20, 30, 40, 5, 6, 4, 70)


def test_the_real_driver_takes_what_kernels_are_launched_with() -> None:
    """Arguments of a wrong type are a TypeError, GPU or not."""
    driver = pytest.importorskip("cuda.bindings.driver")
    cuda = load_cuda()
    for call in ("library_load", "library_unload", "kernel", "kernel_launch"):
        with pytest.raises((CudaError, RuntimeError)) as error:
            getattr(cuda, call)(*CALLS[call])
        assert "driver" in str(error.value) or isinstance(error.value, CudaError)
    with pytest.raises(TypeError):
        driver.cuLaunchKernel(1, 1, 1, 1, 1, 1, 1, 0, "stream", ((), ()), 0)


def test_the_real_cuda_names_its_error_or_lists_gpus() -> None:
    pytest.importorskip("cuda.bindings.runtime")
    cuda = load_cuda()
    try:
        gpus = cuda.gpus()
    except CudaError as error:
        assert error.name.startswith("cudaError")
        assert f"CUDA's cudaGetDeviceCount failed with {error.name} (" in str(error)
        with pytest.raises(CudaError, match="cudaMalloc"):
            cuda.malloc(64)
    else:
        assert all(gpu.compute > 0 and gpu.memory > 0 for gpu in gpus)


def test_cuda_bindings_missing_or_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    with pytest.raises(MissingDependencyError, match=r"cuda-bindings, which is not installed: pip install"):
        load_cuda()

    class Broken:
        @property
        def driver(self) -> Any:
            raise RuntimeError("no\nlibrary")

    monkeypatch.setitem(sys.modules, "cuda.bindings", Broken())
    with pytest.raises(
        MissingDependencyError, match=rf"cannot load \(no library\): {re.escape(api.INSTALL)}"
    ):
        load_cuda()


@pytest.mark.parametrize(("version", "good"), [("12.9.0", False), ("12.6.2.post1", False), ("12.9.1", True)])
def test_versions_that_hold_the_lock_of_python(
    monkeypatch: pytest.MonkeyPatch, version: str, good: bool
) -> None:
    bindings = pytest.importorskip("cuda.bindings")
    monkeypatch.setattr(bindings, "__version__", version)
    if good:
        assert isinstance(load_cuda(), Cuda)
        return
    with pytest.raises(
        MissingDependencyError, match=rf"needs cuda-bindings 12\.9\.1 or newer, not {version}"
    ):
        load_cuda()


def test_handles_become_numbers_as_cuda_bindings_wants_it() -> None:
    runtime, utils = (pytest.importorskip(f"cuda.bindings.{name}") for name in ("runtime", "utils"))
    fake = FakeRuntime()
    fake.gives |= {
        "cudaStreamCreateWithFlags": (runtime.cudaStream_t(5),),
        "cudaEventCreateWithFlags": (runtime.cudaEvent_t(6),),
        "cudaStreamEndCapture": (runtime.cudaGraph_t(7),),
        "cudaGraphInstantiate": (runtime.cudaGraphExec_t(8),),
    }
    cuda = Cuda(fake, utils.get_cuda_native_handle)
    made = (cuda.stream_create(), cuda.event_create(False), cuda.capture_end(1), cuda.graph_instantiate(1))
    assert made == (5, 6, 7, 8)


@pytest.mark.parametrize("kind", [DeviceMemory, PinnedMemory, Stream, Event])
def test_owners_give_back_exactly_once(kind: type[Handle]) -> None:
    cuda = FakeCuda()
    cuda.use(0)
    arguments = (64,) if kind in (DeviceMemory, PinnedMemory) else ()
    with kind(cuda, *arguments) as owner:
        assert owner.handle
        assert len(cuda.leaks) == 1
    owner.close()
    assert cuda.leaks == []
    assert cuda.broken == []
    with pytest.raises(EngineError, match=f"a {kind.__name__} was used after it was closed"):
        _ = owner.handle


def test_pinned_memory_as_arrays() -> None:
    cuda = FakeCuda()
    cuda.use(0)
    with PinnedMemory(cuda, 64) as memory:
        memory.array((4, 4), np.float32)[...] = 1.5
        assert (memory.array((2, 4), np.float32, 32) == 1.5).all()
        with pytest.raises(EngineError, match="68 bytes do not fit into pinned memory of 64 bytes"):
            memory.array((4, 4), np.float32, 4)


def test_a_graph_collects_and_repeats() -> None:
    cuda = FakeCuda()
    cuda.use(0)
    done: list[int] = []
    with Stream(cuda) as stream:
        graph = Graph(cuda, stream, lambda: cuda.do(stream.handle, lambda: done.append(1)))
        assert done == []
        for _ in range(3):
            graph.launch(stream)
        stream.synchronize()
        assert done == [1, 1, 1]
        assert graph.launches == 3
        graph.close()
    assert cuda.leaks == []
    assert cuda.broken == []


@pytest.mark.parametrize("fails", ["work", "capture_end", "graph_instantiate"])
def test_a_graph_that_cannot_be_made_leaves_nothing(fails: str) -> None:
    cuda = FakeCuda()
    cuda.use(0)
    error = CudaError("CUDA failed", "cudaErrorStreamCaptureInvalidated")

    def work() -> None:
        if fails == "work":
            raise error

    if fails != "work":
        cuda.fail[fails] = error
    with Stream(cuda) as stream:
        with pytest.raises(CudaError, match="CUDA failed"):
            Graph(cuda, stream, work)
        cuda.fail.clear()
        assert cuda.leaks == ["FakeStream"]
        if fails == "work":
            Graph(cuda, stream, lambda: None).close()
    assert cuda.broken == []


def test_owners_close_all_and_tell_the_first_error() -> None:
    cuda = FakeCuda()
    cuda.use(0)
    handles = HandleStack()
    handles.own(DeviceMemory(cuda, 8))
    handles.own(Stream(cuda))
    handles.own(PinnedMemory(cuda, 8))
    cuda.fail["stream_destroy"] = CudaError("CUDA's stream is stuck", "cudaErrorUnknown")
    with pytest.raises(CudaError, match="stuck"):
        handles.close()
    assert cuda.leaks == ["FakeStream"]
    handles.close()
