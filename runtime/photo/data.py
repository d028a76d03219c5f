"""The data class of a decoded photo."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .colour import ColourSpace
from .metadata import MetadataPolicy

JpegDecoder = Callable[[bytes], NDArray[np.uint8] | None]
"""Gives the samples of a JPEG, uint8 [H, W, 3] RGB in the stored orientation, or None if it cannot decode it.

It may differ from Pillow by one code value, but always gives the same samples for the same file.
"""


JpegEncoder = Callable[[NDArray[np.uint8], int, int], bytes | None]
"""Gives a JPEG without metadata of uint8 [H, W, 3] RGB, a quality and Pillow's number of a chroma sampling.

It gives None if it cannot.
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
