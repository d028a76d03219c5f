"""Pictures for a browser: the photo, and one aged face with the rest transparent."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
RegionFormat = Literal["png", "webp", "lossless webp"]


@dataclass(frozen=True, eq=False)
class RegionPicture:
    """A picture of the change of a photo, and its box x0, y0, x1, y1 in px of the photo."""

    content: bytes
    media_type: str
    box: tuple[float, float, float, float]


def encode_jpeg(pixels: Pixels, max_side_px: int | None) -> bytes:
    """A photo, uint8 [H, W, 3], as a JPEG of at most ``max_side_px`` px on its longer side."""
    picture = Image.fromarray(pixels)
    if max_side_px is not None and max(picture.size) > max_side_px:
        picture.thumbnail((max_side_px, max_side_px), Image.Resampling.LANCZOS, reducing_gap=3)
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=93, subsampling=0)
    return content.getvalue()


def changed_pixels(before: Pixels, after: Pixels) -> NDArray[np.bool_]:
    """Where two pictures, uint8 [H, W, 3], differ: bool [H, W]."""
    apart = before != after
    return apart[..., 0] | apart[..., 1] | apart[..., 2]  # five times as fast as `any` over three


def box_of(changed: NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
    """The bounding box x0, y0, x1, y1 of the true pixels in bool [H, W], or None."""
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    if not rows.size:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def encode_change(after: Pixels, changed: NDArray[np.bool_], format: RegionFormat) -> bytes:
    """``after``, uint8 [H, W, 3], where ``changed``, bool [H, W], is true, and transparent elsewhere.

    PNG and lossless WebP have the exact pixels; the WebP takes two thirds of the PNG's time and half of its
    size. A lossy WebP has a tenth of that size.
    """
    picture = Image.fromarray(np.dstack([after, changed * np.uint8(255)]))
    content = io.BytesIO()
    if format == "png":
        picture.save(content, "PNG", compress_level=1)
    elif format == "lossless webp":
        picture.save(content, "WEBP", lossless=True, quality=0, method=0)
    else:
        picture.save(content, "WEBP", quality=90, method=0, alpha_quality=100)
    return content.getvalue()
