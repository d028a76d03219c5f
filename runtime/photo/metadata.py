"""A photo's metadata (EXIF, XMP, IPTC, texts): kept, kept without GPS positions, or removed.

The colour profile and the resolution define how the pixels look and print; they are always kept.
"""

from __future__ import annotations

import logging
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from PIL import ExifTags, Image

MetadataPolicy = Literal["keep", "strip-gps", "strip"]
METADATA_KEYS = ("exif", "xmp", "iptc", "comment", "png_texts")
GPS_IFD = 0x8825
IPTC_RESOURCE = 0x0404
# Tags that describe how one file stores its pixels, embedded pictures that would show the unaged photo
# (thumbnails, Photoshop layers), and data kept separately from the EXIF: profile, XMP, resolution.
_STORAGE_TAGS = (
    254, 255, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 282, 283, 284, 296, 317, 320, 322,
    323, 324, 325, 330, 332, 334, 338, 339, 347, 512, 513, 514, 529, 530, 531, 532, 700, 34377, 34675, 37724,
)  # fmt: skip
# Exceptions that Pillow's readers raise for broken files.
BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    RuntimeError,
    ArithmeticError,
    AssertionError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
_GPS_IN_XMP = (
    re.compile(rb"\sexif:GPS\w{1,40}=(\"[^\"]*\"|'[^']*')"),
    re.compile(rb"<exif:GPS\w{1,40}>[^<]*</exif:GPS\w{1,40}>"),
)
_PAYLOADS_IN_XMP = (
    re.compile(rb"\s(?:GCamera|hdrgm|GDepth|GImage):\w{1,40}=(\"[^\"]*\"|'[^']*')"),
    re.compile(rb"<(GCamera|hdrgm|GDepth|GImage):(\w{1,40})>[^<]*</\1:\2>"),
    re.compile(rb"\sxmlns:(?:GCamera|hdrgm|GDepth|GImage|Container|Item)=(\"[^\"]*\"|'[^']*')"),
)
_DIRECTORY = b"<Container:Directory>"
_PAYLOADS_LEFT = (b"GCamera:", b"hdrgm:", b"GDepth:", b"GImage:", b"Container:", b"Item:")
_GPS_LEFT = (b"GPS", b"G\0P\0S")
_PNG_COLOUR_CHUNKS = (b"cHRM", b"gAMA", b"sRGB", b"cICP")
_PNG_TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")
_PNG_NOT_TEXT = (b"XML:com.adobe.xmp", b"Raw profile type")  # XMP is kept separately; the others duplicate it
_MAX_PNG_TEXT_BYTES = 4 * 2**20
_log = logging.getLogger(__name__)


def clean_exif(picture: Image.Image) -> bytes | None:
    """The EXIF of a picture that is not loaded yet, without orientation, thumbnail and storage tags.

    Unreadable EXIF is dropped; it is no reason to refuse a photo.
    """
    try:
        exif = Image.Exif()
        exif.load(picture.getexif().tobytes())
        for tag in (*_STORAGE_TAGS, ExifTags.Base.Orientation):
            exif.pop(tag, None)
        return exif.tobytes() if len(exif) else None
    except BROKEN as error:
        _log.debug("unreadable EXIF", exc_info=error)
        return None


def orientation_of(picture: Image.Image) -> int:
    """The EXIF orientation of a picture that is not loaded yet, 1 (upright) to 8; 1 if unreadable."""
    try:
        found = picture.getexif().get(ExifTags.Base.Orientation, 1)
    except BROKEN as error:
        _log.debug("unreadable EXIF", exc_info=error)
        return 1
    return found if found in range(1, 9) else 1


def iptc_of(picture: Image.Image) -> bytes | None:
    """The IPTC caption data of a JPEG, as its Photoshop segment holds it."""
    resources = picture.info.get("photoshop")
    return resources.get(IPTC_RESOURCE) if isinstance(resources, dict) else None


def iptc_segment(iptc: bytes) -> bytes:
    """A complete JPEG segment with IPTC data; empty if the data are too long for one."""
    resource = b"8BIM" + struct.pack(">HHI", IPTC_RESOURCE, 0, len(iptc)) + iptc + b"\0" * (len(iptc) % 2)
    body = b"Photoshop 3.0\0" + resource
    return b"\xff\xed" + struct.pack(">H", len(body) + 2) + body if len(body) <= 65533 else b""


def without(options: dict[str, Any], policy: MetadataPolicy) -> dict[str, Any]:
    """The save options of a photo without the metadata that ``policy`` removes.

    "strip-gps" removes the EXIF's GPS directory and the XMP's GPS fields; XMP with GPS fields in an unusual
    notation is removed entirely. "strip" removes EXIF, XMP, IPTC, comments and texts.
    """
    if policy == "keep":
        return options
    if policy == "strip":
        return {key: value for key, value in options.items() if key not in METADATA_KEYS}
    kept = dict(options)
    for key, clean in (("exif", _exif_without_gps), ("xmp", _xmp_without_gps)):
        content = kept.pop(key, None)
        if content and (cleaned := clean(content)):
            kept[key] = cleaned
    return kept


def png_chunks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of a PNG's colour and text chunks.

    Texts stay compressed; texts beyond a total of 4 MiB are skipped.
    """
    room = _MAX_PNG_TEXT_BYTES
    with path.open("rb") as stream:
        stream.seek(8)
        while len(head := stream.read(8)) == 8:
            length, name = struct.unpack(">I4s", head)
            wanted = name in _PNG_COLOUR_CHUNKS or name in _PNG_TEXT_CHUNKS
            if not wanted or length > room:
                stream.seek(length + 4, 1)
                continue
            content = stream.read(length)
            stream.seek(4, 1)
            room -= length
            if name in _PNG_COLOUR_CHUNKS or not content.startswith(_PNG_NOT_TEXT):
                yield name, content


def without_payloads(xmp: bytes) -> bytes | None:
    """XMP without the fields that describe embedded pictures and films, which are not kept; or None.

    These are gain maps, depth maps, and the film of a motion photo. XMP that has them in an unusual notation
    is removed entirely.
    """
    before, start, rest = xmp.partition(_DIRECTORY)
    _, end, after = rest.partition(b"</" + _DIRECTORY[1:])
    if start and end:
        xmp = before + after
    for pattern in _PAYLOADS_IN_XMP:
        xmp = pattern.sub(b"", xmp)
    return None if any(mark in xmp for mark in _PAYLOADS_LEFT) else xmp


def _exif_without_gps(content: bytes) -> bytes | None:
    exif = Image.Exif()
    exif.load(content)
    exif.pop(GPS_IFD, None)
    return exif.tobytes() if len(exif) else None


def _xmp_without_gps(content: bytes | str) -> bytes | None:
    text = content.encode() if isinstance(content, str) else content
    for pattern in _GPS_IN_XMP:
        text = pattern.sub(b"", text)
    return None if any(mark in text for mark in _GPS_LEFT) else text
