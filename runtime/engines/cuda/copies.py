"""Copies of photos on a GPU, with their changes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ...errors import EngineError
from .api import Cuda
from .handles import DeviceMemory, HandleStack, PinnedMemory, Stream
from .picture import RGB, GpuPicture

BAND_ROWS = 64
"""Changes are looked for and uploaded in bands of so many rows."""
AT_ONCE = 4
"""The number of unused copies whose memory is kept."""
STEP_BYTES = 1 << 20
Area = tuple[int, int, int, int]


class GpuCopies:
    """Makes copies of pictures on one GPU; thread-safe."""

    def __init__(self, cuda: Cuda, gpu: int) -> None:
        self._cuda, self._gpu = cuda, gpu
        self._lock = threading.Lock()
        self._free: list[_Room] = []

    @contextlib.contextmanager
    def changed(
        self, picture: GpuPicture, before: NDArray[np.uint8], after: NDArray[np.uint8]
    ) -> Iterator[GpuPicture]:
        """A copy of a picture that is ``before``, with the pixels of ``after``; only changes are uploaded.

        Both are uint8 [H, W, 3]. The copy can be used inside the context; it is complete. Raises EngineError.
        """
        self._cuda.use(self._gpu)
        room = self._take(picture.nbytes)
        try:
            made = GpuPicture(
                room.memory.handle, picture.width, picture.height, RGB, RGB * picture.width, room
            )
            self._copy(picture, made, room)
            self._upload(changed_areas(before, after), after, made, room)
            room.stream.synchronize()
            yield made
        finally:
            self._give(room)

    def close(self) -> None:
        """Free all memory that is not in use."""
        with self._lock:
            free, self._free = self._free, []
        for room in free:
            with contextlib.suppress(EngineError):
                self._cuda.use(self._gpu)
                room.close()

    def _copy(self, picture: GpuPicture, made: GpuPicture, room: _Room) -> None:
        row = RGB * picture.width
        self._cuda.copy_2d(
            made.address, row, picture.address, picture.down, row, picture.height, room.stream.handle
        )

    def _upload(self, areas: list[Area], after: NDArray[np.uint8], made: GpuPicture, room: _Room) -> None:
        """Start the upload of areas of ``after`` into a copy."""
        pinned, at = room.pinned_for(sum(_bytes(area) for area in areas)), 0
        for area in areas:
            x0, y0, x1, y1 = area
            part = after[y0:y1, x0:x1]
            np.copyto(pinned.array(part.shape, np.uint8, at), part)
            row = RGB * (x1 - x0)
            target = made.part(*area).address
            self._cuda.copy_2d(target, made.down, pinned.handle + at, row, row, y1 - y0, room.stream.handle)
            at += _bytes(area)

    def _take(self, size: int) -> _Room:
        """Memory of at least ``size`` bytes."""
        with self._lock:
            fitting = [room for room in self._free if room.memory.size >= size]
            if fitting:
                found = min(fitting, key=lambda room: room.memory.size)
                self._free.remove(found)
                return found
        return _Room(self._cuda, -(-size // STEP_BYTES) * STEP_BYTES)

    def _give(self, room: _Room) -> None:
        with self._lock:
            self._free.append(room)
            self._free.sort(key=lambda one: -one.memory.size)
            beyond, self._free = self._free[AT_ONCE:], self._free[:AT_ONCE]
        for one in beyond:
            one.close()


def changed_areas(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> list[Area]:
    """The areas x0, y0, x1, y1 outside of which two photos, uint8 [H, W, 3], are equal; one for each band."""
    import cv2

    found: list[Area] = []
    for top in range(0, len(before), BAND_ROWS):
        old, new = before[top : top + BAND_ROWS], after[top : top + BAND_ROWS]
        if not cv2.norm(old, new, cv2.NORM_INF):
            continue
        apart = (old != new).any(axis=2)
        rows, columns = np.flatnonzero(apart.any(axis=1)), np.flatnonzero(apart.any(axis=0))
        found.append((int(columns[0]), top + int(rows[0]), int(columns[-1]) + 1, top + int(rows[-1]) + 1))
    return found


def _bytes(area: Area) -> int:
    x0, y0, x1, y1 = area
    return RGB * (x1 - x0) * (y1 - y0)


class _Room:
    """Memory for one copy, a stream, and pinned memory for its changes."""

    def __init__(self, cuda: Cuda, size: int) -> None:
        self._cuda = cuda
        self._handles = HandleStack()
        self._pinned: PinnedMemory | None = None
        try:
            self.memory = self._handles.own(DeviceMemory(cuda, size))
            self.stream = self._handles.own(Stream(cuda))
        except EngineError:
            self._handles.close()
            raise

    def pinned_for(self, size: int) -> PinnedMemory:
        """Pinned memory of at least ``size`` bytes; no copy from it may be under way."""
        if self._pinned is None or self._pinned.size < size:
            old, self._pinned = self._pinned, None
            if old is not None:
                old.close()
            self._pinned = PinnedMemory(self._cuda, -(-max(size, 1) // STEP_BYTES) * STEP_BYTES)
        return self._pinned

    def close(self) -> None:
        """Free the memory."""
        pinned, self._pinned = self._pinned, None
        if pinned is not None:
            self._handles.own(pinned)
        self._handles.close()
