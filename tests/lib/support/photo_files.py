"""Small photos of noise for tests, and what reads and writes them again."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from amgan.runtime.errors import PhotoError
from amgan.runtime.photo.read import read_photo
from amgan.runtime.photo.write import write_photo
from support.helpers import without_its_file

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


LOSSLESS = [
    ("png", {}),
    ("tif", {"compression": "tiff_lzw"}),
    ("tiff", {}),
    ("webp", {"lossless": True, "exact": True}),
]
RNG = np.random.default_rng(5)


NOISE = {
    "RGB": RNG.integers(0, 256, (24, 36, 3), dtype=np.uint8),
    "RGBA": RNG.integers(0, 256, (24, 36, 4), dtype=np.uint8),
    "L": RNG.integers(0, 256, (24, 36), dtype=np.uint8),
    "LA": RNG.integers(0, 256, (24, 36, 2), dtype=np.uint8),
}


ORIENTATION, MAKE, DATE, EXIF_IFD, GPS_IFD, GPS_REF = 0x0112, 0x010F, 0x9003, 0x8769, 0x8825, 1


def camera_data(orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[MAKE] = "Camera"
    exif[ORIENTATION] = orientation
    exif.get_ifd(EXIF_IFD)[DATE] = "2020:01:02 03:04:05"
    exif.get_ifd(GPS_IFD)[GPS_REF] = "N"
    return exif.tobytes()


def save(path: Path, mode: str = "RGB", **options: object) -> Path:
    Image.fromarray(NOISE[mode], mode if mode == "LA" else None).save(path, **options)
    return path


def rewrite(source: Path, target: Path) -> Image.Image:
    """Read a photo and write its own pixels."""
    photo = read_photo(source)
    write_photo(without_its_file(photo), photo.pixels.copy(), target)
    with Image.open(target) as picture:
        for directory in (EXIF_IFD, GPS_IFD):
            picture.getexif().get_ifd(directory)  # before loading, which closes the file
        picture.load()
        return picture


def refusal(path: Path) -> str:
    with pytest.raises(PhotoError) as caught:
        read_photo(path)
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text
    return text
