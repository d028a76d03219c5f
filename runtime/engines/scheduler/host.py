"""The tile device for engines that take NumPy arrays: cuts and stitches tiles in main memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ...errors import EngineError
from ..contract import CELL_PX, Capabilities, Engine, Ticket, TileBatch
from ..frame import FrameWork
from .device import PlacedTile

MAX_FRAMES = 8
"""The maximum number of unfinished frames."""
_T = TypeVar("_T", bound=np.generic)


@dataclass(eq=False)
class _HostFrame:
    """A frame and its result, which is initialised with the input's pixels."""

    work: FrameWork
    aged: NDArray[np.uint8]


@dataclass(eq=False)
class _Slot:
    """A slot: its tiles, the batch that was cut for them, and the engine's ticket."""

    tiles: Sequence[PlacedTile] = ()
    batch: TileBatch | None = None
    ticket: Ticket | None = field(default=None)


class HostTileDevice:
    """A TileDevice around an Engine, with as many batches in flight as the engine recommends."""

    def __init__(self, engine: Engine, halo_px: int, reason: str = "") -> None:
        """Take over an engine, which is closed with the device.

        ``halo_px`` is the halo of its tiles, ``reason`` why this engine was chosen.
        """
        self._engine = engine
        self._capabilities = replace(engine.capabilities, reason=reason or engine.capabilities.reason)
        self._halo = halo_px
        self._slots = [_Slot() for _ in range(engine.capabilities.in_flight)]
        self._frames: set[_HostFrame] = set()
        self._closed = False

    @property
    def capabilities(self) -> Capabilities:
        """The properties of the engine."""
        return self._capabilities

    @property
    def slots(self) -> int:
        """The number of batches that may be in flight."""
        return len(self._slots)

    @property
    def fault(self) -> str:
        """Empty while the device is open; an engine on the host does not fail permanently."""
        return "it was closed" if self._closed else ""

    @property
    def graph_launches(self) -> int:
        """Always 0: there are no CUDA graphs."""
        return 0

    def attach(self) -> None:
        """Nothing to do."""

    def canvas(self, side_px: int) -> NDArray[np.uint8]:
        """Black pixels in pageable memory."""
        return np.zeros((side_px, side_px, 3), np.uint8)

    def has_room(self, work: FrameWork) -> bool:
        """Whether fewer than MAX_FRAMES frames are unfinished."""
        return len(self._frames) < MAX_FRAMES

    def begin_frame(self, work: FrameWork) -> _HostFrame:
        """Keep a reference to a frame and a copy of its pixels, without halo, to stitch into."""
        inside = slice(self._halo, work.image.shape[0] - self._halo)
        frame = _HostFrame(work, np.array(work.image[inside, inside]))
        self._frames.add(frame)
        return frame

    def gather(self, slot: int, tiles: Sequence[PlacedTile]) -> int:
        """Cut the tiles out; a single tile as wide as its frame is a view."""
        images = [t.frame.work.image[t.tile.padded(self._halo)] for t in tiles]
        cells = [t.tile.padded(self._halo, CELL_PX) for t in tiles]
        works = [t.frame.work for t in tiles]
        ages = [work.aging_map[part] for work, part in zip(works, cells, strict=True)]
        coordinates = [
            work.coordinates[:, rows, columns] for work, (rows, columns) in zip(works, cells, strict=True)
        ]
        patterns = [work.pattern for work in works]
        batch = TileBatch(
            _stack(images), _stack(ages)[:, None], _stack(coordinates), _stack(patterns), _name(len(tiles))
        )
        self._slots[slot] = _Slot(tiles, batch)
        return len(tiles)

    def launch(self, slot: int) -> None:
        """Submit the slot's batch."""
        held = self._slots[slot]
        if held.batch is None:
            raise EngineError(f"slot {slot} holds no tiles: gather them first")
        held.ticket = self._engine.submit(held.batch)

    def stitch(self, slot: int) -> None:
        """Nothing to do: `wait` writes the cores."""

    def end_frame(self, frame: _HostFrame) -> None:
        """Nothing to do: the frame is in main memory."""

    def wait(self, slot: int) -> None:
        """Wait for the slot's batch and write its cores into the frames."""
        held, self._slots[slot] = self._slots[slot], _Slot()
        if held.ticket is None:
            raise EngineError(f"slot {slot} has nothing in flight: launch it first")
        for placed, core in zip(held.tiles, self._engine.wait(held.ticket), strict=True):
            placed.frame.aged[placed.tile.core] = core

    def abandon(self, slot: int) -> None:
        """Discard the slot's batch; waits for it if it was submitted."""
        held, self._slots[slot] = self._slots[slot], _Slot()
        if held.ticket is not None:
            self._engine.wait(held.ticket)

    def finish_frame(self, frame: _HostFrame) -> NDArray[np.uint8]:
        """The aged frame itself, not a copy."""
        self._frames.discard(frame)
        return frame.aged

    def drop_frame(self, frame: _HostFrame) -> None:
        """Drop the reference to the frame."""
        self._frames.discard(frame)

    def close(self) -> None:
        """Close the engine."""
        self._closed = True
        self._engine.close()


def _stack(arrays: Sequence[NDArray[_T]]) -> NDArray[_T]:
    """Stack arrays of one shape along a new first axis, in C order; a single contiguous one is a view."""
    return np.ascontiguousarray(arrays[0][None]) if len(arrays) == 1 else np.stack(arrays)


def _name(count: int) -> str:
    return "the tile" if count == 1 else f"{count} tiles"
