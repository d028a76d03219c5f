"""Support for HEIC, through pillow-heif (the extra `heif`), and for AVIF.

AVIF is part of Pillow's wheels; a Pillow that was built without it is reported.
"""

from __future__ import annotations

import threading
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, features

from ..errors import PhotoError

_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_lock = threading.Lock()


def readable_formats() -> tuple[str, ...]:
    """Names of the photo formats that this installation reads."""
    found = ["JPEG", "PNG"]
    if find_spec("pillow_heif") is not None:
        found.append("HEIC")
    found += ["TIFF", "WebP"]
    if features.check("avif"):
        found.append("AVIF")
    return (*found, "BMP")


def kind_of(path: Path) -> str | None:
    """The format by the brands at the start of a file, "HEIF" or "AVIF", else None; raises OSError."""
    with path.open("rb") as stream:
        head = stream.read(64)
    if head[4:8] != b"ftyp":
        return None
    length = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[offset : offset + 4] for offset in range(8, length, 4)]
    if b"avif" in brands or b"avis" in brands:
        return "AVIF"
    return "HEIF" if any(brand in _HEIC_BRANDS for brand in brands) else None


def load_plugin(kind: str, path: Path) -> None:
    """Register the Pillow plugin of "HEIF" or "AVIF"; raises PhotoError if it is not installed."""
    if kind == "AVIF":
        if not features.check("avif"):
            raise PhotoError(
                f"'{path}' is an AVIF picture, and this Pillow was built without AVIF: "
                "pip install --force-reinstall pillow"
            )
        return
    with _lock:
        if "HEIF" in Image.SAVE:
            return
        try:
            import pillow_heif
        except ImportError as error:
            raise PhotoError(
                f"'{path}' is a HEIC picture, which needs pillow-heif: pip install 'amgan[heif]'"
            ) from error
        pillow_heif.register_heif_opener(thumbnails=False)
