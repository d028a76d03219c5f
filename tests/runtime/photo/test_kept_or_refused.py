"""What cannot be given back is refused in a sentence: planes, raw files, further channels; stale XMP goes."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from amgan.runtime.errors import PhotoError
from amgan.runtime.photo.metadata import without_payloads
from amgan.runtime.photo.read import read_photo

SHORT, LONG = 3, 4


def tiff(
    path: Path, planes: list[np.ndarray], *, together: bool = False, head: bytes = b"", **further: int
) -> Path:
    """A plain TIFF of planes [H, W], uint8 or uint16, one after the other or ``together`` pixel by pixel."""
    height, width = planes[0].shape
    data = [np.stack(planes, axis=2).tobytes()] if together else [plane.tobytes() for plane in planes]
    bits = 8 * planes[0].itemsize
    tags: dict[int, tuple[int, list[int]]] = {
        256: (LONG, [width]), 257: (LONG, [height]), 258: (SHORT, [bits] * len(planes)), 259: (SHORT, [1]),
        262: (SHORT, [2]), 273: (LONG, [0] * len(data)), 277: (SHORT, [len(planes)]), 278: (LONG, [height]),
        279: (LONG, [len(part) for part in data]), 284: (SHORT, [1 if together else 2]),
    }  # fmt: skip
    if len(planes) > 3:
        tags[338] = (SHORT, [0] * (len(planes) - 3))
    for name, value in further.items():
        tags[int(name.removeprefix("tag"))] = (LONG, [value])
    start = 8 + len(head)
    directory_end = start + 2 + 12 * len(tags) + 4
    extra = b""
    place = directory_end + sum(8 * max(len(values), 1) for _, values in tags.values())
    offsets = [place + sum(map(len, data[:number])) for number in range(len(data))]
    tags[273] = (LONG, offsets)
    entries = b""
    for tag, (kind, values) in sorted(tags.items()):
        packed = struct.pack(f"<{len(values)}{'H' if kind == SHORT else 'I'}", *values)
        if len(packed) <= 4:
            field = packed.ljust(4, b"\0")
        else:
            field = struct.pack("<I", directory_end + len(extra))
            extra += packed + b"\0" * (len(packed) % 2)
        entries += struct.pack("<HHI", tag, kind, len(values)) + field
    body = b"II*\0" + struct.pack("<I", start) + head + struct.pack("<H", len(tags)) + entries
    body += b"\0" * 4 + extra
    path.write_bytes(body.ljust(place, b"\0") + b"".join(data))
    return path


def planes(count: int, dtype: type = np.uint8) -> list[np.ndarray]:
    noise = np.random.default_rng(3).integers(0, np.iinfo(dtype).max, (count, 20, 30), dtype)
    return list(noise)


def test_colours_in_planes_of_their_own_are_read_in_8_bits(tmp_path: Path) -> None:
    wanted = planes(3)
    photo = read_photo(tiff(tmp_path / "a.tif", wanted))
    assert np.array_equal(photo.pixels, np.stack(wanted, axis=2))


def test_16_bit_colours_in_planes_of_their_own_are_refused(tmp_path: Path) -> None:
    """Pillow would give the high bytes twice."""
    with pytest.raises(PhotoError, match="has 16 bits a channel in an unsupported layout"):
        read_photo(tiff(tmp_path / "a.tif", planes(3, np.uint16)))
    wanted = planes(3, np.uint16)
    photo = read_photo(tiff(tmp_path / "b.tif", wanted, together=True))
    assert np.array_equal(photo.samples, np.stack(wanted, axis=2))


@pytest.mark.parametrize("further", [{"tag254": 1}, {"tag50706": 0x0401}])
def test_raw_files_are_refused(tmp_path: Path, further: dict[str, int]) -> None:
    with pytest.raises(PhotoError, match="a camera's raw file"):
        read_photo(tiff(tmp_path / "a.nef", planes(3), together=True, **further))


def test_canons_raw_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="a camera's raw file"):
        read_photo(tiff(tmp_path / "a.cr2", planes(3), together=True, head=b"CR\2\0\0\0\0\0"))
    read_photo(tiff(tmp_path / "b.tif", planes(3), together=True, head=bytes(8)))


def test_channels_that_would_be_lost_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="has 4 channels, of which only 3 can be kept"):
        read_photo(tiff(tmp_path / "a.tif", planes(4), together=True))
    assert read_photo(tiff(tmp_path / "b.tif", planes(3), together=True)).mode == "RGB"


MOTION = (
    b'<x:xmpmeta><rdf:Description xmlns:GCamera="http://g" xmlns:Container="http://c" xmlns:dc="http://d"'
    b' GCamera:MotionPhoto="1" GCamera:MicroVideoOffset="123" dc:title="mine">'
    b"<Container:Directory><rdf:Seq><rdf:li Item:Mime='video/mp4'/></rdf:Seq></Container:Directory>"
    b"</rdf:Description></x:xmpmeta>"
)


def test_xmp_says_nothing_of_a_film_that_is_left_out(tmp_path: Path) -> None:
    Image.new("RGB", (30, 20)).save(tmp_path / "a.jpg", xmp=MOTION)
    with (tmp_path / "a.jpg").open("ab") as stream:
        stream.write(b"\0\0\0\x18ftypmp42" + bytes(100))
    kept = read_photo(tmp_path / "a.jpg").save_options["xmp"]
    assert b'dc:title="mine"' in kept
    assert not any(word in kept for word in (b"Motion", b"MicroVideo", b"Container", b"video"))


def test_long_hostile_xmp_of_payloads_takes_no_time() -> None:
    assert without_payloads(b"<Container:Directory>" * 50_000 + b" GCamera:x='" * 50_000) is None


def test_unusual_xmp_of_a_payload_goes_as_a_whole() -> None:
    assert without_payloads(b"<a><hdrgm:Version><rdf:li>1</rdf:li></hdrgm:Version></a>") is None
    assert without_payloads(b"<a dc:title='x'/>") == b"<a dc:title='x'/>"
