"""The memory of the fake CUDA: arrays that stand in for that of the GPU and for pinned memory."""

from __future__ import annotations

import numpy as np

GARBAGE = 0xCD


class FakeMemory:
    """Memory by address, full of garbage when it is reserved; ``gpu`` and ``pinned`` are arrays of bytes."""

    def __init__(self) -> None:
        self.gpu: dict[int, np.ndarray] = {}
        self.pinned: dict[int, np.ndarray] = {}

    def reserve(self, where: dict[int, np.ndarray], size: int) -> int:
        """Reserve bytes in ``gpu`` or ``pinned``; returns their address."""
        array = np.full(size, GARBAGE, np.uint8)
        where[array.ctypes.data] = array
        return array.ctypes.data

    def is_on_the_gpu(self, address: int) -> bool:
        """Whether an address, which may lie inside of it, is of the GPU's memory."""
        return any(start <= address < start + len(array) for start, array in self.gpu.items())

    def view(self, address: int, size: int) -> np.ndarray | None:
        """Bytes from an address that may lie inside of what was reserved; None if they are not all in it."""
        for memory in (self.gpu, self.pinned):
            for start, array in memory.items():
                if start <= address and address + size <= start + len(array):
                    return array[address - start : address - start + size]
        return None
