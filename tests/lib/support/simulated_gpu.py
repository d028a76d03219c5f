"""A TileDevice that computes nothing and takes as long as a GPU would, in simulated time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from amgan.runtime.bundle.precision import Precision
from amgan.runtime.engines.contract import Capabilities
from amgan.runtime.engines.frame import FrameWork
from amgan.runtime.engines.scheduler.device import PlacedTile
from support.simulated_time import World

BEGIN_CALLS, GATHER_CALLS, LAUNCH_CALLS, STITCH_CALLS, END_CALLS = 3, 2, 4, 2, 2
"""Calls of CUDA that each step of CudaTileDevice makes; a test of that device counts them."""
COPIES_IN = 7
PLANE_BYTES = 5 * 4 / 16
"""Bytes of ages and coordinates a pixel."""


@dataclass(frozen=True)
class Times:
    """What things take, in seconds: one tile on the GPU, and for each byte a copy on the host, one over the
    bus, and one that a kernel makes on the GPU; a call of CUDA on the host, and the start of work on the GPU.

    The defaults are an H100's with tiles of 1024 px: pinned memory over PCIe 5, one core that copies, kernels
    that read and write at half of the memory's speed.
    """

    tile: float = 1.0e-3
    host_byte: float = 1 / 12e9
    bus_byte: float = 1 / 40e9
    moved_byte: float = 2 / 1.5e12
    call: float = 2e-6
    start: float = 3e-6


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
    """See TileDevice. ``intervals`` are the times (start, end) in which it computed, ``calls`` those of CUDA.

    As CudaTileDevice it uploads descriptors, and one graph cuts the tiles of a batch, computes them and puts
    their cores back; without ``kernels`` it takes seven copies a tile to cut, one to put back, in streams of
    their own.
    """

    world: World
    times: Times
    core_px: int = 1024
    halo_px: int = 44
    slots: int = 3
    batch: int = 8
    max_frames: int = 64
    kernels: bool = True
    calls: int = 0
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

    def canvas(self, side_px: int) -> np.ndarray:
        return np.zeros((side_px, side_px, 3), np.uint8)

    def has_room(self, work: FrameWork) -> bool:
        return len(self._frames) < self.max_frames

    def begin_frame(self, work: FrameWork) -> _Frame:
        self.world.sleep(work.nbytes * self.times.host_byte)
        self._call(BEGIN_CALLS)
        frame = _Frame(work, work.frame_px(self.halo_px))
        frame.up = self._up.give(self.world.now, self._up_s(work))
        self._frames.add(frame)
        self.most_frames = max(self.most_frames, len(self._frames))
        return frame

    def gather(self, slot: int, tiles: Sequence[PlacedTile]) -> int:
        held = self._slots[slot]
        held.tiles = tiles
        self._call(GATHER_CALLS if self.kernels else COPIES_IN * len(tiles) + 1)
        took = self.times.start if self.kernels else self._gather_s(len(tiles))
        held.gathered = self._up.give(self.world.now, took)
        self.batches.append(len(tiles))
        return self._size(held)

    def launch(self, slot: int) -> None:
        held = self._slots[slot]
        self._call(LAUNCH_CALLS)
        took = self._size(held) * self.times.tile
        if self.kernels:
            took += self._gather_s(len(held.tiles)) + self._stitch_s(len(held.tiles))
        held.computed = self._compute.give(self.world.now, took, held.gathered)
        self.intervals.append((held.computed - took, held.computed))

    def stitch(self, slot: int) -> None:
        held = self._slots[slot]
        self._call(STITCH_CALLS if self.kernels else len(held.tiles) + 2)
        took = 0.0 if self.kernels else self._stitch_s(len(held.tiles))
        held.stitched = self._down.give(self.world.now, took, held.computed)

    def end_frame(self, frame: _Frame) -> None:
        self._call(END_CALLS)
        frame.back = self._down.give(self.world.now, self._down_s(frame.side))

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

    def _call(self, calls: int) -> None:
        """Let the time of so many calls of CUDA go by on the host."""
        self.calls += calls
        self.world.sleep(calls * self.times.call)

    def _size(self, held: _Slot) -> int:
        return next(size for size in (1, 2, 4, 8) if size >= len(held.tiles))

    def _up_s(self, work: FrameWork) -> float:
        return work.nbytes * self.times.bus_byte + self.times.start

    def _gather_s(self, tiles: int) -> float:
        side = self.core_px + 2 * self.halo_px
        moved = tiles * (3 + PLANE_BYTES) * side**2 * self.times.moved_byte
        return moved + self.times.start * (1 if self.kernels else COPIES_IN * tiles)

    def _stitch_s(self, tiles: int) -> float:
        moved = tiles * 3 * self.core_px**2 * self.times.moved_byte
        return moved + self.times.start * (1 if self.kernels else tiles)

    def _down_s(self, side: int) -> float:
        return 3 * side**2 * self.times.bus_byte + self.times.start

    def alone_s(self, work: FrameWork) -> float:
        """What a frame of one tile takes where nothing else is there: every step after the one before.

        The calls that the host makes while the GPU works take no time of their own.
        """
        times, side = self.times, work.frame_px(self.halo_px)
        ready = work.nbytes * times.host_byte + BEGIN_CALLS * times.call
        called = ready + GATHER_CALLS * times.call
        gathered = max(called, ready + self._up_s(work)) + times.start
        launched = max(called + LAUNCH_CALLS * times.call, gathered)
        computed = launched + self._gather_s(1) + times.tile + self._stitch_s(1)
        return computed + self._down_s(side) + 3 * side**2 * times.host_byte

    __hash__: Any = object.__hash__
