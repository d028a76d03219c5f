"""Reduced copies of photos for the gallery, named by a hash of the content so that each is made once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import PhotoError
from ...files import whole_file

if TYPE_CHECKING:
    from PIL import Image

PREVIEW_PX = 800
PREVIEW_QUALITY = 82


@dataclass(frozen=True)
class Preview:
    """A reduced copy of a photo: its file, and its width and height in px."""

    path: Path
    width: int
    height: int


def make_preview(photo: Path, sha256: str, folder: Path) -> Preview:
    """Write a JPEG of at most PREVIEW_PX px per side into ``folder``, atomically, unless it exists.

    ``sha256`` is that of the photo's content. Raises PhotoError.
    """
    from PIL import Image

    target = folder / f"{sha256[:24]}.jpg"
    try:
        with Image.open(target) as there:
            return Preview(target, *there.size)
    except OSError:
        pass
    picture = _shrunk(photo)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with whole_file(target) as temporary:
            picture.save(temporary, "JPEG", quality=PREVIEW_QUALITY, progressive=True)
    except OSError as error:
        raise PhotoError(f"'{target}' cannot be written: {error.strerror or error}") from error
    return Preview(target, *picture.size)


def _shrunk(path: Path) -> Image.Image:
    import cv2
    from PIL import Image

    from ...photo.read import read_photo

    photo = read_photo(path)
    height, width = photo.pixels.shape[:2]
    scale = min(1.0, PREVIEW_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    pixels = cv2.resize(photo.pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else photo.pixels
    picture = Image.fromarray(np.asarray(pixels, np.uint8))
    if photo.alpha is not None:
        alpha = Image.fromarray(photo.alpha).resize(size, Image.Resampling.BOX)
        picture = Image.composite(picture, Image.new("RGB", size, "white"), alpha)
    return picture
