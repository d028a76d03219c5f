"""nvImageCodec's decoders and encoders, opened when they are needed and shared by threads."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from ..errors import MissingDependencyError

_LOG = logging.getLogger(__name__)

INSTALL = "pip install 'amgan[nvjpeg]'"
MOST_APART = 1
"""The largest difference from Pillow in code values."""
AT_ONCE = 4
"""The number of decoders, and of encoders, of a GPU, each of which takes one picture at a time."""
SAMPLINGS = (0, 1, 2)
"""Pillow's numbers of the chroma samplings 4:4:4, 4:2:2 and 4:2:0, which are compared with it."""
BROKEN = (RuntimeError, ValueError, MemoryError)
"""What nvImageCodec raises."""
_PROBE_SIZE = (203, 157)  # incomplete blocks at both edges
_PATCH_PX = 8


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


class GpuCodec:
    """Coders of one kind on one GPU; thread-safe.

    The first one is opened and compared with Pillow at its first use. If nvImageCodec is missing, fails or
    differs, it is given up, and the log says why.
    """

    what: ClassVar[str]
    """What the CPU does instead, for the log."""

    def __init__(self, gpu: int, load: Callable[[], Any] | None = None) -> None:
        """``gpu`` is the number of the GPU; ``load`` imports nvImageCodec (None: load_nvimgcodec)."""
        self._gpu, self._load = gpu, load or load_nvimgcodec
        self._library: Any = None
        self._free: list[Any] = []
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._lock = threading.Lock()
        self._reason = ""

    @property
    def failed(self) -> bool:
        """Whether it was given up; all its results are then None."""
        return bool(self._reason)

    @property
    def reason(self) -> str:
        """Why it was given up; empty if it was not."""
        return self._reason

    def close(self) -> None:
        """Free the GPU's memory."""
        with self._lock:
            free, self._free = self._free, []
        for coder in free:
            with contextlib.suppress(*BROKEN):
                coder.__exit__(None, None, None)

    def _open(self, library: Any) -> Any:
        """A coder of ``library`` on the GPU; raises one of BROKEN."""
        raise NotImplementedError

    def _why_not(self, library: Any, coder: Any) -> str:
        """How the results of a coder differ from Pillow's; empty if they agree. Raises one of BROKEN."""
        raise NotImplementedError

    def _use(self, work: Callable[[Any, Any], Any]) -> Any:
        """The result of ``work`` for the library and a coder that no other thread uses; None if given up."""
        if not self._is_open():
            return None
        try:
            with self._turns, self._coder() as coder:
                return work(self._library, coder)
        except BROKEN as error:
            self._give_up(_text(error))
            return None

    def _is_open(self) -> bool:
        """Open and compare the first coder, unless that was done; returns whether it can be used."""
        with self._lock:
            if self._library is not None or self._reason:
                return not self._reason
            try:
                library = self._load()
                coder = self._open(library)
                self._free.append(coder)
                why = self._why_not(library, coder)
            except (MissingDependencyError, *BROKEN) as error:
                why = _text(error)
            if not why:
                self._library = library
                return True
        self._give_up(why)
        return False

    def _give_up(self, why: str) -> None:
        with self._lock:
            again, self._reason = bool(self._reason), self._reason or why
        if not again:
            _LOG.warning("JPEGs are %s on the CPU: %s", self.what, why)
            self.close()

    @contextlib.contextmanager
    def _coder(self) -> Iterator[Any]:
        """A coder that no other thread uses; one that raises is not used again."""
        with self._lock:
            coder = self._free.pop() if self._free else None
        coder = self._open(self._library) if coder is None else coder
        yield coder
        with self._lock:
            self._free.append(coder)


def options_for(library: Any, gpu: int) -> dict[str, Any]:
    """Arguments for coders that use the GPU's cores, not its decoding engine, which has other upsampling."""
    kinds = [library.Backend(kind) for kind in (library.GPU_ONLY, library.HYBRID_CPU_GPU)]
    return {"device_id": gpu, "max_num_cpu_threads": 1, "backends": kinds}


def gpu_of(device: str) -> int | None:
    """The number of the first GPU of a generator's device, such as "cuda:0"; None for the CPU."""
    if not device.startswith("cuda"):
        return None
    return int(device.partition(",")[0].partition(":")[2] or 0)


def made_picture() -> Image.Image:
    """A picture of random colours, half of it smooth."""
    columns, rows = (-(-side // _PATCH_PX) for side in _PROBE_SIZE)
    codes = np.random.default_rng(0).integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    smooth = Image.fromarray(codes).resize(_PROBE_SIZE, Image.Resampling.BICUBIC)
    patches = Image.fromarray(codes).resize(_PROBE_SIZE, Image.Resampling.NEAREST)
    smooth.paste(patches.crop((0, 0, _PROBE_SIZE[0] // 2, _PROBE_SIZE[1])))
    return smooth


def _text(error: Exception) -> str:
    """The text of an error as one line."""
    return " ".join(str(error).split()) or type(error).__name__
