"""Memory needs of photos, estimated from their headers, and parsing of sizes."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

from ..errors import UsageError

BYTES_PER_PIXEL = 12
"""Maximum bytes per pixel of a photo in flight, measured on photos of 64 megapixels."""
JPEG_BYTES_PER_PIXEL = 30
"""The same for a JPEG, whose coefficients are in memory while it is written (4:2:0 takes 21)."""

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?b)?", re.IGNORECASE)
_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


def parse_size(text: str) -> int:
    """Parse a size such as "2G", "800M" or "1.5 GiB" (powers of 1,024) to bytes; raises UsageError."""
    found = _SIZE.fullmatch(text.strip())
    size = int(float(found[1]) * _UNITS[found[2].lower()]) if found else 0
    if size <= 0:
        raise UsageError(f"{text!r} is not a size of memory: write one such as 2G or 800M")
    return size


def say_size(size: int) -> str:
    """Format a size in bytes, such as "1.5 GiB"."""
    for unit, name in ((2**30, "GiB"), (2**20, "MiB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size / 2**10:.0f} KiB"


def memory_need(path: Path) -> int:
    """Estimated bytes of a photo in flight, from its header; 0 if that cannot be read.

    Unreadable photos are refused later, when they are decoded.
    """
    from PIL import Image

    from ..photo.plugins import kind_of, load_plugin

    try:
        if kind := kind_of(path):
            load_plugin(kind, path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                is_jpeg = picture.format in ("JPEG", "MPO")
                each = JPEG_BYTES_PER_PIXEL if is_jpeg else BYTES_PER_PIXEL
                return picture.width * picture.height * each
    except Exception:
        return 0
