"""The data class of a decoded photo."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .colour import ColourSpace
from .metadata import MetadataPolicy


@dataclass(frozen=True, eq=False)
class Decoded:
    """Samples of a file, uint8 [H, W, 3] RGB, as stored; ``picture`` is the decoder's, on its GPU."""

    samples: NDArray[np.uint8]
    picture: object = None


class Residents(Protocol):
    """Photos that stay on the GPU that decoded them."""

    def keep(self, pixels: NDArray[np.uint8], decoded: object, orientation: int = 1) -> None:
        """Keep a decoder's picture, whose upright pixels, uint8 [H, W, 3], are read-only from now on.

        It was stored in an EXIF orientation, 1 to 8.
        """

    def changed(
        self, before: NDArray[np.uint8] | None, after: NDArray[np.uint8]
    ) -> AbstractContextManager[object | None]:
        """A picture of ``after``, uint8 [H, W, 3], for an encoder, made of that of ``before``.

        None if that is not on the GPU. Raises EngineError.
        """


class JpegDecoder(Protocol):
    """Decodes JPEGs.

    Its samples may differ from Pillow's by one code value, but are always the same for the same file.
    """

    def __call__(self, content: bytes) -> NDArray[np.uint8] | None:
        """The samples of a JPEG, uint8 [H, W, 3] RGB in the stored orientation; None if it cannot."""

    def decode(self, content: bytes) -> Decoded | None:
        """The same, with the decoder's picture."""

    def keep(self, pixels: NDArray[np.uint8], decoded: object, orientation: int = 1) -> None:
        """Let a picture stay on the GPU; see Residents.keep."""


class JpegEncoder(Protocol):
    """Encodes JPEGs."""

    def __call__(
        self, samples: NDArray[np.uint8], quality: int, sampling: int, before: NDArray[np.uint8] | None = None
    ) -> bytes | None:
        """A JPEG without metadata of uint8 [H, W, 3] RGB; None if it cannot.

        ``quality`` is 1 to 100, ``sampling`` Pillow's number of the chroma sampling. ``before`` are the
        pixels of the photo that was changed, if known.
        """


@dataclass(frozen=True, eq=False)
class Photo:
    """A decoded photo.

    ``pixels`` are uint8 [H, W, 3], upright, sRGB (a grey photo has three equal channels); ``format`` is
    "JPEG", "PNG", "TIFF", "WEBP", "BMP", "HEIF" or "AVIF"; ``mode`` is "RGB", "RGBA", "L", "LA" or "CMYK";
    ``alpha`` is uint8 or uint16 [H, W], or None. ``save_options`` hold what write_photo needs to write the
    same kind of file: the ICC profile, the EXIF without its orientation, the JPEG tables, and so on. They
    contain "orientation" if the file is stored rotated.

    If the photo's own samples differ from ``pixels``, ``samples`` hold them, upright, uint8 or uint16, [H, W]
    for grey or [H, W, C], and ``space`` is their colour space; both are None for a plain 8-bit sRGB photo.
    ``strip_sums`` are checksums of ``pixels`` as read, used to detect changes. ``stamp`` is the file's size
    in bytes and modification time in ns when it was read. ``metadata`` says which of its metadata the photo
    keeps. ``decoder`` has decoded ``pixels``; None stands for Pillow.
    """

    pixels: NDArray[np.uint8]
    path: Path
    format: str
    mode: str = "RGB"
    alpha: NDArray[Any] | None = None
    save_options: Mapping[str, Any] = field(default_factory=dict)
    samples: NDArray[Any] | None = None
    space: ColourSpace | None = None
    strip_sums: tuple[int, ...] = ()
    stamp: tuple[int, int] | None = None
    metadata: MetadataPolicy = "keep"
    decoder: JpegDecoder | None = None

    @property
    def is_16_bit(self) -> bool:
        """Whether its samples have 16 bits a channel."""
        return self.samples is not None and self.samples.dtype == np.uint16
