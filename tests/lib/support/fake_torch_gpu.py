"""PyTorch on the CPU in place of a GPU, whose memory the fake CUDA can copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from amgan.runtime.engines.cuda.handles import Stream
from support.fake_cuda import FakeCuda
from support.tiny_networks import TINY_GENERATOR

CORE = 128


class FakeGpu:
    """Stands in for TorchCuda: tensors of the CPU that the fake CUDA can copy, graphs that are called."""

    def __init__(self, cuda: FakeCuda, free: int = 1 << 40) -> None:
        self.cuda, self.free = cuda, free
        self.torch = torch
        self.device = torch.device("cpu")
        self.captured = self.released = 0
        self.kept: list[torch.Tensor] = []

    def free_bytes(self) -> int:
        return self.free

    def zeros(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> torch.Tensor:
        made = torch.zeros(shape, dtype=getattr(torch, dtype.name))
        self.cuda.held.gpu[made.data_ptr()] = made.numpy().reshape(-1).view(np.uint8)
        self.kept.append(made)
        return made

    def peak_bytes(self, work: Callable[[], object]) -> int:
        work()
        return 1000 * (CORE + 2 * TINY_GENERATOR.halo_px) ** 2

    def run(self, work: Callable[[], object], stream: Stream) -> None:
        self.cuda.do(stream.handle, lambda: (work(), None)[1])

    def capture(self, work: Callable[[], object], stream: Stream) -> Callable[[Stream], None]:
        self.captured += 1
        return lambda stream: self.run(work, stream)

    def release(self) -> None:
        self.released += 1
        for tensor in self.kept:
            self.cuda.held.gpu.pop(tensor.data_ptr(), None)
