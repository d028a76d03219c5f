"""Pictures in pinned memory, from which a GPU can read frames without a copy."""

from __future__ import annotations

import contextlib
import ctypes
import threading
import weakref
from collections import deque

import numpy as np
from numpy.typing import NDArray

from ...errors import EngineError
from .api import Cuda

STEP_PX = 256
CANVASES_BYTES = 1 << 29
"""The size limit of all of them together; further ones are in pageable memory."""
_RGB = 3


class Canvases:
    """Allocates pictures in pinned memory, which is reused when its arrays are garbage-collected.

    Thread-safe. Pictures that are in use when it is closed stay valid, and their memory is freed later.
    """

    def __init__(self, cuda: Cuda, gpu: int, budget: int = CANVASES_BYTES) -> None:
        """``budget`` is the size limit of all pictures in bytes."""
        self._cuda, self._gpu, self._budget = cuda, gpu, budget
        self._lock = threading.RLock()  # garbage collection may run while it is held
        self._sizes: dict[int, int] = {}
        self._free: set[int] = set()
        # The garbage collector may run in a thread that holds the lock, so returned memory is only queued.
        self._back: deque[int] = deque()
        self._closed = False

    def draw_on(self, side_px: int) -> NDArray[np.uint8]:
        """Black pixels, uint8 [S, S, 3], in pinned memory if available, otherwise in pageable memory."""
        shape = (side_px, side_px, _RGB)
        address = self._take(-(-side_px // STEP_PX) * STEP_PX)
        if address is None:
            return np.zeros(shape, np.uint8)
        raw = (ctypes.c_uint8 * (_RGB * side_px * side_px)).from_address(address)
        end = weakref.finalize(raw, self._forget, address)
        end.atexit = False
        image: NDArray[np.uint8] = np.frombuffer(memoryview(raw), np.uint8).reshape(shape)
        image.fill(0)
        return image

    def holds(self, image: NDArray[np.uint8]) -> bool:
        """Whether an array is contiguous in pinned memory of this object."""
        start = image.ctypes.data
        with self._lock:
            return image.flags.c_contiguous and any(
                address <= start and start + image.nbytes <= address + size
                for address, size in self._sizes.items()
            )

    def close(self) -> None:
        """Free all unused memory; afterwards draw_on returns pageable memory."""
        with self._lock:
            self._closed = True
            self._tidy()
            free, self._free = self._free, set()
            for address in free:
                del self._sizes[address]
        self._give_back(free)

    def _take(self, step_px: int) -> int | None:
        """Memory for a square of ``step_px`` px; None if the budget or the memory is exhausted."""
        size = _RGB * step_px * step_px
        with self._lock:
            self._tidy()
            if self._closed:
                return None
            fitting = [address for address in self._free if self._sizes[address] >= size]
            if fitting:
                found = min(fitting, key=self._sizes.__getitem__)
                self._free.discard(found)
                return found
            if sum(self._sizes.values()) + size > self._budget:
                return None
            try:
                self._cuda.use(self._gpu)
                made = self._cuda.host_alloc(size)
            except EngineError:
                return None
            self._sizes[made] = size
            return made

    def _forget(self, address: int) -> None:
        """Queue the memory of a picture that was garbage-collected; any thread may call it at any time."""
        self._back.append(address)
        if self._closed:
            self.close()

    def _tidy(self) -> None:
        """Make queued memory available again; hold the lock."""
        while self._back:
            self._free.add(self._back.popleft())

    def _give_back(self, addresses: set[int]) -> None:
        for address in addresses:
            with contextlib.suppress(EngineError):
                self._cuda.use(self._gpu)
                self._cuda.host_free(address)
