"""The protocol between the scheduler and the devices that compute tiles."""

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
    """A tile and the handle of its frame on the device, as begin_frame returned it."""

    frame: Any
    tile: Tile


@runtime_checkable
class TileDevice(Protocol):
    """A device that ages frames tile by tile, in a ring of ``slots``.

    Two threads use a device concurrently, and both call ``attach`` first. The feeding thread calls
    begin_frame, then for each batch gather, launch and stitch on a free slot, and end_frame after the last
    tile of a frame was stitched. The collecting thread calls wait, which frees the slot, and finish_frame or
    drop_frame, which free the frame, once no slot holds a tile of it. Calls of the feeding thread may return
    before anything was computed.

    Any method may raise EngineError. The slot or frame is then in the state before the call, except the slot
    of a batch, which must be freed with ``abandon`` (``wait`` frees it even if it raises). Once ``fault`` is
    not empty, the device is unusable, and only ``close`` may be called.
    """

    @property
    def capabilities(self) -> Capabilities:
        """The properties of the device; a slot holds up to ``batch`` tiles."""

    @property
    def slots(self) -> int:
        """The number of batches that may be in flight; slots are numbered from 0."""

    @property
    def fault(self) -> str:
        """Why the device is unusable, as a clause; empty while it works."""

    @property
    def graph_launches(self) -> int:
        """The number of CUDA graphs launched so far."""

    def attach(self) -> None:
        """Prepare the calling thread for using the device."""

    def canvas(self, side_px: int) -> NDArray[np.uint8]:
        """Black pixels, uint8 [S, S, 3], in the memory that is best for a frame's image; thread-safe."""

    def has_room(self, work: FrameWork) -> bool:
        """Whether another frame may be begun now; true if none is unfinished."""

    def begin_frame(self, work: FrameWork) -> Any:
        """Transfer a frame to the device, return its handle; arrays must not change until it is finished."""

    def gather(self, slot: int, tiles: Sequence[PlacedTile]) -> int:
        """Copy tiles with their halo into a free slot; returns how many tiles the engine will compute.

        More than ``len(tiles)`` if the engine has no batch of this size: the rest is padding.
        """

    def launch(self, slot: int) -> None:
        """Start the engine on the slot's tiles."""

    def stitch(self, slot: int) -> None:
        """Have the aged cores written into their frames when they are computed."""

    def end_frame(self, frame: Any) -> None:
        """Have the frame transferred back after the stitching so far; may be called again."""

    def wait(self, slot: int) -> None:
        """Block until the slot's tiles are stitched; frees the slot, even on an error."""

    def abandon(self, slot: int) -> None:
        """Free a slot after gather, launch or stitch failed, and wait for work that was started."""

    def finish_frame(self, frame: Any) -> NDArray[np.uint8]:
        """Block until the frame is transferred back; frees it on the device, returns uint8 [S, S, 3]."""

    def drop_frame(self, frame: Any) -> None:
        """Free a frame on the device without transferring it."""

    def close(self) -> None:
        """Free all memory; nothing may be in flight unless ``fault`` is set."""
