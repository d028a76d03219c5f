"""A device of NumPy that computes as late as it may, and holds who drives it to the rules of TileDevice."""

from __future__ import annotations

import functools
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from amgan.runtime.engines.contract import Capabilities
from amgan.runtime.engines.frame import FrameWork
from amgan.runtime.engines.scheduler.device import PlacedTile
from amgan.runtime.engines.tiles import Tile, plan_tiles
from amgan.runtime.errors import EngineError

HALO = 4
PATTERNS = 3
GARBAGE = 0xA5


def age_tile(image: np.ndarray, ages: np.ndarray, places: np.ndarray, pattern: np.ndarray) -> np.ndarray:
    """What the device makes of a tile with its halo: depends on pixels, years, all coordinates and the
    pattern.
    """
    core = image[HALO:-HALO, HALO:-HALO].astype(np.int64)
    cells = ages.astype(np.int64) + np.einsum("p,phw->hw", [1, 3, 5, 7], places.astype(np.int64))
    years = cells.repeat(4, 0).repeat(4, 1)[HALO:-HALO, HALO:-HALO]
    mixed = int(pattern.astype(np.int64) @ np.arange(1, len(pattern) + 1))
    return ((core + years[..., None] + mixed) % 256).astype(np.uint8)


@functools.cache
def make_work(label: str, side: int = 32, core: int = 16, tiles: int | None = None) -> FrameWork:
    """A frame of noise with the first so many tiles of its plan."""
    rng = np.random.default_rng(sum(label.encode()) + side)
    padded = side + 2 * HALO
    return FrameWork(
        rng.integers(0, 256, (padded, padded, 3), dtype=np.uint8),
        rng.uniform(15, 90, (padded // 4, padded // 4)).astype(np.float32),
        rng.integers(0, 40, (4, padded // 4, padded // 4)).astype(np.float32),
        rng.integers(0, 40, PATTERNS).astype(np.float32),
        tuple(plan_tiles(side, core))[:tiles],
        label,
    )


def cut_tile(work: FrameWork, tile: Tile) -> tuple[np.ndarray, ...]:
    """What of a frame a tile is given: image, ages, coordinates and pattern."""
    cells = tile.padded(HALO, 4)
    return work.image[tile.padded(HALO)], work.aging_map[cells], work.coordinates[:, *cells], work.pattern


def age_frame(work: FrameWork) -> np.ndarray:
    """The result that a frame must have."""
    out = work.image[HALO:-HALO, HALO:-HALO].copy()
    for tile in work.tiles:
        out[tile.core] = age_tile(*cut_tile(work, tile))
    return out


@dataclass(frozen=True)
class Faults:
    """What is to go wrong.

    ``calls`` are names of methods with a frame's label, and a tile or None: such a call fails, each time.
    ``flaky`` batches fail once when they hold more than one tile. After ``dies_after`` calls all is over.
    """

    calls: frozenset[tuple[str, str, Tile | None]] = frozenset()
    flaky: bool = False
    dies_after: int | None = None


@dataclass(eq=False)
class NumpyFrame:
    work: FrameWork
    aged: np.ndarray
    back: np.ndarray | None = None
    alive: bool = True


@dataclass(eq=False)
class NumpySlot:
    state: str = "free"
    tiles: Sequence[PlacedTile] = ()
    inputs: list[Any] = field(default_factory=list)
    cores: list[np.ndarray] = field(default_factory=list)
    todo: list[Callable[[], None]] = field(default_factory=list)


class NumpyDevice:
    """See TileDevice; every broken rule is noted in ``broken``, as it may be broken in a thread."""

    def __init__(
        self,
        slots: int = 2,
        batch: int = 1,
        max_frames: int = 2,
        *,
        fixed_core: bool = False,
        seed: int = 0,
        faults: Faults = Faults(),
        sleep_s: float = 0.0,
        core_px: int = 16,
    ) -> None:
        self.capabilities = Capabilities("NumPy", "test", "u8", core_px, slots, batch, fixed_core)
        self.slots, self._max_frames = slots, max_frames
        self.fault = ""
        self.broken: list[str] = []
        self.batches: list[int] = []
        self.closed = False
        self.graph_launches = 0
        self._random = random.Random(seed)
        self._faults, self._sleep_s = faults, sleep_s
        self._calls = 0
        self._flaked: set[int] = set()
        self._lock = threading.RLock()
        self._attached: set[int] = set()
        self._slots = [NumpySlot() for _ in range(slots)]
        self._frames: list[NumpyFrame] = []

    @property
    def at_rest(self) -> bool:
        """No slot is in use and no frame is held."""
        return all(slot.state == "free" for slot in self._slots) and not self._frames

    def attach(self) -> None:
        self._attached.add(threading.get_ident())

    def canvas(self, side_px: int) -> np.ndarray:
        return np.zeros((side_px, side_px, 3), np.uint8)

    def has_room(self, work: FrameWork) -> bool:
        return len(self._frames) < self._max_frames

    def begin_frame(self, work: FrameWork) -> NumpyFrame:
        with self._called("begin_frame", work.label):
            self._rule(len(self._frames) < self._max_frames, "a frame too many was begun")
            frame = NumpyFrame(work, work.image[HALO:-HALO, HALO:-HALO].copy())
            self._frames.append(frame)
            return frame

    def gather(self, slot: int, tiles: Sequence[PlacedTile]) -> int:
        held = self._slots[slot]
        with self._called("gather", *tiles):
            self._rule(held.state == "free", f"slot {slot} was filled while it was {held.state}")
            self._rule(0 < len(tiles) <= self.capabilities.batch, f"{len(tiles)} tiles in a batch")
            for placed in tiles:
                self._rule(placed.frame.alive, "a tile of a frame that is gone was gathered")
            held.state, held.tiles = "gathered", tiles
            held.todo.append(lambda: self._cut(held))
            self.batches.append(len(tiles))
            size = 1
            while size < len(tiles):
                size *= 2
            return min(size, self.capabilities.batch)

    def launch(self, slot: int) -> None:
        held = self._slots[slot]
        with self._called("launch", *held.tiles):
            self._rule(held.state == "gathered", f"slot {slot} was launched while it was {held.state}")
            held.state = "launched"
            held.todo.append(lambda: self._compute(held))
            self.graph_launches += 1

    def stitch(self, slot: int) -> None:
        held = self._slots[slot]
        with self._called("stitch", *held.tiles):
            self._rule(held.state == "launched", f"slot {slot} was stitched while it was {held.state}")
            held.state = "stitched"
            held.todo.append(lambda: self._put(held))

    def end_frame(self, frame: NumpyFrame) -> None:
        with self._called("end_frame", frame.work.label):
            self._rule(frame.alive, "a frame that is gone was ended")
            # What is stitched so far comes back: a tile that follows would be missing.
            for slot in self._slots:
                if slot.state == "stitched" and any(p.frame is frame for p in slot.tiles):
                    self._run(slot)
            frame.back = frame.aged.copy()

    def wait(self, slot: int) -> None:
        held = self._slots[slot]
        try:
            with self._called("wait", *held.tiles):
                self._rule(held.state == "stitched", f"slot {slot} was waited for while it was {held.state}")
                self._run(held)
        finally:
            self._free(slot)

    def abandon(self, slot: int) -> None:
        with self._lock:
            self._rule(self._slots[slot].state != "stitched", f"slot {slot} was abandoned after its stitch")
            self._slots[slot] = NumpySlot()

    def finish_frame(self, frame: NumpyFrame) -> np.ndarray:
        try:
            with self._called("finish_frame", frame.work.label):
                self._rule(frame.back is not None, "a frame was finished that was not ended")
                return np.array(frame.back)
        finally:
            self._forget(frame)

    def drop_frame(self, frame: NumpyFrame) -> None:
        try:
            with self._called("drop_frame", frame.work.label):
                pass
        finally:
            self._forget(frame)

    def close(self) -> None:
        self._rule(not self.closed, "the device was closed twice")
        self._rule(self.at_rest or bool(self.fault), "the device was closed while something was in flight")
        self.closed = True

    def _called(self, method: str, *what: PlacedTile | str) -> Any:
        """Lock, pause, work a little on anything, and fail if that was ordered."""
        if self._sleep_s:
            time.sleep(self._random.random() * self._sleep_s)
        self._rule(threading.get_ident() in self._attached, f"{method} by a thread that did not attach")
        self._rule(not self.closed, f"{method} after close")
        with self._lock:
            self._calls += 1
            if self._faults.dies_after is not None and self._calls > self._faults.dies_after:
                self.fault = "the device caught fire"
            if self.fault:
                raise EngineError(self.fault)
            for slot in self._slots:
                if slot.todo and self._random.random() < 0.3:
                    slot.todo.pop(0)()
            for item in what:
                label, tile = (item, None) if isinstance(item, str) else (item.frame.work.label, item.tile)
                if (method, label, tile) in self._faults.calls:
                    raise EngineError(f"{method} was told to fail")
            if self._faults.flaky and len(what) > 1 and self._random.random() < 0.3:
                raise ValueError("a hiccup")
        return self._lock

    def _cut(self, slot: NumpySlot) -> None:
        for placed in slot.tiles:
            work, tile = placed.frame.work, placed.tile
            slot.inputs.append(tuple(np.array(part) for part in cut_tile(work, tile)))

    def _compute(self, slot: NumpySlot) -> None:
        slot.cores = [age_tile(*inputs) for inputs in slot.inputs]

    def _put(self, slot: NumpySlot) -> None:
        for placed, core in zip(slot.tiles, slot.cores, strict=True):
            placed.frame.aged[placed.tile.core] = core

    def _run(self, slot: NumpySlot) -> None:
        while slot.todo:
            slot.todo.pop(0)()

    def _free(self, slot: int) -> None:
        with self._lock:
            held = self._slots[slot]
            self._rule(held.state != "free", f"slot {slot} was freed twice")
            for array in (*held.cores, *(i[0] for i in held.inputs)):
                array[...] = GARBAGE
            self._slots[slot] = NumpySlot()

    def _forget(self, frame: NumpyFrame) -> None:
        with self._lock:
            self._rule(frame.alive, "a frame was freed twice")
            for slot in self._slots:
                used = any(placed.frame is frame for placed in slot.tiles)
                self._rule(not used, "a frame was freed while a slot held a tile of it")
            frame.alive = False
            frame.aged[...] = GARBAGE
            self._frames.remove(frame)

    def _rule(self, kept: bool, otherwise: str) -> None:
        if not kept:
            self.broken.append(otherwise)
