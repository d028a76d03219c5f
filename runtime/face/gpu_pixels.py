"""Cuts faces out of photos and pastes their changes on a GPU, where that gives the pixels of the CPU."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..engines.cuda.api import Cuda, load_cuda
from ..engines.cuda.copies import GpuCopies
from ..engines.cuda.picture import GpuPicture
from ..engines.cuda.pixels import PixelKernels
from ..engines.cuda.resident import ResidentPhotos
from ..engines.gpus import find_gpus
from ..errors import AmganError, UsageError
from .alignment import Frame
from .paste import paste_places
from .pixels import Change, CpuPixels, Cut
from .tone import BRIGHT, DARK, Tone
from .warp import sample_affine, sample_places

_LOG = logging.getLogger(__name__)

PIXELS = "AMGAN_PIXELS"
MOST_APART = 1
"""The largest difference from the CPU in code values; none is expected."""
_PROBE_PX = 192
_PLAIN = Tone(np.ones((256, 3), np.float32), 0.0)


class GpuPixels(CpuPixels):
    """Does the same on a GPU, in the cases that its kernels support; thread-safe.

    These are a photo that is not reduced when it is sampled, and a change in colour that is neither enlarged
    nor reduced when it is pasted. The kernels are opened at their first use and compared with the CPU; after
    the first failure or difference the CPU takes over, and the log says why. Photos that are on the GPU
    already are read there.
    """

    def __init__(
        self, device: str, open_kernels: Callable[[str], PixelKernels] | None = None,
        residents: ResidentPhotos | None = None,
    ) -> None:  # fmt: skip
        """``device`` is that of the generator; its first GPU is used, as by ``residents``."""
        self._device, self._open = device, open_kernels or _open_kernels
        self._residents = residents or ResidentPhotos()
        self._kernels: PixelKernels | None = None
        self._lock = threading.Lock()
        self.failed = False

    def sample(self, cut: Cut) -> NDArray[np.uint8]:
        """See sample_affine."""
        kernels = self._opened()
        if kernels is not None:
            try:
                found = sample_by(kernels, cut, self._residents.find(cut.rgb))
                if found is not None:
                    return found
            except AmganError as error:
                self._give_up(str(error))
        return cut.sample()

    def paste(self, out: NDArray[np.uint8], change: Change) -> None:
        """See paste_change."""
        kernels = self._opened()
        if kernels is not None:
            try:
                if paste_by(kernels, out, change, self._residents.find(change.photo)):
                    return
            except AmganError as error:
                self._give_up(str(error))
        change.paste(out)

    def close(self) -> None:
        """Free the GPU's memory."""
        kernels, self._kernels = self._kernels, None
        if kernels is not None:
            kernels.close()

    def _opened(self) -> PixelKernels | None:
        """The kernels, compared with the CPU at their first use; None if they were given up."""
        with self._lock:
            if self._kernels is not None or self.failed:
                return self._kernels
            kernels = None
            try:
                kernels = self._open(self._device)
                distance = apart(kernels)
                why = "" if distance <= MOST_APART else f"they differ by {distance} code values"
            except AmganError as error:
                why = str(error)
            if not why:
                self._kernels = kernels
                return kernels
            if kernels is not None:
                kernels.close()
        self._give_up(why)
        return None

    def _give_up(self, why: str) -> None:
        with self._lock:
            again, self.failed = self.failed, True
            self.close()
        if not again:
            _LOG.warning("photos are sampled and pasted on the CPU: %s", why)


def open_pixels(device: str) -> tuple[CpuPixels, ResidentPhotos | None]:
    """For a generator's device: on its first GPU if AMGAN_PIXELS is "gpu", else on the CPU.

    Also returns the photos that stay on that GPU. Raises UsageError for another value than "gpu" and "cpu".
    """
    said = os.environ.get(PIXELS, "cpu")
    if said not in ("gpu", "cpu"):
        raise UsageError(f"{PIXELS} is '{said}': give gpu or cpu")
    if said == "cpu" or not device.startswith("cuda"):
        return CpuPixels(), None
    residents = ResidentPhotos(_open_copies(device))
    return GpuPixels(device, residents=residents), residents


