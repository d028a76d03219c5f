"""Photos with 16 bits a channel; OpenCV, which the readers and writers do not use here, is the witness."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from support import icc_profiles
from support.helpers import without_its_file

from amgan.runtime import Pipeline, Request
from amgan.runtime.errors import PhotoError
from amgan.runtime.photo.read import read_photo
from amgan.runtime.photo.write import write_photo

RNG = np.random.default_rng(11)
DEEP = RNG.integers(0, 65536, (270, 31, 4), dtype=np.uint16)  # more rows than a strip
CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}
P3 = icc_profiles.display_p3()
EXIF_IFD, GPS_IFD = 0x8769, 0x8825


def samples(mode: str) -> np.ndarray:
    return DEEP[..., 0] if mode == "L" else DEEP[..., : CHANNELS[mode]]


def png_of(codes: np.ndarray, extra: bytes = b"", interlace: bool = False) -> bytes:
    """A PNG of 16-bit samples, without filters."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width = codes.shape[:2]
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[1 if codes.ndim == 2 else codes.shape[2]]
    rows = codes.astype(">u2").reshape(height, -1).view(np.uint8)
    data = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1).tobytes()
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0))
        + extra
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )


def in_opencv_order(codes: np.ndarray) -> np.ndarray:
    if codes.ndim == 2:
        return codes
    return codes[..., [2, 1, 0, 3][: codes.shape[2]] if codes.shape[2] == 4 else [2, 1, 0]]


def seen_by_opencv(path: Path) -> np.ndarray:
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert found is not None
    return in_opencv_order(found)


@pytest.mark.parametrize("mode", CHANNELS)
def test_png_keeps_all_bits(tmp_path: Path, mode: str) -> None:
    (tmp_path / "a.png").write_bytes(png_of(samples(mode)))
    photo = read_photo(tmp_path / "a.png")
    assert (photo.mode, photo.is_16_bit) == (mode, True)
    write_photo(photo, photo.pixels, tmp_path / "b.png")
    seen = seen_by_opencv(tmp_path / "b.png")
    wanted = samples(mode)
    if mode == "LA":  # OpenCV gives the grey three times
        wanted = wanted[..., [0, 0, 0, 1]]
    assert np.array_equal(seen, wanted)
    with Image.open(tmp_path / "b.png") as one, Image.open(tmp_path / "a.png") as other:
        assert one.tile[0][3] == other.tile[0][3]
    again = read_photo(tmp_path / "b.png")
    assert again.samples is not None and photo.samples is not None
    assert np.array_equal(again.samples, photo.samples)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("compression", [1, 5, 8, 32773])
def test_tiff_keeps_all_bits(tmp_path: Path, mode: str, compression: int) -> None:
    settings = [cv2.IMWRITE_TIFF_COMPRESSION, compression]
    assert cv2.imwrite(str(tmp_path / "a.tif"), in_opencv_order(samples(mode)), settings)
    photo = without_its_file(read_photo(tmp_path / "a.tif"))
    assert (photo.mode, photo.is_16_bit) == (mode, True)
    write_photo(photo, photo.pixels, tmp_path / "b.tif")
    assert np.array_equal(seen_by_opencv(tmp_path / "b.tif"), samples(mode))
    with Image.open(tmp_path / "b.tif") as picture:
        assert picture.info["compression"] == ("raw" if compression == 1 else "tiff_adobe_deflate")
    write_photo(photo, photo.pixels, tmp_path / "b.png")
    assert np.array_equal(seen_by_opencv(tmp_path / "b.png"), samples(mode))


@pytest.mark.parametrize("order", ["II", "MM"])
def test_tiff_of_either_byte_order_with_camera_data(tmp_path: Path, order: str) -> None:
    exif = Image.Exif()
    exif.endian = ">" if order == "MM" else "<"
    exif[0x010F] = "Camera"
    exif[0x0112] = 6
    exif.get_ifd(EXIF_IFD)[0x9003] = "2020:01:02 03:04:05"
    exif.get_ifd(GPS_IFD)[1] = "N"
    body = exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(body)) + b"eXIf" + body + struct.pack(">I", zlib.crc32(b"eXIf" + body))
    (tmp_path / "a.png").write_bytes(png_of(samples("RGB"), chunk))
    photo = read_photo(tmp_path / "a.png")
    for number, name in enumerate(("b.tif", "c.tif", "d.png")):
        write_photo(photo, photo.pixels, tmp_path / name)
        if number == 0:
            assert (tmp_path / name).read_bytes()[:2] == order.encode()
        photo = read_photo(tmp_path / name)
        assert np.array_equal(photo.samples, np.rot90(samples("RGB"), -1))
        with Image.open(tmp_path / name) as picture:
            found = picture.getexif()
            assert found[0x010F] == "Camera" and 0x0112 not in found
            assert found.get_ifd(EXIF_IFD)[0x9003] == "2020:01:02 03:04:05"
            assert found.get_ifd(GPS_IFD)[1] == "N"


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_profile_resolution_and_xmp_are_kept(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "a.png").write_bytes(png_of(samples("RGB")))
    photo = read_photo(tmp_path / "a.png")
    options = {**photo.save_options, "icc_profile": P3, "xmp": b"<x:xmpmeta/>", "dpi": (300.0, 300.0)}
    made = type(photo)(photo.pixels, photo.path, "PNG", "RGB", None, options, photo.samples, photo.space)
    write_photo(made, made.pixels, tmp_path / f"b.{suffix}")
    again = read_photo(tmp_path / f"b.{suffix}")
    assert again.save_options["icc_profile"] == P3
    assert again.save_options["xmp"] == b"<x:xmpmeta/>"
    assert again.save_options["dpi"] == pytest.approx((300, 300), abs=0.1)
    assert np.array_equal(again.samples, samples("RGB"))
    assert (again.pixels != photo.pixels).any(), "the profile is applied now"


