"""Formation of batches, and counters of what was computed."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, fields

from ..contract import Capabilities
from ..tiles import Tile
from .backlog import FrameTask


@dataclass(frozen=True)
class Counters:
    """Totals of what was computed so far.

    ``padded_tiles`` are tiles that were computed only to fill a batch; ``graph_launches`` counts CUDA graphs;
    ``busy_s`` is the time during which at least one batch was in flight, in seconds, summed over the devices.
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
    """Counts for one device; not thread-safe."""

    def __init__(self) -> None:
        self._frames = self._tiles = self._batches = self._padded = self._flying = 0
        self._busy_s = self._since = 0.0

    def launched(self, tiles: int, computed: int) -> None:
        """Count a launched batch of ``computed`` tiles, of which ``tiles`` are not padding."""
        if not self._flying:
            self._since = time.perf_counter()
        self._flying += 1
        self._batches += 1
        self._padded += computed - tiles

    def landed(self, tiles: int) -> None:
        """Count a finished batch of which ``tiles`` tiles succeeded."""
        self._tiles += tiles
        self._flying -= 1
        if not self._flying:
            self._busy_s += time.perf_counter() - self._since

    def finished(self, good: bool) -> None:
        """Count a frame if it is ``good``, not failed or cancelled."""
        self._frames += good

    def read(self, graph_launches: int) -> Counters:
        """The current totals."""
        busy = self._busy_s + (time.perf_counter() - self._since if self._flying else 0.0)
        return Counters(self._frames, self._tiles, self._batches, self._padded, graph_launches, busy)


@dataclass(eq=False)
class InFlightBatch:
    """A batch in flight: its slot, its tiles, and whether it was launched."""

    slot: int
    tiles: tuple[tuple[FrameTask, Tile], ...]
    launched: bool = False

    @property
    def tasks(self) -> list[FrameTask]:
        """The frames of its tiles, each once, in order."""
        return list(dict.fromkeys(task for task, _ in self.tiles))


Chosen = tuple[tuple[FrameTask, Tile], ...]
"""The tiles of a batch, each with its frame."""


def form_batch(tasks: deque[FrameTask], likes: Capabilities, waited: bool) -> tuple[Chosen, int]:
    """Take tiles for one batch from the frames ``tasks``, in order.

    A batch holds tiles of one size, or of one core with ``fixed_core``. The first full batch is taken; only
    if ``waited``, an incomplete one: that of the tile that has waited longest. Returns the tiles, counted as
    in flight, and the number of waiting tiles.
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
    """The key that tiles of a batch share, and the size of a full batch."""
    if likes.fixed_core:
        core = likes.core_of(tile.width, tile.height)
        return core.size, core.batch
    return (tile.width, tile.height), likes.batch


def _take(batch: list[tuple[FrameTask, Tile]]) -> Chosen:
    # All tiles of a frame have one size, so the taken ones are its first.
    for task, _ in batch:
        task.waiting.popleft()
    return _taken(batch)


def _taken(tiles: list[tuple[FrameTask, Tile]]) -> Chosen:
    for task, _ in tiles:
        task.in_flight += 1
    return tuple(tiles)
