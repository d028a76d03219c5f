"""Transfers of a frame: the upload of the areas that its tiles read, and the download of their cores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..contract import CELL_PX
from ..frame import FrameWork
from .api import Cuda
from .frame_pool import PLANES, FrameRoom
from .handles import Stream

RGB, _FLOAT = 3, 4


class CarriedFrame:
    """A frame and its buffers on the GPU; ``pinned``: the GPU can read its image directly.

    ``side`` and ``padded`` are its sides in px without and with halo, ``pattern`` its mixing weights. On the
    GPU the image, the planes and the result have the layout of the whole frame; areas outside the rectangle
    around its tiles are undefined.
    """

    def __init__(self, room: FrameRoom, work: FrameWork, halo_px: int, pinned: bool) -> None:
        self.room, self.pattern = room, work.pattern
        self.padded = work.image.shape[0]
        self.side = self.padded - 2 * halo_px
        self.ended = False
        self._work, self._halo, self._pinned = work, halo_px, pinned
        self._x0 = min((tile.x0 for tile in work.tiles), default=0)
        self._y0 = min((tile.y0 for tile in work.tiles), default=0)
        self._width = max((tile.x0 + tile.width for tile in work.tiles), default=0) - self._x0
        self._height = max((tile.y0 + tile.height for tile in work.tiles), default=0) - self._y0

    def carry_up(self, cuda: Cuda, stream: Stream) -> None:
        """Start the upload of the area that the tiles read, through pinned memory unless it is pinned."""
        self._carry_image(cuda, stream)
        self._carry_planes(cuda, stream)
        self.room.uploaded.record(stream)

    def carry_down(self, cuda: Cuda, stream: Stream) -> None:
        """Start the download of the rectangle around the cores into pinned memory."""
        row = RGB * self.side
        cuda.copy_2d(
            self.room.pinned.handle, RGB * self._width,
            self.room.aged.handle + self._y0 * row + RGB * self._x0, row,
            RGB * self._width, self._height, stream.handle,
        )  # fmt: skip
        self.room.back.record(stream)
        self.ended = True

    def assembled(self) -> NDArray[np.uint8]:
        """The aged frame, uint8 [S, S, 3], after the download: the input's pixels with the cores replaced."""
        inside = slice(self._halo, self._halo + self.side)
        before = self._work.image[inside, inside]
        x0, y0, x1, y1 = self._x0, self._y0, self._x0 + self._width, self._y0 + self._height
        back = self.room.pinned.array((self._height, self._width, RGB))
        out = np.empty((self.side, self.side, RGB), np.uint8)
        out[:y0], out[y1:] = before[:y0], before[y1:]
        out[y0:y1, :x0], out[y0:y1, x1:] = before[y0:y1, :x0], before[y0:y1, x1:]
        if len(self._work.tiles) == 1:
            out[y0:y1, x0:x1] = back
            return out
        out[y0:y1, x0:x1] = before[y0:y1, x0:x1]
        for tile in self._work.tiles:
            x, y = tile.x0 - x0, tile.y0 - y0
            out[tile.core] = back[y : y + tile.height, x : x + tile.width]
        return out

    def _carry_image(self, cuda: Cuda, stream: Stream) -> None:
        x0, y0 = self._x0, self._y0
        width, height = self._width + 2 * self._halo, self._height + 2 * self._halo
        start, row = RGB * (y0 * self.padded + x0), RGB * self.padded
        source, pitch = self._work.image.ctypes.data + start, row
        if not self._pinned:
            part = self._work.image[y0 : y0 + height, x0 : x0 + width]
            np.copyto(self.room.pinned.array(part.shape), part)
            source, pitch = self.room.pinned.handle, RGB * width
        target = self.room.image.handle + start
        cuda.copy_2d(target, row, source, pitch, RGB * width, height, stream.handle)

    def _carry_planes(self, cuda: Cuda, stream: Stream) -> None:
        """Start the upload of ages and coordinates in the rows of cells that the tiles read."""
        first, rows = self._y0 // CELL_PX, (self._height + 2 * self._halo) // CELL_PX
        cells, room, work = self.padded // CELL_PX, self.room, self._work
        planes = room.pinned.array((PLANES, rows, cells), np.float32, room.planes_at)
        np.copyto(planes[0], work.aging_map[first : first + rows])
        np.copyto(planes[1:], work.coordinates[:, first : first + rows])
        size = _FLOAT * rows * cells
        cuda.copy_2d(
            room.planes.handle + _FLOAT * first * cells, _FLOAT * cells * cells,
            room.pinned.handle + room.planes_at, size, size, PLANES, stream.handle,
        )  # fmt: skip
