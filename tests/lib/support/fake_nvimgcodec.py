"""An nvImageCodec whose GPU is Pillow: it can differ from it, fail, or know no file."""

from __future__ import annotations

import io
import threading
import weakref
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image

from support.fake_cuda import FakeCuda


class Picture:
    """A decoded picture in the memory of the GPU, in that of a fake CUDA if there is one."""

    def __init__(self, samples: np.ndarray, cuda: FakeCuda | None = None, padding: int = 0) -> None:
        self._samples, self._cuda = samples, cuda
        if cuda is None:
            return
        height, width = samples.shape[:2]
        rows = np.zeros((height, 3 * width + padding), np.uint8)
        rows[:, : 3 * width] = samples.reshape(height, -1)
        address = cuda.lend(rows)
        weakref.finalize(self, cuda.take_back, address)
        self.__cuda_array_interface__ = {
            "shape": samples.shape, "strides": (rows.shape[1], 3, 1), "typestr": "|u1",
            "data": (address, False), "version": 3,
        }  # fmt: skip

    def cpu(self) -> np.ndarray:
        if self._cuda is not None:
            self._cuda.bus["down"] += self._samples.nbytes
        return self._samples


class Wrapped:
    """A picture of another library, as nvImageCodec's image."""

    def __init__(self, samples: np.ndarray) -> None:
        self.samples = samples


class FakeNvImageCodec:
    """Stands in for the module; ``opened`` are its decoders, ``decoded`` counts files.

    ``apart`` is added to every third sample, ``fault`` is raised by decoding, ``refused`` by opening. The
    files of ``unknown`` are not decoded; nothing is encoded without ``encodes``, and ``other_quality`` is
    added to the quality. ``apart`` is added to all samples that are encoded. ``turns``, if any, is waited for
    in every decoding. Pictures are in the memory of ``cuda``, if given, ``padding`` bytes after each row.
    """

    GPU_ONLY, HYBRID_CPU_GPU, HW_GPU_ONLY, SRGB = "gpu", "hybrid", "engine", "srgb"
    __version__ = "0.9.0"

    def __init__(self, apart: int = 0, cuda: FakeCuda | None = None, padding: int = 0) -> None:
        self.apart, self.cuda, self.padding = apart, cuda, padding
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

    def as_image(self, picture: Any) -> Wrapped:
        offered = picture.__cuda_array_interface__
        height, width = offered["shape"][:2]
        assert self.cuda is not None
        assert (offered["typestr"], offered["strides"][1:]) == ("|u1", (3, 1))
        pitch = offered["strides"][0]
        flat = self.cuda.view(offered["data"][0], pitch * (height - 1) + 3 * width)
        rows = np.stack([flat[row * pitch : row * pitch + 3 * width] for row in range(height)])
        return Wrapped(rows.reshape(height, width, 3))

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
            if self.library.cuda is not None:
                self.library.cuda.bus["up"] += len(content)
            return Picture(samples, self.library.cuda, self.library.padding)
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

    def encode(self, source: np.ndarray | Wrapped, codec: str, *, params: Any) -> bytes | None:
        samples = source.samples if isinstance(source, Wrapped) else source
        assert not self.closed and samples.flags.c_contiguous
        cuda = self.library.cuda
        if cuda is not None and not isinstance(source, Wrapped):
            cuda.bus["up"] += samples.nbytes
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
        if cuda is not None:
            cuda.bus["down"] += len(stream.getvalue())
        return stream.getvalue()

    def __exit__(self, *what: object) -> None:
        self.closed = True