def test_one_transparent_colour(tmp_path: Path) -> None:
    for mode, key in (("RGB", samples("RGB")[3, 5]), ("L", samples("L")[3, 5:6])):
        body = key.astype(">u2").tobytes()
        chunk = struct.pack(">I", len(body)) + b"tRNS" + body + struct.pack(">I", zlib.crc32(b"tRNS" + body))
        (tmp_path / "a.png").write_bytes(png_of(samples(mode), chunk))
        photo = read_photo(tmp_path / "a.png")
        assert photo.mode == mode + "A"
        assert photo.alpha is not None and photo.alpha[3, 5] == 0
        assert photo.alpha[0, 0] == 65535
        write_photo(photo, photo.pixels, tmp_path / "b.png")
        assert np.array_equal(read_photo(tmp_path / "b.png").alpha, photo.alpha)


@pytest.mark.parametrize("suffix", ["jpg", "webp", "bmp"])
def test_other_formats_get_eight_bits(tmp_path: Path, suffix: str) -> None:
    smooth = np.linspace(0, 65535, 64 * 64 * 3).reshape(64, 64, 3).astype(np.uint16)
    (tmp_path / "a.png").write_bytes(png_of(smooth))
    photo = read_photo(tmp_path / "a.png")
    write_photo(photo, photo.pixels, tmp_path / f"b.{suffix}")
    with Image.open(tmp_path / f"b.{suffix}") as picture:
        assert np.abs(np.asarray(picture).astype(int) - smooth / 257).mean() < 3


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("part", [0.2, 0.5, 0.95])
def test_truncated(tmp_path: Path, suffix: str, part: float) -> None:
    (tmp_path / "a.png").write_bytes(png_of(samples("RGB")))
    photo = read_photo(tmp_path / "a.png")
    write_photo(photo, photo.pixels, tmp_path / f"b.{suffix}")
    whole = (tmp_path / f"b.{suffix}").read_bytes()
    (tmp_path / f"b.{suffix}").write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(PhotoError):
        read_photo(tmp_path / f"b.{suffix}")


def test_layouts_that_cannot_be_kept_are_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.fromarray(samples("L")).save(stream, "TIFF")
    content = bytearray(stream.getvalue())
    entry = content.index(struct.pack("<HHIH", 262, 3, 1, 1))  # black is zero
    content[entry + 8] = 0
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(PhotoError, match="16 bits a channel in an unsupported layout"):
        read_photo(tmp_path / "a.tif")


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("profile", [None, P3])
def test_aged_photo_has_sixteen_bits_everywhere(
    pipeline: Pipeline, tmp_path: Path, collins: np.ndarray, suffix: str, profile: bytes | None
) -> None:
    low = RNG.integers(-100, 100, collins.shape)
    deep = np.clip(collins.astype(int) * 257 + low, 0, 65535).astype(np.uint16)
    (tmp_path / "a.png").write_bytes(png_of(deep))
    photo = read_photo(tmp_path / "a.png")
    options = {**photo.save_options, **({"icc_profile": profile} if profile else {})}
    source = tmp_path / f"in.{suffix}"
    write_photo(
        type(photo)(photo.pixels, photo.path, "PNG", "RGB", None, options, photo.samples, photo.space),
        photo.pixels,
        source,
    )
    aged = pipeline.age_file(
        source, tmp_path / f"out.{suffix}", Request.parse("70", shape=False, hair=False, neck=False)
    )
    before, after = seen_by_opencv(source), seen_by_opencv(tmp_path / f"out.{suffix}")
    assert np.array_equal(before, deep)
    assert after.dtype == np.uint16
    moved = (before != after).any(axis=2)
    x0, y0, x1, y1 = aged.faces[0].face.reach
    inside = np.zeros(moved.shape, bool)
    inside[int(y0) - 3 : int(y1) + 3, int(x0) - 3 : int(x1) + 3] = True
    assert moved[inside].mean() > 0.2 and not moved[~inside].any()
    fine = (after[moved] % 257 != 0).mean()
    assert fine > 0.9, "the low bits are still the camera's inside the face"
    if profile is None:
        assert np.abs(after.astype(int) - aged.pixels.astype(int) * 257).max() <= 129