def sample_by(kernels: PixelKernels, cut: Cut, picture: GpuPicture | None = None) -> NDArray[np.uint8] | None:
    """`sample_affine` by kernels; None if they do not support it. Raises EngineError.

    ``picture`` is the photo on the GPU.
    """
    places = sample_places((cut.rgb.shape[1], cut.rgb.shape[0]), cut.to_source, cut.size_px)
    if places is None:
        return None
    x0, y0, x1, y1 = places.part
    made = np.empty((cut.size_px[1], cut.size_px[0], 3), np.uint8) if cut.out is None else cut.out
    photo = cut.rgb[y0:y1, x0:x1] if picture is None else picture.part(*places.part)
    kernels.warp(photo, places.along, places.starts, places.origins, made)
    return made


def paste_by(
    kernels: PixelKernels, out: NDArray[np.uint8], change: Change, picture: GpuPicture | None = None
) -> bool:
    """`paste_change` by kernels; returns False if they do not support it. Raises EngineError.

    ``picture`` is the change's photo on the GPU.
    """
    size = (out.shape[1], out.shape[0])
    places = None if change.tone.share else paste_places(size, change.frame, change.mask)
    if places is None:
        return False
    part = places.rows, places.columns
    x0, y0, x1, y1 = places.area
    into = out[y0:y1, x0:x1]
    if picture is not None and change.photo is not None and _same(into, change.photo[y0:y1, x0:x1]):
        picture = picture.part(*places.area)
    else:
        picture = None
    weights = np.concatenate([BRIGHT, DARK, np.array([change.strength], np.float32)])
    kernels.paste(
        change.before[part], change.after[part], change.mask[part], weights, places.along, places.starts,
        into, picture,
    )  # fmt: skip
    return True


def _same(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    """Whether two parts of photos, uint8 [h, w, 3], have the same pixels."""
    import cv2

    return one.shape == other.shape and cv2.norm(one, other, cv2.NORM_INF) == 0


def apart(kernels: PixelKernels) -> int:
    """The largest difference of both operations from the CPU on made pictures, in code values."""
    random = np.random.default_rng(0)
    cells = random.integers(0, 256, (2, _PROBE_PX // 8, _PROBE_PX // 8, 3), dtype=np.uint8)
    photo, other = (one.repeat(8, 0).repeat(8, 1) for one in cells)
    frame = Frame((0.4 * _PROBE_PX, 0.6 * _PROBE_PX), (0.35 * _PROBE_PX, 0.08 * _PROBE_PX))
    size = _PROBE_PX - 32  # less than the frame's side in the photo would be enlarged
    to_photo = frame.to_photo(size)
    wanted = sample_affine(photo, to_photo, (size, size))
    found = sample_by(kernels, Cut(photo, to_photo, (size, size)))
    mask = np.linspace(-0.5, 1.5, size, dtype=np.float32).clip(0, 1) * np.ones((size, 1), np.float32)
    pasted = [photo.copy(), photo.copy()]
    after = other[:size, :size]
    change = Change(frame, wanted, after, mask, 0.9, _PLAIN)
    change.paste(pasted[0])
    done = paste_by(kernels, pasted[1], change)
    assert found is not None and done
    pairs = ((wanted, found), (pasted[0], pasted[1]))
    return max(int(np.abs(a.astype(np.int16) - b).max()) for a, b in pairs)


def _open_kernels(device: str) -> PixelKernels:
    """The kernels on the first GPU of a device; raises EngineError and MissingDependencyError."""
    return PixelKernels(*_first_gpu(device))


def _open_copies(device: str) -> GpuCopies | None:
    """Copies of photos on the first GPU of a device; None where there is none, of which the kernels tell."""
    try:
        return GpuCopies(*_first_gpu(device))
    except AmganError:
        return None


def _first_gpu(device: str) -> tuple[Cuda, int]:
    """CUDA, and the number of the first GPU of a device."""
    cuda = load_cuda()
    return cuda, find_gpus(cuda, device.partition(",")[0].strip())[0].number
