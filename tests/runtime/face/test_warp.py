"""Affine resampling."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from amgan.runtime.face import extensions
from amgan.runtime.face.warp import move_pixels, sample_affine, sample_plane

IDENTITY = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def noise(height: int = 20, width: int = 30) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def affine(scale: float = 1.0, x: float = 0.0, y: float = 0.0) -> np.ndarray:
    return np.array([[scale, 0.0, x], [0.0, scale, y]])


def test_identity_is_exact() -> None:
    picture = noise()
    out = sample_affine(picture, IDENTITY, (30, 20))
    assert out.dtype == np.uint8
    assert np.array_equal(out, picture)


def test_whole_pixel_shift_is_exact() -> None:
    picture = noise()
    assert np.array_equal(sample_affine(picture, affine(x=7, y=3), (10, 8)), picture[3:11, 7:17])


@pytest.mark.parametrize("matrix", [affine(x=-10, y=-10), affine(scale=0.5, x=-3, y=-2)])
def test_edges_are_repeated_outside(matrix: np.ndarray) -> None:
    picture = noise()
    assert np.array_equal(sample_affine(picture, matrix, (4, 4))[0, 0], picture[0, 0])


def test_far_outside_is_the_nearest_corner() -> None:
    picture = noise()
    out = sample_affine(picture, affine(x=500, y=900), (5, 6))
    assert out.shape == (6, 5, 3)
    assert (out == picture[-1, -1]).all()


@pytest.mark.parametrize("factor", [2, 3, 4, 7])
def test_shrinking_averages(factor: int) -> None:
    """A checkerboard becomes grey: no alias but what a box of 9 squares leaves (5 are white, or 4)."""
    board = np.where(np.indices((84, 84)).sum(axis=0) % 2, 255, 0).astype(np.uint8)
    out = sample_affine(np.repeat(board[..., None], 3, axis=2), affine(scale=factor), (84 // factor,) * 2)
    assert abs(out[2:-2, 2:-2].astype(float) - 127.5).max() < (5 if factor % 2 == 0 else 15)


def test_a_ramp_stays_the_ramp_at_every_scale() -> None:
    """Pixel centres are at half coordinates: nothing shifts."""
    ramp = np.repeat(np.tile(np.arange(200, dtype=np.uint8), (200, 1))[..., None], 3, axis=2)
    for scale, x in ((0.5, 20.0), (1.0, 13.5), (1.7, 10.0), (2.0, 20.0), (3.3, 21.0)):
        out = sample_affine(ramp, affine(scale, x, 40.0), (30, 30)).astype(float)
        expected = scale * (np.arange(30) + 0.5) + x - 0.5
        assert abs(out[5, :, 0] - expected).max() < 1.5
        assert abs((out[5, :, 0] - expected).mean()) < 0.8


@settings(max_examples=30)
@given(
    arrays(np.float64, (2, 3), elements=st.floats(-6, 6)).filter(
        lambda m: abs(np.linalg.det(m[:, :2])) > 1e-3
    )
)
def test_never_fails_and_keeps_to_the_range(matrix: np.ndarray) -> None:
    flat = np.full((9, 11, 3), (10, 120, 250), np.uint8)
    assert (sample_affine(flat, matrix, (7, 5)) == flat[0, 0]).all()


def test_plane_identity_and_zero_outside() -> None:
    plane = np.random.default_rng(1).random((12, 9), np.float32)
    out = sample_plane(plane, IDENTITY, (9, 12))
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, plane, atol=1e-6)
    moved = sample_plane(plane, affine(x=-5), (20, 12))
    assert (moved[:, :3] == 0).all() and (moved[:, 17:] == 0).all()
    np.testing.assert_allclose(moved[:, 5:14], plane, atol=1e-6)


def test_bilinear_never_overshoots_and_bicubic_does() -> None:
    plane = np.zeros((8, 8), np.float32)
    plane[:, 4:] = 1
    smooth, plain = (sample_plane(plane, affine(0.1, 1.0, 1.0), (60, 60), smooth=s) for s in (True, False))
    assert smooth.max() > 1.01
    assert plain.min() >= 0 and plain.max() <= 1


@settings(max_examples=30)
@given(st.floats(-3, 3), st.floats(0.05, 3), st.integers(0, 20), st.integers(0, 20))
def test_a_part_of_the_output_is_that_part(turn: float, scale: float, x: int, y: int) -> None:
    picture = noise(50, 60)
    matrix = np.array(
        [
            [scale * np.cos(turn), -scale * np.sin(turn), 20.3],
            [scale * np.sin(turn), scale * np.cos(turn), 15.7],
        ]
    )
    part = matrix.copy()
    part[:, 2] += matrix[:, :2] @ (x, y)
    if scale < 2:  # from there on blocks are averaged first, and where they begin depends on the part
        assert np.array_equal(
            sample_affine(picture, part, (9, 7)),
            sample_affine(picture, matrix, (40, 40))[y : y + 7, x : x + 9],
        )
    plane = picture[..., 0].astype(np.float32)
    assert np.array_equal(
        sample_plane(plane, part, (9, 7)), sample_plane(plane, matrix, (40, 40))[y : y + 7, x : x + 9]
    )


needs_the_extension = pytest.mark.skipif(
    extensions.resample() is None, reason="the extension in C was not built, or this CPU has no FMA"
)


def without_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extensions, "resample", lambda: None)


@needs_the_extension
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (30, 20), (517, 70)])
@pytest.mark.parametrize("scale", [0.4, 0.97, 1.0, 1.6, 2.5])
def test_extension_and_opencv_give_the_same(
    size: tuple[int, int], scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = noise(90, 80)
    turned = np.array([[scale, 0.07, -6.3], [-0.09, scale, -4.1]])  # a part lies outside on every side
    fast = sample_affine(picture, turned, size)
    without_extension(monkeypatch)
    slow = sample_affine(picture, turned, size)
    assert np.abs(fast.astype(int) - slow).max() <= 1  # older OpenCVs have rounded weights
    assert (fast == slow).mean() > 0.9


@needs_the_extension
def test_pixels_move_alike_with_and_without_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, random = noise(40, 50), np.random.default_rng(1)
    across, down = (random.uniform(-9, side + 9, (33, 45)).astype(np.float32) for side in (50, 40))
    across[0, :2], down[0, :2] = (-3e9, 3e9), (3e9, -3e9)
    wanted = random.random((33, 45)) < 0.7
    wanted[0, :2] = True
    fast, slow = (np.full((33, 45, 3), 7, np.uint8) for _ in range(2))
    move_pixels(picture, across, down, wanted, fast)
    without_extension(monkeypatch)
    move_pixels(picture, across, down, wanted, slow)
    assert (fast[~wanted] == 7).all()
    assert np.array_equal(fast[0, :2], [picture[-1, 0], picture[0, -1]])
    inside = slice(1, None)
    assert np.abs(fast[inside].astype(int) - slow[inside]).max() <= 4  # older OpenCVs take steps of 1/32 px


@needs_the_extension
def test_a_picture_that_lies_otherwise_in_memory_is_sampled_too() -> None:
    picture = noise(40, 50)
    plain = sample_affine(picture, affine(scale=0.8, x=2, y=3), (30, 20))
    other = sample_affine(np.asfortranarray(picture), affine(scale=0.8, x=2, y=3), (30, 20))
    assert np.abs(plain.astype(int) - other).max() <= 1


@needs_the_extension
def test_extension_refuses_what_does_not_fit() -> None:
    from amgan.runtime.face import _resample

    picture, out = noise(8, 9), np.zeros((4, 5, 3), np.uint8)
    along, starts = np.zeros((2, 5)), np.zeros((2, 4))
    wrong = [
        (picture[..., :2], along, starts, out),
        (picture[:, ::2], along, starts, out),
        (picture, along[:, :4], starts, out),
        (picture, along.astype(np.float32), starts, out),
        (picture, along, starts[:1], out),
        (picture[:0], along, starts, out),
    ]
    for arrays_given in wrong:
        with pytest.raises(ValueError, match="array"):
            _resample.affine(*arrays_given)
    places, wanted = np.zeros((4, 5), np.float32), np.ones((4, 5), bool)
    with pytest.raises(ValueError, match="differ"):
        _resample.remap(picture, places, places[:3], wanted, out)
    with pytest.raises(ValueError, match="differ"):
        _resample.steps(along[0], starts[0], places[:3])
    out.flags.writeable = False
    with pytest.raises((ValueError, BufferError)):
        _resample.affine(picture, along, starts, out)
