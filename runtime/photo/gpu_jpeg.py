"""Decodes JPEGs on a GPU by nvImageCodec, where that is installed and decodes as Pillow does."""

from __future__ import annotations

import contextlib
import io
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, JpegImagePlugin

from ..errors import MissingDependencyError

_LOG = logging.getLogger(__name__)

INSTALL = "pip install 'amgan[nvjpeg]'"
MOST_APART = 1
"""The largest difference from Pillow in code values."""
AT_ONCE = 4
"""The number of decoders of a GPU, each of which decodes one file at a time."""
SAMPLINGS = (0, 1, 2)
"""The chroma samplings that are compared with Pillow, and decoded: 4:4:4, 4:2:2 and 4:2:0."""
OPTIONS = ":fancy_upsampling=1"
_PROBE_SIZE = (203, 157)  # incomplete blocks at both edges
_PATCH_PX = 8
_BROKEN = (RuntimeError, ValueError, MemoryError)
"""What nvImageCodec raises."""


def load_nvimgcodec() -> Any:
    """Import nvImageCodec; raises MissingDependencyError if it is missing or cannot be loaded."""
    try:
        from nvidia import nvimgcodec
    except ModuleNotFoundError as error:
        raise MissingDependencyError(f"nvImageCodec is not installed: {INSTALL}") from error
    except (ImportError, OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise MissingDependencyError(
            f"nvImageCodec is installed but cannot load ({reason}): {INSTALL}"
        ) from error
    return nvimgcodec


class GpuJpegs:
    """Decodes JPEGs on one GPU; thread-safe.

    It is opened at its first use and compared with Pillow on made pictures in every supported sampling. If it
    is missing, fails, or differs by more than MOST_APART code values, it is given up, and the log says why.
    """

    def __init__(self, gpu: int, load: Callable[[], Any] | None = None) -> None:
        """``gpu`` is the number of the GPU; ``load`` imports nvImageCodec (None: load_nvimgcodec)."""
        self._gpu, self._load = gpu, load or load_nvimgcodec
        self._library: Any = None
        self._free: list[Any] = []
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._lock = threading.Lock()
        self._failed = False

    @property
    def failed(self) -> bool:
        """Whether it was given up; it then returns None for all files."""
        return self._failed

    def __call__(self, content: bytes) -> NDArray[np.uint8] | None:
        """The samples of a file, uint8 [H, W, 3] RGB in the stored orientation; None if it cannot."""
        if not self._is_open():
            return None
        try:
            with self._turns, self._decoder() as decoder:
                return _decode(self._library, decoder, content)
        except _BROKEN as error:
            self._give_up(_text(error))
            return None

    def close(self) -> None:
        """Free the GPU's memory."""
        with self._lock:
            free, self._free = self._free, []
        for decoder in free:
            with contextlib.suppress(*_BROKEN):
                decoder.__exit__(None, None, None)

    def _is_open(self) -> bool:
        """Open and compare the first decoder, unless that was done; returns whether it can be used."""
        with self._lock:
            if self._library is not None or self._failed:
                return not self._failed
            try:
                library = self._load()
                decoder = _open(library, self._gpu)
                self._free.append(decoder)
                distance = apart(lambda content: _decode(library, decoder, content))
                why = "" if distance <= MOST_APART else f"it differs from Pillow by {distance:g} code values"
            except (MissingDependencyError, *_BROKEN) as error:
                why = _text(error)
            if not why:
                self._library = library
                return True
        self._give_up(why)
        return False

    def _give_up(self, why: str) -> None:
        with self._lock:
            again, self._failed = self._failed, True
        if not again:
            _LOG.warning("JPEGs are decoded on the CPU: %s", why)
            self.close()

    @contextlib.contextmanager
    def _decoder(self) -> Iterator[Any]:
        """A decoder that no other thread uses; one that raises is not used again."""
        with self._lock:
            decoder = self._free.pop() if self._free else None
        decoder = _open(self._library, self._gpu) if decoder is None else decoder
        yield decoder
        with self._lock:
            self._free.append(decoder)


def _open(library: Any, gpu: int) -> Any:
    """Open a decoder that uses the GPU's cores, not its decoding engine, which has other upsampling."""
    kinds = [library.Backend(kind) for kind in (library.GPU_ONLY, library.HYBRID_CPU_GPU)]
    return library.Decoder(device_id=gpu, max_num_cpu_threads=1, backends=kinds, options=OPTIONS)


def _decode(library: Any, decoder: Any, content: bytes) -> NDArray[np.uint8] | None:
    params = library.DecodeParams(apply_exif_orientation=False, color_spec=library.SRGB)
    picture = decoder.decode(content, params=params)
    samples = None if picture is None else np.array(picture.cpu())
    if samples is None or samples.dtype != np.uint8 or samples.ndim != 3 or samples.shape[2] != 3:
        return None
    return samples


def _text(error: Exception) -> str:
    """The text of an error as one line."""
    return " ".join(str(error).split()) or type(error).__name__


def gpu_jpegs_for(device: str) -> GpuJpegs | None:
    """The decoder for a generator's device, such as "cuda:0": its first GPU; None on the CPU."""
    if not device.startswith("cuda"):
        return None
    return GpuJpegs(int(device.partition(",")[0].partition(":")[2] or 0))


def can_decode(picture: ImageFile.ImageFile, content: bytes) -> bool:
    """Whether a file, which Pillow has opened as ``picture``, is of a kind that is compared with Pillow.

    Its samples must be YCbCr of 8 bits in a sampling of SAMPLINGS, and it must be complete: Pillow reports
    files that are cut short, nvImageCodec may not.
    """
    if picture.format != "JPEG" or picture.mode != "RGB" or not content.endswith(b"\xff\xd9"):
        return False
    layers = [layer[0] for layer in getattr(picture, "layer", ())]
    if layers != [1, 2, 3] or picture.info.get("adobe_transform", 1) != 1:
        return False
    return JpegImagePlugin.get_sampling(picture) in SAMPLINGS  # type: ignore[no-untyped-call, unused-ignore]


def apart(decode: Callable[[bytes], NDArray[np.uint8] | None]) -> float:
    """The largest difference from Pillow in code values on made pictures; infinity if one is not decoded."""
    most = 0.0
    for content in made_jpegs():
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as picture:
            wanted = np.asarray(picture)
        found = decode(content)
        if found is None or found.shape != wanted.shape:
            return float("inf")
        most = max(most, float(np.abs(found.astype(np.int16) - wanted).max()))
    return most


def made_jpegs() -> Iterator[bytes]:
    """JPEGs of random colours, half of them smooth, in every sampling of SAMPLINGS, also progressive."""
    columns, rows = (-(-side // _PATCH_PX) for side in _PROBE_SIZE)
    codes = np.random.default_rng(0).integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    smooth = Image.fromarray(codes).resize(_PROBE_SIZE, Image.Resampling.BICUBIC)
    patches = Image.fromarray(codes).resize(_PROBE_SIZE, Image.Resampling.NEAREST)
    smooth.paste(patches.crop((0, 0, _PROBE_SIZE[0] // 2, _PROBE_SIZE[1])))
    for sampling in SAMPLINGS:
        for progressive in (False, True):
            stream = io.BytesIO()
            smooth.save(stream, "JPEG", quality=92, subsampling=sampling, progressive=progressive)
            yield stream.getvalue()
