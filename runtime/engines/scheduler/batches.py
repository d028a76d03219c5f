"""Which tiles go into the next batch, and the count of what was computed."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, fields

from ..contract import Capabilities
from ..tiles import Tile
from .backlog import Job


@dataclass(frozen=True)
class Counters:
    """What was computed so far.

    ``padded_tiles`` are tiles that filled a batch up and were thrown away; ``graph_launches`` counts CUDA
    graphs; ``busy_s`` is how long at least one batch was under way, in seconds, added up over the devices.
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
class Flight:
    """A batch under way: its slot, the tiles in it, and whether the device was told to compute it."""

    slot: int
    tiles: tuple[tuple[Job, Tile], ...]
    launched: bool = False

    @property
    def jobs(self) -> list[Job]:
        """The frames it has tiles of, each once, in order."""
        return list(dict.fromkeys(job for job, _ in self.tiles))


Chosen = tuple[tuple[Job, Tile], ...]
"""Tiles of a batch, each with its frame."""


def form_flight(jobs: deque[Job], likes: Capabilities, waited: bool) -> tuple[Chosen, int]:
    """Take tiles for one batch out of the frames ``jobs``, first come first served.

    A batch holds tiles of one size, or of one core with ``fixed_core``: the first that is full. One that is
    not full is taken only if ``waited``, and then that of the tile that waits longest. Returns the tiles,
    counted as under way, and how many wait.
    """
    for job in jobs:
        if job.alone:
            return _taken([(job, job.alone.popleft())]), 1
    forming: dict[object, list[tuple[Job, Tile]]] = {}
    for job in jobs:
        for tile in job.waiting:
            kind, most = _kind(tile, likes)
            batch = forming.setdefault(kind, [])
            batch.append((job, tile))
            if len(batch) == most:
                return _take(batch), len(batch)
    ready = sum(len(batch) for batch in forming.values())
    return (_take(next(iter(forming.values()))) if forming and waited else ()), ready


def _kind(tile: Tile, likes: Capabilities) -> tuple[object, int]:
    """What tiles of a batch have in common, and how many it holds."""
    if likes.fixed_core:
        core = likes.core_of(tile.width, tile.height)
        return core.px, core.batch
    return (tile.width, tile.height), likes.batch


def _take(batch: list[tuple[Job, Tile]]) -> Chosen:
    # All tiles of a frame are of one size, so those taken are its first ones.
    for job, _ in batch:
        job.waiting.popleft()
    return _taken(batch)


def _taken(tiles: list[tuple[Job, Tile]]) -> Chosen:
    for job, _ in tiles:
        job.under_way += 1
    return tuple(tiles)
