"""Rings of slots. A slot holds a batch on the GPU; there is a ring per tile size."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import EngineError
from ..contract import CoreSize
from ..scheduler.device import PlacedTile
from ..tiles import Size
from .api import Cuda, OutOfMemoryError
from .handles import DeviceMemory, Event, HandleStack, PinnedMemory, Stream
from .program import (
    SPARE_SHARE,
    Arounds,
    CudaProgram,
    ProgramSlot,
    allowed_batches,
    close_slots,
    core_size,
    open_ring,
    ring_memory,
)

_LOG = logging.getLogger(__name__)

SLOTS = 3
EXTRA_SHARE = 0.5
"""The share of the free memory that each further tile size may take; frames need some as well."""
_FLOAT = 4
_ADDRESSES, _NUMBERS = ("image", "planes", "aged"), ("padded", "x0", "y0", "width", "height", "unused")
TILE_DESCRIPTOR = np.dtype(
    [*((name, np.uint64) for name in _ADDRESSES), *((name, np.int32) for name in _NUMBERS)]
)
"""The struct TileDescriptor of tile_kernels.cu: addresses of a frame on the GPU, and a tile in it."""


@dataclass(frozen=True, eq=False)
class Ring:
    """A program for one tile size: its slots, batch sizes, and the core's width and height in px."""

    program: CudaProgram
    slots: Sequence[ProgramSlot]
    batches: tuple[int, ...]
    core: Size


class Slot:
    """A slot: memory for the data that is uploaded with each batch, and events between streams.

    ``ring`` is the ring in which its tiles are computed. The pinned memory and ``memory`` on the GPU hold the
    tiles' ``descriptors`` and, from byte ``patterns_at`` on, ``patterns``.
    """

    def __init__(self, cuda: Cuda, batch: int, patterns: int, stream: Stream) -> None:
        """Start to set ``memory`` to zero in a stream: there are no tiles."""
        self.ring: Ring | None = None
        self.tiles: Sequence[PlacedTile] = ()
        self.batch = 0
        handles = self._handles = HandleStack()
        try:
            self.patterns_at = batch * TILE_DESCRIPTOR.itemsize
            size = self.patterns_at + batch * patterns * _FLOAT
            self.pinned = handles.own(PinnedMemory(cuda, size))
            self.memory = handles.own(DeviceMemory(cuda, size))
            self.gathered = handles.own(Event(cuda))
            self.begun = handles.own(Event(cuda, timed=True))
            self.computed = handles.own(Event(cuda, timed=True))
            self.stitched = handles.own(Event(cuda))
            cuda.fill(self.memory.handle, 0, size, stream.handle)
            self.descriptors = self.pinned.array((batch,), TILE_DESCRIPTOR)
            self.patterns = self.pinned.array((batch, patterns), np.float32, self.patterns_at)
        except EngineError:
            handles.close()
            raise

    def close(self) -> None:
        """Free memory and events."""
        self._handles.close()


class Rings:
    """The rings of a generator's programs, one per tile size, opened at the first use.

    The smallest and the largest size are opened immediately. A size without enough memory is left out, and
    the log says so: its tiles are computed at the next larger size.
    """

    def __init__(
        self,
        cuda: Cuda,
        programs: Sequence[CudaProgram],
        halo_px: int,
        slots: int,
        streams: Sequence[Stream],
        batch: int | None = None,
        around: Callable[[Size], Arounds] = lambda core: (),
    ) -> None:
        """``slots`` is the wanted number per ring; the attribute ``slots`` has those of the first ring.

        Slot i of each ring must be launched in stream i modulo their number. ``batch`` limits the batches.
        ``around`` is the work around each slot's network in the ring of a core size.
        Raises OutOfMemoryError if not even the smallest size fits, or EngineError; frees everything then.
        """
        self._cuda, self._streams, self._batch, self._around = cuda, streams, batch, around
        self._sizes = {core_size(one, halo_px): one for one in sorted(programs, key=_by_area)}
        self._opened: dict[Size, Ring] = {}
        smallest, *others = self._sizes
        opened, batches = open_ring(
            cuda, self._sizes[smallest], slots, streams, batch, SPARE_SHARE, around(smallest)
        )
        self.slots = len(opened)
        self._opened[smallest] = Ring(self._sizes[smallest], opened, batches, smallest)
        try:
            for size in reversed(others):
                if self._open(size):
                    break
        except EngineError:
            self.close()
            raise

    @property
    def cores(self) -> tuple[CoreSize, ...]:
        """The available sizes by area, with their largest batch."""
        return tuple(CoreSize(*size, self._most(size)) for size in self._sizes)

    @property
    def opened(self) -> tuple[Ring, ...]:
        """The rings that are open."""
        return tuple(self._opened.values())

    def ring(self, width: int, height: int, tiles: int) -> Ring:
        """The ring for a batch of ``tiles`` tiles of one size; opens it if necessary.

        Raises OutOfMemoryError if memory for the planned batch has run out.
        """
        for core in self.cores:
            if core.holds(width, height) and (core.size in self._opened or self._open(core.size)):
                ring = self._opened[core.size]
                if tiles <= ring.batches[-1]:
                    return ring
        raise OutOfMemoryError(f"there is no memory for {tiles} tiles of {width}x{height} px at once")

    def close(self) -> None:
        """Free the slots of all rings, whatever the state of the GPU."""
        for ring in self._opened.values():
            close_slots(ring.slots)
        self._opened.clear()

    def _most(self, size: Size) -> int:
        if size in self._opened:
            return self._opened[size].batches[-1]
        return allowed_batches(self._sizes[size], self._batch)[-1]

    def _open(self, size: Size) -> bool:
        """Open the ring of a size, or leave the size out if there is not enough memory.

        Returns whether it is open.
        """
        program, cuda = self._sizes[size], self._cuda
        needed = ring_memory(program, self.slots, program.batches[0], len(self._streams))
        if needed > EXTRA_SHARE * cuda.memory()[0]:
            return self._leave_out(size, "half of the memory that is left is too little")
        try:
            opened, batches = open_ring(
                cuda, program, self.slots, self._streams, self._batch, EXTRA_SHARE, self._around(size)
            )
        except OutOfMemoryError as error:
            return self._leave_out(size, f"there is no memory for them: {error}")
        if len(opened) < self.slots:
            close_slots(opened)
            return self._leave_out(size, f"only {len(opened)} slots fit")
        self._opened[size] = Ring(program, opened, batches, size)
        return True

    def _leave_out(self, size: Size, why: str) -> bool:
        _LOG.warning("tiles of %dx%d px are left out, %s", *size, why)
        del self._sizes[size]
        return False


def _by_area(program: CudaProgram) -> tuple[int, int]:
    height, width = program.outputs["aged"].shape[:2]
    return height * width, width
