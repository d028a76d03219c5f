"""Reduction by averaging: the same pixels with and without the extension."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from amgan.runtime.face import extensions
from amgan.runtime.face.pyramid import Pyramid
from amgan.runtime.face.reduction import reduce_blocks, reduce_to

needs_the_extension = pytest.mark.skipif(
    extensions.reduce() is None, reason="the extension in C was not built, or this CPU has no AVX2"
)


def noise(height: int, width: int) -> np.ndarray:
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    picture[: height // 3] = 255
    return picture


@pytest.mark.parametrize(
    ("height", "width", "size"),
    [
        (90, 77, (50, 31)),
        (256, 256, (192, 192)),
        (33, 44, (1, 1)),
        (33, 44, (20, 33)),
        (5, 4, (3, 3)),
        (1, 900, (192, 1)),
        (60, 90, (30, 20)),
        (60, 90, (45, 20)),
        (66, 99, (33, 22)),
        (300, 300, (1, 1)),
        (7, 7, (7, 7)),
    ],
)
def test_pixels_are_those_of_opencv(height: int, width: int, size: tuple[int, int]) -> None:
    picture = noise(height, width)
    reduced = reduce_to(picture, size)
    assert reduced.shape == (size[1], size[0], 3)
    assert np.array_equal(reduced, cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def test_a_part_of_a_picture_and_one_that_lies_otherwise_in_memory() -> None:
    picture = noise(80, 70)
    expected = cv2.resize(np.ascontiguousarray(picture[5:71, 3:61]), (40, 41), interpolation=cv2.INTER_AREA)
    assert np.array_equal(reduce_to(picture[5:71, 3:61], (40, 41)), expected)
    assert np.array_equal(reduce_to(np.asfortranarray(picture)[5:71, 3:61], (40, 41)), expected)
    turned = np.rot90(picture, 1)
    assert np.array_equal(reduce_to(turned, (40, 41)), reduce_to(turned.copy(), (40, 41)))


@pytest.mark.parametrize("factor", [1, 2, 3, 5, 6, 12])
def test_blocks_are_averaged_and_the_edge_repeated(factor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = noise(50, 61)
    fast = reduce_blocks(picture, factor)
    assert fast.shape == (-(-50 // factor), -(-61 // factor), 3)
    means = picture[: 50 // factor * factor, : 61 // factor * factor].reshape(
        50 // factor, factor, 61 // factor, factor, 3
    )
    whole = fast[: 50 // factor, : 61 // factor]
    assert np.abs(whole - means.mean(axis=(1, 3))).max() <= 1.01  # halved first: rounded twice or more
    monkeypatch.setattr(extensions, "reduce", lambda: None)
    assert np.array_equal(fast, reduce_blocks(picture, factor))


def test_thin_pictures_have_every_level() -> None:
    for height, width in ((1, 1500), (1500, 1), (2, 1001), (3, 1303), (1, 1)):
        for side in (48, 96, 131, 192, 320, 448, 700):
            scale = side / max(height, width)
            level = Pyramid(noise(height, width)).level(scale)
            assert level.shape == (max(1, round(height * scale)), max(1, round(width * scale)), 3)


@needs_the_extension
def test_extension_refuses_what_does_not_fit() -> None:
    from amgan.runtime.face import _reduce

    picture, out = noise(9, 9), np.zeros((3, 3, 3), np.uint8)
    for source in (
        picture[..., :2],
        picture[:, ::2],
        picture.astype(np.float32),
        picture[:0],
        picture[..., 0],
    ):
        for call in (_reduce.area, _reduce.blocks):
            with pytest.raises(ValueError, match="array"):
                call(source, out)
    for source in (picture[:2], picture[:, :2]):
        with pytest.raises(ValueError, match="differ"):
            _reduce.area(source, out)
    for source in (picture[:6], picture[:8], picture[:, :6]):
        with pytest.raises(ValueError, match="differ"):
            _reduce.blocks(source, out)
    with pytest.raises(ValueError, match="differ"):
        _reduce.blocks(noise(256, 256), out[:1, :1])
    out.flags.writeable = False
    with pytest.raises((ValueError, BufferError)):
        _reduce.area(picture, out)
