"""HEIC and AVIF, where the packages for them are installed, and what is said where they are not."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features
from support import icc_profiles

from amgan.runtime.errors import PhotoError
from amgan.runtime.photo.limits import _av1_bits
from amgan.runtime.photo.plugins import kind_of, readable_formats
from amgan.runtime.photo.read import read_photo
from amgan.runtime.photo.write import write_photo

P3 = icc_profiles.display_p3()
KINDS = ["heic", "avif"]
MAKE, ORIENTATION, GPS_IFD = 0x010F, 0x0112, 0x8825


def can(suffix: str) -> None:
    """Skip where the extra is not installed, and register the plugin where it is."""
    if suffix == "avif":
        if not features.check("avif"):
            pytest.skip("this Pillow has no AVIF")
    else:
        pytest.importorskip("pillow_heif").register_heif_opener(thumbnails=False)


def smooth(width: int = 96, height: int = 64) -> np.ndarray:
    """A picture that lossy formats keep well: a bright corner at the upper left, on a gradient."""
    y, x = np.mgrid[:height, :width]
    picture = np.stack([60 + x, 80 + y, 120 + 0 * x], axis=-1).astype(np.uint8)
    picture[: height // 3, : width // 3] = 230
    return picture


def save(path: Path, picture: Image.Image | None = None, **options: object) -> Path:
    picture = picture or Image.fromarray(smooth())
    picture.save(path, {"heic": "HEIF", "avif": "AVIF"}[path.suffix[1:]], quality=95, **options)
    return path


@pytest.mark.parametrize("suffix", KINDS)
def test_round_trip_keeps_colours_profile_and_camera_data(tmp_path: Path, suffix: str) -> None:
    can(suffix)
    exif = Image.Exif()
    exif[MAKE] = "Camera"
    exif.get_ifd(GPS_IFD)[1] = "N"
    options = {"exif": exif.tobytes(), "xmp": b"<x:xmpmeta/>", "icc_profile": P3}
    source = save(tmp_path / f"a.{suffix}", **options)
    photo = read_photo(source)
    assert photo.format == {"heic": "HEIF", "avif": "AVIF"}[suffix]
    assert photo.samples is not None
    assert np.abs(photo.samples.astype(int) - smooth()).mean() < 3
    assert (photo.pixels != photo.samples).any(), "the profile is applied"
    write_photo(photo, photo.pixels, tmp_path / f"b.{suffix}")
    again = read_photo(tmp_path / f"b.{suffix}")
    assert again.samples is not None
    assert np.abs(again.samples.astype(int) - photo.samples).mean() < 3
    assert again.save_options["icc_profile"] == P3
    assert again.save_options["xmp"] == b"<x:xmpmeta/>"
    with Image.open(tmp_path / f"b.{suffix}") as picture:
        assert picture.getexif()[MAKE] == "Camera"
        assert picture.getexif().get_ifd(GPS_IFD)[1] == "N"
    bare = read_photo(tmp_path / f"b.{suffix}", "strip")
    write_photo(bare, bare.pixels, tmp_path / f"c.{suffix}")
    assert read_photo(tmp_path / f"c.{suffix}").save_options.keys() <= {"icc_profile", "chroma"}


@pytest.mark.parametrize("suffix", KINDS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(tmp_path: Path, suffix: str, orientation: int) -> None:
    can(suffix)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    turn = {
        1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud,
        5: lambda a: a.swapaxes(0, 1), 6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a, 2).swapaxes(0, 1), 8: lambda a: np.rot90(a, -1),
    }[orientation]  # fmt: skip
    stored = Image.fromarray(np.ascontiguousarray(turn(smooth())))
    save(tmp_path / f"a.{suffix}", stored, exif=exif.tobytes())
    photo = read_photo(tmp_path / f"a.{suffix}")
    assert photo.pixels.shape == (64, 96, 3)
    assert np.abs(photo.pixels.astype(int) - smooth()).mean() < 5
    write_photo(photo, photo.pixels, tmp_path / f"b.{suffix}")
    again = read_photo(tmp_path / f"b.{suffix}")
    assert np.abs(again.pixels.astype(int) - smooth()).mean() < 6


@pytest.mark.parametrize("suffix", KINDS)
def test_alpha_is_kept(tmp_path: Path, suffix: str) -> None:
    can(suffix)
    picture = Image.fromarray(smooth())
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    photo = read_photo(save(tmp_path / f"a.{suffix}", picture))
    assert photo.mode == "RGBA" and photo.alpha is not None
    write_photo(photo, photo.pixels, tmp_path / f"b.{suffix}")
    again = read_photo(tmp_path / f"b.{suffix}").alpha
    assert again is not None
    assert np.abs(again.astype(int) - photo.alpha).max() < 16


@pytest.mark.parametrize("suffix", KINDS)
def test_content_decides_not_the_name(tmp_path: Path, suffix: str) -> None:
    can(suffix)
    named = save(tmp_path / f"a.{suffix}").rename(tmp_path / "a.jpg")
    photo = read_photo(named)
    write_photo(photo, photo.pixels, tmp_path / "b.jpg")
    with Image.open(tmp_path / "b.jpg") as picture:
        assert picture.format == "JPEG"


@pytest.mark.parametrize("suffix", KINDS)
@pytest.mark.parametrize("part", [0.02, 0.3, 0.9])
def test_truncated(tmp_path: Path, suffix: str, part: float) -> None:
    can(suffix)
    path = save(tmp_path / f"a.{suffix}", Image.fromarray(smooth(160, 120)))
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with pytest.raises(PhotoError):
        read_photo(path)


def test_more_than_eight_bits_are_refused(tmp_path: Path) -> None:
    can("heic")
    import pillow_heif

    deep = smooth().astype(np.uint16) * 257
    picture = pillow_heif.from_bytes("RGB;16", (96, 64), deep.tobytes())
    picture.save(tmp_path / "a.heic")
    with pytest.raises(PhotoError, match="10 bits a channel: save it as a TIFF or PNG with 16 first"):
        read_photo(tmp_path / "a.heic")


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


@pytest.mark.parametrize(("flags", "bits"), [(0x00, 8), (0x40, 10), (0x60, 12)])
def test_bits_of_an_avif_are_read_from_its_boxes(tmp_path: Path, flags: int, bits: int) -> None:
    properties = box(b"ipco", box(b"ispe", bytes(12)) + box(b"av1C", bytes([0x81, 0, flags, 0])))
    content = box(b"ftyp", b"avif\0\0\0\0") + box(b"meta", bytes(4) + box(b"iprp", properties))
    assert _av1_bits(content) == bits
    assert _av1_bits(content[:40]) == 8
    assert _av1_bits(b"\0\0\0\0abcd" * 5) == 8
    if bits > 8:
        can("avif")
        path = save(tmp_path / "a.avif")
        whole = bytearray(path.read_bytes())
        whole[whole.index(b"av1C") + 6] |= flags
        path.write_bytes(whole)
        with pytest.raises(PhotoError, match=rf"'{path}'"):
            read_photo(path)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIF"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "AVIF"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", None),
        (b"\0\0\0\x10ftypisom\0\0\0\0heic", None),
        (b"\xff\xd8\xff\xe0", None),
        (b"", None),
    ],
)
def test_kinds_are_known_by_their_brands(tmp_path: Path, head: bytes, kind: str | None) -> None:
    (tmp_path / "a").write_bytes(head)
    assert kind_of(tmp_path / "a") == kind


def test_missing_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(Image.SAVE, "HEIF", raising=False)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.setattr(features, "check", lambda feature: False)
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    (tmp_path / "a.avif").write_bytes(b"\0\0\0\x18ftypavif\0\0\0\0mif1avif")
    Image.fromarray(smooth()).save(tmp_path / "a.png")
    photo = read_photo(tmp_path / "a.png")
    for name, needs in (
        ("a.heic", r"needs pillow-heif: pip install 'amgan\[heif\]'"),
        ("a.avif", "built without AVIF: pip install --force-reinstall pillow"),
    ):
        with pytest.raises(PhotoError, match=needs):
            read_photo(tmp_path / name)
        with pytest.raises(PhotoError, match=needs):
            write_photo(photo, photo.pixels, tmp_path / f"new-{name}")


def test_formats_that_need_more_are_named_where_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    here = readable_formats()
    assert ("AVIF" in here) == bool(features.check("avif"))
    monkeypatch.setattr("amgan.runtime.photo.plugins.find_spec", lambda name: None)
    monkeypatch.setattr(features, "check", lambda name: False)
    assert readable_formats() == ("JPEG", "PNG", "TIFF", "WebP", "BMP")
    monkeypatch.setattr("amgan.runtime.photo.plugins.find_spec", lambda name: object())
    assert "HEIC" in readable_formats()
