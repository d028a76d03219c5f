"""The change of a face in the tone and the exposure of its photo."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from amgan.runtime.face.alignment import apply_affine
from amgan.runtime.face.finder import Face
from amgan.runtime.face.region_masks import edit_mask
from amgan.runtime.face.tone import as_grey, exposure_weight, is_tinted, read_tone, toned_change
from amgan.runtime.face.warp import sample_affine

SIZE = 256


@pytest.fixture(scope="module")
def frame(hopper: np.ndarray, hopper_face: Face) -> np.ndarray:
    return sample_affine(hopper, hopper_face.frame.to_photo(SIZE), (SIZE, SIZE))


@pytest.fixture(scope="module")
def mask(hopper_face: Face) -> np.ndarray:
    return edit_mask(apply_affine(hopper_face.frame.to_frame(1), hopper_face.landmarks), SIZE)


def codes(picture: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def without_colour(rgb: np.ndarray) -> np.ndarray:
    return np.repeat(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)


def a_change(before: np.ndarray) -> np.ndarray:
    """Darker, browner and lined, as a network leaves a face."""
    lines = 12 * np.sin(np.arange(SIZE) / 3)[:, None, None]
    return codes(before - np.array([10, 18, 28]) + lines)


def spread(rgb: np.ndarray) -> float:
    """How far colours are from grey at most, after noise of single pixels is blurred."""
    soft = cv2.GaussianBlur(rgb.astype(np.float32), (0, 0), 2)
    return float((soft.max(axis=2) - soft.min(axis=2)).max())


def aged_in_tone(before: np.ndarray, mask: np.ndarray) -> np.ndarray:
    tone = read_tone(before, mask)
    return codes(before + toned_change(before, a_change(before), tone) * mask[..., None])


def test_a_grey_photo_stays_grey_to_the_last_bit(frame: np.ndarray, mask: np.ndarray) -> None:
    grey = without_colour(frame)
    aged = aged_in_tone(grey, mask)
    assert (aged != grey).any()
    assert (aged.max(axis=2) == aged.min(axis=2)).all()


@pytest.mark.parametrize("kind", ["a tint of one level", "scanner noise", "coarse noise", "a date stamp"])
def test_what_is_nearly_grey_gets_no_hue(frame: np.ndarray, mask: np.ndarray, kind: str) -> None:
    rng = np.random.default_rng(0)
    grey = without_colour(frame).astype(float)
    if kind == "a tint of one level":
        grey += (1, 0, -1)
    elif kind == "a date stamp":
        grey[-30:-10, -90:-10] = (255, 140, 0)
    else:
        grey += rng.normal(0, 1.5 if kind == "scanner noise" else 4, grey.shape)
    before = codes(grey)
    assert read_tone(before, mask).share == 1
    face = mask > 0
    aged = aged_in_tone(before, mask)
    where = np.ix_(face.any(axis=1), face.any(axis=0))
    assert spread(aged[where]) < spread(before[where]) + 1


@pytest.mark.parametrize("quality", [75, 90])
def test_sepia_stays_sepia(frame: np.ndarray, mask: np.ndarray, quality: int) -> None:
    grey = without_colour(frame).astype(float) / 255
    sepia = codes(255 * grey ** np.array([0.8, 1.0, 1.3]))
    _, packed = cv2.imencode(".jpg", sepia, [cv2.IMWRITE_JPEG_QUALITY, quality])
    sepia = np.ascontiguousarray(cv2.imdecode(packed, cv2.IMREAD_COLOR))
    tone = read_tone(sepia, mask)
    assert tone.share == 1
    aged = aged_in_tone(sepia, mask).astype(float)
    inside = mask > 0.9
    assert np.abs(aged - sepia)[inside].mean() > 5
    # The aged face has, at each lightness, the colour that the photo has there.
    light = aged[..., 1] / 255
    wanted = 255 * light[..., None] ** np.array([0.8, 1.0, 1.3])
    apart = np.abs(cv2.GaussianBlur(aged - wanted, (0, 0), 2))[inside]
    assert np.percentile(apart, 95) < 5


def test_colours_are_kept_as_they_are(frame: np.ndarray, mask: np.ndarray) -> None:
    tone = read_tone(frame, mask)
    assert tone.share == 0
    usual = (frame.max(axis=2) < 226) & (frame.max(axis=2) > 26)
    change = toned_change(frame, a_change(frame), tone)
    plain = a_change(frame).astype(float) - frame
    assert np.abs(change - plain)[usual].max() == 0


def test_no_face_has_no_tone() -> None:
    rgb = np.full((SIZE, SIZE, 3), 90, np.uint8)
    assert read_tone(rgb, np.zeros((SIZE, SIZE), np.float32)).share == 0


@pytest.mark.parametrize("brightness", [0.12, 0.25])
def test_dark_skin_is_not_taken_for_grey(frame: np.ndarray, mask: np.ndarray, brightness: float) -> None:
    assert read_tone(codes(frame * brightness), mask).share < 0.5


def test_the_ends_of_the_scale_show_less_of_a_change() -> None:
    skin = np.array(
        [[(0, 0, 0), (12, 9, 8), (40, 25, 20), (200, 150, 130), (255, 220, 190), (255, 250, 240)]]
    )
    weight = exposure_weight(skin.astype(np.uint8))[0]
    assert weight[0] == 0 and weight[1] < 0.25
    assert (weight[2:5] == 1).all()
    assert weight[5] < 0.06
    assert exposure_weight(np.full((2, 3, 3), 255, np.uint8)).shape == (2, 3)


def test_an_overexposed_face_gets_no_green_and_a_dark_one_no_black(
    frame: np.ndarray, mask: np.ndarray
) -> None:
    bright = codes(frame * 1.8 + 40.0)
    aged = aged_in_tone(bright, mask)
    before, after = (cv2.cvtColor(p, cv2.COLOR_RGB2LAB).astype(float) for p in (bright, aged))
    blown = (np.sort(bright, axis=2)[..., 1] > 248) & (mask > 0)
    assert blown.sum() > 300
    assert np.abs(after - before)[blown].max() <= 4
    dark = codes(frame * 0.06)
    assert (aged_in_tone(dark, mask)[dark.max(axis=2) > 3].max(axis=1) > 0).all()


@pytest.mark.parametrize("name", ["hopper", "collins"])
def test_a_tinted_photo_is_known(name: str, request: pytest.FixtureRequest) -> None:
    photo = request.getfixturevalue(name)
    grey = without_colour(photo)
    assert (as_grey(photo) == grey[..., 0]).all()
    assert is_tinted(codes(grey * np.array((1.07, 0.93, 0.74))))
    assert not is_tinted(photo)
    assert not is_tinted(grey)
    assert not is_tinted(grey[:8, :5])
