"""A CUDA program as a function of NumPy arrays and as an Engine, for comparisons rather than speed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import EngineError
from ..contract import CELL_PX, COORDINATE_PLANES, Capabilities, CoreSize, Ticket, TileBatch
from ..tiles import Size
from .api import Cuda
from .handles import HandleStack, PinnedMemory, Stream
from .program import CudaProgram, core_size, open_ring

Array = NDArray[Any]


class ArrayRunner:
    """Runs a program on arrays of any batch size; thread-safe, one call at a time."""

    def __init__(self, cuda: Cuda, gpu: int, program: CudaProgram) -> None:
        """Take ownership of a program, which is closed with the runner; raises EngineError."""
        self._cuda, self._gpu, self.program = cuda, gpu, program
        self._lock = threading.Lock()
        self._handles = HandleStack()
        cuda.use(gpu)
        try:
            self._stream = self._handles.own(Stream(cuda))
            (self._slot,), self._batches = open_ring(cuda, program, 1, [self._stream])
            self._pinned = {
                name: self._handles.own(PinnedMemory(cuda, self._batches[-1] * tensor.nbytes))
                for name, tensor in {**program.inputs, **program.outputs}.items()
            }
        except EngineError:
            self._handles.close()
            program.close()
            raise
        self._closed = False

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Compute the outputs by name; the first axis of all arrays is the batch. Raises EngineError."""
        count = len(next(iter(inputs.values())))
        for name, tensor in self.program.inputs.items():
            found = inputs.get(name)
            if found is None or found.shape != (count, *tensor.shape) or found.dtype != tensor.dtype:
                there = "missing" if found is None else f"{found.dtype} {found.shape}"
                wanted = f"{tensor.dtype} {(count, *tensor.shape)}"
                raise EngineError(f"{self.program.name} takes {name} as {wanted}, not {there}")
        most = self._batches[-1]
        with self._lock:
            if self._closed:
                raise EngineError(f"{self.program.name} was used after it was closed: open it again")
            self._cuda.use(self._gpu)
            parts = [
                self._run({n: a[i : i + most] for n, a in inputs.items()}) for i in range(0, count, most)
            ]
        return {name: np.concatenate([part[name] for part in parts]) for name in self.program.outputs}

    def _run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        program, stream, slot = self.program, self._stream, self._slot
        count = len(next(iter(inputs.values())))
        batch = next(size for size in self._batches if size >= count)
        for name, tensor in program.inputs.items():
            view = self._pinned[name].array((batch, *tensor.shape), tensor.dtype)
            view[:count] = inputs[name]
            view[count:] = 0
            self._cuda.copy(
                slot.address(name), self._pinned[name].handle, batch * tensor.nbytes, stream.handle
            )
        slot.launch(batch, stream)
        for name, tensor in program.outputs.items():
            self._cuda.copy(
                self._pinned[name].handle, slot.address(name), batch * tensor.nbytes, stream.handle
            )
        stream.synchronize()
        return {
            name: np.array(self._pinned[name].array((batch, *tensor.shape), tensor.dtype)[:count])
            for name, tensor in program.outputs.items()
        }

    def close(self) -> None:
        """Free everything; closing again does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._cuda.use(self._gpu)
            self._slot.close()
            self._handles.close()
            self.program.close()


@dataclass(eq=False)
class _InFlight:
    label: str
    owner: CudaEngine
    future: Future[NDArray[np.uint8]] | None


class CudaEngine:
    """An Engine on a GPU for tiles of any size.

    The program has one size: smaller tiles are padded, larger ones are split. For whole frames at full speed
    use CudaTileDevice.
    """

    def __init__(self, cuda: Cuda, gpu: int, program: CudaProgram, halo_px: int) -> None:
        """Take ownership of a generator's program, which is closed with the engine; raises EngineError."""
        self._halo = halo_px
        self._core = core_size(program, halo_px)
        self._runner = ArrayRunner(cuda, gpu, program)
        self._pool: ThreadPoolExecutor | None = ThreadPoolExecutor(1, thread_name_prefix="amgan-cuda")
        most = program.batches[-1]
        self._capabilities = Capabilities(
            program.name, f"cuda:{gpu}", program.precision, max(self._core), 1, most, fixed_core=True,
            cores=(CoreSize(*self._core, most),),
        )  # fmt: skip

    @property
    def capabilities(self) -> Capabilities:
        """The properties of the engine."""
        return self._capabilities

    def submit(self, batch: TileBatch) -> Ticket:
        """Start a batch without blocking; raises EngineError, naming the tile."""
        batch.check()
        if self._pool is None:
            raise EngineError(f"{batch.label} came after the engine was closed: open a new one")
        if min(batch.image.shape[1:3]) <= 2 * self._halo:
            raise EngineError(f"{batch.label} is not larger than its halo of {self._halo} px on every side")
        return _InFlight(batch.label, self, self._pool.submit(self._compute, batch))

    def wait(self, ticket: Ticket) -> NDArray[np.uint8]:
        """The aged cores of a batch, uint8 [N, H - 2 * halo, W - 2 * halo, 3]; raises EngineError."""
        if not isinstance(ticket, _InFlight) or ticket.owner is not self or ticket.future is None:
            raise EngineError(f"{ticket.label} is not in flight: wait once for each ticket of this engine")
        future, ticket.future = ticket.future, None
        try:
            return future.result()
        except EngineError as error:
            raise EngineError(f"{self._capabilities.name} failed on {ticket.label}: {error}") from error

    def close(self) -> None:
        """Finish submitted batches and free the engine's memory."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown()
            self._runner.close()

    def _compute(self, batch: TileBatch) -> NDArray[np.uint8]:
        halo, core = self._halo, self._core
        n, height, width = batch.image.shape[:3]
        aged = np.empty((n, height - 2 * halo, width - 2 * halo, 3), np.uint8)
        pieces = list(_pieces(aged.shape[1], aged.shape[2], core))
        inputs = {
            name: np.concatenate([cut(batch, y, x, halo, core) for y, x in pieces])
            for name, cut in _CUTS.items()
        }
        found = self._runner.run(inputs)["aged"].reshape(len(pieces), n, core[1], core[0], 3)
        for (y, x), piece in zip(pieces, found, strict=True):
            part = aged[:, y : y + core[1], x : x + core[0]]
            part[...] = piece[:, : part.shape[1], : part.shape[2]]
        return aged


def _pieces(height: int, width: int, core: Size) -> Iterator[tuple[int, int]]:
    """Top left corners of cores that cover height x width px."""
    for y in range(0, height, core[1]):
        for x in range(0, width, core[0]):
            yield y, x


def _cut_image(batch: TileBatch, y: int, x: int, halo: int, core: Size) -> Array:
    width, height = (side + 2 * halo for side in core)
    return _filled(batch.image[:, y : y + height, x : x + width], (height, width, 3))


def _cut_map(batch: TileBatch, y: int, x: int, halo: int, core: Size) -> Array:
    (columns, rows), y, x = _cells(core, halo), y // CELL_PX, x // CELL_PX
    return _filled(batch.aging_map[:, :, y : y + rows, x : x + columns], (1, rows, columns))


def _cut_places(batch: TileBatch, y: int, x: int, halo: int, core: Size) -> Array:
    (columns, rows), y, x = _cells(core, halo), y // CELL_PX, x // CELL_PX
    part = batch.coordinates[:, :, y : y + rows, x : x + columns]
    return _filled(part, (COORDINATE_PLANES, rows, columns))


def _cut_pattern(batch: TileBatch, y: int, x: int, halo: int, core: Size) -> Array:
    return batch.pattern


def _cells(core: Size, halo: int) -> Size:
    """Cells across and down of a tile with its halo."""
    return (core[0] + 2 * halo) // CELL_PX, (core[1] + 2 * halo) // CELL_PX


_CUTS: Mapping[str, Callable[[TileBatch, int, int, int, Size], Array]] = {
    "image": _cut_image,
    "aging_map": _cut_map,
    "coordinates": _cut_places,
    "pattern": _cut_pattern,
}


def _filled(array: Array, shape: Sequence[int]) -> Array:
    """An array in the top left corner of a larger one; the rest is undefined."""
    out = np.zeros((len(array), *shape), array.dtype)
    out[tuple(slice(0, size) for size in array.shape)] = array
    return out
