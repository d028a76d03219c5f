"""Files made to harm a reader: huge when unpacked, endless, or decoded over and over; small on disk."""

from __future__ import annotations

import functools
import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(width: int, height: int, bits: int, colour: int, data: bytes, extra: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    parts = png_chunk(b"IHDR", header) + extra + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@functools.cache
def zeros(count: int) -> bytes:
    """So many zero bytes, packed by zlib, without ever holding them."""
    packer, parts = zlib.compressobj(1), []
    block = bytes(1 << 20)
    for _ in range(count >> 20):
        parts.append(packer.compress(block))
    parts.append(packer.compress(block[: count % (1 << 20)]))
    return b"".join([*parts, packer.flush()])


def tiff(entries: list[tuple[int, int, int, int]], next_directory: int = 0, tail: bytes = b"") -> bytes:
    """A little-endian TIFF with one directory at byte 8, of (tag, type, count, value)."""
    fields = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    head = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries))
    return head + fields + struct.pack("<I", next_directory) + tail


def tiff_entries(width: int, height: int, compression: int, at: int, length: int) -> list:
    return [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, compression), (262, 3, 1, 1),
        (273, 4, 1, at), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, length),
    ]  # fmt: skip


def chained_tiff(pages: int) -> bytes:
    """A TIFF of so many directories, each of a small picture, one after the other."""
    page = 2 + 12 * 9 + 4
    parts = [b"II*\0" + struct.pack("<I", 8)]
    for number in range(pages):
        fields = b"".join(struct.pack("<HHII", *e) for e in sorted(tiff_entries(4, 4, 1, 8, 16)))
        following = 8 + (number + 1) * page if number + 1 < pages else 0
        parts.append(struct.pack("<H", 9) + fields + struct.pack("<I", following))
    return b"".join(parts)


def many_scans(scans: int) -> bytes:
    """A large progressive JPEG whose last scan is there over and over."""
    stream = io.BytesIO()
    Image.new("L", (6000, 6000), 120).save(stream, "JPEG", progressive=True)
    content = stream.getvalue()
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * scans + b"\xff\xd9"


def slow_bombs() -> dict[str, bytes]:
    """Name and content of those bombs that take seconds to make or to read."""
    webp = io.BytesIO()
    Image.new("RGB", (16383, 8191)).save(webp, "WEBP", lossless=True, quality=0, method=0)
    deflate = zeros(40 << 20)
    at = 8 + 2 + 12 * 9 + 4
    few = zlib.compress(bytes(4 * 13))
    return {
        "black-100-megapixels.png": png_of(10000, 10000, 1, 0, zeros(1251 * 10000)),
        "lossless-134-megapixels.webp": webp.getvalue(),
        "deflate-inside-the-limit.tif": tiff(tiff_entries(10000, 9000, 8, at, len(deflate)), tail=deflate),
        "many-chunks.png": png_of(4, 4, 8, 2, few, png_chunk(b"tEXt", b"k\0v") * 200_000),
    }


def damaged_size() -> bytes:
    """A JPEG whose header says 65000x65000."""
    small = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), 90, np.uint8)).save(small, "JPEG")
    jpeg = bytearray(small.getvalue())
    place = jpeg.index(b"\xff\xc0")
    jpeg[place + 5 : place + 9] = struct.pack(">HH", 65000, 65000)
    return bytes(jpeg)


FEW = zlib.compress(bytes(4 * 13))
AT = 8 + 2 + 12 * 9 + 4


def png_with(kind: bytes, head: bytes) -> bytes:
    """A PNG of 4x4 px with a chunk that unpacks to 100 MiB."""
    return png_of(4, 4, 8, 2, FEW, png_chunk(kind, head + zeros(100 << 20)))


def deflated_tiff() -> bytes:
    deflate = zeros(40 << 20)
    return tiff(tiff_entries(60000, 60000, 8, AT, len(deflate)), tail=deflate)


QUICK_BOMBS: dict[str, Callable[[], bytes]] = {
    "header-60000.png": lambda: png_of(60000, 60000, 8, 2, FEW),
    "over-the-limit.png": lambda: png_of(12000, 10001, 1, 0, zeros(1501 * 10001)),
    "text.png": lambda: png_with(b"zTXt", b"bomb\0\0"),
    "international-text.png": lambda: png_with(b"iTXt", b"bomb\0\1\0\0\0"),
    "profile.png": lambda: png_with(b"iCCP", b"bomb\0\0"),
    "xmp.png": lambda: png_with(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0"),
    "frames.png": lambda: png_of(4, 4, 8, 2, FEW, png_chunk(b"acTL", struct.pack(">II", 0x7FFFFFFF, 0))),
    "header-65000.jpg": damaged_size,
    "scans.jpg": lambda: many_scans(3000),
    "deflate.tif": deflated_tiff,
    "count.tif": lambda: tiff([*tiff_entries(4, 4, 1, AT, 16), (700, 1, 0xFFFFFFF0, AT)], tail=bytes(16)),
    "loop.tif": lambda: tiff(tiff_entries(4, 4, 1, 8, 16), next_directory=8),
    "chain.tif": lambda: chained_tiff(100_000),
    "strips.tif": lambda: tiff(
        [e for e in tiff_entries(4, 4, 1, AT, 16) if e[0] not in (273, 279)]
        + [(273, 4, 0x3FFFFFFF, AT), (279, 4, 0x3FFFFFFF, AT)],
        tail=bytes(64),
    ),
    "header.bmp": lambda: (
        b"BM" + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, 40000, 40000, 1, 24, 0, 0, 0, 0, 0, 0)
    ),
    "box.avif": lambda: (
        struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"avif", 0, b"mif1", b"miaf")
        + struct.pack(">I4sI", 0x7FFFFFFF, b"meta", 0)
    ),
    "boxes.heic": lambda: (
        struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"heic", 0, b"mif1", b"heic")
        + struct.pack(">I4s", 8, b"meta") * 50_000
    ),
}
"""Names of the other bombs, and what makes each."""
