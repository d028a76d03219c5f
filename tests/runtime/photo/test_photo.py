"""Photos are read and written again: formats, metadata, orientation, transparency."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin
from support.photo_files import (
    DATE,
    EXIF_IFD,
    GPS_IFD,
    GPS_REF,
    ICC,
    LOSSLESS,
    MAKE,
    NOISE,
    ORIENTATION,
    camera_data,
    rewrite,
    save,
)

from amgan.runtime.photo.formats import is_lossless_webp
from amgan.runtime.photo.read import read_photo


@pytest.mark.filterwarnings("ignore:.*'mode' parameter:DeprecationWarning")
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
@pytest.mark.parametrize(("suffix", "options"), LOSSLESS)
def test_lossless_formats_come_back_byte_for_byte(
    tmp_path: Path, mode: str, suffix: str, options: dict
) -> None:
    source = save(tmp_path / f"in.{suffix}", mode, icc_profile=ICC, **options)
    with Image.open(source) as picture:
        before = (picture.format, picture.mode, np.asarray(picture).copy())
    after = rewrite(source, tmp_path / f"out.{suffix}")
    assert (after.format, after.mode) == before[:2]
    assert np.array_equal(np.asarray(after), before[2])
    assert after.info["icc_profile"] == ICC


def test_photo_holds_rgb_and_alpha(tmp_path: Path) -> None:
    photo = read_photo(save(tmp_path / "a.png", "RGBA"))
    assert (photo.format, photo.mode, photo.path) == ("PNG", "RGBA", tmp_path / "a.png")
    assert np.array_equal(photo.pixels, NOISE["RGBA"][..., :3])
    assert photo.alpha is not None
    assert np.array_equal(photo.alpha, NOISE["RGBA"][..., 3])
    grey = read_photo(str(save(tmp_path / "g.png", "L")))
    assert grey.mode == "L"
    assert np.array_equal(grey.pixels, np.repeat(NOISE["L"][..., None], 3, axis=2))


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("quality", [50, 90])
def test_jpeg_keeps_tables_and_sampling(tmp_path: Path, subsampling: int, quality: int) -> None:
    source = save(
        tmp_path / "a.jpg", quality=quality, subsampling=subsampling, progressive=True, dpi=(300, 300)
    )
    after = rewrite(source, tmp_path / "b.JPEG")
    with Image.open(source) as before:
        assert after.quantization == before.quantization
        assert after.info["dpi"] == before.info["dpi"]
    assert JpegImagePlugin.get_sampling(after) == subsampling
    assert after.info.get("progressive")


def test_grey_jpeg_stays_grey(tmp_path: Path) -> None:
    after = rewrite(save(tmp_path / "a.jpg", "L", quality=70), tmp_path / "b.jpg")
    assert after.mode == "L"


def test_other_suffix_gives_that_format(tmp_path: Path) -> None:
    after = rewrite(save(tmp_path / "a.png", icc_profile=ICC, exif=camera_data()), tmp_path / "b.jpg")
    assert after.format == "JPEG"
    assert after.info["icc_profile"] == ICC
    assert max(after.quantization[0]) < 30
    assert JpegImagePlugin.get_sampling(after) == 0
    tiff = rewrite(save(tmp_path / "a.jpg"), tmp_path / "b.tiff")
    assert tiff.info["compression"] == "tiff_lzw"
    assert rewrite(tmp_path / "a.jpg", tmp_path / "b.webp").format == "WEBP"


def test_lossy_webp_stays_lossy(tmp_path: Path) -> None:
    rewrite(save(tmp_path / "a.webp", quality=60, icc_profile=ICC), tmp_path / "b.webp")
    assert b"VP8 " in (tmp_path / "b.webp").read_bytes()
    rewrite(save(tmp_path / "a.webp", lossless=True), tmp_path / "b.webp")
    assert b"VP8L" in (tmp_path / "b.webp").read_bytes()


def test_webp_without_a_picture_chunk_counts_as_lossy(tmp_path: Path) -> None:
    path = tmp_path / "a.webp"
    path.write_bytes(b"RIFF\x0c\0\0\0WEBPXXXX\x01\0\0\0z\0")
    assert not is_lossless_webp(path)


@pytest.mark.parametrize("compression", ["jpeg", "tiff_adobe_deflate"])
def test_tiff_compression_is_kept_where_lossless(tmp_path: Path, compression: str) -> None:
    after = rewrite(save(tmp_path / "a.tif", compression=compression), tmp_path / "b.tif")
    assert after.info["compression"] == "tiff_adobe_deflate"


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(tmp_path: Path, suffix: str, orientation: int) -> None:
    options = {"quality": 95, "subsampling": 0} if suffix == "jpg" else {}
    upright = np.zeros((24, 36, 3), np.uint8)
    upright[:8, :12] = 255
    turn = {
        1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud,
        5: lambda a: a.swapaxes(0, 1), 6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a, 2).swapaxes(0, 1), 8: lambda a: np.rot90(a, -1),
    }[orientation]  # fmt: skip
    stored = Image.fromarray(np.ascontiguousarray(turn(upright)))
    stored.save(tmp_path / f"a.{suffix}", exif=camera_data(orientation), lossless=True, **options)
    photo = read_photo(tmp_path / f"a.{suffix}")
    assert photo.pixels.shape == upright.shape
    assert np.abs(photo.pixels.astype(int) - upright).mean() < 8
    after = rewrite(tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}")
    assert after.size == (36, 24)
    exif = after.getexif()
    assert exif.get(ORIENTATION, 1) == 1
    assert exif[MAKE] == "Camera"
    assert exif.get_ifd(EXIF_IFD)[DATE] == "2020:01:02 03:04:05"
    assert exif.get_ifd(GPS_IFD)[GPS_REF] == "N"


def test_tiff_tags_survive_compression(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[MAKE] = "Camera"
    after = rewrite(save(tmp_path / "a.tif", exif=exif, compression="tiff_lzw"), tmp_path / "b.tif")
    assert after.getexif()[MAKE] == "Camera"
    assert after.info["compression"] == "tiff_lzw"
    jpeg = rewrite(tmp_path / "b.tif", tmp_path / "b.jpg")
    assert dict(jpeg.getexif()) == {MAKE: "Camera"}


def test_stale_thumbnail_is_left_out(tmp_path: Path) -> None:
    thumbnail = io.BytesIO()
    Image.fromarray(NOISE["RGB"]).save(thumbnail, "JPEG")
    body = thumbnail.getvalue()
    # One TIFF block: an empty first directory, then a second one with the thumbnail.
    directory = struct.pack(">H", 2)
    directory += struct.pack(">HHII", 0x0201, 4, 1, 8 + 18 + 30) + struct.pack(
        ">HHII", 0x0202, 4, 1, len(body)
    )
    first = struct.pack(">H", 1) + struct.pack(">HHIHH", ORIENTATION, 3, 1, 1, 0) + struct.pack(">I", 26)
    exif = b"Exif\0\0MM\0*" + struct.pack(">I", 8) + first + directory + struct.pack(">I", 0) + body
    source = save(tmp_path / "a.jpg", exif=exif)
    assert source.read_bytes().count(b"\xff\xd8") == 2
    rewrite(source, tmp_path / "b.jpg")
    assert (tmp_path / "b.jpg").read_bytes().count(b"\xff\xd8") == 1


def test_unreadable_exif_is_no_reason_to_refuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = save(tmp_path / "a.jpg", exif=b"Exif\0\0garbage")
    assert rewrite(source, tmp_path / "b.jpg").size == (36, 24)

    def fail(*_: object, **__: object) -> None:
        raise struct.error("bad EXIF")

    monkeypatch.setattr(Image.Image, "getexif", fail)
    assert "exif" not in read_photo(source).save_options


def test_xmp_is_kept(tmp_path: Path) -> None:
    after = rewrite(save(tmp_path / "a.jpg", xmp=b"<x:xmpmeta/>"), tmp_path / "b.jpg")
    assert after.info["xmp"] == b"<x:xmpmeta/>"


@pytest.mark.parametrize(
    ("mode", "key", "expected"),
    [
        ("P", None, "RGB"),
        ("P", 0, "RGBA"),
        ("1", None, "L"),
        ("L", 3, "LA"),
        ("RGB", (1, 2, 3), "RGBA"),
        ("1", 0, "LA"),
    ],
)
def test_palettes_and_transparent_colours_are_resolved(
    tmp_path: Path, mode: str, key: object, expected: str
) -> None:
    picture = Image.fromarray(NOISE["RGB"]).convert(mode)
    picture.save(tmp_path / "a.png", **({} if key is None else {"transparency": key}))
    photo = read_photo(tmp_path / "a.png")
    assert photo.mode == expected
    with Image.open(tmp_path / "a.png") as original:
        wanted = np.asarray(original.convert("RGBA"))
    assert np.array_equal(photo.pixels, wanted[..., :3])
    after = rewrite(tmp_path / "a.png", tmp_path / "b.png").convert("RGBA")
    assert np.array_equal(np.asarray(after), wanted)
