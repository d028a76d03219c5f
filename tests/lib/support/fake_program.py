"""A program on the fake CUDA that computes what NumpyDevice does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from amgan.runtime.bundle.precision import Precision
from amgan.runtime.engines.cuda.api import CudaError
from amgan.runtime.engines.cuda.handles import DeviceMemory, Graph, HandleStack, Stream
from amgan.runtime.engines.cuda.program import Around, Arounds, Tensor, around_of, generator_tensors, moving
from amgan.runtime.engines.tiles import Size
from support.fake_cuda import FakeCuda
from support.numpy_device import HALO, PATTERNS, age_tile


class FakeSlot:
    """A slot of FakeProgram, with one graph for each batch size."""

    def __init__(
        self, cuda: FakeCuda, program: FakeProgram, batches: Sequence[int], stream: Stream,
        around: Around | None,
    ) -> None:  # fmt: skip
        self.program, self.cuda, handles = program, cuda, HandleStack()
        self._around = around
        self._stream = stream.handle
        self._handles = handles
        try:
            self._memory = {
                name: handles.own(DeviceMemory(cuda, batches[-1] * tensor.nbytes))
                for name, tensor in {**program.inputs, **program.outputs}.items()
            }
            self._graphs = {}
            for size in batches if program.graphs else ():
                work = lambda size=size: self._start(size, stream)  # noqa: E731
                self._graphs[size] = handles.own(Graph(cuda, stream, work))
        except CudaError:
            handles.close()
            raise

    def address(self, name: str) -> int:
        return self._memory[name].handle

    def launch(self, batch: int, stream: Stream) -> bool:
        self.program.launched.append(batch)
        self.program.launched_in.append(stream.handle)
        if stream.handle != self._stream:
            self.cuda.broken.append("a slot was launched in another stream than it was opened for")
        if batch in self._graphs:
            self._graphs[batch].launch(stream)
            return True
        self._start(batch, stream)
        return False

    def _start(self, batch: int, stream: Stream) -> None:
        with moving(self._around, batch, self, stream):
            self.cuda.do(stream.handle, lambda: self._compute(batch))

    def _compute(self, batch: int) -> None:
        arrays = {}
        for name, tensor in {**self.program.inputs, **self.program.outputs}.items():
            raw = self.cuda.view(self.address(name), batch * tensor.nbytes)
            arrays[name] = raw.view(tensor.dtype).reshape(batch, *tensor.shape)
        for i in range(batch):
            floats = (arrays["aging_map"][i, 0], arrays["coordinates"][i], arrays["pattern"][i])
            clean = (_finite(array) for array in floats)
            arrays["aged"][i] = age_tile(arrays["image"][i], *clean)

    def close(self) -> None:
        self._handles.close()


def _finite(array: np.ndarray) -> np.ndarray:
    """What memory that nobody has written may hold, as numbers that fit into 64 bits."""
    return np.clip(np.nan_to_num(array, posinf=0, neginf=0), -1e6, 1e6)


class FakeProgram:
    """A CudaProgram on FakeCuda that computes what NumpyDevice does."""

    name = "Fake"
    precision = Precision.FP16

    def __init__(
        self,
        cuda: FakeCuda,
        core: int | Size = 16,
        batches: tuple[int, ...] = (1, 2, 4),
        *,
        graphs: bool = True,
    ):
        self.cuda, self.batches, self.graphs = cuda, batches, graphs
        size = (core, core) if isinstance(core, int) else core
        self.inputs: Mapping[str, Tensor]
        self.outputs: Mapping[str, Tensor]
        self.inputs, self.outputs = generator_tensors(size, HALO, PATTERNS)
        self.launched: list[int] = []
        self.launched_in: list[int] = []
        self.opened = 0
        self.closed = 0

    def memory(self, slots: int, batch: int) -> int:
        return slots * batch * sum(t.nbytes for t in {**self.inputs, **self.outputs}.values())

    def open_slots(
        self, count: int, batches: Sequence[int], stream: Stream, around: Arounds = ()
    ) -> list[FakeSlot]:
        opened: list[FakeSlot] = []
        try:
            for number in range(count):
                opened.append(FakeSlot(self.cuda, self, batches, stream, around_of(around, number)))
        except CudaError:
            for slot in opened:
                slot.close()
            raise
        self.opened += 1
        return opened

    def close(self) -> None:
        self.closed += 1
