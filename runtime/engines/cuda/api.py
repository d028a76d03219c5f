"""The few calls of CUDA that we use, each checked: the only module that imports cuda-bindings.

Everything goes through CUDA's runtime interface, which works in the primary context of a GPU, the one that
PyTorch and TensorRT use too. Handles and addresses are plain integers.
"""

from __future__ import annotations

import contextlib
import ctypes
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import EngineError, MissingDependencyError

INSTALL = "pip install 'cuda-bindings>=12.9.1,<14'"
OLDEST = (12, 9, 1)
"""Before this version cuda-bindings held Python's lock during every call, so that nothing could overlap."""
OUT_OF_MEMORY = "cudaErrorMemoryAllocation"

ADDRESS, NUMBER = ctypes.c_void_p, ctypes.c_int
"""What the arguments of kernels are."""
KernelType = type[ctypes.c_void_p] | type[ctypes.c_int]


class CudaError(EngineError):
    """A call of CUDA failed; ``name`` is CUDA's own name for the reason, such as cudaErrorNoDevice."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text)
        self.name = name


class OutOfMemoryError(CudaError):
    """The GPU, or the host's memory that it can reach, is full."""

    def __init__(self, text: str) -> None:
        super().__init__(text, OUT_OF_MEMORY)


STICKY = frozenset(
    {
        "cudaErrorIllegalAddress", "cudaErrorLaunchTimeout", "cudaErrorHardwareStackError",
        "cudaErrorIllegalInstruction", "cudaErrorMisalignedAddress", "cudaErrorInvalidAddressSpace",
        "cudaErrorInvalidPc", "cudaErrorLaunchFailure", "cudaErrorECCUncorrectable", "cudaErrorAssert",
        "cudaErrorDevicesUnavailable", "cudaErrorDeviceUninitialized", "cudaErrorContextIsDestroyed",
        "cudaErrorUnknown",
    }
)  # fmt: skip
"""Errors after which nothing on the GPU works in this process any more."""


@dataclass(frozen=True)
class GpuInfo:
    """One GPU: its number, name, compute capability (86 is 8.6) and memory in bytes."""

    number: int
    name: str
    compute: int
    memory: int


