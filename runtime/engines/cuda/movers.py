"""Cutting tiles out of frames on a GPU and stitching cores into them, by kernels or by copies."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from ...errors import EngineError
from ..contract import CELL_PX, COORDINATE_PLANES
from ..scheduler.device import PlacedTile
from ..tiles import Size
from .api import ADDRESS, NUMBER, Cuda, KernelType
from .handles import Library, Stream
from .program import Around, ProgramSlot
from .rings import Ring, Slot

_LOG = logging.getLogger(__name__)

PTX = Path(__file__).with_name("tile_kernels.ptx")
THREADS = 256
_RGB, _FLOAT = 3, 4
Argument = tuple[int, KernelType]
"""An argument of a kernel and its type."""


class TileMover(Protocol):
    """Moves the tiles of a slot, asynchronously in a stream; they fit into ``ring``."""

    name: ClassVar[str]
    """The method, "kernels" or "copies"."""

    def around(self, slot: Slot, core: Size) -> Around | None:
        """What it does before and after the network of a slot in a ring, in each launch; None: nothing.

        ``core`` is the width and height of the ring's cores in px.
        """

    def gather(self, slot: Slot, ring: Ring, into: ProgramSlot, stream: Stream) -> None:
        """Cut the slot's tiles with halo, ages, coordinates and patterns into a program's inputs.

        If `around` does that, it only uploads what that needs.
        """

    def stitch(self, slot: Slot, ring: Ring, out_of: ProgramSlot, stream: Stream) -> None:
        """Copy the cores of a program's output into the frames of the slot's tiles, unless `around` did."""

    def close(self) -> None:
        """Free everything."""


def open_mover(cuda: Cuda, halo_px: int, kernels: bool = True) -> TileMover:
    """A KernelMover for the current GPU; without ``kernels``, or if they cannot be loaded, a CopyMover.

    The log says why they cannot be loaded.
    """
    if kernels:
        try:
            return KernelMover(cuda, halo_px)
        except EngineError as error:
            _LOG.warning("tiles are moved by many copies, as the kernels for it cannot be loaded: %s", error)
    return CopyMover(cuda, halo_px)


class KernelMover:
    """Cuts all tiles of a batch and stitches its cores with one kernel each, in the graph of the network.

    So a batch is one copy of its descriptors and one launch.
    """

    name: ClassVar[str] = "kernels"

    def __init__(self, cuda: Cuda, halo_px: int) -> None:
        """Load the kernels; raises CudaError if the current GPU or its driver does not support them."""
        self._cuda, self._halo = cuda, halo_px
        self._library = Library(cuda, PTX.read_bytes())
        try:
            self._gather, self._stitch = (
                cuda.kernel(self._library.handle, name) for name in ("gather_tiles", "stitch_cores")
            )
        except EngineError:
            self._library.close()
            raise

    def around(self, slot: Slot, core: Size) -> Around:
        """Cutting and stitching, at the positions of the slot's descriptors."""
        return _Moves(self, slot, core)

    def gather(self, slot: Slot, ring: Ring, into: ProgramSlot, stream: Stream) -> None:
        """Upload the tiles' descriptors; those of a larger batch say that there is no tile."""
        for number, placed in enumerate(slot.tiles):
            tile, room = placed.tile, placed.frame.room
            addresses = (room.image.handle, room.planes.handle, room.aged.handle)
            rectangle = (placed.frame.padded, tile.x0, tile.y0, tile.width, tile.height, 0)
            slot.descriptors[number] = (*addresses, *rectangle)
        slot.descriptors[len(slot.tiles) :] = 0
        self._cuda.copy(slot.memory.handle, slot.pinned.handle, slot.pinned.size, stream.handle)

    def stitch(self, slot: Slot, ring: Ring, out_of: ProgramSlot, stream: Stream) -> None:
        """Nothing: the launch has done it."""

    def close(self) -> None:
        """Unload the kernels."""
        self._library.close()

    def launch_gather(self, slot: Slot, core: Size, batch: int, into: ProgramSlot, stream: Stream) -> None:
        """Start to cut the tiles of a batch."""
        inputs: list[Argument] = [
            (into.address(n), ADDRESS) for n in ("image", "aging_map", "coordinates", "pattern")
        ]
        arguments: list[Argument] = [
            (slot.memory.handle, ADDRESS), (slot.memory.handle + slot.patterns_at, ADDRESS),
            (slot.patterns.shape[1], NUMBER), *inputs, *self._sizes(core),
        ]  # fmt: skip
        grid = (1, core[1] + 2 * self._halo, batch)
        self._cuda.kernel_launch(self._gather, grid, THREADS, arguments, stream.handle)

    def launch_stitch(self, slot: Slot, core: Size, batch: int, out_of: ProgramSlot, stream: Stream) -> None:
        """Start to stitch the cores of a batch."""
        arguments: list[Argument] = [
            (slot.memory.handle, ADDRESS), (out_of.address("aged"), ADDRESS), *self._sizes(core)
        ]  # fmt: skip
        self._cuda.kernel_launch(self._stitch, (1, core[1], batch), THREADS, arguments, stream.handle)

    def _sizes(self, core: Size) -> list[Argument]:
        return [(core[0], NUMBER), (core[1], NUMBER), (self._halo, NUMBER)]


