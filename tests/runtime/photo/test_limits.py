"""What is refused before it is decoded, what reading may cost, and where writing may not lead."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from bombs import QUICK_BOMBS, chained_tiff, many_scans, png_of
from PIL import Image, ImageFile, TiffImagePlugin
from support.helpers import without_its_file
from support.photo_files import refusal

from amgan.runtime.errors import PhotoError
from amgan.runtime.photo.read import read_photo
from amgan.runtime.photo.write import write_photo

NOISE = np.random.default_rng(5).integers(0, 256, (24, 36, 3), dtype=np.uint8)


def test_bombs_are_refused_before_decoding(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png_of(12_000, 10_001, 8, 2, b""))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "120 megapixels, over the limit of 120" in refusal(path)
    path.write_bytes(png_of(60_000, 60_000, 8, 2, b""))
    assert "over the limit of 120" in refusal(path)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_tiff_of_32_bits_is_refused(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (8, 8)).save(tmp_path / "a.tif")
    assert "32 bits a channel" in refusal(tmp_path / "a.tif")


def test_other_colour_modes_are_refused(tmp_path: Path) -> None:
    Image.new("LAB", (8, 8)).save(tmp_path / "a.tif")
    assert "colour mode LAB" in refusal(tmp_path / "a.tif")


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_several_pictures_are_refused(tmp_path: Path, suffix: str) -> None:
    first, second = Image.fromarray(NOISE), Image.fromarray(255 - NOISE)
    first.save(tmp_path / f"a.{suffix}", save_all=True, append_images=[second])
    assert "holds several pictures" in refusal(tmp_path / f"a.{suffix}")


def test_first_picture_of_an_mpo_is_the_photo(tmp_path: Path) -> None:
    first = Image.fromarray(NOISE)
    first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[first], quality=60)
    assert read_photo(tmp_path / "a.jpg").format == "JPEG"


@pytest.mark.parametrize("name", ["text.png", "international-text.png", "profile.png", "xmp.png"])
def test_texts_that_unpack_to_much_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(QUICK_BOMBS[name]())
    assert "decompress to more than 1 MiB" in refusal(tmp_path / name)


def decoded(picture: ImageFile.ImageFile) -> None:
    raise AssertionError("pixels were decoded")


def test_jpeg_of_very_many_scans_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.jpg").write_bytes(many_scans(70))
    monkeypatch.setattr(ImageFile.ImageFile, "load", decoded)
    assert "more than 64 scans" in refusal(tmp_path / "a.jpg")
    monkeypatch.undo()
    (tmp_path / "b.jpg").write_bytes(many_scans(3))
    assert read_photo(tmp_path / "b.jpg").pixels.shape == (6000, 6000, 3)


def test_tiff_of_very_many_pages_is_refused_after_few_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.tif").write_bytes(chained_tiff(100_000))
    pages: list[int] = []
    seek = TiffImagePlugin.TiffImageFile._seek

    def counting(picture: TiffImagePlugin.TiffImageFile, frame: int) -> None:
        pages.append(frame)
        assert len(pages) < 100, "it looks at more pages than it takes to know"
        seek(picture, frame)

    monkeypatch.setattr(ImageFile.ImageFile, "load", decoded)
    monkeypatch.setattr(TiffImagePlugin.TiffImageFile, "_seek", counting)
    assert "several pictures" in refusal(tmp_path / "a.tif")
    assert pages


@pytest.mark.parametrize(("previews", "refused"), [(1, False), (3, False), (20, True)])
def test_previews_in_a_tiff_are_no_pages(tmp_path: Path, previews: int, refused: bool) -> None:
    small = []
    for _ in range(previews):
        picture = Image.fromarray(NOISE[::4, ::4].copy())
        picture.encoderinfo = {"tiffinfo": {254: 1}}  # type: ignore[attr-defined]
        small.append(picture)
    stream = io.BytesIO()
    Image.fromarray(NOISE).save(stream, "TIFF", save_all=True, append_images=small)
    (tmp_path / "a.tif").write_bytes(stream.getvalue())
    if refused:
        assert "several pictures" in refusal(tmp_path / "a.tif")
    else:
        assert np.array_equal(read_photo(tmp_path / "a.tif").pixels, NOISE)


def test_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    assert "no regular file" in refusal(tmp_path / "a.jpg")


def test_broken_data_are_named_in_words(tmp_path: Path) -> None:
    Image.fromarray(NOISE).save(tmp_path / "a.tif", compression="tiff_adobe_deflate")
    content = bytearray((tmp_path / "a.tif").read_bytes())
    place = content.index(b"\x78", 8)
    content[place : place + 40] = bytes(40)
    (tmp_path / "a.tif").write_bytes(content)
    assert "its picture data are broken" in refusal(tmp_path / "a.tif")


def test_memory_that_runs_out_is_an_error_of_the_photo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise MemoryError

    Image.fromarray(NOISE).save(tmp_path / "a.png")
    photo = without_its_file(read_photo(tmp_path / "a.png"))
    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "load", exhausted)
        patch.setattr(Image.Image, "crop", exhausted)
        assert "there is not enough memory for" in refusal(tmp_path / "a.png")
    monkeypatch.setattr(Image.Image, "save", exhausted)
    with pytest.raises(PhotoError, match="cannot be written: MemoryError"):
        write_photo(photo, photo.pixels, tmp_path / "b.png")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_writing_does_not_lead_out_of_the_output_folder(tmp_path: Path) -> None:
    Image.fromarray(NOISE).save(tmp_path / "a.png")
    photo = read_photo(tmp_path / "a.png")
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    (out / "deep").mkdir(parents=True)
    elsewhere.mkdir()
    (out / "way").symlink_to(elsewhere)
    (out / "loop").symlink_to("loop")
    for outside in (out / "way" / "a.png", out / ".." / "a.png", tmp_path / "out2" / "a.png"):
        with pytest.raises(PhotoError, match="leads out of"):
            write_photo(photo, photo.pixels, outside, within=out)
    with pytest.raises(PhotoError, match="cannot be written"):
        write_photo(photo, photo.pixels, out / "loop" / "a.png", within=out)
    write_photo(photo, photo.pixels, out / "deep" / "a.png", within=out)
    assert list(elsewhere.iterdir()) == []


def test_link_in_the_place_of_the_output_is_replaced(tmp_path: Path) -> None:
    Image.fromarray(NOISE).save(tmp_path / "a.png")
    photo = read_photo(tmp_path / "a.png")
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "b.png").symlink_to(tmp_path / "precious")
    write_photo(photo, photo.pixels, tmp_path / "b.png")
    assert (tmp_path / "precious").read_text() == "precious"
    assert not (tmp_path / "b.png").is_symlink()


@pytest.mark.parametrize("name", ["x" * 246 + ".png", "\N{GRINNING FACE}" * 60 + ".png", "\udcff.png"])
def test_long_and_odd_names_can_be_written(tmp_path: Path, name: str) -> None:
    Image.fromarray(NOISE).save(tmp_path / "a.png")
    photo = read_photo(tmp_path / "a.png")
    write_photo(photo, photo.pixels, tmp_path / name)
    assert np.array_equal(read_photo(tmp_path / name).pixels, NOISE)


def test_bmp_comes_back_byte_for_byte(tmp_path: Path) -> None:
    for picture in (Image.fromarray(NOISE), Image.fromarray(NOISE[..., 0])):
        picture.save(tmp_path / "a.bmp", dpi=(300, 300))
        photo = read_photo(tmp_path / "a.bmp")
        write_photo(photo, photo.pixels, tmp_path / "b.bmp")
        assert (tmp_path / "a.bmp").read_bytes() == (tmp_path / "b.bmp").read_bytes()


def test_cmyk_photo_as_another_format(tmp_path: Path) -> None:
    inks = np.random.default_rng(1).integers(0, 256, (24, 36, 4), dtype=np.uint8)
    Image.frombytes("CMYK", (36, 24), inks.tobytes()).save(tmp_path / "a.tif")
    photo = read_photo(tmp_path / "a.tif")
    assert photo.mode == "CMYK"
    write_photo(photo, photo.pixels, tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as picture:
        assert picture.mode == "RGB"
        assert np.array_equal(np.asarray(picture), photo.pixels)
    write_photo(photo, photo.pixels, tmp_path / "b.tif")
    with Image.open(tmp_path / "b.tif") as picture:
        assert np.array_equal(np.asarray(picture), inks)
