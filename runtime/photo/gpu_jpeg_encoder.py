"""Encodes JPEGs on a GPU by nvImageCodec, where that is installed and as good as Pillow."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from ..errors import EngineError
from .data import Residents
from .gpu_codec import MOST_APART, SAMPLINGS, GpuCodec, made_picture, options_for

_LOG = logging.getLogger(__name__)

QUALITIES = (95, 75)
"""The qualities that are compared with Pillow."""
_NAMES = ("CSS_444", "CSS_422", "CSS_420")


class GpuJpegEncoder(GpuCodec):
    """Encodes JPEGs on one GPU; see GpuCodec.

    It is compared with Pillow on a made picture: its files must have the same quantization tables and chroma
    sampling, and the largest error may be that of Pillow's file plus MOST_APART code values.
    """

    what: ClassVar[str] = "encoded"

    def __init__(
        self, gpu: int, load: Callable[[], Any] | None = None, residents: Residents | None = None
    ) -> None:
        """``residents`` are the photos that are on the GPU; see GpuCodec for the others."""
        super().__init__(gpu, load)
        self._residents = residents

    def __call__(
        self, samples: NDArray[np.uint8], quality: int, sampling: int, before: NDArray[np.uint8] | None = None
    ) -> bytes | None:
        """A sequential JPEG of uint8 [H, W, 3] RGB without metadata, or None if it cannot.

        ``quality`` is 1 to 100, ``sampling`` Pillow's number of the chroma sampling. If ``before``, the photo
        without its changes, is on the GPU, only the changes are uploaded.
        """
        if sampling not in SAMPLINGS:
            return None
        content: bytes | None = self._use(
            lambda library, encoder: self._encode(library, encoder, samples, (quality, sampling), before)
        )
        return content

    def _encode(
        self, library: Any, encoder: Any, samples: NDArray[np.uint8], kind: tuple[int, int],
        before: NDArray[np.uint8] | None,
    ) -> bytes | None:  # fmt: skip
        """Encode with a quality and sampling, from the memory of the GPU if the photo is there."""
        if self._residents is not None:
            try:
                with self._residents.changed(before, samples) as picture:
                    if picture is not None:
                        return _encode(library, encoder, library.as_image(picture), *kind)
            except EngineError as error:
                _LOG.warning("a photo is uploaded as a whole to be encoded: %s", error)
        return _encode(library, encoder, samples, *kind)

    def _open(self, library: Any) -> Any:
        return library.Encoder(**options_for(library, self._gpu))

    def _why_not(self, library: Any, coder: Any) -> str:
        picture = made_picture()
        samples = np.array(picture)
        for quality in QUALITIES:
            for sampling in SAMPLINGS:
                content = _encode(library, coder, samples, quality, sampling)
                why = (
                    "it encodes nothing" if content is None else _compare(picture, content, quality, sampling)
                )
                if why:
                    return f"{why} at quality {quality}"
        return ""


def _encode(library: Any, encoder: Any, samples: Any, quality: int, sampling: int) -> bytes | None:
    """Encode uint8 [H, W, 3], an array or nvImageCodec's image."""
    params = library.EncodeParams(
        quality_type=library.QualityType.QUALITY,
        quality_value=quality,
        chroma_subsampling=getattr(library.ChromaSubsampling, _NAMES[sampling]),
    )
    source = np.ascontiguousarray(samples) if isinstance(samples, np.ndarray) else samples
    stream = encoder.encode(source, "jpeg", params=params)
    return None if stream is None else bytes(stream)


def _compare(picture: Image.Image, content: bytes, quality: int, sampling: int) -> str:
    """How a JPEG of a picture differs from Pillow's; empty if it is as good."""
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality, subsampling=sampling)
    files = [Image.open(io.BytesIO(one), formats=("JPEG",)) for one in (content, stream.getvalue())]
    kinds = [(one.size, JpegImagePlugin.get_sampling(one), _tables(one)) for one in files]  # type: ignore[no-untyped-call, unused-ignore]
    if kinds[0] != kinds[1]:
        return "its files have other tables than Pillow's"
    wanted = np.asarray(picture).astype(np.int16)
    ours, theirs = (int(np.abs(np.asarray(one) - wanted).max()) for one in files)
    return "" if ours <= theirs + MOST_APART else f"its error is {ours} code values instead of {theirs}"


def _tables(picture: Any) -> Any:
    """The quantization tables of an opened JPEG."""
    return picture.quantization