@dataclass(frozen=True, eq=False)
class _Moves:
    """The kernels before and after the network of a slot in a ring with cores of one size."""

    mover: KernelMover
    slot: Slot
    core: Size

    def before(self, batch: int, program: ProgramSlot, stream: Stream) -> None:
        self.mover.launch_gather(self.slot, self.core, batch, program, stream)

    def after(self, batch: int, program: ProgramSlot, stream: Stream) -> None:
        self.mover.launch_stitch(self.slot, self.core, batch, program, stream)


class CopyMover:
    """Seven copies per tile beside the launch: slow, but supported by every driver."""

    name: ClassVar[str] = "copies"

    def __init__(self, cuda: Cuda, halo_px: int) -> None:
        self._cuda, self._halo = cuda, halo_px

    def around(self, slot: Slot, core: Size) -> None:
        """Nothing: the addresses of copies differ from batch to batch."""

    def gather(self, slot: Slot, ring: Ring, into: ProgramSlot, stream: Stream) -> None:
        """Copy the rectangles of every tile."""
        halo = self._halo
        row, rows = (side + 2 * halo for side in ring.core)
        for number, placed in enumerate(slot.tiles):
            tile, frame = placed.tile, placed.frame
            width, height = tile.width + 2 * halo, tile.height + 2 * halo
            self._cuda.copy_2d(
                into.address("image") + number * _RGB * row * rows, _RGB * row,
                frame.room.image.handle + _RGB * (tile.y0 * frame.padded + tile.x0), _RGB * frame.padded,
                _RGB * width, height, stream.handle,
            )  # fmt: skip
            self._gather_planes(into, (row // CELL_PX, rows // CELL_PX), number, placed, stream)
        size = len(slot.tiles) * slot.patterns.shape[1] * _FLOAT
        patterns = slot.pinned.handle + slot.patterns_at
        self._cuda.copy(into.address("pattern"), patterns, size, stream.handle)

    def _gather_planes(
        self, into: ProgramSlot, cells: Size, number: int, placed: PlacedTile, stream: Stream
    ) -> None:
        """Cut ages and coordinates into element ``number`` of a batch, whose planes have ``cells`` (w, h)."""
        tile, frame = placed.tile, placed.frame
        plane, row = _FLOAT * cells[0] * cells[1], frame.padded // CELL_PX
        width, height = ((size + 2 * self._halo) // CELL_PX for size in (tile.width, tile.height))
        start = frame.room.planes.handle + _FLOAT * (tile.y0 // CELL_PX * row + tile.x0 // CELL_PX)
        coordinates = into.address("coordinates") + number * COORDINATE_PLANES * plane
        targets = [into.address("aging_map") + number * plane]
        targets += [coordinates + i * plane for i in range(COORDINATE_PLANES)]
        for i, target in enumerate(targets):
            self._cuda.copy_2d(
                target, _FLOAT * cells[0], start + i * _FLOAT * row * row, _FLOAT * row,
                _FLOAT * width, height, stream.handle,
            )  # fmt: skip

    def stitch(self, slot: Slot, ring: Ring, out_of: ProgramSlot, stream: Stream) -> None:
        """Copy every core."""
        aged, (row, rows) = out_of.address("aged"), ring.core
        for number, placed in enumerate(slot.tiles):
            tile, frame = placed.tile, placed.frame
            self._cuda.copy_2d(
                frame.room.aged.handle + _RGB * (tile.y0 * frame.side + tile.x0), _RGB * frame.side,
                aged + number * _RGB * row * rows, _RGB * row,
                _RGB * tile.width, tile.height, stream.handle,
            )  # fmt: skip

    def close(self) -> None:
        """Nothing to free."""
