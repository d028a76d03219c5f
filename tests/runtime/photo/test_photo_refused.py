"""Photos that are not read, and writes that fail."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.helpers import without_its_file
from support.photo_files import NOISE, refusal, save

from amgan.runtime.errors import PhotoError
from amgan.runtime.photo.data import Photo
from amgan.runtime.photo.read import read_photo, reason_of
from amgan.runtime.photo.write import check_target, write_photo


def test_a_tiff_with_a_fourth_channel_of_no_meaning_is_refused(tmp_path: Path) -> None:
    Image.fromarray(NOISE["RGB"]).convert("RGBX").save(tmp_path / "a.tif")
    assert "has 4 channels, of which only 3 can be kept" in refusal(tmp_path / "a.tif")


def test_missing_file(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "none.jpg")


def test_folder(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"hello", ""),
        (b"%PDF-1.4", ", but a PDF"),
        (b"GIF89a" + bytes(20), ", but a GIF"),
        (b"P6 2 2 255 " + bytes(12), ", but a PPM"),
        (b"\xff\x0a" + bytes(20), ", but a JPEG XL"),
        (b"\xff\xd8\xff\xe0", ", but a broken JPEG"),
        (b"II*\0\x08\0\0\0\0\0", ", but a TIFF of another kind"),
        (b"<html><body>not found</body></html>", ", but a web page"),
    ],
)
def test_file_that_is_no_picture(tmp_path: Path, content: bytes, kind: str) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    assert f"a.jpg' is not a picture that can be read{kind}: save it as" in refusal(tmp_path / "a.jpg")


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    assert refusal(tmp_path / "a.jpg").endswith("a.jpg' is empty: copy it again, or give another file")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("part", [0.3, 0.7])
def test_truncated_file(tmp_path: Path, suffix: str, part: float) -> None:
    path = save(tmp_path / f"a.{suffix}")
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    refusal(path)


@pytest.mark.parametrize("name", ["out", "out.gif", "out.jpg.bak"])
def test_unknown_suffix_is_refused(tmp_path: Path, name: str) -> None:
    photo = read_photo(save(tmp_path / "a.png"))
    with pytest.raises(PhotoError, match="must end like a JPEG, PNG, TIFF or WebP file"):
        write_photo(photo, photo.pixels, tmp_path / name)


def test_transparency_is_never_lost(tmp_path: Path) -> None:
    photo = read_photo(save(tmp_path / "a.png", "RGBA"))
    with pytest.raises(PhotoError, match="no transparency"):
        write_photo(photo, photo.pixels, tmp_path / "b.jpg")


@pytest.mark.parametrize("pixels", [np.zeros((24, 35, 3), np.uint8), np.zeros((24, 36, 3), np.float32)])
def test_pixels_of_another_kind_are_refused(tmp_path: Path, pixels: np.ndarray) -> None:
    photo = read_photo(save(tmp_path / "a.png"))
    with pytest.raises(PhotoError, match="cannot be written from"):
        write_photo(photo, pixels, tmp_path / "b.png")


def test_failed_write_leaves_nothing_and_harms_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = without_its_file(read_photo(save(tmp_path / "a.png")))
    with pytest.raises(PhotoError, match=r"b\.png' cannot be written: Not a directory"):
        write_photo(photo, photo.pixels, tmp_path / "a.png" / "b.png")
    (tmp_path / "b.png").write_bytes(b"before")

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(PhotoError, match="No space left on device"):
        write_photo(photo, photo.pixels, tmp_path / "b.png")
    assert (tmp_path / "b.png").read_bytes() == b"before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_written_file_has_ordinary_permissions(tmp_path: Path) -> None:
    photo = read_photo(save(tmp_path / "a.png"))
    write_photo(photo, photo.pixels, tmp_path / "b.png")
    assert (tmp_path / "b.png").stat().st_mode == (tmp_path / "a.png").stat().st_mode


def test_photo_made_by_hand_can_be_written(tmp_path: Path) -> None:
    write_photo(Photo(NOISE["RGB"], Path("x.png"), "PNG"), NOISE["RGB"], tmp_path / "b.png")
    assert np.array_equal(read_photo(tmp_path / "b.png").pixels, NOISE["RGB"])


def test_reasons_are_one_line() -> None:
    assert reason_of(ValueError("one\ntwo")) == "one"
    assert reason_of(KeyError()) == "KeyError"


def test_a_target_is_checked_before_anything_is_written(tmp_path: Path) -> None:
    save(tmp_path / "a.png", "RGBA")
    photo = read_photo(tmp_path / "a.png")
    assert [check_target(photo, f"b.{ending}") for ending in ("png", "tif", "WEBP")] == [
        "PNG",
        "TIFF",
        "WEBP",
    ]
    for name, said in (("b.jpg", "has no transparency"), ("b.gif", "must end like"), ("b", "must end like")):
        with pytest.raises(PhotoError, match=said):
            check_target(photo, tmp_path / name)


@pytest.mark.parametrize(("ending", "most"), [("webp", 16383), ("jpg", 65500), ("avif", 32768)])
def test_pictures_longer_than_a_format_allows_are_refused(tmp_path: Path, ending: str, most: int) -> None:
    for longer in (0, 1):
        Image.new("RGB", (most + longer, 2), (9, 99, 199)).save(tmp_path / f"{longer}.png")
    fits, too_long = (read_photo(tmp_path / f"{longer}.png") for longer in (0, 1))
    write_photo(fits, fits.pixels, tmp_path / f"b.{ending}")
    assert Image.open(tmp_path / f"b.{ending}").size == (most, 2)
    with pytest.raises(PhotoError, match=f"at most {most} px and not {most + 1}: name it .png or .tif"):
        write_photo(too_long, too_long.pixels, tmp_path / f"c.{ending}")
    assert not (tmp_path / f"c.{ending}").exists()
