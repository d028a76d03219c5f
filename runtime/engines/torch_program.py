"""The generator in PyTorch as a CudaProgram: one network, replayed as CUDA graphs."""

from __future__ import annotations

import contextlib
import copy
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ..bundle.precision import Precision
from ..errors import EngineError
from .cuda.api import OutOfMemoryError
from .cuda.handles import Stream
from .cuda.program import CORES, ProgramSlot, batch_sizes, generator_tensors, largest_batch
from .cuda.torch_gpu import TorchCuda
from .tiles import Size

if TYPE_CHECKING:
    import torch

    from .onnx_graph import OnnxNetwork

_LOG = logging.getLogger(__name__)

MAX_BATCH = 8
MEMORY_SHARE = 0.5
"""The share of the free memory that one tile may take; the rest is for batches and other programs."""
PROBE_PX = 128
WARM_UPS = 3


class TorchProgram:
    """A generator in PyTorch; implements CudaProgram."""

    name = "PyTorch CUDA"

    def __init__(
        self, cuda: TorchCuda, network: OnnxNetwork, precision: Precision, halo_px: int, patterns: int,
        *, largest_px: int = max(CORES[-1]), graphs: bool = True,
    ) -> None:  # fmt: skip
        """Choose the largest tiles of CORES, up to ``largest_px`` px, that fit into the GPU's free memory.

        Raises OutOfMemoryError if not even the smallest fit.
        """
        self._cuda, self._network, self._halo, self.precision = cuda, network, halo_px, precision
        self._graphs, self._patterns = graphs, patterns
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

    def open_slots(self, count: int, batches: Sequence[int], stream: Stream) -> Sequence[ProgramSlot]:
        """Open slots, whose graphs share a memory pool."""
        opened: list[_Slot] = []
        try:
            for _ in range(count):
                opened.append(_Slot(self, batches, stream))
        except EngineError:
            opened.clear()
            self._cuda.release()
            raise
        return opened

    def close(self) -> None:
        """Free everything."""
        self._cuda.release()

    def compute(self, tensors: Mapping[str, torch.Tensor], batch: int) -> None:
        """Run the network on the first elements of a slot's tensors."""
        torch = self._cuda.torch
        # No TF32 in fp32 networks; benchmark the convolution algorithms for every size.
        flags = torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False)
        with torch.inference_mode(), flags:
            aged = self._network(*(tensors[name][:batch] for name in self._network.inputs))
            tensors["aged"][:batch].copy_(aged)

    def prepare(self, work: Callable[[], object], stream: Stream) -> Callable[[Stream], None] | None:
        """Capture ``work`` as a graph after warm-up runs that select algorithms; None without graphs."""
        for _ in range(WARM_UPS if self._graphs else 1):
            self._cuda.run(work, stream)
        stream.synchronize()
        if not self._graphs:
            return None
        try:
            return self._cuda.capture(work, stream)
        except RuntimeError as error:
            if isinstance(error, self._cuda.torch.OutOfMemoryError):
                raise
            self._graphs = False
            _LOG.warning("%s", self._no_graphs(error))
            return None

    def _no_graphs(self, error: Exception) -> str:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return f"{self.name} cannot be captured as a CUDA graph ({reason}): kernels are started one by one"

    def tensors(self, batch: int) -> dict[str, torch.Tensor]:
        """Allocate the tensors of a slot."""
        return {
            n: self._cuda.zeros((batch, *t.shape), t.dtype)
            for n, t in {**self.inputs, **self.outputs}.items()
        }

    @contextlib.contextmanager
    def _tidy(self) -> Iterator[None]:
        """Convert PyTorch's errors to EngineError and OutOfMemoryError."""
        try:
            yield
        except RuntimeError as error:
            text = str(error).strip().splitlines()
            reason = text[0] if text else type(error).__name__
            if isinstance(error, self._cuda.torch.OutOfMemoryError):
                raise OutOfMemoryError(f"PyTorch ran out of memory ({reason})") from error
            raise EngineError(f"PyTorch failed on the GPU, {reason}: run `amgan doctor`") from error

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


class _Slot:
    """The tensors of a slot, and a graph of the network for each batch size."""

    def __init__(self, program: TorchProgram, batches: Sequence[int], stream: Stream) -> None:
        self._program = program
        self._launchers: dict[int, Callable[[Stream], None] | None] = {}
        with program._tidy():
            self._tensors = program.tensors(batches[-1])
            for batch in reversed(batches):  # the largest first, so that the others reuse its memory
                self._launchers[batch] = program.prepare(self._work(batch), stream)

    def address(self, name: str) -> int:
        """The address of a tensor."""
        return int(self._tensors[name].data_ptr())

    def launch(self, batch: int, stream: Stream) -> bool:
        """Run the first ``batch`` elements."""
        launcher = self._launchers[batch]
        with self._program._tidy():
            if launcher is None:
                self._program._cuda.run(self._work(batch), stream)
            else:
                launcher(stream)
        return launcher is not None

    def close(self) -> None:
        """Release the memory to PyTorch; closing again does nothing."""
        self._launchers.clear()
        self._tensors.clear()

    def _work(self, batch: int) -> Callable[[], None]:
        return lambda: self._program.compute(self._tensors, batch)
