"""Cutting faces out of photos and pasting changes into them, on a GPU."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import EngineError
from .api import ADDRESS, NUMBER, Cuda, KernelType
from .handles import DeviceMemory, HandleStack, Library, PinnedMemory, Stream
from .picture import RGB, GpuPicture

PTX = Path(__file__).with_name("pixel_kernels.ptx")
KERNELS = ("warp_frame", "weigh_change", "add_change")
THREADS = 128
ALIGNMENT = 256
STEP_BYTES = 1 << 20
Arrays = dict[str, NDArray[Any]]


class PixelKernels:
    """The kernels of pixel_kernels.cu on one GPU, one call at a time; thread-safe.

    Arrays cross the bus in one copy in each direction, through pinned memory; a photo that is on the GPU is
    read there.
    """

    def __init__(self, cuda: Cuda, gpu: int) -> None:
        """Load the kernels; raises CudaError if the GPU or its driver does not support them."""
        self._cuda, self._gpu = cuda, gpu
        self._lock = threading.Lock()
        self._handles = HandleStack()
        self._room: _Room | None = None
        cuda.use(gpu)
        try:
            library = self._handles.own(Library(cuda, PTX.read_bytes()))
            self._stream = self._handles.own(Stream(cuda))
            self._kernels = {name: cuda.kernel(library.handle, name) for name in KERNELS}
        except EngineError:
            self._handles.close()
            raise

    def warp(
        self,
        photo: NDArray[np.uint8] | GpuPicture,
        along: NDArray[np.float64],
        starts: NDArray[np.float64],
        origins: NDArray[np.int32],
        out: NDArray[np.uint8],
    ) -> None:
        """Write bicubic samples of ``photo``, uint8 [H, W, 3], into ``out``, uint8 [h, w, 3].

        The photo's edges are repeated.
        The source column of a pixel is the sum of along[0], [2, w], of its column, starts[0], [2, h], of its
        row, and origins[:, 0], [h, 2]; its source row that of the others. Raises EngineError.
        """
        height, width = out.shape[:2]
        arrays: Arrays = {"along": along, "starts": starts, "origins": origins}
        wide, tall = _size(photo)
        if isinstance(photo, np.ndarray):
            arrays["photo"] = photo
        with self._carried(arrays, {"out": out.nbytes}, out):
            self._launch(
                "warp_frame", (width, height), *_placed(photo, "photo"), wide, tall, "along", "starts",
                "origins", "out", width, height,
            )  # fmt: skip

    def paste(
        self,
        before: NDArray[np.uint8],
        after: NDArray[np.uint8],
        mask: NDArray[np.float32],
        weights: NDArray[np.float32],
        along: NDArray[np.float64],
        starts: NDArray[np.float64],
        out: NDArray[np.uint8],
        photo: GpuPicture | None = None,
    ) -> None:
        """Add the weighted change of ``before``, uint8 [H, W, 3], to ``out``, uint8 [h, w, 3].

        The change is ``after`` - ``before``, times ``mask`` [H, W], the strength, and the weights of the
        middle and the largest of three channels: ``weights`` are these, 256 each, and the strength. It is
        sampled bilinearly at along + starts, as in `warp`, and is 0 outside ``before``. Pixels where the
        sample of the mask is 0 are not changed. ``photo`` has the pixels of ``out``, if the GPU has them.
        Raises EngineError.
        """
        (tall, wide), (height, width) = mask.shape, out.shape[:2]
        arrays: Arrays = {
            "before": before, "after": after, "mask": mask, "weights": weights, "along": along,
            "starts": starts,
        }  # fmt: skip
        more = {"change": 4 * mask.nbytes}
        if photo is None:
            arrays["out"] = out
        else:
            more["out"] = out.nbytes
        with self._carried(arrays, more, out):
            self._launch(
                "weigh_change", (wide, tall), "before", "after", "mask", "weights", "change", wide
            )  # fmt: skip
            self._launch(
                "add_change", (width, height), "change", wide, tall, "along", "starts",
                *_placed(out if photo is None else photo, "out"), "out", width, height,
            )  # fmt: skip

    def close(self) -> None:
        """Free everything, in any state of the GPU."""
        with self._lock, contextlib.suppress(EngineError):
            self._cuda.use(self._gpu)
            room, self._room = self._room, None
            if room is not None:
                room.close()
            self._handles.close()

    @contextlib.contextmanager
    def _carried(self, arrays: Arrays, more: dict[str, int], out: NDArray[Any]) -> Iterator[None]:
        """Upload ``arrays`` and make room for ``more`` bytes; afterwards download the array "out"."""
        sizes = {name: array.nbytes for name, array in arrays.items()} | more
        with self._lock:
            self._cuda.use(self._gpu)
            room = self._room_for(sum(_aligned(size) for size in sizes.values()))
            room.upload(arrays, sizes, self._stream)
            yield
            room.download("out", out, self._stream)

    def _room_for(self, size: int) -> _Room:
        """The memory of the last call, or larger memory."""
        if self._room is None or self._room.size < size:
            old, self._room = self._room, None
            if old is not None:
                old.close()
            self._room = _Room(self._cuda, -(-size // STEP_BYTES) * STEP_BYTES)
        return self._room

    def _launch(self, name: str, size: tuple[int, int], *values: int | str | GpuPicture) -> None:
        """Launch a kernel for ``size`` (width, height) px with numbers, names of arrays and pictures."""
        assert self._room is not None
        arguments = [_argument(value, self._room) for value in values]
        grid = (-(-size[0] // THREADS), size[1], 1)
        self._cuda.kernel_launch(self._kernels[name], grid, THREADS, arguments, self._stream.handle)


def _size(photo: NDArray[np.uint8] | GpuPicture) -> tuple[int, int]:
    """Width and height in px."""
    return (photo.width, photo.height) if isinstance(photo, GpuPicture) else (photo.shape[1], photo.shape[0])


def _placed(photo: NDArray[np.uint8] | GpuPicture, name: str) -> tuple[str | GpuPicture, int, int]:
    """Where a photo, ``name`` if it is uploaded, begins, and the bytes between its columns and rows."""
    if isinstance(photo, GpuPicture):
        return photo, photo.across, photo.down
    return name, RGB, RGB * photo.shape[1]


def _argument(value: int | str | GpuPicture, room: _Room) -> tuple[int, KernelType]:
    """An argument of a kernel."""
    if isinstance(value, int):
        return value, NUMBER
    return (room.address(value) if isinstance(value, str) else value.address), ADDRESS


class _Room:
    """``size`` bytes on the GPU and as many of pinned memory, with the same arrays in both."""

    def __init__(self, cuda: Cuda, size: int) -> None:
        self._cuda, self.size = cuda, size
        self._handles = HandleStack()
        self._starts: dict[str, int] = {}
        try:
            self._pinned = self._handles.own(PinnedMemory(cuda, size))
            self._device = self._handles.own(DeviceMemory(cuda, size))
        except EngineError:
            self._handles.close()
            raise

    def address(self, name: str) -> int:
        """The address of an array on the GPU."""
        return self._device.handle + self._starts[name]

    def upload(self, arrays: Arrays, sizes: dict[str, int], stream: Stream) -> None:
        """Place arrays of ``sizes`` bytes and start the upload of ``arrays``, the first of them."""
        self._starts, end = {}, 0
        for name, size in sizes.items():
            self._starts[name] = end
            end += _aligned(size)
        for name, array in arrays.items():
            np.copyto(self._pinned.array(array.shape, array.dtype, self._starts[name]), array)
        last = list(arrays)[-1]
        self._cuda.copy(
            self._device.handle, self._pinned.handle, self._starts[last] + sizes[last], stream.handle
        )

    def download(self, name: str, out: NDArray[Any], stream: Stream) -> None:
        """Wait for the work so far and copy an array into ``out``."""
        pinned = self._pinned.handle + self._starts[name]
        self._cuda.copy(pinned, self.address(name), out.nbytes, stream.handle)
        stream.synchronize()
        np.copyto(out, self._pinned.array(out.shape, out.dtype, self._starts[name]))

    def close(self) -> None:
        """Free the memory."""
        self._handles.close()


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
