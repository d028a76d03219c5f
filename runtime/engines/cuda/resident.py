"""Photos that stay in the memory of the GPU that decoded them."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .copies import GpuCopies
from .picture import RGB, GpuPicture, picture_of

RESIDENT_BYTES = 1 << 30
"""The size limit of all photos together; beyond it those that were decoded first are given up."""


class ResidentPhotos:
    """The photos in the memory of one GPU, by their pixels in this process's memory; thread-safe.

    A photo is forgotten when its pixels are garbage-collected, or when others need the place.
    """

    def __init__(self, copies: GpuCopies | None = None, budget: int = RESIDENT_BYTES) -> None:
        """``budget`` is the size limit in bytes; without ``copies`` there are no changed ones."""
        self._copies, self._budget = copies, budget
        self._lock = threading.RLock()  # garbage collection may run while it is held
        self._kept: dict[int, tuple[weakref.finalize[Any, Any], GpuPicture]] = {}

    def keep(self, pixels: NDArray[np.uint8], decoded: object, orientation: int = 1) -> None:
        """Keep a library's picture on the GPU whose upright pixels, uint8 [H, W, 3], are ``pixels``.

        It was stored in an EXIF orientation, 1 to 8. The pixels are read-only from now on. Pictures of
        another kind or size are not kept.
        """
        stored = picture_of(decoded)
        if stored is None or stored.nbytes > self._budget:
            return
        picture = stored.upright(orientation)
        if pixels.shape != (picture.height, picture.width, RGB):
            return
        pixels.flags.writeable = False
        end = weakref.finalize(pixels, self._forget, id(pixels))
        end.atexit = False
        with self._lock:
            self._kept[id(pixels)] = end, picture
            while sum(one.nbytes for _, one in self._kept.values()) > self._budget:
                self._drop(next(iter(self._kept)))

    def find(self, pixels: NDArray[np.uint8] | None) -> GpuPicture | None:
        """The picture of a photo's pixels; None if it is not on the GPU."""
        with self._lock:
            end, picture = self._kept.get(id(pixels), (None, None))
            return picture if end is not None and pixels is not None and not pixels.flags.writeable else None

    @contextmanager
    def changed(
        self, before: NDArray[np.uint8] | None, after: NDArray[np.uint8]
    ) -> Iterator[GpuPicture | None]:
        """A picture of ``after``, uint8 [H, W, 3], made of that of ``before``; None if it is not on the GPU.

        Raises EngineError.
        """
        picture = self.find(before)
        if (
            picture is None or before is None or self._copies is None
            or not picture.has_plain_rows or before.shape != after.shape
        ):  # fmt: skip
            yield None
        else:
            with self._copies.changed(picture, before, after) as made:
                yield made

    def close(self) -> None:
        """Forget all photos and free the GPU's memory."""
        with self._lock:
            for key in list(self._kept):
                self._drop(key)
        if self._copies is not None:
            self._copies.close()

    def _forget(self, key: int) -> None:
        with self._lock:
            self._kept.pop(key, None)

    def _drop(self, key: int) -> None:
        """Forget a photo whose pixels live on; hold the lock."""
        end, _ = self._kept.pop(key)
        end.detach()
