"""Which tiles go into the next batch, and the count of what was computed."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, fields

from ..contract import Capabilities
from ..tiles import Tile
from .backlog import FrameTask


@dataclass(frozen=True)
class Counters:
    """What was computed so far.

    ``padded_tiles`` are tiles that filled a batch up and were thrown away; ``graph_launches`` counts CUDA
    graphs; ``busy_s`` is how long at least one batch was in flight, in seconds, added up over the devices.
    """

    frames: int = 0
    tiles: int = 0
    batches: int = 0
    padded_tiles: int = 0
    graph_launches: int = 0
    busy_s: float = 0.0

    def __add__(self, other: Counters) -> Counters:
        return Counters(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


class Meter:
    """Counts for one device; the caller sees to it that one thread counts at a time."""

    def __init__(self) -> None:
        self._frames = self._tiles = self._batches = self._padded = self._flying = 0
        self._busy_s = self._since = 0.0

    def launched(self, tiles: int, computed: int) -> None:
        """A batch was launched that holds ``tiles`` and ``computed - tiles`` more."""
        if not self._flying:
            self._since = time.perf_counter()
        self._flying += 1
        self._batches += 1
        self._padded += computed - tiles

    def landed(self, tiles: int) -> None:
        """A batch is over, with so many tiles done."""
        self._tiles += tiles
        self._flying -= 1
        if not self._flying:
            self._busy_s += time.perf_counter() - self._since

    def finished(self, good: bool) -> None:
        """A frame is out, or was given up."""
        self._frames += good

    def read(self, graph_launches: int) -> Counters:
        """All counts as of now."""
        busy = self._busy_s + (time.perf_counter() - self._since if self._flying else 0.0)
        return Counters(self._frames, self._tiles, self._batches, self._padded, graph_launches, busy)


@dataclass(eq=False)
class InFlightBatch:
    """A batch in flight: its slot, the tiles in it, and whether the device was told to compute it."""

    slot: int
    tiles: tuple[tuple[FrameTask, Tile], ...]
    launched: bool = False

    @property
    def tasks(self) -> list[FrameTask]:
        """The frames it has tiles of, each once, in order."""
        return list(dict.fromkeys(task for task, _ in self.tiles))


Chosen = tuple[tuple[FrameTask, Tile], ...]
"""Tiles of a batch, each with its frame."""


def form_batch(tasks: deque[FrameTask], likes: Capabilities, waited: bool) -> tuple[Chosen, int]:
    """Take tiles for one batch out of the frames ``tasks``, first come first served.

    A batch holds tiles of one size, or of one core with ``fixed_core``: the first that is full. One that is
    not full is taken only if ``waited``, and then that of the tile that waits longest. Returns the tiles,
    counted as in flight, and how many wait.
    """
    for task in tasks:
        if task.alone:
            return _taken([(task, task.alone.popleft())]), 1
    forming: dict[object, list[tuple[FrameTask, Tile]]] = {}
    for task in tasks:
        for tile in task.waiting:
            kind, most = _kind(tile, likes)
            batch = forming.setdefault(kind, [])
            batch.append((task, tile))
            if len(batch) == most:
                return _take(batch), len(batch)
    ready = sum(len(batch) for batch in forming.values())
    return (_take(next(iter(forming.values()))) if forming and waited else ()), ready


def _kind(tile: Tile, likes: Capabilities) -> tuple[object, int]:
    """What tiles of a batch have in common, and how many it holds."""
    if likes.fixed_core:
        core = likes.core_of(tile.width, tile.height)
        return core.size, core.batch
    return (tile.width, tile.height), likes.batch


def _take(batch: list[tuple[FrameTask, Tile]]) -> Chosen:
    # All tiles of a frame are of one size, so those taken are its first ones.
    for task, _ in batch:
        task.waiting.popleft()
    return _taken(batch)


def _taken(tiles: list[tuple[FrameTask, Tile]]) -> Chosen:
    for task, _ in tiles:
        task.in_flight += 1
    return tuple(tiles)
