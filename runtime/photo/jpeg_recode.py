"""Changes blocks of a sequential, Huffman-coded, single-scan JPEG in place.

A small C extension (`_recode.c`) decodes and encodes the scan symbol by symbol, with the file's own Huffman
tables if they have all needed codes, otherwise with those of the standard. Headers are kept.
"""

from __future__ import annotations

import functools
import io
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..machine import load_extension
from .jpeg_segments import head_segments, scan_of

_SOF = (0xC0, 0xC1)
_DHT, _DQT, _DRI = 0xC4, 0xDB, 0xDD
_APP0, _APP14 = 0xE0, 0xEE
_TABLE_BYTES = 16 + 256
_BLOCK_PX = 8
Tables = dict[tuple[int, int], bytes]


class NotPlainError(Exception):
    """A JPEG is not sequential with a single scan, or is damaged; the text says why."""


@dataclass(frozen=True)
class Component:
    """One component of a JPEG: blocks per unit down and across, and the numbers of its tables."""

    down: int
    across: int
    quantization: int
    dc: int
    ac: int


@dataclass(frozen=True, eq=False)
class Layout:
    """How a JPEG of ``height`` x ``width`` px is stored.

    ``quantization`` has tables int32 [8, 8], ``huffman`` those of 16 + 256 bytes by class (0 DC, 1 AC) and
    number; ``interval`` is the number of units between restart markers, ``scan`` the byte range of the scan.
    """

    height: int
    width: int
    components: tuple[Component, ...]
    quantization: dict[int, NDArray[np.int32]]
    huffman: Tables
    interval: int
    scan: slice

    @property
    def unit(self) -> tuple[int, int]:
        """Blocks per unit down and across, of the component with the most."""
        return max(one.down for one in self.components), max(one.across for one in self.components)

    @property
    def units(self) -> tuple[int, int]:
        """Units down and across."""
        down, across = (_BLOCK_PX * n for n in self.unit)
        return -(-self.height // down), -(-self.width // across)

    def table(self, number: int) -> NDArray[np.int32]:
        """The quantization table, int32 [8, 8], of a component."""
        return self.quantization[self.components[number].quantization]

    def stored(self, number: int) -> tuple[int, int]:
        """Rows and columns of blocks of a component, without padding blocks."""
        one, (down, across) = self.components[number], self.unit
        return (
            -(-self.height * one.down // (_BLOCK_PX * down)),
            -(-self.width * one.across // (_BLOCK_PX * across)),
        )


def recode(source: bytes, layout: Layout, given: tuple[bytes | memoryview, bytes | memoryview]) -> bytes:
    """The JPEG ``source`` with changed blocks; raises NotPlainError if it cannot be recoded.

    ``given`` are block numbers and coefficient changes as of `jpeg_changes.Changes.ordered`.
    """
    blocks = bytes(n for n, one in enumerate(layout.components) for _ in range(one.down * one.across))
    data = memoryview(source)[layout.scan]
    units = layout.units[0] * layout.units[1]
    old = _in_order(layout, layout.huffman)
    run = _extension().recode_scan
    try:
        scan = run(data, blocks, units, old, old, layout.interval, *given)
        head = source[: layout.scan.start]
    except LookupError:
        try:
            standard = _standard_tables()
            tables = {(kind, number): standard[kind, min(number, 1)] for kind, number in layout.huffman}
            scan = run(data, blocks, units, old, _in_order(layout, tables), layout.interval, *given)
        except (LookupError, ValueError) as error:
            raise NotPlainError(str(error)) from error
        head = _with_tables(source, tables)
    except ValueError as error:
        raise NotPlainError(str(error)) from error
    return b"".join([head, scan, b"\xff\xd9"])


def can_recode() -> bool:
    """Whether the C extension was built."""
    return _extension() is not None


def read_layout(source: bytes) -> Layout:
    """Parse the headers of a JPEG; raises NotPlainError if it is not sequential with a single scan."""
    frame: bytes | None = None
    quantization: dict[int, NDArray[np.int32]] = {}
    huffman: Tables = {}
    interval = 0
    try:
        for marker, start, end in head_segments(source):
            body = source[start + 4 : end]
            if marker == _DQT:
                quantization |= _quantization(body)
            elif marker == _DHT:
                huffman |= _huffman(body)
            elif marker == _DRI:
                (interval,) = struct.unpack_from(">H", body)
            elif marker in _SOF:
                frame = body
            elif 0xC0 <= marker <= 0xCF:
                raise NotPlainError("it is not sequential, or not Huffman-coded")
        head, scan = scan_of(source)
        if frame is None or frame[0] != _BLOCK_PX:
            raise NotPlainError("it has no frame of 8 bits")
        _, height, width, count = struct.unpack_from(">BHHB", frame)
        components = _components(frame[6 : 6 + 3 * count], head)
        if len(components) == 3 and _is_rgb(source, frame[6:15:3]):
            raise NotPlainError("its colours are stored as red, green and blue")
        for one in components:
            _ = quantization[one.quantization], huffman[0, one.dc], huffman[1, one.ac]
    except (ValueError, KeyError, IndexError, struct.error) as error:
        raise NotPlainError(f"its headers are unusual: {error}") from error
    if not height or not width:
        raise NotPlainError("its height is defined after the scan")
    return Layout(height, width, components, quantization, huffman, interval, scan)


def _components(frame: bytes, head: bytes) -> tuple[Component, ...]:
    """The components of a frame whose single scan has the header ``head``."""
    count = len(frame) // 3
    if head[0] != count or head[1 + 2 * count : 4 + 2 * count] != b"\0\x3f\0":
        raise NotPlainError("it has several scans")
    tables = {head[1 + 2 * i]: divmod(head[2 + 2 * i], 16) for i in range(count)}
    if [frame[3 * i] for i in range(count)] != [head[1 + 2 * i] for i in range(count)]:
        raise NotPlainError("its scan has another order than its frame")
    found = []
    for number, factors, quantization in zip(frame[::3], frame[1::3], frame[2::3], strict=True):
        across, down = divmod(factors, 16)
        if not 1 <= across <= 4 or not 1 <= down <= 4:
            raise NotPlainError(f"its sampling is {across}x{down}")
        if count == 1:
            across = down = 1  # a single component is stored block by block, whatever its sampling is
        found.append(Component(down, across, quantization, *tables[number]))
    return tuple(found)


def _is_rgb(source: bytes, numbers: bytes) -> bool:
    """Whether a JPEG of three components may hold RGB, by its markers, then by the component numbers."""
    segments = {marker: source[start + 4 : end] for marker, start, end in head_segments(source)}
    if segments.get(_APP0, b"").startswith(b"JFIF\0"):
        return False
    if segments.get(_APP14, b"").startswith(b"Adobe"):
        return segments[_APP14][11] == 0
    return numbers != b"\1\2\3"


def _quantization(body: bytes) -> dict[int, NDArray[np.int32]]:
    tables, at = {}, 0
    while at < len(body):
        wide, number = divmod(body[at], 16)
        kind = ">u2" if wide else "u1"
        values = np.frombuffer(body, kind, 64, at + 1)
        table = np.zeros((_BLOCK_PX, _BLOCK_PX), np.int32)
        table[ZIGZAG_ROWS, ZIGZAG_COLUMNS] = values
        tables[number] = table
        at += 1 + values.nbytes
    return tables


def _huffman(body: bytes) -> Tables:
    tables: Tables = {}
    at = 0
    while at < len(body):
        end = at + 17 + sum(body[at + 1 : at + 17])
        if end > len(body):
            raise ValueError("a truncated Huffman table")
        tables[divmod(body[at], 16)] = body[at + 1 : end].ljust(_TABLE_BYTES, b"\0")
        at = end
    return tables


def _in_order(layout: Layout, tables: Tables) -> bytes:
    """The DC and the AC table of each component."""
    return b"".join(tables[0, one.dc] + tables[1, one.ac] for one in layout.components)


def _with_tables(source: bytes, tables: Tables) -> bytes:
    """Everything before the scan's data, with other Huffman tables."""
    body = b"".join(
        bytes([kind << 4 | number]) + table[: 16 + sum(table[:16])]
        for (kind, number), table in tables.items()
    )
    new = struct.pack(">BBH", 0xFF, _DHT, len(body) + 2) + body
    parts, last = [source[:2]], 2
    for marker, start, end in head_segments(source):
        if marker != _DHT:
            parts.append(source[start:end])
        last = end
    return b"".join([*parts, new, source[last : scan_of(source)[1].start]])


@functools.cache
def _standard_tables() -> Tables:
    """The tables of ITU T.81, K.3: 0 for luma and 1 for chroma; they have codes for all symbols."""
    stream = io.BytesIO()
    Image.new("RGB", (1, 1)).save(stream, "JPEG")
    tables: Tables = {}
    for marker, start, end in head_segments(stream.getvalue()):
        if marker == _DHT:
            tables |= _huffman(stream.getvalue()[start + 4 : end])
    return tables


def _extension() -> Any:
    return load_extension(f"{__package__}._recode")


def _zigzag() -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of a block's coefficients in the order in which they are stored (T.81, figure A.6)."""
    rows, columns = np.divmod(np.arange(64), _BLOCK_PX)
    diagonal = rows + columns
    order = np.lexsort((np.where(diagonal % 2, rows, columns), diagonal))
    return rows[order], columns[order]


ZIGZAG_ROWS, ZIGZAG_COLUMNS = _zigzag()
