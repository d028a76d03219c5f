"""The protocol between the scheduler, which is plain Python, and whatever computes the tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..contract import Capabilities
from ..frame import FrameWork
from ..tiles import Tile


@dataclass(frozen=True, eq=False)
class PlacedTile:
    """A tile, and the frame on the device that it is part of (what begin_frame returned)."""

    frame: Any
    tile: Tile


@runtime_checkable
class TileDevice(Protocol):
    """Frames go in, are aged tile by tile in a ring of ``slots``, and come out.

    Two threads use a device concurrently, and both call ``attach`` first. One feeds it: begin_frame, then for
    each batch gather, launch and stitch on a slot that is free, and end_frame when the last tile of a frame
    was stitched. The other one collects: wait, which frees the slot, and finish_frame or drop_frame, which
    free the frame, once no slot holds a tile of it. So feeding may return before anything was computed.

    Any method may raise EngineError. After that the slot or frame is as if the call had not been made, but
    for the slot of a batch, which ``abandon`` frees (``wait`` frees it even where it raises). Once ``fault``
    says something, the device is of no more use, and only ``close`` may still be called.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What the device is and likes; ``batch`` tiles fit into one slot."""

    @property
    def slots(self) -> int:
        """How many batches may be in flight: slots are numbered from 0."""

    @property
    def fault(self) -> str:
        """Why the device is of no more use, half a sentence; empty while it is fine."""

    @property
    def graph_launches(self) -> int:
        """How many CUDA graphs were launched so far."""

    def attach(self) -> None:
        """Make the device usable by the calling thread."""

    def has_room(self, work: FrameWork) -> bool:
        """Whether a frame may be begun in addition to the unfinished ones; true if there are none."""

    def begin_frame(self, work: FrameWork) -> Any:
        """Take a frame in, once for all its tiles; its arrays must not change until it is finished."""

    def gather(self, slot: int, tiles: Sequence[PlacedTile]) -> int:
        """Put tiles with their halo into a free slot; returns how many tiles the engine will compute.

        That is more than ``len(tiles)`` where the engine has no batch of this size: the rest is padding.
        """

    def launch(self, slot: int) -> None:
        """Start the engine on the slot's tiles."""

    def stitch(self, slot: int) -> None:
        """Have the aged cores written to their places in their frames as soon as they are there."""

    def end_frame(self, frame: Any) -> None:
        """Have the frame brought back once all that was stitched so far is in it; may be called again."""

    def wait(self, slot: int) -> None:
        """Block until the slot's tiles are stitched; the slot is free afterwards, even on an error."""

    def abandon(self, slot: int) -> None:
        """Free a slot after gather, launch or stitch failed: wait for what was started, and forget it."""

    def finish_frame(self, frame: Any) -> NDArray[np.uint8]:
        """Block until the frame is back and give it out, uint8 [S, S, 3]; frees its place on the device."""

    def drop_frame(self, frame: Any) -> None:
        """Free a frame's place on the device without its pixels."""

    def close(self) -> None:
        """Give all memory back; nothing may be in flight, unless ``fault`` says something."""
