"""Per format: the options that preserve a photo's properties when it is read and written back."""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps, JpegImagePlugin, PngImagePlugin

from .metadata import BROKEN, iptc_segment

JPEG_QUALITY = 95
WEBP_QUALITY = 95
HEIF_QUALITY = 90
AVIF_QUALITY = 90
FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP")  # Pillow detects MPO, a JPEG of several pictures, as JPEG
FORMAT_OF_SUFFIX = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG",
    ".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WEBP", ".bmp": "BMP",
    ".heic": "HEIF", ".heif": "HEIF", ".avif": "AVIF",
}  # fmt: skip
NAMES = "JPEG, PNG, TIFF or WebP"
NO_ALPHA = ("JPEG", "BMP")
MAX_SIDE_PX = {"JPEG": 65500, "WEBP": 16383, "AVIF": 32768, "HEIF": 32768}
"""Longest sides that the libraries write and read back; longer AVIF and HEIC are written, but not read."""
HOLDS_CMYK = ("JPEG", "TIFF")
HOLDS_16_BITS = ("PNG", "TIFF")
_LOSSLESS_TIFF = frozenset({"raw", "packbits", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate"})
_EXIF_IFDS = (0x8769, 0x8825, 0xA005)
_XMP_TAG = 700
_MAX_JPEG_EXIF_BYTES = 65533
_MAX_JPEG_XMP_BYTES = 65533 - 29
_log = logging.getLogger(__name__)


def jpeg_options(picture: Image.Image) -> dict[str, Any]:
    """The options that write a JPEG with the quantization tables and chroma sampling of ``picture``."""
    tables = getattr(picture, "quantization", None)
    if not tables:
        return {}
    sampling = JpegImagePlugin.get_sampling(picture)  # type: ignore[no-untyped-call, unused-ignore]
    options = {"qtables": tables, "subsampling": sampling if sampling in (0, 1, 2) else 0}
    if picture.info.get("progressive"):
        options["progressive"] = True
    return options


def is_lossless_webp(path: Path) -> bool:
    """Whether a WebP file is lossless: its first picture chunk is VP8L, not VP8. Raises OSError."""
    with path.open("rb") as stream:
        stream.seek(12)
        while len(head := stream.read(8)) == 8:
            kind, length = struct.unpack("<4sI", head)
            if kind in (b"VP8 ", b"VP8L"):
                return bool(kind == b"VP8L")
            stream.seek(length + length % 2, os.SEEK_CUR)
    return False


def turn_upright(picture: Image.Image) -> None:
    """Apply the EXIF orientation in place, if there is a readable one."""
    try:
        ImageOps.exif_transpose(picture, in_place=True)
    except BROKEN as error:
        _log.debug("unreadable EXIF", exc_info=error)


def plain_mode(picture: Image.Image) -> Image.Image:
    """The picture as RGB, RGBA, L, LA or CMYK; palettes and transparent colours are expanded."""
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
    """Options of Pillow's writer for a format, from the options ``kept`` by reading."""
    options = {key: kept[key] for key in ("icc_profile", "exif", "xmp", "dpi") if key in kept}
    return _OPTIONS_OF_FORMAT[format](kept, options)


def _jpeg(kept: Mapping[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    options |= {"quality": kept.get("quality", JPEG_QUALITY), "subsampling": 0}
    options |= {key: kept[key] for key in ("qtables", "subsampling", "progressive") if key in kept}
    if "qtables" in kept:
        del options["quality"]
    if "comment" in kept:
        options["comment"] = kept["comment"]
    if "iptc" in kept:
        options["extra"] = iptc_segment(kept["iptc"])
    for key, most in (("exif", _MAX_JPEG_EXIF_BYTES), ("xmp", _MAX_JPEG_XMP_BYTES)):
        if len(options.get(key, b"")) > most:  # from a TIFF or PNG: too long for a JPEG segment
            _log.debug("%s is too long for a JPEG and left out", key)
            del options[key]
    return options


def _png(kept: Mapping[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    extra = PngImagePlugin.PngInfo()
    for name, content in (*kept.get("png_colour", ()), *kept.get("png_texts", ())):
        extra.add(name, content)
    if "xmp" in options:
        extra.add(b"iTXt", png_xmp(options.pop("xmp")))
    return options | {"pnginfo": extra}


def png_xmp(xmp: bytes) -> bytes:
    """The content of the iTXt chunk that holds XMP."""
    return b"XML:com.adobe.xmp\0\0\0\0\0" + xmp


def _tiff(kept: Mapping[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    compression = kept.get("compression", "tiff_lzw")
    options["compression"] = compression if compression in _LOSSLESS_TIFF else "tiff_adobe_deflate"
    if "exif" in options and _has_sub_ifd(options["exif"]):
        options["compression"] = "raw"  # Pillow's compressors cannot write the camera's own directories
    if "xmp" in options:
        exif = Image.Exif()
        exif.load(options.get("exif", b""))
        exif[_XMP_TAG] = options.pop("xmp")
        options["exif"] = exif
    return options


def _webp(kept: Mapping[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    return options | {
        "quality": kept.get("quality", WEBP_QUALITY),
        "lossless": kept.get("lossless", False),
        "exact": True,
    }


def _bmp(kept: Mapping[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    return {"dpi": options["dpi"]} if "dpi" in options else {}


def _heif(kept: Mapping[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    return options | {"quality": kept.get("quality", HEIF_QUALITY), "chroma": kept.get("chroma", 444)}


def _avif(kept: Mapping[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    return options | {"quality": kept.get("quality", AVIF_QUALITY), "subsampling": "4:4:4"}


_OPTIONS_OF_FORMAT = {
    "JPEG": _jpeg, "PNG": _png, "TIFF": _tiff, "WEBP": _webp, "BMP": _bmp, "HEIF": _heif, "AVIF": _avif,
}  # fmt: skip


def _has_sub_ifd(content: bytes) -> bool:
    exif = Image.Exif()
    exif.load(content)
    return any(tag in exif for tag in _EXIF_IFDS)
