"""The generator in PyTorch as a CudaProgram: one network, replayed as CUDA graphs."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from ..bundle.precision import Precision
from .cuda.api import OutOfMemoryError
from .cuda.program import CORES, batch_sizes, generator_tensors, largest_batch
from .cuda.torch_gpu import TorchCuda
from .tiles import Size
from .torch_slots import WARM_UPS, TorchSlots

if TYPE_CHECKING:
    from .onnx_graph import OnnxNetwork

MAX_BATCH = 8
MEMORY_SHARE = 0.5
"""The share of the free memory that one tile may take; the rest is for batches and other programs."""
PROBE_PX = 128


class TorchProgram(TorchSlots):
    """A generator in PyTorch; implements CudaProgram."""

    def __init__(
        self, cuda: TorchCuda, network: OnnxNetwork, precision: Precision, halo_px: int, patterns: int,
        *, largest_px: int = max(CORES[-1]), graphs: bool = True,
    ) -> None:  # fmt: skip
        """Choose the largest tiles of CORES, up to ``largest_px`` px, that fit into the GPU's free memory.

        Raises OutOfMemoryError if not even the smallest fit.
        """
        super().__init__(cuda, network, precision, graphs=graphs, search=True)
        self._halo, self._patterns = halo_px, patterns
        with self._tidy():
            self._per_px = self._measure()
            room = MEMORY_SHARE * cuda.free_bytes()
        self._sizes = [core for core in CORES if max(core) <= largest_px] or [CORES[0]]
        self._sizes = [core for core in self._sizes if self._bytes(core, 1) <= room]
        if not self._sizes:
            width, height = CORES[0]
            raise OutOfMemoryError(
                f"the GPU has too little free memory for PyTorch: a tile of {width}x{height} px takes "
                f"{self._bytes(CORES[0], 1) >> 20} MiB, close other programs or use device 'cpu'"
            )
        self._take(self._sizes[-1])

    def sizes(self) -> list[TorchProgram]:
        """The program itself, followed by programs of the same network for all smaller tile sizes."""
        found = [self]
        for core in reversed(self._sizes[:-1]):
            found.append(copy.copy(self))
            found[-1]._take(core)
        return found

    def _take(self, core: Size) -> None:
        """Set the tile size."""
        self._core = core
        self.batches = batch_sizes(1, largest_batch(core, MAX_BATCH))
        self.inputs, self.outputs = generator_tensors(core, self._halo, self._patterns)

    def memory(self, slots: int, batch: int) -> int:
        """Estimated bytes of slots: the shared intermediate results, and the tensors."""
        tensors = sum(t.nbytes for t in {**self.inputs, **self.outputs}.values())
        return self._bytes(self._core, batch) + slots * batch * tensors

    def _measure(self) -> float:
        """Peak memory of the network in bytes per pixel of a tile."""
        inputs, outputs = generator_tensors((PROBE_PX, PROBE_PX), self._halo, self._patterns)
        tensors = {n: self._cuda.zeros((1, *t.shape), t.dtype) for n, t in {**inputs, **outputs}.items()}
        side = PROBE_PX + 2 * self._halo
        for _ in range(WARM_UPS):
            # The search for the fastest algorithms needs additional memory.
            self.compute(tensors, 1)
        return self._cuda.peak_bytes(lambda: self.compute(tensors, 1)) / side**2

    def _bytes(self, core: Size, batch: int) -> int:
        width, height = (side + 2 * self._halo for side in core)
        return int(self._per_px * batch * width * height)
