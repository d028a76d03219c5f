"""The protocol of networks on a GPU, independent of the library that runs them."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ...bundle.precision import Precision
from ...errors import EngineError
from ..contract import CELL_PX, COORDINATE_PLANES
from ..tiles import Size
from .api import Cuda, OutOfMemoryError
from .handles import Stream

_LOG = logging.getLogger(__name__)

MIB = 1 << 20
BATCH_PX = 2 * 1024**2
CORES = (
    (144, 176), (160, 192), (192, 240), (224, 288), (256, 304), (272, 336), (288, 368), (320, 416),
    (352, 432), (368, 448), (400, 496), (432, 528), (448, 560), (480, 576), (496, 624), (528, 656),
    (560, 688), (592, 720), (608, 768), (656, 816), (704, 896), (768, 944), (816, 1024),
)  # fmt: skip
"""Default widths and heights of tile cores in px.

Masks of faces are 1.2 to 1.3 times as high as wide; on average they fit into one of these with less than 10 %
more arithmetic than needed. The sizes are densest where masks of portraits are (benchmarks/tile_cost.py).
"""
SPARE_SHARE = 0.9
"""The share of the free memory that is planned; the rest is for frames and other programs."""


@dataclass(frozen=True)
class Tensor:
    """An input or output of a network: its shape without the batch axis, and its type."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def nbytes(self) -> int:
        """Bytes of one element of a batch."""
        return int(np.prod(self.shape)) * self.dtype.itemsize


class ProgramSlot(Protocol):
    """One set of inputs and outputs of a program, for its largest batch."""

    def address(self, name: str) -> int:
        """The address of a tensor on the GPU; it is contiguous, batch axis first."""

    def launch(self, batch: int, stream: Stream) -> bool:
        """Run the network on the first ``batch`` elements in a stream; returns whether as a CUDA graph."""

    def close(self) -> None:
        """Free its memory and graphs."""


class Around(Protocol):
    """Work before and after the network of a slot, which is part of its launches and graphs.

    It only depends on memory with fixed addresses. It is also started with memory that is all zeros.
    """

    def before(self, batch: int, program: ProgramSlot, stream: Stream) -> None:
        """Start what fills the inputs of the first ``batch`` elements."""

    def after(self, batch: int, program: ProgramSlot, stream: Stream) -> None:
        """Start what takes the outputs of the first ``batch`` elements."""


Arounds = Sequence[Around | None]
"""That of each slot."""


class CudaProgram(Protocol):
    """A network on one GPU with fixed sizes except for the batch."""

    @property
    def name(self) -> str:
        """The display name of the engine."""

    @property
    def precision(self) -> Precision:
        """The precision of most of its arithmetic."""

    @property
    def batches(self) -> tuple[int, ...]:
        """The supported batch sizes, ascending."""

    @property
    def inputs(self) -> Mapping[str, Tensor]:
        """Its inputs by name."""

    @property
    def outputs(self) -> Mapping[str, Tensor]:
        """Its outputs by name."""

    def memory(self, slots: int, batch: int) -> int:
        """Estimated bytes of GPU memory that a call of open_slots needs for batches up to ``batch``."""

    def open_slots(
        self, count: int, batches: Sequence[int], stream: Stream, around: Arounds = ()
    ) -> Sequence[ProgramSlot]:
        """Open slots for some of its batch sizes; all must be launched in the same stream.

        ``around`` is the work around each slot's network; none without it.
        Slots of one call share the memory for activations; each call has its own. Raises EngineError, or
        OutOfMemoryError for lack of memory, and frees everything then.
        """

    def close(self) -> None:
        """Free everything; its slots must have been closed."""


