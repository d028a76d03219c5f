"""Blocks of JPEGs that were decoded on a GPU are kept as of those that Pillow decoded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.fake_nvimgcodec import FakeNvImageCodec
from support.icc_profiles import display_p3
from support.jpegs_for_gpus import SIZE, opened, saved, stored
from support.photo_files import camera_data

from amgan.runtime.photo.read import read_photo
from amgan.runtime.photo.write import write_photo

FACE = np.s_[60:150, 90:180]


def darker(pixels: np.ndarray) -> np.ndarray:
    out = pixels.copy()
    out[FACE] = out[FACE] // 2
    return out


def far_from_the_face(shape: tuple[int, ...] = SIZE[::-1]) -> np.ndarray:
    far = np.ones(shape[:2], bool)
    far[60 - 17 : 150 + 17, 90 - 17 : 180 + 17] = False
    return far


KEPT: list[dict[str, object]] = [
    {"subsampling": 2}, {"subsampling": 0}, {"progressive": True}, {"icc_profile": display_p3()},
    {"exif": camera_data(6)}, {"exif": camera_data(3), "icc_profile": display_p3()},
]  # fmt: skip


@pytest.mark.parametrize("options", KEPT)
@pytest.mark.parametrize("known", [True, False])
def test_blocks_without_a_change_are_kept(tmp_path: Path, options: dict[str, object], known: bool) -> None:
    decoder = opened(FakeNvImageCodec(apart=1))
    source = saved(tmp_path / "a.jpg", **options)
    photo = read_photo(source, decoder=decoder)
    aged = darker(photo.pixels)
    if not known:  # as if the photo had been aged in place
        photo.pixels[...] = aged
    write_photo(photo, aged if known else photo.pixels, tmp_path / "b.jpg")
    before, after = stored(source), stored(tmp_path / "b.jpg")
    changed = (before != after).any(axis=2)
    turned_up = [read_photo(path).pixels for path in (source, tmp_path / "b.jpg")]
    far = far_from_the_face(turned_up[0].shape)
    assert np.array_equal(turned_up[0][far], turned_up[1][far])
    assert 0.05 < changed.mean() < 0.5
    photo = read_photo(source)
    write_photo(photo, darker(photo.pixels), tmp_path / "c.jpg")
    by_pillow = read_photo(tmp_path / "c.jpg").pixels
    assert np.abs(turned_up[1].astype(int) - by_pillow).mean() < 0.5
    assert (tmp_path / "b.jpg").stat().st_size == pytest.approx((tmp_path / "c.jpg").stat().st_size, rel=0.01)


def test_a_photo_without_a_change_is_copied(tmp_path: Path) -> None:
    source = saved(tmp_path / "a.jpg")
    photo = read_photo(source, decoder=opened(FakeNvImageCodec(apart=1)))
    write_photo(photo, photo.pixels.copy(), tmp_path / "b.jpg")
    assert source.read_bytes() == (tmp_path / "b.jpg").read_bytes()


@pytest.mark.parametrize("finds", [None, "another picture"])
def test_pillow_decides_where_the_decoder_does_not_find_the_kept_pixels(
    tmp_path: Path, finds: str | None
) -> None:
    library = FakeNvImageCodec(apart=1)
    decoder, source = opened(library), saved(tmp_path / "a.jpg")
    photo = read_photo(source, decoder=decoder)
    library.apart = 0
    if finds is None:
        library.fault = RuntimeError("the GPU is gone")
    write_photo(photo, darker(photo.pixels), tmp_path / "b.jpg")
    far = far_from_the_face()
    assert np.array_equal(stored(source)[far], stored(tmp_path / "b.jpg")[far])


def test_a_decoder_that_is_gone_cannot_say_what_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    library = FakeNvImageCodec()
    photo = read_photo(saved(tmp_path / "a.jpg"), decoder=opened(library))
    library.fault = RuntimeError("the GPU is gone")
    photo.pixels[...] = darker(photo.pixels)
    with caplog.at_level("DEBUG"):
        write_photo(photo, photo.pixels, tmp_path / "b.jpg")
    assert "the whole picture is encoded again: the decoder that read it does not any more" in caplog.text
    assert np.abs(stored(tmp_path / "b.jpg").astype(int) - photo.pixels).mean() < 3
