"""Cutting tiles out of frames on a GPU and stitching cores into them, by kernels or by copies."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import ClassVar, Protocol

from ...errors import EngineError
from ..contract import CELL_PX, COORDINATE_PLANES
from ..scheduler.device import PlacedTile
from ..tiles import Size
from .api import ADDRESS, NUMBER, Cuda, KernelType
from .handles import Library, Stream
from .program import ProgramSlot
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

    def gather(self, slot: Slot, ring: Ring, into: ProgramSlot, stream: Stream) -> None:
        """Cut the slot's tiles with halo, ages, coordinates and patterns into a program's inputs."""

    def stitch(self, slot: Slot, ring: Ring, out_of: ProgramSlot, stream: Stream) -> None:
        """Copy the cores of a program's output into the frames of the slot's tiles."""

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
    """Cuts all tiles of a batch with one copy and one launch, and stitches its cores with one launch."""

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

    def gather(self, slot: Slot, ring: Ring, into: ProgramSlot, stream: Stream) -> None:
        """Upload the tiles' descriptors, and cut the tiles."""
        for number, placed in enumerate(slot.tiles):
            tile, room = placed.tile, placed.frame.room
            addresses = (room.image.handle, room.planes.handle, room.aged.handle)
            rectangle = (placed.frame.padded, tile.x0, tile.y0, tile.width, tile.height, 0)
            slot.descriptors[number] = (*addresses, *rectangle)
        self._cuda.copy(slot.memory.handle, slot.pinned.handle, slot.pinned.size, stream.handle)
        mixed = slot.patterns.shape[1]
        inputs: list[Argument] = [
            (into.address(n), ADDRESS) for n in ("image", "aging_map", "coordinates", "pattern")
        ]
        arguments: list[Argument] = [
            (slot.memory.handle, ADDRESS), (slot.memory.handle + slot.patterns_at, ADDRESS), (mixed, NUMBER),
            *inputs, (ring.core[0], NUMBER), (ring.core[1], NUMBER), (self._halo, NUMBER),
        ]  # fmt: skip
        grid = (1, ring.core[1] + 2 * self._halo, len(slot.tiles))
        self._cuda.kernel_launch(self._gather, grid, THREADS, arguments, stream.handle)

    def stitch(self, slot: Slot, ring: Ring, out_of: ProgramSlot, stream: Stream) -> None:
        """Stitch the cores at the positions of the uploaded descriptors."""
        arguments: list[Argument] = [
            (slot.memory.handle, ADDRESS), (out_of.address("aged"), ADDRESS),
            (ring.core[0], NUMBER), (ring.core[1], NUMBER), (self._halo, NUMBER),
        ]  # fmt: skip
        grid = (1, ring.core[1], len(slot.tiles))
        self._cuda.kernel_launch(self._stitch, grid, THREADS, arguments, stream.handle)

    def close(self) -> None:
        """Unload the kernels."""
        self._library.close()


class CopyMover:
    """Seven copies per tile: slow to launch, but supported by every driver."""

    name: ClassVar[str] = "copies"

    def __init__(self, cuda: Cuda, halo_px: int) -> None:
        self._cuda, self._halo = cuda, halo_px

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
