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
    files of ``unknown`` are not decoded; nothing is encoded without ``encodes``, and ``other_quality`` is
    added to the quality. ``apart`` is added to all samples that are encoded. ``turns``, if any, is waited for
    in every decoding.
    """

    GPU_ONLY, HYBRID_CPU_GPU, HW_GPU_ONLY, SRGB = "gpu", "hybrid", "engine", "srgb"
    __version__ = "0.9.0"

    def __init__(self, apart: int = 0) -> None:
        self.apart = apart
        self.opened: list[FakeDecoder] = []
        self.encoders: list[FakeEncoder] = []
        self.decoded = self.encoded = 0
        self.other_quality = 0
        self.encodes = True
        self.fault: Exception | None = None
        self.refused: Exception | None = None
        self.unknown: set[bytes] = set()
        self.turns: threading.Barrier | None = None

    @staticmethod
    def Backend(kind: str) -> str:
        return kind

    QualityType = SimpleNamespace(QUALITY="quality")
    ChromaSubsampling = SimpleNamespace(CSS_444=0, CSS_422=1, CSS_420=2)

    @staticmethod
    def EncodeParams(**given: Any) -> Any:
        return SimpleNamespace(**given)

    def Encoder(self, **given: Any) -> FakeEncoder:
        if self.refused is not None:
            raise self.refused
        self.encoders.append(FakeEncoder(self, **given))
        return self.encoders[-1]

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


class FakeEncoder:
    """An encoder; ``closed`` says that it was closed."""

    def __init__(
        self, library: FakeNvImageCodec, device_id: int, max_num_cpu_threads: int, backends: list[str]
    ) -> None:
        assert (max_num_cpu_threads, backends) == (1, ["gpu", "hybrid"])
        self.library, self.gpu, self.closed = library, device_id, False

    def encode(self, samples: np.ndarray, codec: str, *, params: Any) -> bytes | None:
        assert not self.closed and samples.flags.c_contiguous
        assert (codec, params.quality_type) == ("jpeg", "quality")
        if self.library.fault is not None:
            raise self.library.fault
        if not self.library.encodes:
            return None
        self.library.encoded += 1
        stream = io.BytesIO()
        quality = params.quality_value + self.library.other_quality
        shifted = np.minimum(samples.astype(int) + self.library.apart, 255).astype(np.uint8)
        Image.fromarray(shifted).save(stream, "JPEG", quality=quality, subsampling=params.chroma_subsampling)
        return stream.getvalue()

    def __exit__(self, *what: object) -> None:
        self.closed = True
