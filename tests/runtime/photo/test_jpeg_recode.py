"""The extension in C that changes JPEGs where they stand: the same as jpeglib, and safe on damaged files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.helpers import HOPPER

from amgan.runtime.photo import jpeg_blocks, jpeg_changes, jpeg_recode
from amgan.runtime.photo.jpeg_blocks import NeedsJpeglibError, change_blocks
from amgan.runtime.photo.jpeg_changes import Changes
from amgan.runtime.photo.jpeg_recode import NotPlainError, read_layout, recode
from amgan.runtime.photo.read import read_photo
from amgan.runtime.photo.write import encode_photo

pytestmark = pytest.mark.skipif(not jpeg_recode.can_recode(), reason="the extension in C was not built")

KINDS: dict[str, dict[str, object]] = {
    "4:2:0": {"subsampling": 2},
    "4:2:2": {"subsampling": 1},
    "4:4:4": {"subsampling": 0},
    "restart markers": {"subsampling": 2, "restart_marker_blocks": 5},
    "restart markers, whole rows": {"subsampling": 0, "restart_marker_rows": 1},
    "optimized": {"optimize": True},
    "quality 100": {"quality": 100, "subsampling": 0},
    "quality 20": {"quality": 20},
}


def encoded(mode: str = "RGB", **options: object) -> bytes:
    """A JPEG whose sides are no multiple of a block."""
    stream = io.BytesIO()
    Image.open(HOPPER).convert(mode).resize((333, 251)).save(stream, "JPEG", **{"quality": 90, **options})
    return stream.getvalue()


def decoded(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


def darker(pixels: np.ndarray) -> np.ndarray:
    """With a patch of stripes that reaches the right edge."""
    aged = pixels.astype(int)
    aged[60:150:2, 200:] -= 40
    return aged.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("kind", KINDS)
def test_without_a_change_every_bit_stays(kind: str, mode: str) -> None:
    content = encoded(mode, **KINDS[kind])
    layout = read_layout(content)
    assert recode(content, layout, Changes(layout).ordered) == content


def coefficients(content: bytes, file: Path) -> np.ndarray:
    """Those of all components, as jpeglib reads them."""
    import jpeglib

    file.write_bytes(content)
    jpeg = jpeglib.read_dct(str(file))
    jpeg.load()
    return np.concatenate([plane.ravel() for plane in (jpeg.Y, jpeg.Cb, jpeg.Cr) if plane is not None])


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("kind", KINDS)
def test_it_gives_the_coefficients_that_jpeglib_gives(
    kind: str, mode: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Except a few of half a step, rounded either way: OpenCV's sums depend on the processor."""
    pytest.importorskip("jpeglib")
    content = encoded(mode, **KINDS[kind])
    before = decoded(content)
    monkeypatch.setattr(jpeg_blocks, "_change_by_jpeglib", None)
    ours, touched = change_blocks(content, before, darker(before), progressive=False)
    monkeypatch.undo()
    monkeypatch.setattr(jpeg_blocks, "can_recode", lambda: False)
    theirs, also_touched = change_blocks(content, before, darker(before), progressive=False)
    one, other = (coefficients(found, tmp_path / "a.jpg").astype(int) for found in (ours, theirs))
    assert np.abs(one - other).max() <= 1
    assert (one != other).mean() < 3e-5
    assert np.abs(one - coefficients(content, tmp_path / "a.jpg")).max() > 1
    assert (touched != also_touched).mean() < 2e-3
    assert not np.array_equal(decoded(ours), before)


def test_where_the_file_s_tables_lack_a_code_those_of_the_standard_are_taken() -> None:
    """A grey card has codes for next to nothing."""
    stream = io.BytesIO()
    Image.new("RGB", (64, 64), (90, 100, 110)).save(stream, "JPEG", optimize=True)
    content = stream.getvalue()
    before = decoded(content)
    noise = np.random.default_rng(0).normal(0, 40, before.shape)
    wanted = (before + noise).clip(0, 255).astype(np.uint8)
    ours, _ = change_blocks(content, before, wanted, progressive=False)
    assert np.abs(decoded(ours)[..., 1].astype(int) - wanted[..., 1]).mean() < 20
    assert np.abs(before[..., 1].astype(int) - wanted[..., 1]).mean() > 25


def test_what_is_not_sequential_is_refused() -> None:
    for content in (encoded(progressive=True), b"\xff\xd8\xff\xd9", b"no JPEG"):
        with pytest.raises(NotPlainError):
            read_layout(content)


def test_colours_that_are_stored_as_rgb_are_refused() -> None:
    content = encoded(keep_rgb=True)
    with pytest.raises(NotPlainError, match="red, green and blue"):
        read_layout(content)


