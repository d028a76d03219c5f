"""What we need of torch.cuda: memory, streams that are ours, and graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .handles import Stream

if TYPE_CHECKING:
    import torch


class TorchCuda:
    """What we need of torch.cuda, on one GPU; tests put something else in its place."""

    def __init__(self, torch: Any, gpu: int) -> None:
        self.torch = torch
        self.device = torch.device("cuda", gpu)
        self._pool: Any = None

    def free_bytes(self) -> int:
        """Free memory of the GPU."""
        self.torch.cuda.empty_cache()
        return int(self.torch.cuda.mem_get_info(self.device)[0])

    def zeros(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> torch.Tensor:
        """A tensor on the GPU that is ready for every stream."""
        made: torch.Tensor = self.torch.zeros(
            shape, dtype=getattr(self.torch, dtype.name), device=self.device
        )
        self.torch.cuda.synchronize(self.device)
        return made

    def peak_bytes(self, work: Callable[[], object]) -> int:
        """How much memory some work takes at its height."""
        cuda = self.torch.cuda
        cuda.synchronize(self.device)
        cuda.reset_peak_memory_stats(self.device)
        before = cuda.memory_allocated(self.device)
        work()
        cuda.synchronize(self.device)
        return int(cuda.max_memory_allocated(self.device) - before)

    def run(self, work: Callable[[], object], stream: Stream) -> None:
        """Do some work in a stream."""
        with self.torch.cuda.stream(self._external(stream)):
            work()

    def capture(self, work: Callable[[], object], stream: Stream) -> Callable[[Stream], None]:
        """Some work as a CUDA graph, which shares its memory with all others; returns how to launch it."""
        torch, external = self.torch, self._external(stream)
        self._pool = self._pool or torch.cuda.graph_pool_handle()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, stream=external, capture_error_mode="thread_local"):
            work()

        def launch(stream: Stream) -> None:
            with torch.cuda.stream(self._external(stream)):
                graph.replay()

        return launch

    def release(self) -> None:
        """Give memory that nobody uses back to the GPU."""
        self._pool = None
        self.torch.cuda.empty_cache()

    def _external(self, stream: Stream) -> Any:
        return self.torch.cuda.ExternalStream(stream.handle, device=self.device)
