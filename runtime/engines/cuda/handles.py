"""Owners of CUDA handles, which release them exactly once and refuse later use."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...errors import EngineError
from .api import Cuda


class Handle:
    """Owns one CUDA handle. A context manager; closing again does nothing."""

    def __init__(self, cuda: Cuda, handle: int, give_back: Callable[[int], None]) -> None:
        self.cuda = cuda
        self._handle: int | None = handle
        self._give_back = give_back

    @property
    def handle(self) -> int:
        """The handle; raises EngineError after close."""
        if self._handle is None:
            raise EngineError(f"a {type(self).__name__} was used after it was closed: open the engine again")
        return self._handle

    def close(self) -> None:
        """Release the handle; raises CudaError if CUDA fails, and the handle is lost then."""
        handle, self._handle = self._handle, None
        if handle is not None:
            self._give_back(handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class DeviceMemory(Handle):
    """``size`` bytes on the current GPU."""

    def __init__(self, cuda: Cuda, size: int) -> None:
        super().__init__(cuda, cuda.malloc(size), cuda.free)
        self.size = size


class PinnedMemory(Handle):
    """``size`` bytes of pinned host memory."""

    def __init__(self, cuda: Cuda, size: int) -> None:
        super().__init__(cuda, cuda.host_alloc(size), cuda.host_free)
        self.size = size

    def array(self, shape: tuple[int, ...], dtype: Any = np.uint8, offset: int = 0) -> NDArray[Any]:
        """A view of a part as an array, which must not be used after close; raises EngineError."""
        count = int(np.prod(shape))
        needed = offset + count * np.dtype(dtype).itemsize
        if needed > self.size:
            raise EngineError(f"{needed} bytes do not fit into pinned memory of {self.size} bytes")
        raw = (ctypes.c_uint8 * self.size).from_address(self.handle)
        return np.frombuffer(memoryview(raw), dtype, count, offset).reshape(shape)


class SharedMemory:
    """Reference-counted memory on the GPU."""

    def __init__(self, memory: DeviceMemory) -> None:
        """Allocate; the reference count is 1."""
        self.memory = memory
        self._holders = 1

    def hold(self) -> SharedMemory:
        """Increment the reference count; returns itself."""
        self._holders += 1
        return self

    def let_go(self) -> None:
        """Decrement the reference count; at 0 the memory is freed."""
        self._holders -= 1
        if not self._holders:
            self.memory.close()


class Stream(Handle):
    """A CUDA stream."""

    def __init__(self, cuda: Cuda) -> None:
        super().__init__(cuda, cuda.stream_create(), cuda.stream_destroy)

    def wait(self, event: Event) -> None:
        """Make all later work wait for an event."""
        self.cuda.stream_wait(self.handle, event.handle)

    def synchronize(self) -> None:
        """Block until all work is done."""
        self.cuda.stream_synchronize(self.handle)


class Event(Handle):
    """A CUDA event."""

    def __init__(self, cuda: Cuda, timed: bool = False) -> None:
        super().__init__(cuda, cuda.event_create(timed), cuda.event_destroy)

    def record(self, stream: Stream) -> None:
        """Record it after all earlier work of a stream."""
        self.cuda.event_record(self.handle, stream.handle)

    def synchronize(self) -> None:
        """Block until it has completed; returns immediately if it was never recorded."""
        self.cuda.event_synchronize(self.handle)


class Library(Handle):
    """Kernels that were loaded for the current GPU."""

    def __init__(self, cuda: Cuda, code: bytes) -> None:
        super().__init__(cuda, cuda.library_load(code), cuda.library_unload)


class Graph(Handle):
    """An executable CUDA graph."""

    def __init__(self, cuda: Cuda, stream: Stream, work: Callable[[], None]) -> None:
        """Capture the work that ``work`` submits to a stream, without running it."""
        cuda.capture_begin(stream.handle)
        try:
            work()
        except BaseException:
            # A stream that is still capturing is unusable.
            self._stop(cuda, stream)
            raise
        graph = cuda.capture_end(stream.handle)
        try:
            executable = cuda.graph_instantiate(graph)
        finally:
            cuda.graph_destroy(graph)
        super().__init__(cuda, executable, cuda.graph_exec_destroy)
        self.launches = 0

    def launch(self, stream: Stream) -> None:
        """Launch the graph in a stream."""
        self.cuda.graph_launch(self.handle, stream.handle)
        self.launches += 1

    @staticmethod
    def _stop(cuda: Cuda, stream: Stream) -> None:
        try:
            cuda.graph_destroy(cuda.capture_end(stream.handle))
        except EngineError:
            return


_T = TypeVar("_T", bound=Handle)


class HandleStack:
    """Closes handles in reverse order, even if some fail."""

    def __init__(self) -> None:
        self._owned: list[Handle] = []

    def own(self, owner: _T) -> _T:
        """Add a handle; returns it."""
        self._owned.append(owner)
        return owner

    def close(self) -> None:
        """Close all, then raise the first error."""
        first: EngineError | None = None
        while self._owned:
            try:
                self._owned.pop().close()
            except EngineError as error:
                first = first or error
        if first is not None:
            raise first
