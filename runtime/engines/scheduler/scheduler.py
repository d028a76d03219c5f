"""The scheduler: accepts frames from any thread and keeps devices busy with their tiles."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import reduce
from operator import add
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...bundle.precision import Precision
from ...errors import EngineError
from ..contract import CELL_PX, COORDINATE_PLANES, Capabilities
from ..frame import FrameWork
from ..process import OpeningProcess
from .backlog import Backlog, FrameTask, Limits
from .batches import Counters
from .device import TileDevice
from .worker import DeviceWorker

if TYPE_CHECKING:
    from ...bundle.bundle import Bundle

__all__ = ["Counters", "FrameScheduler", "open_scheduler"]

LINGER_S = 0.002
ROUNDS = 3
"""The number of full batches per slot, in tiles, that may be unfinished before submit blocks."""
UNFINISHED_BYTES = 1 << 30
"""The memory of unfinished frames at which submit blocks."""


class FrameScheduler:
    """Ages frames on one or several devices of the same kind.

    A context manager; thread-safe. Tiles of several frames can share a batch; frames are begun in the order
    of submission. If a tile fails, only its frame fails. If a device fails permanently, its frames fail with
    the reason; if the last device does, all frames fail.
    """

    def __init__(
        self,
        devices: TileDevice | Sequence[TileDevice],
        halo_px: int,
        *,
        max_frames: int | None = None,
        linger_s: float = LINGER_S,
    ) -> None:
        """Start threads for devices, which are closed with the scheduler.

        ``halo_px`` is the halo of the frames; ``max_frames`` the number of unfinished frames at which submit
        blocks (None: two per slot plus two, and more while their tiles are fewer than `ROUNDS` rounds of full
        batches); an incomplete batch waits ``linger_s`` seconds while another one is in flight.
        """
        several = list(devices) if isinstance(devices, Sequence) else [devices]
        if not several:
            raise EngineError("a scheduler needs at least one device: give it one")
        slots = sum(device.slots for device in several)
        self._process = OpeningProcess("the scheduler")
        self._halo = halo_px
        self._capabilities = _of_all([device.capabilities for device in several], slots)
        tiles = ROUNDS * sum(device.slots * device.capabilities.batch for device in several)
        few = Limits(2 * slots + 2, tiles, UNFINISHED_BYTES)
        self._backlog = Backlog(few if max_frames is None else Limits(max_frames))
        self._closing = threading.Lock()
        self._closed = False
        self._workers = [
            DeviceWorker(device, self._backlog, linger_s, self._worker_died) for device in several
        ]
        for worker in self._workers:
            worker.start()

    @property
    def capabilities(self) -> Capabilities:
        """The common properties of the devices; ``in_flight`` is their sum."""
        return self._capabilities

    @property
    def likes(self) -> Capabilities:
        """The properties for a frame that is planned now: fewer tiles where others keep the devices busy.

        A halo is computed for every tile, so cutting a face in two takes a tenth more time than one piece.
        """
        spare = self._capabilities.min_tiles - self._backlog.tiles
        return replace(self._capabilities, min_tiles=max(spare, 1))

    @property
    def counters(self) -> Counters:
        """Totals of what was computed so far, summed over the devices."""
        with self._backlog.changed:
            return reduce(add, (worker.counters for worker in self._workers))

    def __enter__(self) -> FrameScheduler:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.cancel()
        self.close()

    def canvas(self, side_px: int) -> NDArray[np.uint8]:
        """Black pixels, uint8 [S, S, 3], to draw a frame with its halo on.

        An image in this memory needs the fewest copies; any other array works as well. The memory is reused
        when no reference to it, or to a view of it, is left.
        """
        return self._workers[0].device.canvas(side_px)

    def submit(self, work: FrameWork) -> Future[NDArray[np.uint8]]:
        """Submit a frame; blocks while too many frames are unfinished.

        The future returns the aged frame, uint8 [S, S, 3], in which pixels outside the listed tiles are
        unchanged, or raises EngineError, which names the frame and the tile. It can be cancelled until it is
        done. The frame's arrays must not change until then. Callbacks of the future must not submit. Raises
        EngineError for an invalid frame, after close, and in a forked process.
        """
        self._process.check()
        side = _check(work, self._halo, self._capabilities)
        task = FrameTask(work, side, waiting=deque(work.tiles))
        if not work.tiles:
            inside = slice(self._halo, self._halo + side)
            task.settle(np.array(work.image[inside, inside]))
        else:
            self._backlog.put(task)
        return task.future

    def cancel(self) -> None:
        """Cancel every unfinished frame; results of batches in flight are discarded."""
        if self._process.is_this:
            self._backlog.cancel()

    def close(self) -> None:
        """Finish submitted frames and free all memory; submitting afterwards raises EngineError."""
        if not self._process.is_this:
            return  # a forked process has none of the threads
        self._backlog.stop()
        with self._closing:
            if not self._closed:
                self._closed = True
                for worker in self._workers:
                    worker.join()

    def _worker_died(self) -> None:
        """Fail the queued frames if no device is left."""
        with self._backlog.changed:
            faults = [worker.fault for worker in self._workers]
        if all(faults):
            self._backlog.shut(faults[0])


def open_scheduler(bundle: Bundle, device: str = "auto", precision: str | None = None) -> FrameScheduler:
    """Open the bundle's generator behind a scheduler, on a device; see Pipeline.

    "auto" selects the fastest engine that runs on this machine; the log and ``capabilities.reason`` say which
    and why. Frames are distributed over all GPUs of the device. ``precision`` is "fp32", "bf16"
    or, on a GPU, "fp16"; None selects the fastest that the device supports well. Raises UsageError for an
    unknown device or precision, and EngineError if it is not available here: there is no silent fallback.
    """
    from ..choose import choose_devices

    wanted = None if precision is None else Precision.parse(precision)
    return FrameScheduler(choose_devices(bundle, device, wanted), bundle.manifest.halo_px)


def _of_all(likes: Sequence[Capabilities], slots: int) -> Capabilities:
    """The properties of several devices together; tile sizes are those that all of them have."""
    first = likes[0]
    common = set.intersection(*({core.size for core in one.cores} for one in likes))
    cores = tuple(core for core in first.cores if core.size in common)
    return replace(
        first,
        device=", ".join(one.device for one in likes),
        in_flight=slots,
        cores=cores,
        max_core_px=max(cores[-1].size) if cores else min(one.max_core_px for one in likes),
    )


def _check(work: FrameWork, halo_px: int, likes: Capabilities) -> int:
    """The frame's side in px; raises EngineError, naming the frame, if an array is invalid."""
    image, ages = work.image, work.aging_map
    padded = image.shape[0]
    side = padded - 2 * halo_px
    if image.dtype != np.uint8 or image.shape != (padded, padded, 3) or side <= 0 or side % CELL_PX:
        raise EngineError(
            f"{work.label}: the image must be a square uint8 frame with {halo_px} px of halo, its side a "
            f"multiple of {CELL_PX} px, not {image.dtype} {image.shape}"
        )
    cells = padded // CELL_PX
    if ages.dtype != np.float32 or ages.shape != (cells, cells):
        raise EngineError(
            f"{work.label}: the aging map must be float32 {(cells, cells)}, not {ages.dtype} {ages.shape}"
        )
    coordinates, pattern = work.coordinates, work.pattern
    if coordinates.dtype != np.float32 or coordinates.shape != (COORDINATE_PLANES, cells, cells):
        raise EngineError(
            f"{work.label}: the coordinates must be float32 {(COORDINATE_PLANES, cells, cells)}, "
            f"not {coordinates.dtype} {coordinates.shape}"
        )
    if pattern.dtype != np.float32 or pattern.ndim != 1:
        raise EngineError(
            f"{work.label}: the pattern must be float32 [K], not {pattern.dtype} {pattern.shape}"
        )
    for tile in work.tiles:
        inside = 0 <= tile.x0 <= side - tile.width and 0 <= tile.y0 <= side - tile.height
        steps = (tile.x0, tile.y0, tile.width, tile.height)
        if not inside or any(s % CELL_PX for s in steps) or min(tile.width, tile.height) <= 0:
            raise EngineError(f"{work.label}: tile {tile} does not fit into a frame of {side} px")
        if likes.fixed_core and not likes.core_of(tile.width, tile.height).holds(tile.width, tile.height):
            largest = "x".join(map(str, likes.all_cores[-1].size))
            raise EngineError(
                f"{work.label}: tile {tile} is larger than the {largest} px that {likes.name} takes"
            )
    return side
