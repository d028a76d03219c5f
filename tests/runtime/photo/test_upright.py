"""What EXIF and XMP say of sizes and places, once a photo that lay turned is upright."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.helpers import without_its_file

from amgan.runtime.photo.read import read_photo
from amgan.runtime.photo.upright import described_upright
from amgan.runtime.photo.write import write_photo

NOISE = np.random.default_rng(5).integers(0, 256, (20, 30, 3), dtype=np.uint8)
EXIF_IFD, DATE, WIDTH, HEIGHT, AREA = 0x8769, 0x9003, 0xA002, 0xA003, 0x9214
XMP = (
    b'<x:xmpmeta><rdf:Description xmlns:mwg-rs="http://m" tiff:ImageWidth="30" exif:PixelYDimension=\'20\''
    b' dc:title="mine"><tiff:ImageLength>20</tiff:ImageLength><mwg-rs:Regions rdf:parseType="Resource">'
    b'<mwg-rs:RegionList><rdf:li stArea:x="0.2" mwg-rs:Name="Ann"/></mwg-rs:RegionList></mwg-rs:Regions>'
    b"</rdf:Description></x:xmpmeta>"
)


def stored(path: Path, orientation: int) -> Path:
    """A JPEG of 30 x 20 px that lies as ``orientation`` says and tells its size and where its subject is."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif.get_ifd(EXIF_IFD).update({DATE: "2020:01:02 03:04:05", WIDTH: 30, HEIGHT: 20, AREA: (3, 4, 5, 6)})
    Image.fromarray(NOISE).save(path, exif=exif, xmp=XMP)
    return path


def described(path: Path) -> tuple[tuple[int, int], dict[int, object], bytes]:
    """Size, camera data and XMP of a file."""
    with Image.open(path) as picture:
        camera = dict(picture.getexif().get_ifd(EXIF_IFD))
        xmp = picture.info.get("xmp") or b""
        return picture.size, camera, xmp.encode() if isinstance(xmp, str) else xmp


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize(("orientation", "size"), [(6, (20, 30)), (3, (30, 20)), (5, (20, 30))])
def test_upright_files_tell_their_own_size_and_no_stale_places(
    tmp_path: Path, suffix: str, orientation: int, size: tuple[int, int]
) -> None:
    photo = without_its_file(read_photo(stored(tmp_path / "a.jpg", orientation)))
    write_photo(photo, photo.pixels, tmp_path / f"b.{suffix}")
    found, camera, xmp = described(tmp_path / f"b.{suffix}")
    assert found == size
    assert (camera[WIDTH], camera[HEIGHT]) == size
    assert camera[DATE] and AREA not in camera
    assert b'dc:title="mine"' in xmp
    assert not any(word in xmp for word in (b"Ann", b"stArea", b"ImageWidth", b"ImageLength", b"Dimension"))


def test_what_was_not_turned_keeps_all_it_says(tmp_path: Path) -> None:
    photo = read_photo(stored(tmp_path / "a.jpg", 1))
    write_photo(photo, photo.pixels, tmp_path / "b.png")
    size, camera, xmp = described(tmp_path / "b.png")
    assert size == (camera[WIDTH], camera[HEIGHT]) == (30, 20)
    assert camera[AREA] == (3, 4, 5, 6)
    assert b"Ann" in xmp and b"ImageWidth" in xmp


def test_a_jpeg_that_stays_turned_keeps_all_it_says(tmp_path: Path) -> None:
    photo = read_photo(stored(tmp_path / "a.jpg", 6))
    changed = photo.pixels.copy()
    changed[:8, :8] //= 2
    write_photo(photo, changed, tmp_path / "b.jpg")
    size, camera, xmp = described(tmp_path / "b.jpg")
    assert size == (camera[WIDTH], camera[HEIGHT]) == (30, 20)
    assert camera[AREA] == (3, 4, 5, 6)
    assert b"Ann" in xmp


@pytest.mark.parametrize(
    "odd",
    [
        b"<rdf:li mwg-rs:Type='Face'/>",
        b"<mwg-rs:Regions><rdf:li/>",
        b"<MPReg:Rectangle>0.1</MPReg:Rectangle>",
        b"<exif:SubjectArea><rdf:li>1</rdf:li></exif:SubjectArea>",
    ],
)
def test_unusual_regions_go_with_all_of_the_xmp(odd: bytes) -> None:
    assert described_upright({"xmp": odd}, 2, 3) == {}


def test_what_cannot_be_read_says_nothing() -> None:
    assert described_upright({"exif": b"Exif\0\0no EXIF", "dpi": (72, 72)}, 2, 3) == {"dpi": (72, 72)}


def test_long_hostile_xmp_takes_no_time() -> None:
    hostile = b"<mwg-rs:Regions>" * 100_000 + b" tiff:ImageWidth='" * 100_000 + b"<tiff:ImageWidth>" * 100_000
    assert described_upright({"xmp": hostile}, 2, 3) == {}
