"""The segments of a JPEG file: reading and replacing its headers."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # neither a stuffed byte, nor filling, nor a restart
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_START_OF_SCAN = 0xDA
_APP0, _APP14, _APP15, _COMMENT = 0xE0, 0xEE, 0xEF, 0xFE
_JFIF_BYTES = 14
_HEAD_BYTES = 4


def head_segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start offset and end offset of each segment before the first scan of a JPEG.

    Raises ValueError for a malformed file.
    """
    for marker, start, end in _segments(content):
        if marker == _START_OF_SCAN:
            return
        yield marker, start, end


def _segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Like head_segments, but up to the end of the picture."""
    if content[:2] != _SOI:
        raise ValueError("no JPEG")
    at = 2
    while True:
        while content[at : at + 2] == b"\xff\xff":  # fill bytes may stand before a marker
            at += 1
        if at + 1 < len(content) and content[at : at + 2] == _EOI:
            return
        if at + _HEAD_BYTES > len(content) or content[at] != 0xFF:
            raise ValueError("no marker where a segment must begin")
        marker = content[at + 1]
        end = at + 2 + struct.unpack_from(">H", content, at + 2)[0]
        if end < at + _HEAD_BYTES or end > len(content):
            raise ValueError("a truncated segment")
        yield marker, at, end
        at = end
        if marker == _START_OF_SCAN:
            found = _NEXT_MARKER.search(content, at)
            if found is None:
                raise ValueError("no marker after a scan")
            at = found.start()


def after_picture(content: bytes) -> bytes:
    """The bytes after a JPEG's first picture: further pictures, a film, or nothing.

    Raises ValueError for a malformed file.
    """
    last = 2
    for marker, _, end in _segments(content):
        last = end
        if marker == _START_OF_SCAN and (found := _NEXT_MARKER.search(content, end)):
            last = found.start()
    return content[last:].lstrip(b"\xff").removeprefix(_EOI[1:])


def with_components_of(picture: bytes, original: bytes) -> bytes:
    """``picture`` with its components numbered as those of ``original``, in their order."""
    numbers = _components(original)
    new = dict(zip(_components(picture), numbers, strict=True))
    content = bytearray(picture)
    for marker, start, end in _segments(picture):
        first, step = (start + 5, 2) if marker == _START_OF_SCAN else (start + 10, 3)
        if marker == _START_OF_SCAN or marker in _FRAMES:
            for at in range(first, first + step * content[first - 1], step):
                if at < end:
                    content[at] = new[picture[at]]
    return bytes(content)


def frame_kind(content: bytes) -> int:
    """The frame marker of a JPEG: 0xC0 and 0xC1 are sequential, 0xC2 is progressive.

    Raises ValueError if the file has none.
    """
    for marker, _, _ in head_segments(content):
        if marker in _FRAMES:
            return marker
    raise ValueError("no marker of a frame")


def _components(content: bytes) -> bytes:
    """The component numbers of a JPEG's frame."""
    for marker, start, end in head_segments(content):
        if marker in _FRAMES:
            return content[start + 10 : end : 3]
    raise ValueError("no marker of a frame")


def with_metadata_of(picture: bytes, original: bytes, metadata: bytes) -> bytes:
    """A JPEG with the tables and scans of ``picture`` and the comments and profiles of ``metadata``.

    The segments that define the colour space, JFIF and Adobe, are those of ``original``.
    """
    parts = [_SOI]
    for marker, start, end in head_segments(original):
        if marker == _APP0 and original[start + 4 : start + 9] == b"JFIF\0":
            body = original[start + 4 : start + 4 + _JFIF_BYTES - 2] + b"\0\0"  # without a thumbnail
            parts.append(b"\xff\xe0" + struct.pack(">H", len(body) + 2) + body)
        elif marker == _APP14 and original[start + 4 : start + 9] == b"Adobe":
            parts.append(original[start:end])
    for marker, start, end in head_segments(metadata):
        if _is_metadata(marker) and marker not in (_APP0, _APP14):
            parts.append(metadata[start:end])
    last = 2
    for marker, start, end in head_segments(picture):
        if not _is_metadata(marker):
            parts.append(picture[start:end])
        last = end
    return b"".join([*parts, picture[last:]])


def _is_metadata(marker: int) -> bool:
    return _APP0 <= marker <= _APP15 or marker == _COMMENT


def scan_of(content: bytes) -> tuple[bytes, slice]:
    """The header of a JPEG's only scan, without marker and length, and the byte range of its data.

    Restart markers belong to the data. Raises ValueError unless there is exactly one scan.
    """
    found: list[tuple[bytes, slice]] = []
    for marker, start, end in _segments(content):
        if marker == _START_OF_SCAN:
            stop = _NEXT_MARKER.search(content, end)
            found.append(
                (content[start + _HEAD_BYTES : end], slice(end, stop.start() if stop else len(content)))
            )
    if len(found) != 1:
        raise ValueError(f"{len(found)} scans")
    return found[0]