class Cuda:
    """CUDA; every method raises CudaError, and OutOfMemoryError for lack of memory."""

    def __init__(self, runtime: Any, number: Callable[[Any], int] = int, driver: Any = None) -> None:
        """``runtime`` and ``driver`` are the modules of ``cuda.bindings``, ``number`` numbers their handles.

        The driver's interface is for kernels alone, which the other one of the bindings cannot launch.
        """
        self._rt, self._driver = runtime, driver
        self._number = number
        self._kind = runtime.cudaMemcpyKind.cudaMemcpyDefault

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function of CUDA; returns what it gives besides its status, which must be good."""
        status, *values = function(*arguments)
        if int(status) != 0:
            self._fail(function.__name__, status)
        return values[0] if len(values) == 1 else tuple(values)

    def _fail(self, function: str, status: Any) -> None:
        with contextlib.suppress(ValueError):
            # The driver's interface counts its errors as the runtime's does, and calls them otherwise.
            status = self._rt.cudaError_t(int(status))
        named, name = self._rt.cudaGetErrorName(status)
        told, text = self._rt.cudaGetErrorString(status)
        reason = name.decode() if not int(named) else f"error {int(status)}"
        said = text.decode() if not int(told) else "no description"
        # The error stays with the thread until it is fetched, and the next call would show it again.
        self._rt.cudaGetLastError()
        message = f"CUDA's {function} failed with {reason} ({said})"
        if reason == OUT_OF_MEMORY:
            raise OutOfMemoryError(message)
        raise CudaError(message, reason)

    def versions(self) -> tuple[int, int]:
        """The newest CUDA that the driver knows (12080 is 12.8; 0: no driver), and the one that is called."""
        return int(self._call(self._rt.cudaDriverGetVersion)), int(self._call(self._rt.cudaRuntimeGetVersion))

    def gpus(self) -> list[GpuInfo]:
        """The GPUs that this process may use."""
        attribute = self._rt.cudaDeviceAttr
        found = []
        for number in range(self._call(self._rt.cudaGetDeviceCount)):
            properties = self._call(self._rt.cudaGetDeviceProperties, number)
            major, minor = (
                self._call(self._rt.cudaDeviceGetAttribute, a, number)
                for a in (
                    attribute.cudaDevAttrComputeCapabilityMajor,
                    attribute.cudaDevAttrComputeCapabilityMinor,
                )
            )
            name = properties.name.decode().rstrip("\0")
            found.append(GpuInfo(number, name, 10 * major + minor, int(properties.totalGlobalMem)))
        return found

    def use(self, gpu: int) -> None:
        """Make a GPU's primary context that of the calling thread."""
        self._call(self._rt.cudaSetDevice, gpu)

    def memory(self) -> tuple[int, int]:
        """Free and total memory of the GPU in use, in bytes."""
        free, total = self._call(self._rt.cudaMemGetInfo)
        return int(free), int(total)

    def malloc(self, size: int) -> int:
        """Reserve memory on the GPU; returns its address."""
        return int(self._call(self._rt.cudaMalloc, size))

    def free(self, address: int) -> None:
        """Give memory of the GPU back."""
        self._call(self._rt.cudaFree, address)

    def host_alloc(self, size: int) -> int:
        """Reserve pinned memory of the host, which the GPU reads and writes by itself."""
        return int(self._call(self._rt.cudaHostAlloc, size, self._rt.cudaHostAllocDefault))

    def host_free(self, address: int) -> None:
        """Give pinned memory back."""
        self._call(self._rt.cudaFreeHost, address)

    def stream_create(self) -> int:
        """A stream that does not wait for the default one."""
        return self._number(self._call(self._rt.cudaStreamCreateWithFlags, self._rt.cudaStreamNonBlocking))

    def stream_destroy(self, stream: int) -> None:
        """Destroy a stream; what it still has to do is done first."""
        self._call(self._rt.cudaStreamDestroy, stream)

    def stream_synchronize(self, stream: int) -> None:
        """Block until all that the stream has to do is done."""
        self._call(self._rt.cudaStreamSynchronize, stream)

    def stream_wait(self, stream: int, event: int) -> None:
        """Let all later work of a stream begin only when an event has happened."""
        self._call(self._rt.cudaStreamWaitEvent, stream, event, 0)

    def event_create(self, timed: bool) -> int:
        """An event; only timed ones can be used in elapsed_ms. Who waits sleeps, and does not spin."""
        flags = self._rt.cudaEventBlockingSync | (0 if timed else self._rt.cudaEventDisableTiming)
        return self._number(self._call(self._rt.cudaEventCreateWithFlags, flags))

    def event_destroy(self, event: int) -> None:
        """Destroy an event."""
        self._call(self._rt.cudaEventDestroy, event)

    def event_record(self, event: int, stream: int) -> None:
        """Let an event happen when all earlier work of a stream is done."""
        self._call(self._rt.cudaEventRecord, event, stream)

    def event_synchronize(self, event: int) -> None:
        """Block until an event has happened."""
        self._call(self._rt.cudaEventSynchronize, event)

    def elapsed_ms(self, start: int, end: int) -> float:
        """Time between two timed events that have happened, in ms."""
        return float(self._call(self._rt.cudaEventElapsedTime, start, end))

    def copy(self, target: int, source: int, size: int, stream: int) -> None:
        """Copy ``size`` bytes, in a stream; both may be on the GPU or pinned."""
        self._call(self._rt.cudaMemcpyAsync, target, source, size, self._kind, stream)

    def copy_2d(
        self, target: int, target_pitch: int, source: int, source_pitch: int,
        width: int, height: int, stream: int,
    ) -> None:  # fmt: skip
        """Copy ``height`` rows of ``width`` bytes, which begin every ``pitch`` bytes, in a stream."""
        self._call(
            self._rt.cudaMemcpy2DAsync,
            target, target_pitch, source, source_pitch, width, height, self._kind, stream,
        )  # fmt: skip

    def fill(self, target: int, value: int, size: int, stream: int) -> None:
        """Set ``size`` bytes on the GPU to a value, in a stream."""
        self._call(self._rt.cudaMemsetAsync, target, value, size, stream)

    def capture_begin(self, stream: int) -> None:
        """Collect what this thread gives to a stream instead of doing it."""
        mode = self._rt.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self._call(self._rt.cudaStreamBeginCapture, stream, mode)

    def capture_end(self, stream: int) -> int:
        """Stop collecting; returns a graph."""
        return self._number(self._call(self._rt.cudaStreamEndCapture, stream))

    def graph_instantiate(self, graph: int) -> int:
        """Make a graph ready to launch; returns the executable graph."""
        return self._number(self._call(self._rt.cudaGraphInstantiate, graph, 0))

    def graph_launch(self, executable: int, stream: int) -> None:
        """Do all that a graph has collected, in a stream."""
        self._call(self._rt.cudaGraphLaunch, executable, stream)

    def graph_destroy(self, graph: int) -> None:
        """Destroy a graph."""
        self._call(self._rt.cudaGraphDestroy, graph)

    def graph_exec_destroy(self, executable: int) -> None:
        """Destroy an executable graph."""
        self._call(self._rt.cudaGraphExecDestroy, executable)

    def library_load(self, code: bytes) -> int:
        """Load kernels, PTX or a cubin, for the GPU in use; returns a library."""
        load = self._driver.cuLibraryLoadData
        return self._number(self._call(load, code + b"\0", [], [], 0, [], [], 0))

    def library_unload(self, library: int) -> None:
        """Give a library's memory back."""
        self._call(self._driver.cuLibraryUnload, library)

    def kernel(self, library: int, name: str) -> int:
        """A kernel of a library by its name; it lives as long as the library."""
        return self._number(self._call(self._driver.cuLibraryGetKernel, library, name.encode()))

    def kernel_launch(
        self, kernel: int, grid: tuple[int, int, int], threads: int,
        arguments: Sequence[tuple[int, KernelType]], stream: int,
    ) -> None:  # fmt: skip
        """Run a kernel in a stream, with ``grid`` blocks of so many threads.

        Each argument is an address or a number, and which of them.
        """
        values = tuple(value for value, _ in arguments)
        self._call(
            self._driver.cuLaunchKernel, kernel, *grid, threads, 1, 1, 0, stream,
            (values, tuple(kind for _, kind in arguments)), 0,
        )  # fmt: skip


def load_cuda() -> Cuda:
    """CUDA through cuda-bindings; raises MissingDependencyError where it is missing, broken or too old."""
    try:
        from cuda import bindings
        from cuda.bindings import driver, runtime
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"running on a GPU needs the package cuda-bindings, which is not installed: {INSTALL}"
        ) from error
    except (ImportError, OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise MissingDependencyError(
            f"running on a GPU needs cuda-bindings, which is installed but cannot load ({reason}): {INSTALL}"
        ) from error
    version = str(getattr(bindings, "__version__", "0"))
    if tuple(int(part) for part in re.findall(r"\d+", version)[:3]) < OLDEST:
        raise MissingDependencyError(
            f"running on a GPU needs cuda-bindings {'.'.join(map(str, OLDEST))} or newer, not {version}, "
            f"which lets nothing else run while it waits for the GPU: {INSTALL}"
        )
    from cuda.bindings.utils import get_cuda_native_handle

    return Cuda(runtime, get_cuda_native_handle, driver)
