"""A TileDevice that computes nothing and takes as long as a GPU would, in simulated time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from simulated_time import World

from amgan.runtime.bundle.precision import Precision
from amgan.runtime.engines.contract import Capabilities
from amgan.runtime.engines.frame import FrameWork
from amgan.runtime.engines.scheduler.device import PlacedTile


@dataclass(frozen=True)
class Times:
    """What things take, in seconds: one tile on the GPU, a copy on the host and over the bus for each byte.

    The defaults are an H100's with tiles of 1024 px: pinned memory over PCIe 5, and one core that copies.
    """

    tile: float = 1.0e-3
    host_byte: float = 1 / 12e9
    bus_byte: float = 1 / 40e9
    call: float = 2e-6


@dataclass(eq=False)
class _Frame:
    work: FrameWork
    side: int
    up: float = 0.0
    back: float = 0.0


@dataclass(eq=False)
class _Slot:
    tiles: Sequence[PlacedTile] = ()
    gathered: float = 0.0
    computed: float = 0.0
    stitched: float = 0.0


@dataclass(eq=False)
class _Stream:
    """A stream: when all that it was given is done."""

    free: float = 0.0

    def give(self, now: float, seconds: float, after: float = 0.0) -> float:
        """Give it some work that begins after a moment; returns when it is done."""
        self.free = max(self.free, now, after) + seconds
        return self.free


@dataclass(eq=False)
class SimulatedGpu:
    """See TileDevice. ``intervals`` are the times (start, end) in which it computed."""

    world: World
    times: Times
    core_px: int = 1024
    halo_px: int = 56
    slots: int = 3
    batch: int = 8
    max_frames: int = 64
    intervals: list[tuple[float, float]] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    most_frames: int = 0

    fault = ""
    graph_launches = 0

    def __post_init__(self) -> None:
        self.capabilities = Capabilities(
            "Simulated", "cuda:0", Precision.FP16, self.core_px, self.slots, self.batch, fixed_core=True
        )
        self._up, self._compute, self._down = _Stream(), _Stream(), _Stream()
        self._slots = [_Slot() for _ in range(self.slots)]
        self._frames: set[_Frame] = set()

    def busy_share(self, start: float, end: float) -> float:
        """The share of a stretch of time in which it computed."""
        return sum(max(0.0, min(b, end) - max(a, start)) for a, b in self.intervals) / (end - start)

    def attach(self) -> None:
        pass

    def has_room(self, work: FrameWork) -> bool:
        return len(self._frames) < self.max_frames

    def begin_frame(self, work: FrameWork) -> _Frame:
        self.world.sleep(work.nbytes * self.times.host_byte + 3 * self.times.call)
        frame = _Frame(work, work.frame_px(self.halo_px))
        frame.up = self._up.give(self.world.now, work.nbytes * self.times.bus_byte)
        self._frames.add(frame)
        self.most_frames = max(self.most_frames, len(self._frames))
        return frame

    def gather(self, slot: int, tiles: Sequence[PlacedTile]) -> int:
        self.world.sleep(2 * len(tiles) * self.times.call)
        held = self._slots[slot]
        held.tiles = tiles
        held.gathered = self._up.give(self.world.now, 2 * len(tiles) * self.times.call)
        self.batches.append(len(tiles))
        return next(size for size in (1, 2, 4, 8) if size >= len(tiles))

    def launch(self, slot: int) -> None:
        held = self._slots[slot]
        size = next(size for size in (1, 2, 4, 8) if size >= len(held.tiles))
        took = size * self.times.tile
        held.computed = self._compute.give(self.world.now, took, held.gathered)
        self.intervals.append((held.computed - took, held.computed))

    def stitch(self, slot: int) -> None:
        held = self._slots[slot]
        took = len(held.tiles) * self.times.call
        held.stitched = self._down.give(self.world.now, took, held.computed)

    def end_frame(self, frame: _Frame) -> None:
        frame.back = self._down.give(self.world.now, 3 * frame.side**2 * self.times.bus_byte)

    def wait(self, slot: int) -> None:
        self._sleep_until(self._slots[slot].stitched)

    def abandon(self, slot: int) -> None:
        raise AssertionError("nothing fails here")

    def finish_frame(self, frame: _Frame) -> np.ndarray:
        self._sleep_until(frame.back)
        self.world.sleep(3 * frame.side**2 * self.times.host_byte)
        self._frames.remove(frame)
        return np.zeros((1, 1, 3), np.uint8)

    def drop_frame(self, frame: _Frame) -> None:
        self._frames.remove(frame)

    def close(self) -> None:
        pass

    def _sleep_until(self, moment: float) -> None:
        self.world.sleep(max(0.0, moment - self.world.now))

    def alone_s(self, work: FrameWork) -> float:
        """What a frame of one tile takes where nothing else is there: every step after the one before."""
        times, side = self.times, work.frame_px(self.halo_px)
        up = work.nbytes * (times.host_byte + times.bus_byte) + 5 * times.call
        down = 3 * side**2 * (times.host_byte + times.bus_byte)
        return up + times.tile + times.call + down

    __hash__: Any = object.__hash__
