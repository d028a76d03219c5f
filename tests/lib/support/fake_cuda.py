"""A CUDA that does its work as late and in as odd an order as the real one may, and minds its rules."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from amgan.runtime.engines.cuda.api import CudaError, GpuInfo, OutOfMemoryError
from amgan.runtime.engines.cuda.rings import TILE_DESCRIPTOR
from support import pixel_kernels_twin
from support.fake_cuda_memory import FakeMemory
from support.fake_cuda_streams import FakeEvent, FakeOrder, FakeStream, Work
from support.tile_kernels_twin import TWINS

PIXEL_TWINS = pixel_kernels_twin.TWINS
KERNELS = [*TWINS, *PIXEL_TWINS]


class FakeCuda:
    """Stands in for runtime.cuda.api.Cuda; ``broken`` holds the rules that were broken, ``calls`` the names.

    ``fail`` maps a call to the error it raises; ``free_bytes`` is what there is to allocate on the GPU;
    ``bus`` counts the bytes that were copied "up" to the GPU and "down" from it; ``held`` is its memory.
    """

    def __init__(
        self, seed: int = 0, free_bytes: int = 1 << 40, gpus: Sequence[GpuInfo] | None = None
    ) -> None:
        self.broken: list[str] = []
        self.calls: list[str] = []
        self.bus: Counter[str] = Counter()
        self.fail: dict[str, CudaError] = {}
        self.free_bytes = self._total = free_bytes
        self.driver_and_runtime = (13000, 13000)
        self._gpus = [GpuInfo(0, "Fake GPU", 89, free_bytes)] if gpus is None else list(gpus)
        self._lock = threading.RLock()
        self.held = FakeMemory()
        self._handles: dict[int, Any] = {}
        self._order = FakeOrder(seed, self._handles)
        self._next = 1000
        self._users: set[int] = set()

    @property
    def leaks(self) -> list[str]:
        """What was never given back."""
        kinds = [type(h).__name__ for h in self._handles.values()]
        return ["device"] * len(self.held.gpu) + ["pinned"] * len(self.held.pinned) + kinds

    def versions(self) -> tuple[int, int]:
        self._called("versions", used=False)
        return self.driver_and_runtime

    def gpus(self) -> list[GpuInfo]:
        self._called("gpus", used=False)
        return self._gpus

    def pci_address(self, gpu: int) -> str:
        self._called("pci_address", used=False)
        return f"0000:{gpu:02x}:00.0"

    def use(self, gpu: int) -> None:
        self._called("use", used=False)
        self._users.add(threading.get_ident())

    def memory(self) -> tuple[int, int]:
        self._called("memory")
        return self.free_bytes, self._total

    def malloc(self, size: int) -> int:
        self._called("malloc")
        self._no_capture("malloc")
        with self._lock:
            if size > self.free_bytes:
                raise OutOfMemoryError(
                    "CUDA's cudaMalloc failed with cudaErrorMemoryAllocation (out of memory)"
                )
            self.free_bytes -= size
            return self.held.reserve(self.held.gpu, size)

    def free(self, address: int) -> None:
        self._called("free")
        with self._lock:
            self._rule(address in self.held.gpu, "memory of the GPU was freed twice")
            self._order.drain()
            self.free_bytes += len(self.held.gpu.pop(address, b""))

    def host_alloc(self, size: int) -> int:
        self._called("host_alloc")
        with self._lock:
            return self.held.reserve(self.held.pinned, size)

    def host_free(self, address: int) -> None:
        self._called("host_free")
        with self._lock:
            self._rule(address in self.held.pinned, "pinned memory was freed twice")
            self._order.drain()
            self.held.pinned.pop(address, None)

    def stream_create(self) -> int:
        return self._make("stream_create", FakeStream())

    def stream_destroy(self, stream: int) -> None:
        self._destroy("stream_destroy", stream, FakeStream)

    def stream_synchronize(self, stream: int) -> None:
        self._called("stream_synchronize")
        self._no_capture("stream_synchronize")
        with self._lock:
            held = self._get(stream, FakeStream)
            while held.todo:
                self._order.step()

    def stream_wait(self, stream: int, event: int) -> None:
        self._called("stream_wait")
        with self._lock:
            waited = self._get(event, FakeEvent)
            self._give(stream, "wait", (waited, waited.asked))

    def event_create(self, timed: bool) -> int:
        return self._make("event_create", FakeEvent())

    def event_destroy(self, event: int) -> None:
        self._destroy("event_destroy", event, FakeEvent)

    def event_record(self, event: int, stream: int) -> None:
        self._called("event_record")
        with self._lock:
            held = self._get(event, FakeEvent)
            held.asked += 1
            self._give(stream, "record", (held, held.asked))

    def event_synchronize(self, event: int) -> None:
        self._called("event_synchronize")
        with self._lock:
            held = self._get(event, FakeEvent)
            asked = held.asked
            while held.happened < asked:
                self._order.step()

    def elapsed_ms(self, start: int, end: int) -> float:
        self._called("elapsed_ms")
        for event in (start, end):
            held = self._get(event, FakeEvent)
            self._rule(held.happened == held.asked > 0, "time was asked of an event that has not happened")
        return 1.0

    def copy(self, target: int, source: int, size: int, stream: int) -> None:
        self.copy_2d(target, size, source, size, size, 1, stream)

    def copy_2d(
        self,
        target: int,
        target_pitch: int,
        source: int,
        source_pitch: int,
        width: int,
        height: int,
        stream: int,
    ) -> None:
        self._called("copy_2d")

        def work() -> None:
            into = self.view(target, (height - 1) * target_pitch + width)
            out = self.view(source, (height - 1) * source_pitch + width)
            way = (self.held.is_on_the_gpu(source), self.held.is_on_the_gpu(target))
            if way[0] != way[1]:
                self.bus["up" if way[1] else "down"] += width * height
            for row in range(height):
                a, b = row * target_pitch, row * source_pitch
                into[a : a + width] = out[b : b + width]

        self.do(stream, work)

    def fill(self, target: int, value: int, size: int, stream: int) -> None:
        self._called("fill")
        self.do(stream, lambda: self.view(target, size).fill(value))

    def capture_begin(self, stream: int) -> None:
        self._called("capture_begin")
        with self._lock:
            held = self._get(stream, FakeStream)
            self._rule(held.captured is None, "a stream was captured twice")
            held.captured, held.capturer = [], threading.get_ident()

    def capture_end(self, stream: int) -> int:
        self._called("capture_end")
        with self._lock:
            held = self._get(stream, FakeStream)
            work, held.captured = held.captured, None
            return self._make("graph", list(work or []))

    def graph_instantiate(self, graph: int) -> int:
        self._called("graph_instantiate")
        return self._make("executable", tuple(self._get(graph, list)))

    def graph_launch(self, executable: int, stream: int) -> None:
        self._called("graph_launch")
        for work in self._get(executable, tuple):
            self.do(stream, work)

    def graph_destroy(self, graph: int) -> None:
        self._destroy("graph_destroy", graph, list)

    def graph_exec_destroy(self, executable: int) -> None:
        self._destroy("graph_exec_destroy", executable, tuple)

    def library_load(self, code: bytes) -> int:
        self._rule(b".entry" in code, "kernels were loaded of what is no PTX")
        return self._make("library_load", code)

    def library_unload(self, library: int) -> None:
        self._destroy("library_unload", library, bytes)

    def kernel(self, library: int, name: str) -> int:
        self._called("kernel")
        self._rule(f".entry {name}(".encode() in self._get(library, bytes), f"there is no kernel {name}")
        return KERNELS.index(name)

    def kernel_launch(
        self,
        kernel: int,
        grid: tuple[int, int, int],
        threads: int,
        arguments: Sequence[tuple[int, Any]],
        stream: int,
    ) -> None:
        self._called("kernel_launch")
        name, values = KERNELS[kernel], [value for value, _ in arguments]
        self._rule(
            min(grid) > 0 and grid[1] < 1 << 16 and 0 < threads <= 1024, "no such blocks can be launched"
        )
        if name in PIXEL_TWINS:
            self.do(stream, lambda: PIXEL_TWINS[name](self.view, grid, values))
            return
        twin = TWINS[name]
        self._rule(grid[0] == 1, "a row of a tile is one block")

        def work() -> None:
            # Descriptors that were not written yet crash a real GPU; here the pixels are wrong.
            written = self.view(values[0], grid[2] * TILE_DESCRIPTOR.itemsize).view(TILE_DESCRIPTOR)
            if (written["unused"] == 0).all():
                twin(self.view, grid[2], values)

        self.do(stream, work)

    def do(self, stream: int, work: Work) -> None:
        """Give a stream work, like the launch of a kernel."""
        with self._lock:
            held = self._get(stream, FakeStream)
            if held is self._order.working:  # what is done by the work of a stream is part of it
                work()
            elif held.captured is not None:
                held.captured.append(work)
            else:
                self._give(stream, "work", work)
                self._order.some_steps()

    def lend(self, array: np.ndarray) -> int:
        """Another library's memory on the GPU with these bytes; returns its address."""
        with self._lock:
            address = self.held.reserve(self.held.gpu, array.nbytes)
            self.held.gpu[address][...] = array.reshape(-1)
            return address

    def take_back(self, address: int) -> None:
        """Free another library's memory."""
        with self._lock:
            self._order.drain()
            del self.held.gpu[address]

    def view(self, address: int, size: int) -> np.ndarray:
        """Bytes of memory, from an address that may lie inside of it; out of bounds is an error at once."""
        found = self.held.view(address, size)
        if found is not None:
            return found
        self.broken.append(f"{size} bytes at {address} were used that nobody has")
        return np.zeros(size, np.uint8)

    def _called(self, name: str, *, used: bool = True) -> None:
        self.calls.append(name)
        if used:
            self._rule(threading.get_ident() in self._users, f"{name} by a thread that uses no GPU")
        if name in self.fail:
            raise self.fail[name]

    def _no_capture(self, name: str) -> None:
        capturing = [
            s for s in self._handles.values() if isinstance(s, FakeStream) and s.captured is not None
        ]
        self._rule(all(s.capturer != threading.get_ident() for s in capturing), f"{name} during a capture")

    def _make(self, name: str, thing: Any) -> int:
        self._called(name)
        with self._lock:
            self._next += 1
            self._handles[self._next] = thing
            return self._next

    def _destroy(self, name: str, handle: int, kind: type) -> None:
        self._called(name)
        with self._lock:
            self._rule(
                isinstance(self._handles.get(handle), kind), f"{name} of what is no {kind.__name__} any more"
            )
            self._order.drain()
            self._handles.pop(handle, None)

    def _get(self, handle: int, kind: type) -> Any:
        found = self._handles.get(handle)
        self._rule(isinstance(found, kind), f"a {kind.__name__} was used that is gone")
        return found if isinstance(found, kind) else kind()

    def _give(self, stream: int, kind: str, what: Any) -> None:
        held = self._get(stream, FakeStream)
        self._rule(held.captured is None, f"{kind} in a capture is more than this fake can do")
        held.todo.append((kind, what))

    def _rule(self, kept: bool, otherwise: str) -> None:
        if not kept:
            self.broken.append(otherwise)