def largest_batch(core: Size | None, most: int) -> int:
    """The largest useful batch for a core size, at most ``most``; ``most`` without a core.

    Batches of more than two tiles of 1024 px, or the same area, only take more time and memory.
    """
    return max(1, min(most, BATCH_PX // (core[0] * core[1]))) if core else most


def batch_sizes(low: int, high: int) -> tuple[int, ...]:
    """Batch sizes with a CUDA graph of their own: from low to high, each about twice the previous one."""
    sizes = [low]
    while sizes[-1] * 2 < high:
        sizes.append(sizes[-1] * 2)
    return tuple(dict.fromkeys((*sizes, high)))


def core_size(program: CudaProgram, halo_px: int) -> Size:
    """Width and height of the tile cores of a generator in px."""
    height, width = program.inputs["image"].shape[:2]
    return width - 2 * halo_px, height - 2 * halo_px


def generator_tensors(core: Size, halo_px: int, patterns: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Inputs and outputs of a generator for a core size in px."""
    width, height = (side + 2 * halo_px for side in core)
    cells = (height // CELL_PX, width // CELL_PX)
    inputs = {
        "image": Tensor((height, width, 3), np.dtype(np.uint8)),
        "aging_map": Tensor((1, *cells), np.dtype(np.float32)),
        "coordinates": Tensor((COORDINATE_PLANES, *cells), np.dtype(np.float32)),
        "pattern": Tensor((patterns,), np.dtype(np.float32)),
    }
    return inputs, {"aged": Tensor((core[1], core[0], 3), np.dtype(np.uint8))}


def allowed_batches(program: CudaProgram, batch: int | None) -> tuple[int, ...]:
    """The batch sizes of a program up to ``batch``, but at least its smallest one; None: all."""
    return tuple(size for size in program.batches if batch is None or size <= batch) or program.batches[:1]


def ring_memory(program: CudaProgram, slots: int, batch: int, streams: int = 1) -> int:
    """Estimated bytes of GPU memory that a ring of slots in several compute streams needs."""
    used = min(slots, streams)
    return used * program.memory(-(-slots // used), batch)


def open_ring(
    cuda: Cuda,
    program: CudaProgram,
    slots: int,
    streams: Sequence[Stream],
    batch: int | None = None,
    share: float = SPARE_SHARE,
    around: Arounds = (),
) -> tuple[Sequence[ProgramSlot], tuple[int, ...]]:
    """Open as many slots as the GPU's free memory allows; returns them and their batch sizes.

    Slot i must be launched in stream i modulo their number. ``batch`` limits the batch, ``share`` is that
    of the free memory to plan for, ``around`` the work around each slot's network. If memory runs out
    nevertheless, the largest batch is halved, then the number of slots, and the log says so. Raises
    OutOfMemoryError if not even one tile at a time fits.
    """
    sizes = allowed_batches(program, batch)
    free, total = cuda.memory()
    while len(sizes) > 1 and ring_memory(program, slots, sizes[-1], len(streams)) > share * free:
        sizes = sizes[:-1]
    while True:
        try:
            return _open_slots(program, slots, sizes, streams, around), sizes
        except OutOfMemoryError as error:
            before = f"{slots} slots of {sizes[-1]} tiles"
            if len(sizes) > 1:
                sizes = tuple(size for size in sizes if size <= sizes[-1] // 2) or sizes[:1]
            elif slots > 1:
                slots = max(1, slots // 2)
            else:
                raise OutOfMemoryError(
                    f"the GPU has {free // MIB} MiB of {total // MIB} MiB free, too little for one tile in "
                    f"{program.name}: close other programs, or use device 'cpu'"
                ) from error
            _LOG.warning(
                "%s: %s do not fit into the GPU's memory; trying %d slots of %d tiles",
                program.name, before, slots, sizes[-1],
            )  # fmt: skip


def close_slots(slots: Sequence[ProgramSlot]) -> None:
    """Free the slots of a ring, whatever the state of the GPU."""
    for slot in slots:
        with contextlib.suppress(EngineError):
            slot.close()


def around_of(around: Arounds, number: int) -> Around | None:
    """That of a slot."""
    return around[number] if number < len(around) else None


@contextlib.contextmanager
def moving(around: Around | None, batch: int, slot: ProgramSlot, stream: Stream) -> Iterator[None]:
    """Start the network of a slot inside of this context, and the work around it."""
    if around is not None:
        around.before(batch, slot, stream)
    yield
    if around is not None:
        around.after(batch, slot, stream)


def _open_slots(
    program: CudaProgram, slots: int, batches: Sequence[int], streams: Sequence[Stream], around: Arounds
) -> Sequence[ProgramSlot]:
    """Open slots; slot i belongs to stream i modulo their number."""
    opened: dict[int, ProgramSlot] = {}
    try:
        for first, stream in enumerate(streams[:slots]):
            numbers = range(first, slots, len(streams))
            theirs = [around_of(around, number) for number in numbers]
            opened |= zip(numbers, program.open_slots(len(numbers), batches, stream, theirs), strict=True)
    except EngineError:
        close_slots(list(opened.values()))
        raise
    return [opened[number] for number in range(slots)]


def check_generator(program: CudaProgram, halo_px: int, patterns: int) -> str | None:
    """Why a program is not a generator for this halo and number of patterns, as a clause.

    None if it is one.
    """
    found = {**program.inputs, **program.outputs}
    core = core_size(program, halo_px) if "image" in program.inputs else (0, 0)
    inputs, outputs = generator_tensors(core, halo_px, patterns)
    wanted = {**inputs, **outputs}
    for name in sorted(set(wanted) | set(found)):
        if min(core) <= 0 or found.get(name) != wanted.get(name):
            return f"its tensor {name} is {found.get(name)} instead of {wanted.get(name)}"
    return None