def test_without_jpeglib_a_progressive_file_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpeg_blocks, "_has_jpeglib", lambda: False)
    content = encoded(progressive=True)
    before = decoded(content)
    with pytest.raises(NeedsJpeglibError, match="it is progressive"):
        change_blocks(content, before, darker(before), progressive=True)


needs_blocks = pytest.mark.skipif(
    jpeg_changes._blocks() is None, reason="the extension in C was not built, or this CPU has no FMA"
)


@needs_blocks
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("kind", KINDS)
def test_changes_are_found_alike_with_and_without_extension(
    kind: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = encoded(mode, **KINDS[kind])
    before = decoded(content)
    for after in (darker(before), np.ascontiguousarray(before[::-1]), before):
        fast, touched = change_blocks(content, before, after, progressive=False)
        with monkeypatch.context() as patch:
            patch.setattr(jpeg_changes, "_blocks", lambda: None)
            slow, also = change_blocks(content, before, after, progressive=False)
        # Products of BLAS may differ in the last bit, which can decide how a step is rounded.
        assert (touched != also).mean() < 0.001
        assert np.abs(decoded(fast).astype(int) - decoded(slow)).max() <= 16
        assert (decoded(fast) != decoded(slow)).mean() < 0.001


@needs_blocks
def test_other_sampling_is_left_to_numpy() -> None:
    content = encoded(subsampling=2).replace(b"\x01\x22\x00\x02\x11\x01", b"\x01\x41\x00\x02\x11\x01", 1)
    layout = read_layout(content)
    assert layout.unit == (1, 4)
    picture = np.zeros((layout.height, layout.width, 3), np.uint8)
    assert jpeg_changes.find_changes(layout, picture, picture, np.eye(8, dtype=np.float32)) is None


@needs_blocks
def test_pictures_that_do_not_fit_are_refused() -> None:
    from amgan.runtime.photo import _blocks

    picture = np.zeros((16, 24, 3), np.uint8)
    rest = [b"\2\2\1\1\1\1", bytes(3 * 256), bytes(64 * 8 + 12), bytes(64)]
    good = bytearray(2)
    assert _blocks.changes(picture, picture, *rest, good) == (b"", b"")
    wrong = [
        (picture, picture[:8], *rest, good),
        (picture, picture[..., :2], *rest, good),
        (picture, picture[:, ::2], *rest, good),
        (picture, picture.astype(np.int16), *rest, good),
        (picture, picture, b"\4" + rest[0][1:], *rest[1:], good),
        (picture, picture, rest[0][1:], *rest[1:], good),
        (picture, picture, *rest[:3], b"\x40" * 64, good),
        (picture, picture, *rest, bytearray(3)),
    ]
    for some in wrong:
        with pytest.raises((ValueError, BufferError)):
            _blocks.changes(*some)


def test_damaged_files_are_refused_or_changed_but_never_crash() -> None:
    """Bytes at random, cuts, and tables of nonsense; whatever comes back is bytes."""
    random = np.random.default_rng(7)
    refused = 0
    for kind in ("4:2:0", "restart markers", "optimized"):
        content = encoded(**KINDS[kind])
        for trial in range(150):
            broken = bytearray(content[: random.integers(2, len(content))] if trial % 3 == 0 else content)
            for at in random.integers(2, len(broken) if trial % 2 else min(700, len(broken)), 1 + trial % 5):
                broken[at] = random.integers(256)
            try:
                layout = read_layout(bytes(broken))
                changes = Changes(layout)
                if layout.height * layout.width < 10**6:
                    changes.add(0, slice(0, 2), slice(0, 2), np.full((8, 8, 2, 2), 3, np.int16))
                recode(bytes(broken), layout, changes.ordered)
            except NotPlainError:
                refused += 1
    assert refused > 200


def test_a_layout_that_does_not_fit_is_refused() -> None:
    from amgan.runtime.photo import _recode

    tables = bytes(2 * 272)
    for layout, changes in ((b"", b""), (b"\1", b""), (b"\0" * 11, b""), (b"\0", b"1234"), (b"\0", b"123")):
        with pytest.raises(ValueError, match="layout"):
            _recode.recode_scan(b"", layout, 1, tables, tables, 0, changes, b"")


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_samples_at_hand_give_the_same_file(tmp_path: Path, mode: str) -> None:
    """What was read need not be decoded again; pixels that were changed where they lie are not trusted."""
    source = tmp_path / "a.jpg"
    source.write_bytes(encoded(mode))
    photo, same = read_photo(source), read_photo(source)
    wanted = darker(photo.pixels)
    at_hand = bytes(encode_photo(photo, wanted, tmp_path / "b.jpg"))
    same.pixels[:] = wanted
    assert at_hand == bytes(encode_photo(same, same.pixels, tmp_path / "b.jpg"))
    same.pixels[:] = 7
    assert at_hand == bytes(encode_photo(same, wanted, tmp_path / "b.jpg"))
