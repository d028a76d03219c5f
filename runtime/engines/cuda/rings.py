"""Rings of slots: each slot holds a batch on the GPU, for a program of any of several sizes of tiles."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import EngineError
from ..scheduler.device import PlacedTile
from .api import Cuda, OutOfMemoryError
from .handles import DeviceMemory, Event, Owners, PinnedMemory, Stream
from .program import SPARE_SHARE, CudaProgram, ProgramSlot, core_px, open_ring

_LOG = logging.getLogger(__name__)

SLOTS = 3
EXTRA_SHARE = 0.5
"""How much of the free memory each further size of tiles may take: frames need some as well."""
_FLOAT = 4
_ADDRESSES, _PLACES = ("image", "planes", "aged"), ("padded", "x0", "y0", "width", "height", "unused")
JOB = np.dtype([*((name, np.uint64) for name in _ADDRESSES), *((name, np.int32) for name in _PLACES)])
"""TileJob of tile_kernels.cu: where a frame lies on the GPU, and a tile in it."""


@dataclass(frozen=True, eq=False)
class Ring:
    """A program for one size of tiles: its slots, its batch sizes, and the side of its cores in px."""

    program: CudaProgram
    slots: Sequence[ProgramSlot]
    batches: tuple[int, ...]
    core: int


class Slot:
    """A slot: memory for what goes up with each batch, and the events between the streams that use it.

    ``ring`` is the one that its tiles are computed in. Pinned memory and ``memory`` on the GPU both have room
    for ``jobs``, where each tile lies, and from byte ``patterns_at`` on for ``patterns``.
    """

    def __init__(self, cuda: Cuda, batch: int, patterns: int) -> None:
        self.ring: Ring | None = None
        self.tiles: Sequence[PlacedTile] = ()
        self.batch = 0
        owners = self._owners = Owners()
        try:
            self.patterns_at = batch * JOB.itemsize
            size = self.patterns_at + batch * patterns * _FLOAT
            self.pinned = owners.own(PinnedMemory(cuda, size))
            self.memory = owners.own(DeviceMemory(cuda, size))
            self.gathered = owners.own(Event(cuda))
            self.begun = owners.own(Event(cuda, timed=True))
            self.computed = owners.own(Event(cuda, timed=True))
            self.stitched = owners.own(Event(cuda))
            self.jobs = self.pinned.array((batch,), JOB)
            self.patterns = self.pinned.array((batch, patterns), np.float32, self.patterns_at)
        except EngineError:
            owners.close()
            raise

    def close(self) -> None:
        """Give memory and events back."""
        self._owners.close()


def open_rings(
    cuda: Cuda,
    programs: Sequence[CudaProgram],
    halo_px: int,
    slots: int,
    stream: Stream,
    batch: int | None = None,
) -> tuple[dict[int, Ring], int]:
    """A ring for each program, by the side of its cores, going up, and how many slots each of them has.

    The smallest tiles come first. A program whose slots do not fit into what memory is left is left out, and
    the log says so. Raises OutOfMemoryError when not even the first fits, EngineError where it fails; nothing
    is left open then.
    """
    rings: dict[int, Ring] = {}
    try:
        for program in sorted(programs, key=lambda program: core_px(program, halo_px)):
            core = core_px(program, halo_px)
            free = cuda.memory()[0]
            if rings and program.memory(slots, program.batches[0]) > EXTRA_SHARE * free:
                _LOG.warning(
                    "tiles of %d px are left out, half of the memory that is left is too little", core
                )
                continue
            try:
                share = EXTRA_SHARE if rings else SPARE_SHARE
                opened, batches = open_ring(cuda, program, slots, stream, batch, share)
            except OutOfMemoryError as error:
                if not rings:
                    raise
                _LOG.warning("tiles of %d px are left out, there is no memory for them: %s", core, error)
                continue
            if rings and len(opened) < slots:
                close_slots(opened)
                _LOG.warning("tiles of %d px are left out, only %d slots fit", core, len(opened))
                continue
            slots = len(opened)
            rings[core] = Ring(program, opened, batches, core)
    except EngineError:
        for ring in rings.values():
            close_slots(ring.slots)
        raise
    return rings, slots


def close_slots(slots: Sequence[ProgramSlot]) -> None:
    """Give the slots of a ring back, whatever state the GPU is in."""
    for slot in slots:
        with contextlib.suppress(EngineError):
            slot.close()
