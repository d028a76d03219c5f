"""Whether a good photo came out right: what it is kept, the face changed, everything else as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from amgan.runtime.photo.data import Photo
from amgan.runtime.photo.read import read_photo

LOSSY = ("JPEG", "AVIF", "HEIF")
LOSSY_LEVELS = 6.0  # mean difference, of 255, that writing anew may make
FACE = (0.25, 0.0, 0.65, 0.45)  # left, top, right, bottom of the face in the portrait, with a margin


def what_is_wrong(source: Path, output: Path) -> str:
    """Empty where ``output`` is the aged portrait of ``source``; otherwise what is not."""
    before, after = read_photo(source), read_photo(output)
    target = {".jpg": "JPEG", ".png": "PNG", ".tif": "TIFF", ".webp": "WEBP"}.get(output.suffix.lower())
    if target and after.format != target:
        return f"{after.format} in a file that ends in {output.suffix}"
    if (before.mode, before.is_16_bit) != (after.mode, after.is_16_bit) and before.format != "HEIF":
        return f"{before.mode} became {after.mode}, or its depth changed"
    if before.save_options.get("icc_profile") != after.save_options.get("icc_profile"):
        return "the profile changed"
    if before.pixels.shape != after.pixels.shape:
        return f"{before.pixels.shape} became {after.pixels.shape}: turned?"
    if _make(source) != _make(output):
        return "the camera's name is gone"
    return _wrong_pixels(before, after)


def _wrong_pixels(before: Photo, after: Photo) -> str:
    one = before.pixels if before.samples is None else before.samples
    two = after.pixels if after.samples is None else after.samples
    height, width = one.shape[:2]
    outside = np.ones((height, width), bool)
    left, top, right, bottom = FACE
    outside[round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = False
    lossless = before.format not in LOSSY and after.format not in LOSSY and _is_lossless(after)
    if lossless and not np.array_equal(one[outside], two[outside]):
        return "pixels outside the face changed"
    apart = np.abs(before.pixels.astype(np.int16) - after.pixels)
    if apart[outside].mean() > LOSSY_LEVELS:
        return f"outside the face pixels are {apart[outside].mean():.1f} levels away"
    same_alpha = after.alpha is not None and np.array_equal(before.alpha, after.alpha)
    if before.alpha is not None and before.format not in LOSSY and not same_alpha:
        return "alpha changed"
    if apart[~outside].mean() < 0.2:
        return "the face did not change"
    return ""


def _is_lossless(photo: Photo) -> bool:
    return photo.format != "WEBP" or bool(photo.save_options.get("lossless"))


def _make(path: Path) -> str:
    with Image.open(path) as picture:
        return str(picture.getexif().get(0x010F, ""))
