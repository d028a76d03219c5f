"""TIFF files with 16 bits per channel, which Pillow does not write in colour (TIFF 6.0 and supplements).

The pixels come first, in strips, then the directories. The camera's own directories are copied unchanged from
the EXIF, so the file has the EXIF's byte order.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

_BYTES_OF_TYPE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SHORT, _LONG, _RATIONAL, _BYTE, _UNDEFINED = 3, 4, 5, 1, 7
_SUB_DIRECTORIES = (0x8769, 0x8825, 0xA005)
_PHOTOMETRIC = {"L": 1, "LA": 1, "RGB": 2, "RGBA": 2, "CMYK": 5}
_DEFLATE, _RAW, _PREDICTOR_DIFFERENCE = 8, 1, 2
_LEVEL = 4
_EXIF_HEAD = b"Exif\0\0"

Entry = tuple[int, int, bytes]
"""Type, count and value of one field, in the file's byte order."""
Directory = dict[int, "Entry | Directory"]


def write_16_bit_tiff(
    stream: IO[bytes],
    mode: str,
    size: tuple[int, int],
    strips: Iterable[NDArray[np.uint16]],
    kept: Mapping[str, Any],
) -> None:
    """Write a TIFF with 16 bits per channel; parameters of write_16_bit_png, ``mode`` may also be "CMYK".

    Losslessly compressed, unless the photo was uncompressed. Raises OSError.
    """
    exif = kept.get("exif", b"").removeprefix(_EXIF_HEAD)
    order = ">" if exif[:2] == b"MM" else "<"
    directory = _read_directories(exif, order)
    raw = kept.get("compression") == "raw"
    stream.write((b"MM\0*" if order == ">" else b"II*\0") + bytes(4))
    offsets, lengths, rows = [], [], 0
    for strip in strips:
        rows = rows or len(strip)
        content = _packed(strip, order, raw)
        offsets.append(stream.tell())
        lengths.append(len(content))
        stream.write(content + b"\0" * (len(content) % 2))

    def numbers(type: int, *values: int) -> Entry:
        return type, len(values), struct.pack(f"{order}{len(values)}{'HI'[type == _LONG]}", *values)

    height, width = size
    channels = len(mode)
    directory |= {
        256: numbers(_LONG, width),
        257: numbers(_LONG, height),
        258: numbers(_SHORT, *[16] * channels),
        259: numbers(_SHORT, _RAW if raw else _DEFLATE),
        262: numbers(_SHORT, _PHOTOMETRIC[mode]),
        273: numbers(_LONG, *offsets),
        277: numbers(_SHORT, channels),
        278: numbers(_LONG, rows),
        279: numbers(_LONG, *lengths),
        284: numbers(_SHORT, 1),
        339: numbers(_SHORT, *[1] * channels),
    }
    if not raw:
        directory[317] = numbers(_SHORT, _PREDICTOR_DIFFERENCE)
    if mode in ("LA", "RGBA"):
        directory[338] = numbers(_SHORT, 2)  # unassociated alpha
    if "dpi" in kept:
        for tag, dpi in zip((282, 283), kept["dpi"], strict=True):
            directory[tag] = _RATIONAL, 1, struct.pack(f"{order}II", round(float(dpi) * 1000), 1000)
        directory[296] = numbers(_SHORT, 2)
    for tag, key, type in ((700, "xmp", _BYTE), (34675, "icc_profile", _UNDEFINED)):
        if key in kept:
            directory[tag] = type, len(kept[key]), kept[key]
    offset = _write_directory(stream, directory, order)
    stream.seek(4)
    stream.write(struct.pack(f"{order}I", offset))


def _packed(strip: NDArray[np.uint16], order: str, raw: bool) -> bytes:
    """The bytes of a strip, uint16 [h, W, C]; unless ``raw``, compressed horizontal differences."""
    if raw:
        return strip.astype(f"{order}u2").tobytes()
    differences = strip.copy()
    differences[:, 1:] -= strip[:, :-1]
    return zlib.compress(differences.astype(f"{order}u2").tobytes(), _LEVEL)


def _read_directories(block: bytes, order: str) -> Directory:
    """The first directory of an EXIF block that Pillow wrote, with its sub-directories."""
    return _read_directory(block, struct.unpack_from(f"{order}I", block, 4)[0], order) if block else {}


def _read_directory(block: bytes, offset: int, order: str) -> Directory:
    found: Directory = {}
    (count,) = struct.unpack_from(f"{order}H", block, offset)
    for number in range(count):
        at = offset + 2 + 12 * number
        tag, type, length = struct.unpack_from(f"{order}HHI", block, at)
        size = _BYTES_OF_TYPE.get(type, 0) * length
        if not size:
            continue
        (far,) = struct.unpack_from(f"{order}I", block, at + 8)
        if tag in _SUB_DIRECTORIES:
            found[tag] = _read_directory(block, far, order)
        else:
            start = at + 8 if size <= 4 else far
            found[tag] = type, length, block[start : start + size]
    return found


def _write_directory(stream: IO[bytes], directory: Directory, order: str) -> int:
    """Write a directory after its values and sub-directories; returns its offset."""
    fields = []
    for tag, entry in sorted(directory.items()):
        if isinstance(entry, dict):
            offset = _write_directory(stream, entry, order)
            fields.append(struct.pack(f"{order}HHII", tag, _LONG, 1, offset))
            continue
        type, count, value = entry
        if len(value) > 4:
            offset = stream.tell()
            stream.write(value + b"\0" * (len(value) % 2))
            value = struct.pack(f"{order}I", offset)
        fields.append(struct.pack(f"{order}HHI", tag, type, count) + value.ljust(4, b"\0"))
    offset = stream.tell()
    stream.write(struct.pack(f"{order}H", len(fields)) + b"".join(fields) + bytes(4))
    return offset
