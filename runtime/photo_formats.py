"""What each picture format needs to be read whole and written back the way it came."""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, ImageOps, JpegImagePlugin

JPEG_QUALITY = 95
WEBP_QUALITY = 95
FORMATS = ("JPEG", "PNG", "TIFF", "WEBP")  # JPEG finds out MPO, a JPEG of several pictures, by itself
FORMAT_OF_SUFFIX = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG",
    ".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WEBP",
}  # fmt: skip
_LOSSLESS_TIFF = frozenset({"raw", "packbits", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate"})
# Tags that say how one file stores its pixels, and what is kept beside the EXIF: profile, XMP, resolution.
_STORAGE_TAGS = (
    254, 255, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 282, 283, 284, 296, 317, 320, 322,
    323, 324, 325, 330, 338, 339, 347, 512, 513, 514, 529, 530, 531, 532, 700, 34675,
)  # fmt: skip
_EXIF_IFDS = (0x8769, 0x8825, 0xA005)
# Pillow's readers raise these for broken files.
BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    RuntimeError,
    struct.error,
)
_log = logging.getLogger(__name__)


def jpeg_options(picture: Image.Image) -> dict[str, Any]:
    """What makes a JPEG be written with the tables and chroma sampling that it was read with."""
    tables = getattr(picture, "quantization", None)
    if not tables:
        return {}
    sampling = JpegImagePlugin.get_sampling(picture)  # type: ignore[no-untyped-call, unused-ignore]
    options = {"qtables": tables, "subsampling": sampling if sampling in (0, 1, 2) else 0}
    if picture.info.get("progressive"):
        options["progressive"] = True
    return options


def is_lossless_webp(path: Path) -> bool:
    """Whether a WebP file's picture is in its first VP8L, not VP8, chunk."""
    with path.open("rb") as stream:
        stream.seek(12)
        while len(head := stream.read(8)) == 8:
            kind, length = struct.unpack("<4sI", head)
            if kind in (b"VP8 ", b"VP8L"):
                return bool(kind == b"VP8L")
            stream.seek(length + length % 2, os.SEEK_CUR)
    return False


def clean_exif(picture: Image.Image) -> bytes | None:
    """The EXIF of a picture that is not loaded yet, without orientation, thumbnail and storage tags.

    Unreadable EXIF is dropped: it says nothing, and is no reason to refuse a photo.
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


def turn_upright(picture: Image.Image) -> None:
    """Apply the EXIF orientation, in place, if there is one that can be read."""
    try:
        ImageOps.exif_transpose(picture, in_place=True)
    except BROKEN as error:
        _log.debug("unreadable EXIF", exc_info=error)


def plain_mode(picture: Image.Image) -> Image.Image:
    """The picture as RGB, RGBA, L or LA; palettes and a transparent colour are resolved."""
    keyed = "transparency" in picture.info
    if picture.mode in ("P", "PA"):
        return picture.convert("RGBA" if keyed or picture.mode == "PA" else "RGB")
    if picture.mode in ("1", "L") and not keyed:
        return picture.convert("L")
    if picture.mode in ("1", "L"):
        return picture.convert("L").convert("LA")
    if picture.mode == "RGBX":
        return picture.convert("RGB")
    return picture.convert("RGBA") if picture.mode == "RGB" and keyed else picture


def save_options(kept: Mapping[str, Any], format: str) -> dict[str, Any]:
    """Options of Pillow's writer for a format, from those that reading ``kept``."""
    options = {key: kept[key] for key in ("icc_profile", "exif", "xmp", "dpi") if key in kept}
    if format == "JPEG":
        options |= {"quality": JPEG_QUALITY, "subsampling": 0}
        if "qtables" in kept:
            del options["quality"]
            options |= {key: kept[key] for key in ("qtables", "subsampling", "progressive") if key in kept}
    elif format == "TIFF":
        compression = kept.get("compression", "tiff_lzw")
        options["compression"] = compression if compression in _LOSSLESS_TIFF else "tiff_adobe_deflate"
        if "exif" in options and _has_sub_ifd(options["exif"]):
            options["compression"] = "raw"  # Pillow's compressors cannot write the camera's own directories
    elif format == "WEBP":
        options |= {"quality": WEBP_QUALITY, "lossless": kept.get("lossless", False), "exact": True}
    return options


def _has_sub_ifd(content: bytes) -> bool:
    exif = Image.Exif()
    exif.load(content)
    return any(tag in exif for tag in _EXIF_IFDS)
