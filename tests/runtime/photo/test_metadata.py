"""What a photo's file says beside its pixels: kept, without places, or left out."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from PIL import Image
from support import icc_profiles
from support.helpers import HOPPER, without_its_file

from amgan.runtime import Pipeline, Request
from amgan.runtime.photo.metadata import METADATA_KEYS, MetadataPolicy, iptc_segment, without
from amgan.runtime.photo.read import read_photo
from amgan.runtime.photo.write import write_photo

MAKE, DATE, EXIF_IFD, GPS_IFD = 0x010F, 0x9003, 0x8769, 0x8825
P3 = icc_profiles.display_p3()
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" dc:title="mine"'
    b" exif:GPSLatitude=\"48,51.5N\" exif:GPSLongitude='2,17E'><exif:GPSAltitude>35/1</exif:GPSAltitude>"
    b"</rdf:Description></x:xmpmeta>"
)
IPTC = b"\x1c\x02\x78\x00\x05hello"
NOISE = np.random.default_rng(2).integers(0, 256, (20, 30, 3), dtype=np.uint8)
FORMATS = ["jpg", "png", "tif", "webp"]


def camera_data(orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[MAKE] = "Camera"
    exif[0x0112] = orientation
    exif.get_ifd(EXIF_IFD)[DATE] = "2020:01:02 03:04:05"
    exif.get_ifd(GPS_IFD)[1] = "N"
    exif.get_ifd(GPS_IFD)[2] = (48.0, 51.0, 30.0)
    return exif.tobytes()


def photo_with_everything(path: Path, xmp: bytes = XMP) -> Path:
    """A photo of every format that can be written, with camera data, place, profile and XMP."""
    Image.fromarray(NOISE).save(path.with_suffix(".jpg"), exif=camera_data(), icc_profile=P3, xmp=xmp)
    photo = read_photo(path.with_suffix(".jpg"))
    write_photo(photo, photo.pixels, path)
    return path


def described(path: Path) -> tuple[dict, dict, dict, bytes | None, bytes | None]:
    """EXIF, its camera and place directories, XMP and profile of a file."""
    with Image.open(path) as picture:
        exif = picture.getexif()
        camera, place = dict(exif.get_ifd(EXIF_IFD)), dict(exif.get_ifd(GPS_IFD))
        picture.load()
        xmp = picture.info.get("xmp")
        xmp = xmp.encode() if isinstance(xmp, str) else xmp
        return dict(exif), camera, place, xmp, picture.info.get("icc_profile")


@pytest.mark.parametrize("suffix", FORMATS)
def test_everything_is_kept(tmp_path: Path, suffix: str) -> None:
    source = photo_with_everything(tmp_path / f"a.{suffix}")
    photo = read_photo(source)
    write_photo(photo, photo.pixels, tmp_path / f"b.{suffix}")
    exif, camera, place, xmp, profile = described(tmp_path / f"b.{suffix}")
    assert exif[MAKE] == "Camera" and camera[DATE] and place[1] == "N"
    assert xmp is not None and b'dc:title="mine"' in xmp and b"GPSLatitude" in xmp
    assert profile == P3


@pytest.mark.parametrize("suffix", FORMATS)
def test_place_alone_is_left_out(tmp_path: Path, suffix: str) -> None:
    photo = read_photo(photo_with_everything(tmp_path / f"a.{suffix}"), "strip-gps")
    write_photo(photo, photo.pixels, tmp_path / f"b.{suffix}")
    exif, camera, place, xmp, profile = described(tmp_path / f"b.{suffix}")
    assert exif[MAKE] == "Camera" and camera[DATE] and place == {} and GPS_IFD not in exif
    assert xmp is not None and b'dc:title="mine"' in xmp
    assert profile == P3
    content = (tmp_path / f"b.{suffix}").read_bytes()
    assert b"GPS" not in content and b"48,51" not in content
    assert struct.pack("<II", 48, 1) not in content and struct.pack(">II", 48, 1) not in content


@pytest.mark.parametrize("suffix", FORMATS)
def test_everything_is_left_out_but_the_profile(tmp_path: Path, suffix: str) -> None:
    photo = read_photo(photo_with_everything(tmp_path / f"a.{suffix}"), "strip")
    write_photo(photo, photo.pixels, tmp_path / f"b.{suffix}")
    exif, camera, place, xmp, profile = described(tmp_path / f"b.{suffix}")
    assert MAKE not in exif and camera == {} and place == {} and xmp is None
    assert profile == P3
    assert not any(key in photo.save_options for key in METADATA_KEYS)


def test_orientation_is_turned_once_though_xmp_says_it_too(tmp_path: Path) -> None:
    Image.fromarray(NOISE).save(tmp_path / "a.jpg", exif=camera_data(6), xmp=XMP, quality=95)
    photo = without_its_file(read_photo(tmp_path / "a.jpg"))
    assert photo.pixels.shape == (30, 20, 3)
    write_photo(photo, photo.pixels, tmp_path / "b.jpg")
    assert b"tiff:Orientation" not in (tmp_path / "b.jpg").read_bytes()
    assert read_photo(tmp_path / "b.jpg").pixels.shape == (30, 20, 3)


@pytest.mark.parametrize(
    "odd", [b"<exif:GPSLatitude><rdf:li>1</rdf:li></exif:GPSLatitude>", "exif:GPSx".encode("utf-16-le")]
)
def test_unusual_xmp_with_a_place_goes_as_a_whole(odd: bytes) -> None:
    assert without({"xmp": odd, "exif": camera_data()}, "strip-gps").keys() == {"exif"}
    assert without({"xmp": odd}, "keep") == {"xmp": odd}


def test_long_hostile_xmp_takes_no_time() -> None:
    hostile = b"<exif:GPSx>" * 200_000 + b" " * 2_000_000 + b' exif:GPSy="' * 200_000
    assert without({"xmp": hostile}, "strip-gps") == {}


def test_exif_of_nothing_but_a_place_is_gone() -> None:
    exif = Image.Exif()
    exif.get_ifd(GPS_IFD)[1] = "N"
    assert without({"exif": exif.tobytes()}, "strip-gps") == {}


def jpeg_with_segments(path: Path) -> Path:
    Image.fromarray(NOISE).save(path, comment=b"a comment", extra=iptc_segment(IPTC))
    return path


@pytest.mark.parametrize("policy", get_args(MetadataPolicy))
def test_caption_and_comment_of_a_jpeg(tmp_path: Path, policy: str) -> None:
    photo = read_photo(jpeg_with_segments(tmp_path / "a.jpg"), policy)  # type: ignore[arg-type]
    write_photo(photo, photo.pixels, tmp_path / "b.jpg")
    with Image.open(tmp_path / "b.jpg") as picture:
        kept = policy != "strip"
        assert (picture.info.get("comment") == b"a comment") == kept
        assert (picture.info.get("photoshop", {}).get(0x0404) == IPTC) == kept


def test_caption_that_no_segment_holds_is_left_out() -> None:
    assert iptc_segment(bytes(70_000)) == b""


def test_texts_and_gamma_of_a_png(tmp_path: Path) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    Image.fromarray(NOISE).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    gamma, text = chunk(b"gAMA", struct.pack(">I", 45455)), chunk(b"tEXt", b"Author\0me")
    hidden = chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"stale"))
    long = chunk(b"tEXt", b"Long\0" + bytes([65]) * 5_000_000)
    (tmp_path / "a.png").write_bytes(content[:33] + gamma + text + hidden + long + content[33:])
    photo = without_its_file(read_photo(tmp_path / "a.png"))
    write_photo(photo, photo.pixels, tmp_path / "b.png")
    written = (tmp_path / "b.png").read_bytes()
    assert gamma in written and text in written
    assert b"Raw profile" not in written and len(written) < 10_000
    photo = read_photo(tmp_path / "a.png", "strip")
    write_photo(photo, photo.pixels, tmp_path / "c.png")
    assert gamma in (tmp_path / "c.png").read_bytes() and text not in (tmp_path / "c.png").read_bytes()


def test_what_a_jpeg_has_no_room_for_is_left_out(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[MAKE] = "Camera"
    exif.get_ifd(EXIF_IFD)[0x927C] = bytes(70_000)
    Image.fromarray(NOISE).save(tmp_path / "a.png", exif=exif)
    photo = read_photo(tmp_path / "a.png")
    photo = type(photo)(
        photo.pixels, photo.path, "PNG", save_options={**photo.save_options, "xmp": bytes(70_000)}
    )
    write_photo(photo, photo.pixels, tmp_path / "b.jpg")
    exif_found, _, _, xmp, _ = described(tmp_path / "b.jpg")
    assert exif_found == {} and xmp is None
    write_photo(photo, photo.pixels, tmp_path / "b.png")
    assert described(tmp_path / "b.png")[0][MAKE] == "Camera"


def test_request_says_what_files_keep(pipeline: Pipeline, tmp_path: Path) -> None:
    with Image.open(HOPPER) as picture:
        picture.save(tmp_path / "a.jpg", exif=camera_data())
    pipeline.age_file(tmp_path / "a.jpg", tmp_path / "b.jpg", Request.parse("70"), "strip-gps")
    exif, _, place, _, _ = described(tmp_path / "b.jpg")
    assert exif[MAKE] == "Camera" and place == {}
