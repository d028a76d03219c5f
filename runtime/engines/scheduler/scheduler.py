"""The scheduler: takes whole frames from any thread, and keeps devices busy with their tiles."""

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
from ..contract import CELL_PX, PLACE_PLANES, Capabilities
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
"""How many rounds of all slots may be unfinished before submit blocks, in tiles."""
UNFINISHED_BYTES = 1 << 30
"""The same for what the frames hold in memory."""


class FrameScheduler:
    """Ages frames on one or several devices of the same kind.

    A context manager, safe to share between threads. Tiles of several frames share a batch where the engine's
    batches hold more than one; frames are begun in the order in which they came. A frame whose tile fails
    fails alone; where a device breaks for good, everything it had fails, with the reason, and where the last
    one does, so does everything else.
    """

    def __init__(
        self,
        devices: TileDevice | Sequence[TileDevice],
        halo_px: int,
        *,
        max_frames: int | None = None,
        linger_s: float = LINGER_S,
    ) -> None:
        """Start on devices, which are closed with the scheduler.

        ``halo_px`` is the halo of its frames; ``max_frames`` how many frames may be unfinished before submit
        blocks (None: two for each slot and two more, and further ones while the tiles of all are not enough
        for `ROUNDS` of full batches); a batch that is not full waits ``linger_s`` seconds while another one
        is in flight.
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
        """What the devices are and like; ``in_flight`` is that of all together."""
        return self._capabilities

    @property
    def counters(self) -> Counters:
        """What was computed so far, by all devices together."""
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

    def submit(self, work: FrameWork) -> Future[NDArray[np.uint8]]:
        """Have a frame aged; blocks while too many frames are unfinished.

        The future gives the aged frame, uint8 [S, S, 3], where tiles that were not listed keep the input's
        pixels, or raises EngineError, which names the frame and the tile. It can be cancelled until it is
        done. The frame's arrays must not change until then. Functions that are called when it is done must
        not submit. Raises EngineError for a frame that makes no sense, when it is too late, and in a process
        that was forked since the scheduler was opened.
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
        """Cancel every frame that is not finished; what the device has already begun is thrown away."""
        if self._process.is_this:
            self._backlog.cancel()

    def close(self) -> None:
        """Finish what was submitted and give all memory back; submitting afterwards raises EngineError."""
        if not self._process.is_this:
            return  # neither the threads nor what they hold are in this process
        self._backlog.stop()
        with self._closing:
            if not self._closed:
                self._closed = True
                for worker in self._workers:
                    worker.join()

    def _worker_died(self) -> None:
        """Where no device is left, fail what waits."""
        with self._backlog.changed:
            faults = [worker.fault for worker in self._workers]
        if all(faults):
            self._backlog.shut(faults[0])


def open_scheduler(bundle: Bundle, device: str = "auto", precision: str | None = None) -> FrameScheduler:
    """Open the bundle's generator behind a scheduler, on "auto", "cpu", "cuda" or "cuda:N".

    "auto" takes the fastest engine that runs on this machine, and says in the log and in
    ``capabilities.reason`` which and why; "cuda" spreads frames over all GPUs there are, "cuda:N" picks one.
    ``precision`` is "fp32", "bf16" or, on a GPU, "fp16"; None takes the fastest that the device does well.
    Raises UsageError for a device or precision that there is not, and EngineError where it cannot be had
    here: there is no silent fall-back to another one.
    """
    from ..choose import choose_devices

    wanted = None if precision is None else Precision.parse(precision)
    return FrameScheduler(choose_devices(bundle, device, wanted), bundle.manifest.halo_px)


def _of_all(likes: Sequence[Capabilities], slots: int) -> Capabilities:
    """What several devices are together, with so many slots: the sizes of tiles are those that all have."""
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
    """The frame's side in px; raises EngineError, naming the frame, when it breaks the contract."""
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
    places, pattern = work.coordinates, work.pattern
    if places.dtype != np.float32 or places.shape != (PLACE_PLANES, cells, cells):
        raise EngineError(
            f"{work.label}: the coordinates must be float32 {(PLACE_PLANES, cells, cells)}, "
            f"not {places.dtype} {places.shape}"
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
