"""Colour spaces of photos: there, back, and what the network's change becomes."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from support import icc_profiles
from support.delta_e import delta_e_2000, lab_of_srgb

from amgan.runtime import Pipeline, Request
from amgan.runtime.photo import write as photo_write
from amgan.runtime.photo.colour import (
    STRIP_ROWS,
    BareCmyk,
    GreySpace,
    ProfileSpace,
    changed_samples,
    colour_space,
    eight_bits,
    has_sums,
    srgb_pixels,
    strip_sums,
)
from amgan.runtime.photo.read import read_photo
from amgan.runtime.photo.write import write_photo

RGB_PROFILES = {
    "Display P3": icc_profiles.display_p3(),
    "Adobe RGB": icc_profiles.adobe_rgb(),
    "ProPhoto": icc_profiles.prophoto(),
}
CMYK = icc_profiles.cmyk()
RNG = np.random.default_rng(3)
# Sharma, Wu and Dalal, Color Research and Application 30 (2005), table 1: some of the pairs.
SHARMA = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
    ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
    ((50, -0.001, 2.49), (50, 0.0009, -2.49), 4.8045),
    ((50, -0.001, 2.49), (50, 0.0011, -2.49), 4.7461),
    ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((50, 2.5, 0), (56, -27, -3), 31.9030),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ((90.8027, -2.0831, 1.4410), (91.1528, -1.6435, 0.0447), 1.4441),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.mark.parametrize(("one", "two", "expected"), SHARMA)
def test_colour_difference_is_as_published(one: tuple, two: tuple, expected: float) -> None:
    for pair in ((one, two), (two, one)):
        assert delta_e_2000(*np.array(pair, float)) == pytest.approx(expected, abs=6e-5)


def in_space(rgb: np.ndarray, profile: bytes, mode: str) -> np.ndarray:
    """sRGB converted to a profile by LittleCMS, in one go."""
    srgb = ImageCms.createProfile("sRGB")
    picture = Image.fromarray(rgb)
    out = ImageCms.profileToProfile(
        picture, srgb, ImageCms.ImageCmsProfile(io.BytesIO(profile)), outputMode=mode
    )
    assert out is not None
    return np.asarray(out)


@pytest.mark.parametrize("name", RGB_PROFILES)
def test_profiles_show_what_their_primaries_say(name: str) -> None:
    """Checked against the matrices themselves, without LittleCMS."""
    primaries, gamma = {
        "Display P3": (icc_profiles.P3, None),
        "Adobe RGB": (icc_profiles.ADOBE, 563 / 256),
        "ProPhoto": (icc_profiles.PROPHOTO, 1.8),
    }[name]
    space = colour_space("RGB", RGB_PROFILES[name])
    assert isinstance(space, ProfileSpace)
    if name == "ProPhoto":  # has another white: greys alone are as easy
        v = np.arange(256) / 255
        light = v**gamma
        wanted = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
        grey = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
        assert np.abs(space.to_srgb(grey)[0, :, 1] - wanted).max() < 1.5
        return

    def to_xyz(corners: tuple) -> np.ndarray:
        columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in corners]).T
        x, y = icc_profiles.D65
        return columns * np.linalg.solve(columns, [x / y, 1, (1 - x - y) / y])

    codes = RNG.integers(60, 200, (1, 500, 3), dtype=np.uint8)
    v = codes / 255
    light = v**gamma if gamma else np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)
    light = np.clip(light @ (np.linalg.inv(to_xyz(icc_profiles.SRGB)) @ to_xyz(primaries)).T, 0, 1)
    wanted = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    away = (wanted > 12).all(axis=-1)  # the darkest levels of sRGB are coarse
    assert away.sum() > 200
    assert np.abs(space.to_srgb(codes)[away] - wanted[away]).max() < 2


def test_srgb_by_any_name_is_plain() -> None:
    assert colour_space("RGB", None) is None
    assert colour_space("RGB", icc_profiles.srgb()) is None
    assert colour_space("RGB", ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()) is None


@pytest.mark.parametrize(
    "profile", [b"no profile", icc_profiles.display_p3()[:300], icc_profiles.grey(1.8), CMYK]
)
def test_profile_that_does_not_fit_is_not_applied(profile: bytes) -> None:
    assert colour_space("RGB", profile) is None
    if profile != CMYK:
        assert isinstance(colour_space("CMYK", profile), BareCmyk)
    if profile != icc_profiles.grey(1.8):
        assert colour_space("L", profile) is None


def test_grey_profile() -> None:
    space = colour_space("L", icc_profiles.grey(1.8))
    assert isinstance(space, GreySpace)
    ramp = np.arange(256, dtype=np.uint8)[None]
    shown = space.to_srgb(ramp)
    light = (ramp / 255) ** 1.8
    wanted = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    assert np.abs(shown[..., 0] - wanted).max() < 1.5
    assert (shown[..., 0] == shown[..., 2]).all()
    moved = changed_samples(space, ramp, np.clip(shown.astype(int) + 20, 0, 255).astype(np.uint8))
    again = space.to_srgb(moved)[..., 0].astype(int)
    assert np.abs(again - np.clip(shown[..., 0].astype(int) + 20, 0, 255)).max() <= 2


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("name", [*RGB_PROFILES, "CMYK"])
def test_samples_move_only_where_colours_do(collins: np.ndarray, name: str, depth: int) -> None:
    profile, mode = (CMYK, "CMYK") if name == "CMYK" else (RGB_PROFILES[name], "RGB")
    samples = in_space(collins, profile, mode)
    if depth == 16:
        noise = RNG.integers(-120, 120, samples.shape)
        samples = np.clip(samples.astype(int) * 257 + noise, 0, 65535).astype(np.uint16)
    space = colour_space(mode, profile)
    assert space is not None
    before = srgb_pixels(space, samples)
    assert np.array_equal(changed_samples(space, samples, before), samples)
    aged = before.copy()
    aged[100:300, 100:300] = np.clip(before[100:300, 100:300].astype(int) - (30, 25, 20), 0, 255)
    moved = changed_samples(space, samples, aged)
    assert moved.dtype == samples.dtype
    same = (before == aged).all(axis=2)
    assert np.array_equal(moved[same], samples[same])
    shown = space.to_srgb(eight_bits(moved))[100:300, 100:300]
    apart = delta_e_2000(lab_of_srgb(shown), lab_of_srgb(aged[100:300, 100:300]))
    assert apart.mean() < 1.0


def test_cmyk_without_a_profile() -> None:
    space = colour_space("CMYK", None)
    assert isinstance(space, BareCmyk)
    codes = RNG.integers(0, 256, (40, 40, 4), dtype=np.uint8)
    shown = space.to_srgb(codes)
    pillow = np.asarray(Image.frombytes("CMYK", (40, 40), codes.tobytes()).convert("RGB"))
    assert np.abs(shown.astype(int) - pillow).max() <= 1
    for shift in (-40, 40):
        aged = np.clip(shown.astype(int) + shift, 0, 255).astype(np.uint8)
        moved = changed_samples(space, codes, aged)
        assert np.abs(space.to_srgb(moved).astype(int) - aged).max() <= 1


def test_sixteen_bits_are_rounded_to_eight() -> None:
    samples = np.array([[0, 128, 129, 257 * 7 + 128, 257 * 7 + 129, 65535]], np.uint16)
    assert eight_bits(samples).tolist() == [[0, 0, 1, 7, 8, 255]]


@pytest.mark.parametrize("name", [*RGB_PROFILES, "CMYK"])
@pytest.mark.parametrize("suffix", ["tif", "jpg"])
def test_photo_in_any_space_looks_like_the_srgb_one(
    pipeline: Pipeline, tmp_path: Path, collins: np.ndarray, name: str, suffix: str
) -> None:
    """The whole way, file to file: same appearance as the sRGB run, profile byte for byte."""
    profile, mode = (CMYK, "CMYK") if name == "CMYK" else (RGB_PROFILES[name], "RGB")
    codes = in_space(collins, profile, mode)
    picture = Image.frombytes(mode, codes.shape[1::-1], codes.tobytes())
    options = {"quality": 98, "subsampling": 0} if suffix == "jpg" else {"compression": "tiff_lzw"}
    picture.save(tmp_path / f"in.{suffix}", icc_profile=profile, **options)
    space = colour_space(mode, profile)
    assert space is not None
    with Image.open(tmp_path / f"in.{suffix}") as source:
        before = np.asarray(source)
    # What inks cannot show, and what a JPEG loses when it is made, is no matter of ours.
    same_photo = collins if name != "CMYK" and suffix == "tif" else space.to_srgb(before)
    Image.fromarray(same_photo).save(tmp_path / "srgb.png")
    request = Request.parse("70", shape=False, hair=False, neck=False)
    plain = pipeline.age_file(tmp_path / "srgb.png", tmp_path / "srgb-old.png", request)
    pipeline.age_file(tmp_path / f"in.{suffix}", tmp_path / f"out.{suffix}", request)
    with Image.open(tmp_path / f"out.{suffix}") as out:
        assert (out.format, out.mode) == (source.format, mode)
        assert out.info["icc_profile"] == profile
        after = np.asarray(out)
    x0, y0, x1, y1 = (round(v) for v in plain.faces[0].face.reach)
    inside = np.zeros(collins.shape[:2], bool)
    inside[y0 - 3 : y1 + 3, x0 - 3 : x1 + 3] = True
    if suffix == "tif":
        assert np.array_equal(before[~inside], after[~inside])
    assert (before[inside] != after[inside]).any()
    apart = delta_e_2000(lab_of_srgb(space.to_srgb(after)), lab_of_srgb(plain.pixels))
    assert apart[~inside].mean() < 1.0
    assert apart[inside].mean() < 1.0
    changed = delta_e_2000(lab_of_srgb(plain.pixels), lab_of_srgb(same_photo))[inside]
    assert changed.mean() > 3 * apart[inside].mean()


def test_strips_that_did_not_change_are_not_converted_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = RNG.integers(0, 256, (3 * STRIP_ROWS + 9, 8, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png", icc_profile=RGB_PROFILES["Adobe RGB"])
    photo = read_photo(tmp_path / "a.png")
    tops = []

    def counted(space: object, samples: np.ndarray, aged: np.ndarray) -> np.ndarray:
        tops.append(len(samples))
        return changed_samples(space, samples, aged)  # type: ignore[arg-type]

    monkeypatch.setattr(photo_write, "changed_samples", counted)
    photo.pixels[-2:, 3] = 255 - photo.pixels[-2:, 3]
    write_photo(photo, photo.pixels, tmp_path / "b.png")
    assert tops == [9]
    with Image.open(tmp_path / "b.png") as picture:
        after = np.asarray(picture)
    assert np.array_equal(after[:-2], noise[:-2]) and (after[-2:, 3] != noise[-2:, 3]).any()


@pytest.mark.parametrize("rows", [1, STRIP_ROWS, STRIP_ROWS + 1, 2 * STRIP_ROWS + 30])
def test_a_photo_is_known_again_by_the_sums_of_its_strips(rows: int) -> None:
    photo = RNG.integers(0, 256, (rows, 7, 3), dtype=np.uint8)
    sums = strip_sums(photo)
    assert has_sums(photo.copy(), sums)
    for row in (0, rows // 2, rows - 1):
        other = photo.copy()
        other[row, 3, 1] ^= 1
        assert not has_sums(other, sums)
    assert not has_sums(photo, ()) and not has_sums(photo, (*sums, 0)) and not has_sums(photo, sums[:-1])
