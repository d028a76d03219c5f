"""Networks in PyTorch with fixed sizes except for the batch, replayed as CUDA graphs."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ..bundle.precision import Precision
from ..errors import EngineError
from .cuda.api import OutOfMemoryError
from .cuda.handles import Stream
from .cuda.program import Around, Arounds, ProgramSlot, Tensor, around_of, moving
from .cuda.torch_gpu import TorchCuda

if TYPE_CHECKING:
    import torch

    from .onnx_graph import OnnxNetwork

_LOG = logging.getLogger(__name__)

WARM_UPS = 3


class TorchSlots:
    """The part of a CudaProgram in PyTorch that all networks share: slots and their graphs."""

    name = "PyTorch CUDA"
    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]

    def __init__(
        self, cuda: TorchCuda, network: OnnxNetwork, precision: Precision, *, graphs: bool, search: bool
    ) -> None:
        """``search``: measure the algorithms of convolutions for every size, which takes seconds."""
        self._cuda, self._network, self.precision = cuda, network, precision
        self._graphs, self._search = graphs, search

    def open_slots(
        self, count: int, batches: Sequence[int], stream: Stream, around: Arounds = ()
    ) -> Sequence[ProgramSlot]:
        """Open slots, whose graphs share a memory pool."""
        opened: list[_Slot] = []
        try:
            for number in range(count):
                opened.append(_Slot(self, batches, stream, around_of(around, number)))
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
        # No TF32 in fp32 networks.
        flags = torch.backends.cudnn.flags(enabled=True, benchmark=self._search, allow_tf32=False)
        with torch.inference_mode(), flags:
            made = self._network.run_all(*(tensors[name][:batch] for name in self._network.inputs))
            for name, values in zip(self._network.outputs, made, strict=True):
                tensors[name][:batch].copy_(values)

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


class _Slot:
    """The tensors of a slot, and a graph of the network for each batch size."""

    def __init__(
        self, program: TorchSlots, batches: Sequence[int], stream: Stream, around: Around | None
    ) -> None:
        self._program, self._around = program, around
        self._launchers: dict[int, Callable[[Stream], None] | None] = {}
        with program._tidy():
            self._tensors = program.tensors(batches[-1])
            for batch in reversed(batches):  # the largest first, so that the others reuse its memory
                self._launchers[batch] = program.prepare(self._work(batch, stream), stream)

    def address(self, name: str) -> int:
        """The address of a tensor."""
        return int(self._tensors[name].data_ptr())

    def launch(self, batch: int, stream: Stream) -> bool:
        """Run the first ``batch`` elements."""
        launcher = self._launchers[batch]
        with self._program._tidy():
            if launcher is None:
                self._program._cuda.run(self._work(batch, stream), stream)
            else:
                launcher(stream)
        return launcher is not None

    def close(self) -> None:
        """Release the memory to PyTorch; closing again does nothing."""
        self._launchers.clear()
        self._tensors.clear()

    def _work(self, batch: int, stream: Stream) -> Callable[[], None]:
        def work() -> None:
            with moving(self._around, batch, self, stream):
                self._program.compute(self._tensors, batch)

        return work
