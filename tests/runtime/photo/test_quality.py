"""A quality that is asked for, and the content of a file."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin
from support.photo_files import LOSSLESS, NOISE, save

from amgan.runtime.errors import PhotoError
from amgan.runtime.photo.read import read_photo
from amgan.runtime.photo.write import encode_photo, write_photo


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_the_content_of_a_photo_is_that_of_its_file(tmp_path: Path, suffix: str) -> None:
    photo = read_photo(save(tmp_path / "a.png"))
    write_photo(photo, photo.pixels, tmp_path / f"b{suffix}")
    assert encode_photo(photo, photo.pixels, f"b{suffix}") == (tmp_path / f"b{suffix}").read_bytes()
    with pytest.raises(PhotoError, match="must end like"):
        encode_photo(photo, photo.pixels, "b.exe")


@pytest.mark.parametrize("ending", ["jpg", "webp", "avif"])
def test_a_quality_encodes_anew(tmp_path: Path, ending: str) -> None:
    smooth = np.asarray(Image.fromarray(NOISE["RGB"]).resize((240, 160), Image.Resampling.BICUBIC))
    Image.fromarray(smooth).save(tmp_path / f"a.{ending}", quality=90)
    photo = read_photo(tmp_path / f"a.{ending}")
    sizes = [len(encode_photo(photo, photo.pixels, f"b.{ending}", quality=q)) for q in (20, 60, 98)]
    assert sizes == sorted(sizes) and sizes[0] < 0.6 * sizes[2]
    assert encode_photo(photo, photo.pixels, f"b.{ending}") == (tmp_path / f"a.{ending}").read_bytes()
    changed = photo.pixels.copy()
    changed[:40] //= 2
    write_photo(photo, changed, tmp_path / f"c.{ending}", quality=98)
    again = read_photo(tmp_path / f"c.{ending}").pixels.astype(int)
    assert np.abs(again - changed).mean() < 4


def test_a_quality_leaves_what_is_lossless(tmp_path: Path) -> None:
    for ending, options in LOSSLESS:
        photo = read_photo(save(tmp_path / f"a.{ending}", **options))
        write_photo(photo, photo.pixels, tmp_path / f"b.{ending}", quality=10)
        assert np.array_equal(read_photo(tmp_path / f"b.{ending}").pixels, photo.pixels)


def test_a_quality_keeps_the_chroma_sampling_of_a_jpeg(tmp_path: Path) -> None:
    for sampling in (0, 1, 2):
        photo = read_photo(save(tmp_path / "a.jpg", subsampling=sampling))
        write_photo(photo, photo.pixels, tmp_path / "b.jpg", quality=50)
        with Image.open(tmp_path / "b.jpg") as picture:
            assert JpegImagePlugin.get_sampling(picture) == sampling
