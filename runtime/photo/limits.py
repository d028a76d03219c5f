"""Checks before a photo is decoded: decompression bombs, and pictures that could not be written back.

Files are untrusted, so the cost of decoding is bounded: 120 megapixels, 64 scans of a JPEG, 1 MiB of unpacked
text or profile in a PNG chunk (Pillow's own limit), and 16 pages of a TIFF are examined.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

from PIL import ImageFile

from ..errors import PhotoError
from ..machine import memory_left
from .jpeg_segments import frame_kind

MAX_PIXELS = 120_000_000
MAX_JPEG_SCANS = 64
SMALL_PIXELS = 4_000_000
"""Smaller photos are not checked against the available memory."""
BYTES_PER_PIXEL, JPEG_BYTES_PER_PIXEL = 21, 30
"""The most memory that a photo takes while it is processed (docs/photos.md)."""
_MAX_PAGES = 16
_BLOCK_BYTES = 1 << 20
_MODES = ("RGB", "RGBA", "RGBX", "L", "LA", "P", "PA", "1", "CMYK")
_MODES_16_BIT = ("RGB", "RGBA", "LA", "I;16", "I;16B", "CMYK")
_SUBFILE, _BITS, _PHOTOMETRIC, _SAMPLES, _PLANAR, _SAMPLE_FORMAT, _DNG = 254, 258, 262, 277, 284, 339, 50706
_SENSOR_KINDS = (32803, 34892)  # colour filter array, linear raw (DNG 1.4)
_CHANNELS = {
    "L": 1,
    "P": 1,
    "1": 1,
    "I;16": 1,
    "I;16B": 1,
    "LA": 2,
    "PA": 2,
    "RGB": 3,
    "RGBX": 3,
    "RGBA": 4,
    "CMYK": 4,
}
_SCAN = re.compile(rb"\xff\xda\x00(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")  # marker, length, components
_SCAN_HEAD_BYTES = 5
_HUFFMAN_FRAMES = (0xC0, 0xC1, 0xC2)
_CONTAINER_BOXES = (b"meta", b"iprp", b"ipco")


def too_large(path: Path, megapixels: str) -> PhotoError:
    """The error for a photo of ``megapixels`` megapixels."""
    limit = f"{MAX_PIXELS / 1e6:.0f}"
    return PhotoError(f"'{path}' has {megapixels} megapixels, over the limit of {limit}: make it smaller")


def check_kind(picture: ImageFile.ImageFile, path: Path) -> bool:
    """Whether an opened picture has 16 bits a channel.

    Raises PhotoError if it is too large, would take too long to decode, or could not be written back.
    """
    if picture.width * picture.height > MAX_PIXELS:
        raise too_large(path, f"{picture.width * picture.height / 1e6:.0f}")
    _refuse_without_memory(picture, path)
    _refuse_pages(picture, path)
    if picture.format == "TIFF":
        _refuse_raw(picture, path)
        _refuse_more_channels(picture, path)
    if picture.format in ("JPEG", "MPO"):
        _refuse_many_scans(path)
        _refuse_rare_coding(path)
    bits = _bits(picture, path)
    if bits > 8:
        _refuse_16_bit(picture, path, bits)
    elif picture.mode not in _MODES:
        raise PhotoError(f"'{path}' is in the colour mode {picture.mode}: save it as RGB first")
    return bits > 8


def _refuse_without_memory(picture: ImageFile.ImageFile, path: Path) -> None:
    """Raise PhotoError if the pixels would take more memory than is available."""
    pixels = picture.width * picture.height
    if pixels < SMALL_PIXELS:
        return
    need = pixels * (JPEG_BYTES_PER_PIXEL if picture.format in ("JPEG", "MPO") else BYTES_PER_PIXEL)
    left = memory_left()
    if left is not None and need > left:
        raise PhotoError(
            f"'{path}' has {pixels / 1e6:.0f} megapixels and needs about {need / 2**30:.1f} GiB of memory, "
            f"and {left / 2**30:.1f} are available: make it smaller, or raise the memory limit"
        )


def _bits(picture: ImageFile.ImageFile, path: Path) -> int:
    """Bits per channel, the maximum over the channels."""
    if picture.format == "TIFF":
        bits = picture.tag_v2.get(_BITS, 8)  # type: ignore[attr-defined]
        return max(bits) if isinstance(bits, tuple) else int(bits)
    if picture.format == "PNG":
        return 16 if any(";16" in str(tile) for tile in picture.tile) else 8
    if picture.format == "HEIF":
        return int(picture.info.get("bit_depth", 8))
    return _avif_bits(path) if picture.format == "AVIF" else 8


def _refuse_16_bit(picture: ImageFile.ImageFile, path: Path, bits: int) -> None:
    """Raise PhotoError for samples of more than 8 bits, except 16 bits in a PNG or TIFF."""
    if picture.format in ("HEIF", "AVIF"):
        raise PhotoError(f"'{path}' has {bits} bits a channel: save it as a TIFF or PNG with 16 first")
    tags = getattr(picture, "tag_v2", {})
    formats = tags.get(_SAMPLE_FORMAT, (1,))
    whole = set(formats if isinstance(formats, tuple) else (formats,)) == {1}
    layouts = str(picture.tile)
    straight = not any(name in layouts for name in ("RGBa", "I;16R", "I;12"))
    inverted, planar = tags.get(_PHOTOMETRIC) == 0, tags.get(_PLANAR, 1) != 1
    if bits != 16 or picture.mode not in _MODES_16_BIT or not (whole and straight) or inverted or planar:
        raise PhotoError(
            f"'{path}' has {bits} bits a channel in an unsupported layout: "
            "save it as RGB or grey with 16 or 8 bits a channel first"
        )


def _refuse_pages(picture: ImageFile.ImageFile, path: Path) -> None:
    """Raise PhotoError for animations and multi-page files; previews in a TIFF do not count as pages."""
    if picture.format in ("MPO", "HEIF"):
        return  # the first or primary picture is the photo; others are its depth map, gain map or previews
    is_tiff = picture.format == "TIFF"
    if _has_pages(picture) if is_tiff else getattr(picture, "n_frames", 1) > 1:
        raise PhotoError(
            f"'{path}' holds several pictures (an animation or pages): save the one to age separately"
        )


def _has_pages(picture: ImageFile.ImageFile) -> bool:
    """Whether a TIFF holds full pictures after its first; only the first pages are examined."""
    if not getattr(picture, "is_animated", False):
        return False
    try:
        for page in range(1, _MAX_PAGES):
            try:
                picture.seek(page)
            except EOFError:
                return False
            if not picture.tag_v2.get(_SUBFILE, 0) & 1:  # type: ignore[attr-defined]
                return True
        return True
    finally:
        picture.seek(0)


def _refuse_raw(picture: ImageFile.ImageFile, path: Path) -> None:
    """Raise PhotoError for a camera's raw file, whose first picture is a preview or raw sensor data."""
    tags = picture.tag_v2  # type: ignore[attr-defined]
    with path.open("rb") as stream:
        canon = stream.read(10)[8:] == b"CR"
    if canon or tags.get(_SUBFILE, 0) & 1 or _DNG in tags or tags.get(_PHOTOMETRIC) in _SENSOR_KINDS:
        raise PhotoError(
            f"'{path}' is a camera's raw file, or starts with a preview: convert it to a JPEG or TIFF first"
        )


