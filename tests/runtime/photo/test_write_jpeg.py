"""JPEGs over JPEGs: only touched blocks change, and where nothing changed the file is the same."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from support.helpers import HOPPER
from support.icc_profiles import display_p3

from amgan.runtime.errors import PhotoError
from amgan.runtime.photo import jpeg_blocks, write_jpeg
from amgan.runtime.photo.jpeg_blocks import KeptBlocksError, change_blocks
from amgan.runtime.photo.jpeg_segments import head_segments
from amgan.runtime.photo.read import read_photo
from amgan.runtime.photo.write import write_photo

FACE = np.s_[60:150, 90:180]
KINDS: dict[str, dict[str, object]] = {
    "4:2:0": {"subsampling": 2},
    "4:2:2": {"subsampling": 1},
    "4:4:4": {"subsampling": 0},
    "progressive": {"subsampling": 2, "progressive": True},
    "progressive 4:4:4": {"subsampling": 0, "progressive": True},
    "restart markers": {"subsampling": 2, "restart_marker_blocks": 5},
    "optimized": {"optimize": True},
    "quality 100": {"quality": 100, "subsampling": 0},
    "quality 30": {"quality": 30},
    "turned": {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"},
    "with a profile": {"icc_profile": display_p3()},
}  # fmt: skip


def portrait(mode: str = "RGB") -> Image.Image:
    """A photo whose sides are no multiple of a block."""
    return Image.open(HOPPER).convert(mode).resize((333, 251))


def saved(path: Path, mode: str = "RGB", **options: object) -> Path:
    portrait(mode).save(path, **{"quality": 90, **options})
    return path


def stored(path: Path) -> np.ndarray:
    """The pixels of a file as they are stored, not turned."""
    with Image.open(path) as picture:
        return np.asarray(picture)


def older(pixels: np.ndarray) -> np.ndarray:
    """Pixels with a darker, redder patch of lines: the shape of what aging does."""
    aged = pixels.copy()
    patch = aged[FACE].astype(int) - [12, 20, 22]
    patch[::6] -= 25
    aged[FACE] = patch.clip(0, 255)
    return aged


def aged_file(source: Path, target: Path) -> None:
    photo = read_photo(source)
    write_photo(photo, older(photo.pixels), target)


def far_from_the_face(turned: bool, shape: tuple[int, ...]) -> np.ndarray:
    """Pixels more than a unit of 16 px, and the pixel that decoders interpolate, from the changed patch."""
    far = np.ones(shape[1::-1] if turned else shape[:2], bool)
    far[60 - 17 : 150 + 17, 90 - 17 : 180 + 17] = False
    return np.rot90(far, 1) if turned else far


# An RGB profile is none for grey.
MODES = [(kind, mode) for kind in KINDS for mode in ("RGB", "L") if (kind, mode) != ("with a profile", "L")]


@pytest.mark.parametrize(("kind", "mode"), MODES)
def test_pixels_outside_the_touched_blocks_are_identical(tmp_path: Path, kind: str, mode: str) -> None:
    source = saved(tmp_path / "a.jpg", mode, **KINDS[kind])
    aged_file(source, tmp_path / "b.jpg")
    before, after = stored(source), stored(tmp_path / "b.jpg")
    assert before.shape == after.shape
    far = far_from_the_face(kind == "turned", before.shape)
    assert far.mean() > 0.5
    assert np.array_equal(before[far], after[far])
    assert not np.array_equal(before[~far], after[~far])
    with Image.open(source) as one, Image.open(tmp_path / "b.jpg") as other:
        assert one.quantization == other.quantization
        assert one.layer == other.layer
        assert one.info.get("progressive") == other.info.get("progressive")
        assert one.info.get("icc_profile") == other.info.get("icc_profile")
        assert one.getexif().get(0x0112) == other.getexif().get(0x0112)


@pytest.mark.parametrize("kind", ["4:2:0", "4:4:4", "progressive", "turned"])
def test_the_change_arrives(tmp_path: Path, kind: str) -> None:
    """As near to the wanted pixels as a JPEG that is encoded again, to a tenth of a code value."""
    photo = read_photo(saved(tmp_path / "a.jpg", **KINDS[kind]))
    wanted = older(photo.pixels)
    write_photo(photo, wanted, tmp_path / "b.jpg")
    error = np.abs(read_photo(tmp_path / "b.jpg").pixels[FACE].astype(int) - wanted[FACE]).mean()
    stream = io.BytesIO()
    options = {key: photo.save_options[key] for key in ("qtables", "subsampling")}
    Image.fromarray(wanted).save(stream, "JPEG", **options)
    anew = np.abs(np.asarray(Image.open(stream))[FACE].astype(int) - wanted[FACE]).mean()
    assert error < anew + 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_unchanged_jpeg_is_the_same_file(tmp_path: Path, kind: str) -> None:
    source = saved(tmp_path / "a.jpg", **KINDS[kind])
    photo = read_photo(source)
    write_photo(photo, photo.pixels.copy(), tmp_path / "b.jpg")
    assert (tmp_path / "b.jpg").read_bytes() == source.read_bytes()


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "bmp"])
def test_unchanged_photo_of_any_kind_is_the_same_file(tmp_path: Path, suffix: str) -> None:
    portrait().save(tmp_path / f"a.{suffix}")
    photo = read_photo(tmp_path / f"a.{suffix}")
    write_photo(photo, photo.pixels, tmp_path / f"b.{suffix}")
    assert (tmp_path / f"b.{suffix}").read_bytes() == (tmp_path / f"a.{suffix}").read_bytes()


def test_without_metadata_an_unchanged_jpeg_keeps_its_pixels_and_lies_as_before(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Camera", 6
    source = saved(tmp_path / "a.jpg", exif=exif, comment=b"a comment")
    photo = read_photo(source, "strip")
    write_photo(photo, photo.pixels, tmp_path / "b.jpg")
    assert np.array_equal(stored(source), stored(tmp_path / "b.jpg"))
    with Image.open(tmp_path / "b.jpg") as picture:
        assert dict(picture.getexif()) == {0x0112: 6}
        assert "comment" not in picture.info


def test_texts_stay_and_thumbnails_go(tmp_path: Path) -> None:
    source = saved(tmp_path / "a.jpg", comment=b"a comment", xmp=b"<x/>", dpi=(300, 300))
    content = bytearray(source.read_bytes())
    marker, start, _ = next(head_segments(bytes(content)))
    assert marker == 0xE0
    content[start + 2 : start + 4] = struct.pack(">H", 16 + 3)  # JFIF with a thumbnail of one pixel
    content[start + 16 : start + 18] = b"\x01\x01"
    content[start + 18 : start + 18] = b"abc"
    source.write_bytes(content)
    aged_file(source, tmp_path / "b.jpg")
    with Image.open(tmp_path / "b.jpg") as picture:
        assert picture.info["comment"] == b"a comment"
        assert picture.info["xmp"] == b"<x/>"
        assert picture.info["dpi"] == (300, 300)
    written = (tmp_path / "b.jpg").read_bytes()
    _, first, end = next(head_segments(written))
    assert written[first + 4 : first + 9] == b"JFIF\0" and end - first == 18


def anew(source: Path, target: Path) -> bool:
    """Whether a changed photo is encoded again as a whole; its far pixels are about the same then, too."""
    aged_file(source, target)
    before, after = stored(source), stored(target)
    far = far_from_the_face(False, before.shape)
    assert np.abs(before[far].astype(int) - after[far]).mean() < 2
    return not np.array_equal(before[far], after[far])


def test_cmyk_is_encoded_anew(tmp_path: Path) -> None:
    assert anew(saved(tmp_path / "a.jpg", "CMYK"), tmp_path / "b.jpg")


def test_rgb_without_a_transform_is_encoded_anew(tmp_path: Path) -> None:
    assert anew(saved(tmp_path / "a.jpg", keep_rgb=True), tmp_path / "b.jpg")


def test_file_that_changed_since_is_encoded_anew(tmp_path: Path) -> None:
    source = saved(tmp_path / "a.jpg")
    photo = read_photo(source)
    saved(source, quality=60)
    write_photo(photo, photo.pixels, tmp_path / "b.jpg")
    assert (tmp_path / "b.jpg").read_bytes() != source.read_bytes()
    source.unlink()
    write_photo(photo, photo.pixels, tmp_path / "c.jpg")
    assert np.array_equal(stored(tmp_path / "b.jpg"), stored(tmp_path / "c.jpg"))


@pytest.mark.parametrize(
    ("compiled", "why"), [(True, "as it is progressive"), (False, "as the extension in C was not built")]
)
def test_without_jpeglib_it_is_encoded_anew_and_said_once_what_to_install(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    compiled: bool,
    why: str,
) -> None:
    monkeypatch.setattr(jpeg_blocks, "can_recode", lambda: compiled)
    monkeypatch.setattr(jpeg_blocks, "_has_jpeglib", lambda: False)
    write_jpeg._advise.cache_clear()
    source = saved(tmp_path / "a.jpg", progressive=True)
    assert anew(source, tmp_path / "b.jpg") and anew(source, tmp_path / "c.jpg")
    (said,) = caplog.messages
    assert why in said and "pip install 'amgan[progressive]'" in said
    write_jpeg._advise.cache_clear()


def test_other_pixels_outside_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a fault of the library would do: a file whose other blocks differ is not given out."""

    def wrong(source: bytes, before: np.ndarray, after: np.ndarray, **_: bool) -> tuple[bytes, np.ndarray]:
        stream = io.BytesIO()
        Image.fromarray(before).save(stream, "JPEG", quality=20)
        return stream.getvalue(), np.zeros(before.shape[:2], bool)

    source = saved(tmp_path / "a.jpg")
    aged_file(source, tmp_path / "right.jpg")
    monkeypatch.setattr(write_jpeg, "change_blocks", wrong)
    aged_file(source, tmp_path / "b.jpg")
    before, after = stored(source), stored(tmp_path / "b.jpg")
    assert np.abs(before.astype(int) - after).mean() < 4
    assert (tmp_path / "b.jpg").read_bytes() != (tmp_path / "right.jpg").read_bytes()


