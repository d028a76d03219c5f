"""The CUDA calls that AMGAN uses, with error checks; the only module that imports cuda-bindings.

They use the CUDA runtime API and thus the primary context of a GPU, like PyTorch and TensorRT. Handles and
addresses are plain integers.
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
"""Older versions of cuda-bindings hold the GIL during every call, so that nothing can overlap."""
OUT_OF_MEMORY = "cudaErrorMemoryAllocation"

_BUS_BYTES = 32
ADDRESS, NUMBER = ctypes.c_void_p, ctypes.c_int
"""The types of kernel arguments."""
KernelType = type[ctypes.c_void_p] | type[ctypes.c_int]


class CudaError(EngineError):
    """A CUDA call failed; ``name`` is the name of the error code, such as cudaErrorNoDevice."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text)
        self.name = name


class OutOfMemoryError(CudaError):
    """The GPU's memory or the host's pinned memory is exhausted."""

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
"""Errors after which the GPU is unusable in this process."""


@dataclass(frozen=True)
class GpuInfo:
    """One GPU: its number, name, compute capability (86 is 8.6) and memory in bytes."""

    number: int
    name: str
    compute: int
    memory: int


class Cuda:
    """The CUDA calls; every method raises CudaError, or OutOfMemoryError for lack of memory."""

    def __init__(self, runtime: Any, number: Callable[[Any], int] = int, driver: Any = None) -> None:
        """``runtime`` and ``driver`` are modules of ``cuda.bindings``, ``number`` converts handles to int.

        The driver API is only used for kernels, which the bindings of the runtime API cannot launch.
        """
        self._rt, self._driver = runtime, driver
        self._number = number
        self._kind = runtime.cudaMemcpyKind.cudaMemcpyDefault

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a CUDA function, check its status, and return its other results."""
        status, *values = function(*arguments)
        if int(status) != 0:
            self._fail(function.__name__, status)
        return values[0] if len(values) == 1 else tuple(values)

    def _fail(self, function: str, status: Any) -> None:
        with contextlib.suppress(ValueError):
            # The driver API has the same error codes under other names.
            status = self._rt.cudaError_t(int(status))
        named, name = self._rt.cudaGetErrorName(status)
        told, text = self._rt.cudaGetErrorString(status)
        reason = name.decode() if not int(named) else f"error {int(status)}"
        said = text.decode() if not int(told) else "no description"
        # The error stays set for the thread until it is fetched, and the next call would return it again.
        self._rt.cudaGetLastError()
        message = f"CUDA's {function} failed with {reason} ({said})"
        if reason == OUT_OF_MEMORY:
            raise OutOfMemoryError(message)
        raise CudaError(message, reason)

    def versions(self) -> tuple[int, int]:
        """The newest CUDA version of the driver (12080 is 12.8; 0: no driver), and that of the runtime."""
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

    def pci_address(self, gpu: int) -> str:
        """The PCI bus address of a GPU, such as "0000:65:00.0"."""
        found: bytes = self._call(self._rt.cudaDeviceGetPCIBusId, _BUS_BYTES, gpu)
        return found.split(b"\0")[0].decode()

    def use(self, gpu: int) -> None:
        """Make a GPU current for the calling thread."""
        self._call(self._rt.cudaSetDevice, gpu)

    def memory(self) -> tuple[int, int]:
        """Free and total memory of the current GPU in bytes."""
        free, total = self._call(self._rt.cudaMemGetInfo)
        return int(free), int(total)

    def malloc(self, size: int) -> int:
        """Allocate memory on the GPU; returns its address."""
        return int(self._call(self._rt.cudaMalloc, size))

    def free(self, address: int) -> None:
        """Free memory of the GPU."""
        self._call(self._rt.cudaFree, address)

    def host_alloc(self, size: int) -> int:
        """Allocate pinned host memory; returns its address."""
        return int(self._call(self._rt.cudaHostAlloc, size, self._rt.cudaHostAllocDefault))

    def host_free(self, address: int) -> None:
        """Free pinned host memory."""
        self._call(self._rt.cudaFreeHost, address)

    def stream_create(self) -> int:
        """Create a stream that does not synchronise with the default stream."""
        return self._number(self._call(self._rt.cudaStreamCreateWithFlags, self._rt.cudaStreamNonBlocking))

    def stream_destroy(self, stream: int) -> None:
        """Destroy a stream after its pending work."""
        self._call(self._rt.cudaStreamDestroy, stream)

    def stream_synchronize(self, stream: int) -> None:
        """Block until all work of a stream is done."""
        self._call(self._rt.cudaStreamSynchronize, stream)

    def stream_wait(self, stream: int, event: int) -> None:
        """Make all later work of a stream wait for an event."""
        self._call(self._rt.cudaStreamWaitEvent, stream, event, 0)

    def event_create(self, timed: bool) -> int:
        """Create an event with blocking synchronisation; only timed ones can be used in elapsed_ms."""
        flags = self._rt.cudaEventBlockingSync | (0 if timed else self._rt.cudaEventDisableTiming)
        return self._number(self._call(self._rt.cudaEventCreateWithFlags, flags))

    def event_destroy(self, event: int) -> None:
        """Destroy an event."""
        self._call(self._rt.cudaEventDestroy, event)

    def event_record(self, event: int, stream: int) -> None:
        """Record an event after all earlier work of a stream."""
        self._call(self._rt.cudaEventRecord, event, stream)

    def event_synchronize(self, event: int) -> None:
        """Block until an event has completed."""
        self._call(self._rt.cudaEventSynchronize, event)

    def elapsed_ms(self, start: int, end: int) -> float:
        """Time between two completed timed events in ms."""
        return float(self._call(self._rt.cudaEventElapsedTime, start, end))

    def copy(self, target: int, source: int, size: int, stream: int) -> None:
        """Copy ``size`` bytes asynchronously; both addresses may be on the GPU or pinned."""
        self._call(self._rt.cudaMemcpyAsync, target, source, size, self._kind, stream)

    def copy_2d(
        self, target: int, target_pitch: int, source: int, source_pitch: int,
        width: int, height: int, stream: int,
    ) -> None:  # fmt: skip
        """Copy ``height`` rows of ``width`` bytes asynchronously; rows begin every ``pitch`` bytes."""
        self._call(
            self._rt.cudaMemcpy2DAsync,
            target, target_pitch, source, source_pitch, width, height, self._kind, stream,
        )  # fmt: skip

    def fill(self, target: int, value: int, size: int, stream: int) -> None:
        """Set ``size`` bytes on the GPU to a value asynchronously."""
        self._call(self._rt.cudaMemsetAsync, target, value, size, stream)

    def capture_begin(self, stream: int) -> None:
        """Begin to capture the calling thread's work in a stream."""
        mode = self._rt.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self._call(self._rt.cudaStreamBeginCapture, stream, mode)

    def capture_end(self, stream: int) -> int:
        """End the capture; returns a graph."""
        return self._number(self._call(self._rt.cudaStreamEndCapture, stream))

    def graph_instantiate(self, graph: int) -> int:
        """Instantiate a graph; returns the executable graph."""
        return self._number(self._call(self._rt.cudaGraphInstantiate, graph, 0))

    def graph_launch(self, executable: int, stream: int) -> None:
        """Launch an executable graph in a stream."""
        self._call(self._rt.cudaGraphLaunch, executable, stream)

    def graph_destroy(self, graph: int) -> None:
        """Destroy a graph."""
        self._call(self._rt.cudaGraphDestroy, graph)

    def graph_exec_destroy(self, executable: int) -> None:
        """Destroy an executable graph."""
        self._call(self._rt.cudaGraphExecDestroy, executable)

    def library_load(self, code: bytes) -> int:
        """Load kernels, PTX or a cubin, for the current GPU; returns a library."""
        load = self._driver.cuLibraryLoadData
        return self._number(self._call(load, code + b"\0", [], [], 0, [], [], 0))

    def library_unload(self, library: int) -> None:
        """Unload a library."""
        self._call(self._driver.cuLibraryUnload, library)

    def kernel(self, library: int, name: str) -> int:
        """A kernel of a library by its name, valid as long as the library."""
        return self._number(self._call(self._driver.cuLibraryGetKernel, library, name.encode()))

    def kernel_launch(
        self, kernel: int, grid: tuple[int, int, int], threads: int,
        arguments: Sequence[tuple[int, KernelType]], stream: int,
    ) -> None:  # fmt: skip
        """Launch a kernel in a stream, with ``grid`` blocks of ``threads`` threads.

        Each argument is a value and its type, ADDRESS or NUMBER.
        """
        values = tuple(value for value, _ in arguments)
        self._call(
            self._driver.cuLaunchKernel, kernel, *grid, threads, 1, 1, 0, stream,
            (values, tuple(kind for _, kind in arguments)), 0,
        )  # fmt: skip


def load_cuda() -> Cuda:
    """Import cuda-bindings; raises MissingDependencyError if it is missing, broken or too old."""
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