def _refuse_more_channels(picture: ImageFile.ImageFile, path: Path) -> None:
    """Raise PhotoError for a TIFF with channels that would be lost, such as masks and spot colours."""
    stored = int(picture.tag_v2.get(_SAMPLES, 1))  # type: ignore[attr-defined]
    read = _CHANNELS.get(picture.mode, stored)
    if stored > read:
        raise PhotoError(
            f"'{path}' has {stored} channels, of which only {read} can be kept: save it without the others"
        )


def _refuse_many_scans(path: Path) -> None:
    """Raise PhotoError for a JPEG of more than MAX_JPEG_SCANS scans, which would take too long to decode.

    Scans are counted in the whole file, thumbnails and further pictures included.
    """
    scans, last = 0, b""
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            scans += len(_SCAN.findall(last + block))
            last = block[-_SCAN_HEAD_BYTES + 1 :]
            if scans > MAX_JPEG_SCANS:
                raise PhotoError(
                    f"'{path}' is a JPEG of more than {MAX_JPEG_SCANS} scans, too slow to read: save it again"
                )


def _refuse_rare_coding(path: Path) -> None:
    """Raise PhotoError for arithmetic, lossless and hierarchical JPEG coding (ITU T.81, table B.1)."""
    try:
        kind = frame_kind(path.read_bytes())
    except ValueError:
        return  # damaged; the decoder reports it
    if kind not in _HUFFMAN_FRAMES:
        coding = "arithmetic coding" if kind > 0xC8 else "a lossless or hierarchical coding"
        raise PhotoError(f"'{path}' is a JPEG with {coding}, which few programs support: save it again")


def _avif_bits(path: Path) -> int:
    """Bits per channel that an AVIF file declares; 8 if it declares none."""
    with path.open("rb") as stream:
        return _av1_bits(stream.read(_BLOCK_BYTES))


def _av1_bits(content: bytes) -> int:
    """The maximum bit depth of the AV1 configurations in these boxes of an ISO media file."""
    most, offset = 8, 0
    while offset + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, offset)
        body = content[offset + 8 : offset + length]
        if kind in _CONTAINER_BOXES:
            most = max(most, _av1_bits(body[4:] if kind == b"meta" else body))
        elif kind == b"av1C" and len(body) > 2:
            high, twelve = body[2] & 0x40, body[2] & 0x20
            most = max(most, 12 if high and twelve else 10 if high else 8)
        if length < 8:
            break
        offset += length
    return most
