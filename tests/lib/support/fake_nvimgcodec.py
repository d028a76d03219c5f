"""An nvImageCodec whose GPU is Pillow: it can differ from it, fail, or know no file."""

from __future__ import annotations

import io
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image


class Picture:
    """A decoded picture in the memory of the GPU."""

    def __init__(self, samples: np.ndarray) -> None:
        self._samples = samples

    def cpu(self) -> np.ndarray:
        return self._samples


class FakeNvImageCodec:
    """Stands in for the module; ``opened`` are its decoders, ``decoded`` counts files.

    ``apart`` is added to every third sample, ``fault`` is raised by decoding, ``refused`` by opening. The
    files of ``unknown`` are not decoded. ``turns``, if any, is waited for in every decoding.
    """

    GPU_ONLY, HYBRID_CPU_GPU, HW_GPU_ONLY, SRGB = "gpu", "hybrid", "engine", "srgb"
    __version__ = "0.9.0"

    def __init__(self, apart: int = 0) -> None:
        self.apart = apart
        self.opened: list[FakeDecoder] = []
        self.decoded = 0
        self.fault: Exception | None = None
        self.refused: Exception | None = None
        self.unknown: set[bytes] = set()
        self.turns: threading.Barrier | None = None

    @staticmethod
    def Backend(kind: str) -> str:
        return kind

    @staticmethod
    def DecodeParams(**given: Any) -> Any:
        return SimpleNamespace(**given)

    def Decoder(self, **given: Any) -> FakeDecoder:
        if self.refused is not None:
            raise self.refused
        if "engine" in given["backends"]:
            raise RuntimeError("this GPU has no decoding engine")
        self.opened.append(FakeDecoder(self, **given))
        return self.opened[-1]


class FakeDecoder:
    """A decoder; ``busy`` says that a thread uses it, ``closed`` that it was closed."""

    def __init__(
        self, library: FakeNvImageCodec, device_id: int, max_num_cpu_threads: int, backends: list[str],
        options: str,
    ) -> None:  # fmt: skip
        assert (max_num_cpu_threads, options) == (1, ":fancy_upsampling=1")
        assert backends == ["gpu", "hybrid"]
        self.library, self.gpu = library, device_id
        self.closed = self.busy = False

    def decode(self, content: bytes, *, params: Any) -> Picture | None:
        assert not (self.closed or self.busy)
        assert (params.apply_exif_orientation, params.color_spec) == (False, "srgb")
        self.busy = True
        try:
            if self.library.turns is not None:
                self.library.turns.wait(60)
            if self.library.fault is not None:
                raise self.library.fault
            self.library.decoded += 1
            if content in self.library.unknown:
                return None
            samples = np.array(Image.open(io.BytesIO(content)))
            flat = samples.reshape(-1)[::3]
            flat[...] = np.minimum(flat.astype(int) + self.library.apart, 255)
            return Picture(samples)
        finally:
            self.busy = False

    def __exit__(self, *what: object) -> None:
        self.closed = True