def test_coefficients_that_cannot_be_read_are_an_error() -> None:
    black = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(KeptBlocksError, match="cannot be read"):
        change_blocks(b"no JPEG", black, black, progressive=False)


@pytest.mark.parametrize(
    "content",
    [b"", b"GIF89a", b"\xff\xd8", b"\xff\xd8\0\0\0\0", b"\xff\xd8\xff\xe0\0\0", b"\xff\xd8\xff\xe0\0\xff"],
)
def test_segments_of_what_is_no_jpeg(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"JPEG|marker|segment"):
        list(head_segments(content))


def test_one_pixel_more_or_less(tmp_path: Path) -> None:
    """Every size of the last block, with a change in the corner."""
    for size in range(1, 34):
        Image.fromarray(np.asarray(portrait())[:size, : 2 * size]).save(tmp_path / "a.jpg", quality=95)
        photo = read_photo(tmp_path / "a.jpg")
        wanted = photo.pixels.copy()
        wanted[-1, -1] = 255 - wanted[-1, -1]
        write_photo(photo, wanted, tmp_path / "b.jpg")
        before, after = stored(tmp_path / "a.jpg"), stored(tmp_path / "b.jpg")
        assert (before[-1, -1] != after[-1, -1]).any(), size
        assert np.array_equal(before[:-17], after[:-17]), size
        assert np.array_equal(before[:, :-17], after[:, :-17]), size


