"""A pool of buffers for frames, on the GPU and in pinned memory."""

from __future__ import annotations

import threading

from ...errors import EngineError
from ..contract import COORDINATE_PLANES
from ..frame import FrameWork
from .api import Cuda, OutOfMemoryError
from .handles import DeviceMemory, Event, HandleStack, PinnedMemory

ALIGNMENT = 256
STEP_PX = 256
PLANES = 1 + COORDINATE_PLANES
"""Floats per cell: the age and the coordinates."""


class FrameRoom:
    """Buffers for one frame of up to ``padded_px`` px, halo included.

    The pinned memory is used for both the upload and the download. ``image`` and ``planes`` (ages, then
    coordinates) are the inputs on the GPU, ``aged`` is the result. The event ``uploaded`` completes when the
    pinned memory was read, ``back`` when it holds the result.
    """

    def __init__(self, cuda: Cuda, padded_px: int) -> None:
        self.padded_px, self.nbytes = padded_px, room_bytes(padded_px)
        pixels = padded_px * padded_px
        handles = self._handles = HandleStack()
        try:
            self.planes_at = -(-3 * pixels // ALIGNMENT) * ALIGNMENT
            self.pinned = handles.own(PinnedMemory(cuda, self.planes_at + PLANES * 4 * pixels // 16))
            self.image = handles.own(DeviceMemory(cuda, 3 * pixels))
            self.planes = handles.own(DeviceMemory(cuda, PLANES * 4 * pixels // 16))
            self.aged = handles.own(DeviceMemory(cuda, 3 * pixels))
            self.uploaded = handles.own(Event(cuda))
            self.back = handles.own(Event(cuda))
        except EngineError:
            handles.close()
            raise

    def close(self) -> None:
        """Free the buffers."""
        self._handles.close()


def room_bytes(padded_px: int) -> int:
    """Approximate size in bytes of the buffers for a frame of ``padded_px`` px, on the GPU and pinned."""
    # Three times RGB, and twice PLANES floats per cell of 16 px.
    return padded_px * padded_px * (9 * 2 + PLANES) // 2


def _needed_px(work: FrameWork) -> int:
    """Side of the buffers for a frame, rounded up to steps so that buffers can be reused."""
    return -(-work.image.shape[0] // STEP_PX) * STEP_PX


class FramePool:
    """A pool of FrameRooms; thread-safe.

    ``budget`` limits the total size in bytes; one frame of any size is always accepted.
    """

    def __init__(self, cuda: Cuda, budget: int = 0) -> None:
        self._cuda = cuda
        self.budget = budget
        self._free: list[FrameRoom] = []
        self._taken: set[FrameRoom] = set()
        self._lock = threading.Lock()

    def has_room(self, work: FrameWork) -> bool:
        """Whether the buffers for a frame fit into the budget, or no buffers are in use."""
        with self._lock:
            taken = sum(room.nbytes for room in self._taken)
        return not taken or taken + room_bytes(_needed_px(work)) <= self.budget

    def take(self, work: FrameWork) -> FrameRoom:
        """Buffers for a frame: free ones that are large enough, or new ones.

        If the budget is exceeded, smaller free buffers are released first. Raises OutOfMemoryError, which
        names the frame's size.
        """
        needed = _needed_px(work)
        with self._lock:
            fitting = [room for room in self._free if room.padded_px >= needed]
            if fitting:
                room = min(fitting, key=lambda r: r.padded_px)
                self._free.remove(room)
                self._taken.add(room)
                return room
            smaller = self._beyond_budget(room_bytes(needed))
        for room in smaller:
            room.close()
        room = self._make(needed)
        with self._lock:
            self._taken.add(room)
        return room

    def _beyond_budget(self, more: int) -> list[FrameRoom]:
        """Remove free buffers, smallest first, until ``more`` bytes fit into the budget; hold the lock."""
        total = more + sum(room.nbytes for room in (*self._free, *self._taken))
        self._free.sort(key=lambda room: -room.padded_px)
        out = []
        while self._free and total > self.budget:
            out.append(self._free.pop())
            total -= out[-1].nbytes
        return out

    def _make(self, needed: int) -> FrameRoom:
        try:
            return FrameRoom(self._cuda, needed)
        except OutOfMemoryError:
            self._shrink()
        try:
            return FrameRoom(self._cuda, needed)
        except OutOfMemoryError as error:
            raise OutOfMemoryError(
                f"there is no memory for a frame of {needed} px ({error}): age it at a smaller size"
            ) from error

    def give(self, room: FrameRoom) -> None:
        """Return buffers to the pool."""
        with self._lock:
            self._taken.discard(room)
            self._free.append(room)

    def close(self) -> None:
        """Free all buffers, including those of unfinished frames."""
        with self._lock:
            self._free += self._taken
            self._taken.clear()
        self._shrink()

    def _shrink(self) -> None:
        """Free all unused buffers."""
        with self._lock:
            free, self._free = self._free, []
        for room in free:
            room.close()
