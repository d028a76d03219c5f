"""Twenty photos made of the two samples: other sizes, crops, light, mirrored, turned, in four formats."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageEnhance, ImageOps

from support.helpers import COLLINS, HOPPER

FORMATS = (".png", ".jpg", ".webp", ".tif")
COUNT = 20


def make_photo(number: int) -> Image.Image:
    """Photo 0 to 19; the last shows two faces."""
    if number == COUNT - 1:
        both = Image.new("RGB", (620, 300), (90, 80, 70))
        for left, one in ((0, make_photo(0)), (310, make_photo(1))):
            both.paste(one, (left, 0))
        return both
    picture = Image.open((HOPPER, COLLINS)[number % 2]).convert("RGB")
    picture = picture.rotate((number % 5 - 2) * 4, Image.Resampling.BICUBIC, fillcolor=(90, 80, 70))
    margin = 2 * number
    right, bottom = (picture.width, picture.height) if number % 2 == 0 else (420, 320)
    picture = picture.crop((margin, margin // 4, right - margin, bottom - margin))
    if number % 3 == 0:
        picture = ImageOps.mirror(picture)
    picture = ImageEnhance.Brightness(picture).enhance(0.8 + 0.02 * number)
    height = 280 + 10 * number
    return picture.resize((round(picture.width * height / picture.height), height), Image.Resampling.LANCZOS)


def write_photos(folder: Path) -> list[Path]:
    """Write them all into a new folder: the files, in the order of their names."""
    folder.mkdir(parents=True)
    paths = [folder / f"photo{number:02}{FORMATS[number % len(FORMATS)]}" for number in range(COUNT)]
    for number, path in enumerate(paths):
        make_photo(number).save(path)
    return paths