@pytest.mark.parametrize(("marker", "reason"), [(0xC9, "arithmetic coding"), (0xC3, "a lossless or hier")])
def test_rare_codings_are_refused_by_name(tmp_path: Path, marker: int, reason: str) -> None:
    source = saved(tmp_path / "a.jpg")
    content = bytearray(source.read_bytes())
    start = next(start for found, start, _ in head_segments(bytes(content)) if found == 0xC0)
    content[start + 1] = marker
    source.write_bytes(content)
    with pytest.raises(PhotoError, match=reason):
        read_photo(source)


@pytest.mark.parametrize("at_once", [0, 10**6])
def test_a_file_with_other_pixels_is_refused(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """By Pillow alone, and by OpenCV first."""
    monkeypatch.setattr(write_jpeg, "_MAX_WHOLE_PX", at_once)
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (300, 40, 3), np.uint8)
    Image.fromarray(noise).save(stream, "JPEG", quality=80)
    content = stream.getvalue()
    before, touched = np.array(Image.open(stream)), np.zeros((300, 40), bool)
    write_jpeg._check(content, before, touched)
    assert write_jpeg._is_kept(content, before, touched) == hasattr(cv2, "IMREAD_COLOR_RGB")
    before[280, 30, 1] ^= 1
    with pytest.raises(KeptBlocksError, match="other pixels"):
        write_jpeg._check(content, before, touched)
    touched[280, 30] = True
    write_jpeg._check(content, before, touched)


def test_pillow_decides_where_opencv_finds_other_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (16, 16), (9, 80, 200)).save(stream, "JPEG")
    before = np.array(Image.open(stream))
    for found in (None, np.zeros((16, 16, 3), np.uint8), np.zeros((16, 16), np.uint8)):
        monkeypatch.setattr(cv2, "imdecode", lambda *_, found=found: found)
        assert not write_jpeg._is_kept(stream.getvalue(), before, np.zeros((16, 16), bool))
        write_jpeg._check(stream.getvalue(), before, np.zeros((16, 16), bool))
