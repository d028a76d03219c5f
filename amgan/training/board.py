"""Event files that TensorBoard reads: numbers and pictures of a run, written without its packages.

The format is TensorFlow's: records of a length, its checksum, the bytes and their checksum, where the bytes
are a protocol buffer (an Event of tensorflow/core/util/event.proto; fields are numbered as there). Checksums
are CRC-32C, rotated and shifted by a constant, so that a file of zeros is not taken for a good one.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path

VERSION = b"brain.Event:2"
_POLYNOMIAL = 0x82F63B78
_ROTATION = 0xA282EAD8
_VARINT, _DOUBLE, _BYTES, _FLOAT = 0, 1, 2, 5


class Board:
    """Appends events to one new file in a folder; each is on disk when the call returns."""

    def __init__(self, folder: Path) -> None:
        """Open a new file beside those of earlier parts of the run."""
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time_ns() // 1000}.{socket.gethostname()}.{os.getpid()}"
        self._path = folder / name
        self._write(_field(3, _BYTES, VERSION))

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        """Add numbers by name."""
        summary = b"".join(
            _field(1, _BYTES, _field(1, _BYTES, name.encode()) + _field(2, _FLOAT, value))
            for name, value in values.items()
        )
        self._write(_field(2, _VARINT, step) + _field(5, _BYTES, summary))

    def picture(self, step: int, name: str, encoded: bytes, size_px: tuple[int, int]) -> None:
        """Add an RGB picture, an encoded JPEG or PNG file of ``size_px`` (width, height)."""
        width, height = size_px
        image = _field(1, _VARINT, height) + _field(2, _VARINT, width) + _field(3, _VARINT, 3)
        image += _field(4, _BYTES, encoded)
        value = _field(1, _BYTES, name.encode()) + _field(4, _BYTES, image)
        self._write(_field(2, _VARINT, step) + _field(5, _BYTES, _field(1, _BYTES, value)))

    def _write(self, event: bytes) -> None:
        event = _field(1, _DOUBLE, time.time()) + event
        length = struct.pack("<Q", len(event))
        with self._path.open("ab") as stream:
            stream.write(length + _checksum(length) + event + _checksum(event))


def _field(number: int, kind: int, value: float | bytes) -> bytes:
    """One field of a protocol buffer."""
    head = _varint(number << 3 | kind)
    if isinstance(value, bytes):
        return head + _varint(len(value)) + value
    if kind == _VARINT:
        return head + _varint(int(value))
    return head + struct.pack("<d" if kind == _DOUBLE else "<f", value)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _checksum(content: bytes) -> bytes:
    crc = crc32c(content)
    rotated = (crc >> 15 | crc << 17) + _ROTATION
    return struct.pack("<I", rotated & 0xFFFFFFFF)


def crc32c(content: bytes) -> int:
    """CRC-32C (Castagnoli) of bytes."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def _table_entry(index: int) -> int:
    for _ in range(8):
        index = index >> 1 ^ (_POLYNOMIAL if index & 1 else 0)
    return index


_TABLE = tuple(_table_entry(index) for index in range(256))
