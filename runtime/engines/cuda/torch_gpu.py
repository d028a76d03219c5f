"""Access to torch.cuda: memory, external streams, and graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .handles import Stream

if TYPE_CHECKING:
    import torch


class TorchCuda:
    """The functions of torch.cuda that are used, on one GPU; tests replace this class."""

    def __init__(self, torch: Any, gpu: int) -> None:
        self.torch = torch
        self.device = torch.device("cuda", gpu)
        self._pools: dict[int, Any] = {}

    def free_bytes(self) -> int:
        """Free memory of the GPU in bytes."""
        self.torch.cuda.empty_cache()
        return int(self.torch.cuda.mem_get_info(self.device)[0])

    def zeros(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> torch.Tensor:
        """A zeroed tensor on the GPU, synchronised for use in any stream."""
        made: torch.Tensor = self.torch.zeros(
            shape, dtype=getattr(self.torch, dtype.name), device=self.device
        )
        self.torch.cuda.synchronize(self.device)
        return made

    def peak_bytes(self, work: Callable[[], object]) -> int:
        """The peak memory of ``work`` in bytes."""
        cuda = self.torch.cuda
        cuda.synchronize(self.device)
        cuda.reset_peak_memory_stats(self.device)
        before = cuda.memory_allocated(self.device)
        work()
        cuda.synchronize(self.device)
        return int(cuda.max_memory_allocated(self.device) - before)

    def run(self, work: Callable[[], object], stream: Stream) -> None:
        """Run ``work`` in a stream."""
        with self.torch.cuda.stream(self._external(stream)):
            work()

    def capture(self, work: Callable[[], object], stream: Stream) -> Callable[[Stream], None]:
        """Capture ``work`` as a CUDA graph, in one memory pool per stream; returns its launcher."""
        torch, external = self.torch, self._external(stream)
        if stream.handle not in self._pools:
            self._pools[stream.handle] = torch.cuda.graph_pool_handle()
        graph, pool = torch.cuda.CUDAGraph(), self._pools[stream.handle]
        with torch.cuda.graph(graph, pool=pool, stream=external, capture_error_mode="thread_local"):
            work()

        def launch(stream: Stream) -> None:
            with torch.cuda.stream(self._external(stream)):
                graph.replay()

        return launch

    def release(self) -> None:
        """Return unused cached memory to the GPU."""
        self._pools.clear()
        self.torch.cuda.empty_cache()

    def _external(self, stream: Stream) -> Any:
        return self.torch.cuda.ExternalStream(stream.handle, device=self.device)
