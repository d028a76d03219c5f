"""Updates sizes and positions in EXIF and XMP after a photo was turned upright."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from PIL import ExifTags, Image

from .metadata import BROKEN

_WIDTH, _HEIGHT = ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight
_POSITION_TAGS = (0x9214, 0xA214)  # SubjectArea, SubjectLocation: in px of the picture as it was stored
_SIZES_IN_XMP = rb"(?:tiff:(?:Orientation|ImageWidth|ImageLength)|exif:Pixel[XY]Dimension)"
_SIZE_FIELDS_IN_XMP = (
    re.compile(rb"\s" + _SIZES_IN_XMP + rb"=(?:\"[^\"]*\"|'[^']*')"),
    re.compile(rb"<(" + _SIZES_IN_XMP + rb")>[^<]*</\1>"),
)
_REGIONS = (b"mwg-rs:Regions", b"MP:RegionInfo")
_REGIONS_LEFT = re.compile(rb"(?<!xmlns:)\b(?:mwg-rs|MP|MPRI|MPReg|exif:Subject(?:Area|Location))\b:?")
_log = logging.getLogger(__name__)


def described_upright(kept: Mapping[str, Any], width: int, height: int) -> dict[str, Any]:
    """The save options ``kept`` of a rotated photo, for an upright file of ``width`` x ``height`` px.

    Width and height in the EXIF are replaced. The subject's position in the EXIF, and sizes and regions (such
    as names of faces) in the XMP are removed. XMP with regions in an unusual notation and unreadable EXIF are
    removed entirely.
    """
    described = dict(kept)
    for key, change in (("exif", lambda exif: _exif(exif, width, height)), ("xmp", _xmp)):
        content = described.pop(key, None)
        if content and (changed := change(content)):
            described[key] = changed
    return described


def _exif(content: bytes, width: int, height: int) -> bytes | None:
    exif = Image.Exif()
    try:
        exif.load(content)
        camera = exif.get_ifd(ExifTags.IFD.Exif)
        for tag, size in ((_WIDTH, width), (_HEIGHT, height)):
            if tag in camera:
                camera[tag] = size
        for position in _POSITION_TAGS:
            camera.pop(position, None)
        return exif.tobytes()
    except BROKEN as error:
        _log.debug("unreadable EXIF", exc_info=error)
        return None


def _xmp(xmp: bytes) -> bytes | None:
    for name in _REGIONS:
        before, start, rest = xmp.partition(b"<" + name)
        _, end, after = rest.partition(b"</" + name + b">")
        if start and end:
            xmp = before + after
    for pattern in _SIZE_FIELDS_IN_XMP:
        xmp = pattern.sub(b"", xmp)
    return None if _REGIONS_LEFT.search(xmp) else xmp
