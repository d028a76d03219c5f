"""PNG files with 16 bits per channel, which Pillow does not write in colour (W3C PNG, third edition)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from .formats import png_xmp

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPE = {"L": 0, "RGB": 2, "LA": 4, "RGBA": 6}
_FILTER_SUB = 1
_LEVEL = 4  # of zlib: noise in the low bytes does not compress much better at a higher level
_EXIF_HEAD = b"Exif\0\0"
_METRE_PER_INCH = 0.0254


def write_16_bit_png(
    stream: IO[bytes],
    mode: str,
    size: tuple[int, int],
    strips: Iterable[NDArray[np.uint16]],
    kept: Mapping[str, Any],
) -> None:
    """Write a PNG with 16 bits per channel.

    ``mode`` is "L", "LA", "RGB" or "RGBA", ``size`` height and width in px, ``strips`` uint16 [h, W, C] from
    the top, and ``kept`` the photo's save options: profile, EXIF, XMP, resolution, texts. Raises OSError.
    """
    height, width = size
    stream.write(_SIGNATURE)
    _chunk(stream, b"IHDR", struct.pack(">IIBBBBB", width, height, 16, _COLOUR_TYPE[mode], 0, 0, 0))
    for name, content in kept.get("png_colour", ()):
        _chunk(stream, name, content)
    if "icc_profile" in kept:
        _chunk(stream, b"iCCP", b"ICC Profile\0\0" + zlib.compress(kept["icc_profile"]))
    if "dpi" in kept:
        dots = [round(float(dpi) / _METRE_PER_INCH) for dpi in kept["dpi"]]
        _chunk(stream, b"pHYs", struct.pack(">IIB", *dots, 1))
    if "exif" in kept:
        _chunk(stream, b"eXIf", kept["exif"].removeprefix(_EXIF_HEAD))
    if "xmp" in kept:
        _chunk(stream, b"iTXt", png_xmp(kept["xmp"]))
    for name, content in kept.get("png_texts", ()):
        _chunk(stream, name, content)
    packer = zlib.compressobj(_LEVEL)
    for strip in strips:
        _data(stream, packer.compress(_filtered(strip)))
    _data(stream, packer.flush())
    _chunk(stream, b"IEND", b"")


def _filtered(strip: NDArray[np.uint16]) -> bytes:
    """Rows of a strip as big-endian bytes with the filter Sub: each minus that of the pixel on the left."""
    rows, bytes_a_pixel = len(strip), 2 * strip.shape[2]
    plain = np.ascontiguousarray(strip, ">u2").view(np.uint8).reshape(rows, -1)
    out = np.empty((rows, plain.shape[1] + 1), np.uint8)
    out[:, 0] = _FILTER_SUB
    out[:, 1:] = plain
    out[:, 1 + bytes_a_pixel :] -= plain[:, :-bytes_a_pixel]
    return out.tobytes()


def _data(stream: IO[bytes], packed: bytes) -> None:
    if packed:
        _chunk(stream, b"IDAT", packed)


def _chunk(stream: IO[bytes], name: bytes, content: bytes) -> None:
    stream.write(struct.pack(">I", len(content)) + name + content)
    stream.write(struct.pack(">I", zlib.crc32(content, zlib.crc32(name))))
