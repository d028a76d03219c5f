"""What a network on a GPU is to the code that feeds it, whichever library runs it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ...bundle.precision import Precision
from ..contract import CELL_PX, PLACE_PLANES
from ..tiles import Size
from .api import Cuda, OutOfMemoryError
from .handles import Stream

_LOG = logging.getLogger(__name__)

MIB = 1 << 20
BATCH_PX = 2 * 1024**2
CORES = (
    (144, 176), (160, 208), (176, 224), (192, 240), (224, 272), (240, 288), (256, 320), (288, 352),
    (320, 400), (352, 432), (384, 480), (416, 528), (464, 576), (512, 640), (560, 704), (624, 768), (832,
    1024),
)  # fmt: skip
"""Widths and heights in px of the cores of tiles, where nobody names others.

Most faces fit into one of these with about a tenth more arithmetic than they need, as masks of faces are 1.2
to 1.3 times as high as wide (benchmarks/tile_cost.py).
"""
SPARE_SHARE = 0.9
"""How much of the free memory we plan to use; the rest is for frames and other programs."""


@dataclass(frozen=True)
class Tensor:
    """An input or output of a network: its shape without the batch, and its type."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def nbytes(self) -> int:
        """Bytes of one element of a batch."""
        return int(np.prod(self.shape)) * self.dtype.itemsize


class ProgramSlot(Protocol):
    """One set of inputs and outputs of a program, for as many tiles as its largest batch has."""

    def address(self, name: str) -> int:
        """Where a tensor lies on the GPU; the elements of its batch follow each other."""

    def launch(self, batch: int, stream: Stream) -> bool:
        """Run the network on the first ``batch`` elements, in a stream; returns whether as a graph."""

    def close(self) -> None:
        """Give its memory and graphs back."""


class CudaProgram(Protocol):
    """A network on one GPU whose sizes are fixed but for the batch."""

    @property
    def name(self) -> str:
        """What people call the engine."""

    @property
    def precision(self) -> Precision:
        """What most of it is computed in."""

    @property
    def batches(self) -> tuple[int, ...]:
        """The batch sizes it can run, going up."""

    @property
    def inputs(self) -> Mapping[str, Tensor]:
        """Its inputs by name."""

    @property
    def outputs(self) -> Mapping[str, Tensor]:
        """Its outputs by name."""

    def memory(self, slots: int, batch: int) -> int:
        """About how many bytes of the GPU open_slots needs for batches up to ``batch``."""

    def open_slots(self, count: int, batches: Sequence[int], stream: Stream) -> Sequence[ProgramSlot]:
        """Open slots for some of its batch sizes, which will all be launched in one stream.

        Raises EngineError, OutOfMemoryError for lack of memory; nothing is left behind then. The slots of an
        earlier call must have been closed.
        """

    def close(self) -> None:
        """Give everything back; its slots must have been closed."""


def largest_batch(core: Size | None, most: int) -> int:
    """How many tiles of a core a batch should hold, up to ``most``; without a core that many.

    More than two tiles of 1024 px, or what is as much, take only longer and more memory.
    """
    return max(1, min(most, BATCH_PX // (core[0] * core[1]))) if core else most


def batch_sizes(low: int, high: int) -> tuple[int, ...]:
    """Batch sizes worth a graph of their own: from low to high, each about twice the last."""
    sizes = [low]
    while sizes[-1] * 2 < high:
        sizes.append(sizes[-1] * 2)
    return tuple(dict.fromkeys((*sizes, high)))


def core_size(program: CudaProgram, halo_px: int) -> Size:
    """Width and height of the core of the tiles that a generator takes, in px."""
    height, width = program.inputs["image"].shape[:2]
    return width - 2 * halo_px, height - 2 * halo_px


def generator_tensors(core: Size, halo_px: int, patterns: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Inputs and outputs of a generator for tiles with cores of one width and height, in px."""
    width, height = (side + 2 * halo_px for side in core)
    cells = (height // CELL_PX, width // CELL_PX)
    inputs = {
        "image": Tensor((height, width, 3), np.dtype(np.uint8)),
        "aging_map": Tensor((1, *cells), np.dtype(np.float32)),
        "coordinates": Tensor((PLACE_PLANES, *cells), np.dtype(np.float32)),
        "pattern": Tensor((patterns,), np.dtype(np.float32)),
    }
    return inputs, {"aged": Tensor((core[1], core[0], 3), np.dtype(np.uint8))}


def allowed_batches(program: CudaProgram, batch: int | None) -> tuple[int, ...]:
    """The batch sizes of a program up to ``batch``, and its smallest one anyway; None: all."""
    return tuple(size for size in program.batches if batch is None or size <= batch) or program.batches[:1]


def open_ring(
    cuda: Cuda,
    program: CudaProgram,
    slots: int,
    stream: Stream,
    batch: int | None = None,
    share: float = SPARE_SHARE,
) -> tuple[Sequence[ProgramSlot], tuple[int, ...]]:
    """Open a ring of slots as large as the GPU's free memory allows; returns it with its batch sizes.

    ``batch`` limits the batch, ``share`` is how much of the free memory to plan for. Where memory runs out
    nevertheless, the largest batch is halved, then the ring, and a line of the log says so. Raises
    OutOfMemoryError when not even one tile at a time fits.
    """
    sizes = allowed_batches(program, batch)
    free, total = cuda.memory()
    while len(sizes) > 1 and program.memory(slots, sizes[-1]) > share * free:
        sizes = sizes[:-1]
    while True:
        try:
            return program.open_slots(slots, sizes, stream), sizes
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


def check_generator(program: CudaProgram, halo_px: int, patterns: int) -> str | None:
    """Why a program is no generator for tiles with this halo and so many patterns, half a sentence.

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
