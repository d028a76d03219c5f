from dataclasses import replace

import cv2
import numpy as np
import pytest
from support.drawn_head import FRAME, HAIR, SKIN, head

from amgan.runtime.face import hair_paste
from amgan.runtime.face.alignment import Frame
from amgan.runtime.face.hair import plan_hair
from amgan.runtime.face.hair_grid import MATTE_PX
from amgan.runtime.face.hair_paste import HairChange, paste_hair
from amgan.runtime.face.hair_years import greyness, greys
from amgan.runtime.face.head_parser import PARSER_PX, HeadShares


def change(now: float, wanted: float, photo: np.ndarray, shares: HeadShares, unit: np.ndarray):
    return plan_hair(photo, FRAME, shares, unit, now, wanted)


def greyed(now: float, wanted: float, hair: tuple[int, int, int] = HAIR, *, unit: np.ndarray) -> np.ndarray:
    photo, shares = head(hair)
    found = change(now, wanted, photo, shares, unit)
    assert found is not None
    paste_hair(photo, found)
    return photo


def test_temples_grey_before_the_crown_and_all_is_grey_at_last() -> None:
    at_50, at_85 = (greyness(years, np.array([0.0, 1.0])) for years in (50, 85))
    assert at_50[0] > 0.15 > at_50[1]
    assert at_85.min() > 0.9
    assert not greyness(40, np.zeros(3)).any()


@pytest.mark.parametrize(
    ("now", "wanted", "does"), [(30, 40, False), (70, 40, False), (60, 60, False), (40, 60, True)]
)
def test_hair_greys_only_with_years_and_from_forty_on(now: float, wanted: float, does: bool) -> None:
    assert greys(now, wanted) is does


def test_dark_hair_gets_lighter_and_paler_and_strands_stay(unit: np.ndarray) -> None:
    before, after = head()[0].astype(float), greyed(30, 80, unit=unit).astype(float)
    crown = np.s_[85:100, 130:170]
    assert before[crown].mean() + 25 < after[crown].mean() < before[crown].mean() + 60
    colour = [np.ptp(p[crown], axis=2).mean() / p[crown].mean() for p in (before, after)]
    assert colour[1] < 0.4 * colour[0]
    assert after[crown].std() > before[crown].std()


def test_skin_and_background_keep_their_pixels(unit: np.ndarray) -> None:
    before, after = head()[0], greyed(30, 80, unit=unit)
    assert np.array_equal(before[140:], after[140:])
    assert np.array_equal(before[:50], after[:50])
    assert np.array_equal(before[:, :50], after[:, :50])


def test_what_has_other_colours_than_the_hair_keeps_its_pixels(unit: np.ndarray) -> None:
    photo, shares = head()
    sky = photo.min(axis=2) > 240
    photo[sky] = (70, 100, 190)
    wide = cv2.dilate(shares.hair, np.ones((5, 5), np.uint8))  # the parser takes sky around the cap for hair
    wide[shares.skin > 0] = 0
    found = change(30, 80, photo, replace(shares, hair=wide), unit)
    assert found is not None
    before = photo.copy()
    paste_hair(photo, found)
    deep = cv2.erode(sky.astype(np.uint8), np.ones((11, 11), np.uint8)) > 0
    changed = np.abs(photo[deep].astype(int) - before[deep]).max(axis=1)
    assert (changed > 2).mean() < 0.01  # of the sky, one pixel in a hundred around the cap
    assert changed.max() < 16
    assert photo[85:100, 130:170].mean() > before[85:100, 130:170].mean() + 25


def test_stripes_of_hair_that_are_partly_something_else_stay(unit: np.ndarray) -> None:
    photo, shares = head()
    thin = shares.hair * (np.arange(PARSER_PX) % 6 < 3).astype(np.float32)[:, None]
    assert change(30, 80, photo, replace(shares, hair=thin), unit) is None


def test_more_years_grey_more(unit: np.ndarray) -> None:
    levels = [greyed(30, years, unit=unit)[85:100, 130:170].mean() for years in (60, 70, 80)]
    assert levels == sorted(levels)
    assert greyed(65, 80, unit=unit)[85:100, 130:170].mean() > levels[0]


def test_a_grey_photo_stays_grey(unit: np.ndarray) -> None:
    photo, shares = head()
    photo = np.repeat(photo.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
    grey = np.repeat(shares.image.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
    found = change(30, 80, photo, replace(shares, image=grey), unit)
    assert found is not None
    before = photo.copy()
    paste_hair(photo, found)
    assert not np.array_equal(photo, before)
    assert np.ptp(photo.astype(int), axis=2).max() == 0


def test_a_toned_photo_keeps_its_tone(unit: np.ndarray) -> None:
    photo, shares = head()
    codes = np.arange(256.0)  # dark parts are violet, light ones yellow
    tone = np.clip(np.stack([codes + 10, codes, 0.7 * codes + 22], axis=-1), 0, 255)

    def toned(picture: np.ndarray) -> np.ndarray:
        return tone[picture.mean(axis=-1).astype(int)].astype(np.uint8)

    photo, image = toned(photo), toned(shares.image)
    found = change(30, 80, photo, replace(shares, image=image), unit)
    assert found is not None
    before = photo.copy()
    paste_hair(photo, found)
    crown = np.s_[85:100, 130:170]
    was, now = (picture[crown].reshape(-1, 3).astype(float).mean(axis=0) for picture in (before, photo))
    assert now.mean() > was.mean() + 20
    along = tone[np.argmin(np.abs(tone[:, 1] - now[1]))]
    neutral = was + (now - was)[1]
    assert np.abs(now - along).max() < 0.4 * np.abs(neutral - along).max()


def test_nothing_happens_where_hair_is_not_sure(unit: np.ndarray) -> None:
    photo, shares = head()
    assert change(30, 80, photo, replace(shares, hair=shares.hair * np.float32(0.7)), unit) is None
    assert change(30, 80, photo, replace(shares, hair=np.zeros_like(shares.hair)), unit) is None


def test_only_what_lies_within_the_photo_says_how_sure_hair_is(unit: np.ndarray) -> None:
    photo, shares = head()
    unsure = np.maximum(shares.hair, 0)
    unsure[:40] = np.maximum(unsure[:40], np.float32(0.6))  # above the cap: half sure
    assert change(30, 80, photo, replace(shares, hair=unsure), unit) is None
    # The window's upper 40 of 128 rows end at row 99 of the photo; a photo that begins there knows no more.
    cut = photo[100:]
    moved = Frame((150.0, 50.0), FRAME.right)
    found = plan_hair(cut, moved, replace(shares, hair=unsure), unit, 30, 80)
    assert found is not None


def test_dyed_hair_stays(unit: np.ndarray) -> None:
    photo, shares = head((40, 60, 190))
    assert change(30, 80, photo, shares, unit) is None


def evenly(rows: slice, columns: slice, frame: Frame) -> HairChange:
    """A change that adds 30 code values there."""
    planes = np.zeros((MATTE_PX, MATTE_PX, 4), np.float32)
    planes[rows, columns] = (0.0, 0.5, 1.0, 60.0)
    limit = np.full((MATTE_PX, MATTE_PX), 255.0, np.float32)
    box = (columns.start, columns.stop, rows.start, rows.stop)
    return HairChange(frame, planes, limit, box, 1.0, np.zeros(3, np.float32))


def test_nothing_is_pasted_beside_the_photo() -> None:
    photo = np.full((20, 20, 3), 80, np.uint8)
    there = np.s_[100:150]
    paste_hair(photo, evenly(there, there, Frame((500.0, 500.0), (20.0, 0.0))))
    assert (photo == 80).all()
    paste_hair(photo, evenly(there, there, Frame((10.0, 10.0), (20.0, 0.0))))
    assert photo.max() == 110


@pytest.mark.parametrize("right", [(110.0, 0.0), (70.0, 60.0), (-40.0, 90.0)])
def test_blocks_without_hair_are_left_out_and_no_other(
    right: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    photo = random.integers(0, 256, (420, 450, 3), dtype=np.uint8)
    planes = random.uniform(0.0, 1.0, (MATTE_PX, MATTE_PX, 4)).astype(np.float32) * (0.002, 0.3, 1.0, 60.0)
    y, x = np.mgrid[:MATTE_PX, :MATTE_PX]
    planes *= (np.abs(np.hypot(x - 120, y - 130) - 90) < 9)[..., None]  # a ring
    limit = random.uniform(60.0, 255.0, (MATTE_PX, MATTE_PX)).astype(np.float32)
    frame, box = Frame((230.0, 200.0), right), (10, 230, 20, 240)
    ring = HairChange(frame, np.asarray(planes, np.float32), limit, box, 0.2, np.float32([0.02, 0.0, -0.02]))
    found, wanted, seen = photo.copy(), photo.copy(), []
    band = hair_paste._change_band
    monkeypatch.setattr(
        hair_paste, "_change_band", lambda part, *given: (seen.append(part.size), band(part, *given))
    )
    paste_hair(found, ring)
    left_out = photo.size - sum(seen)
    monkeypatch.setattr(hair_paste, "_LEAST_SHARE", -1.0)
    paste_hair(wanted, ring)
    assert (found != photo).any()
    assert left_out > 0.3 * photo.size
    assert np.array_equal(found, wanted)


def test_strength_scales_what_is_pasted() -> None:
    photo = np.full((20, 20, 3), 80, np.uint8)
    paste_hair(photo, evenly(np.s_[100:150], np.s_[100:150], Frame((10.0, 10.0), (20.0, 0.0))), 0.5)
    assert photo.max() == 95


def test_hair_brighter_than_its_strands_is_not_lightened_beyond_them() -> None:
    photo = np.full((20, 20, 3), 80, np.uint8)
    photo[:, 7:14] = 110  # a brilliant strand
    photo[:, 14:] = 240  # a bright background beside hair
    change = evenly(np.s_[60:190], np.s_[60:190], Frame((10.0, 10.0), (20.0, 0.0)))
    planes = change.planes.copy()
    planes[..., 2] = 2.0 * (planes[..., 1] > 0)  # grey hair has twice the contrast
    planes[..., 3] = -60.0 * (planes[..., 1] > 0)
    paste_hair(photo, replace(change, planes=planes, limit=np.full_like(change.limit, 90.0)))
    assert photo[10, 4, 0] == 90  # 80 + (2 * 80 - 60 - 80) / 2
    assert photo[10, 10, 0] == 125  # 110 + (2 * 90 - 60 - 90) / 2, and not 110 + (2 * 110 - 60 - 110) / 2
    assert photo[10, 17, 0] == 242  # what lies between locks changes by 15 % of this


def lightened(
    end: int, strands: int, cloth_from: int | None, unit: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How much lighter hair that hangs down to row ``end`` gets, and the photo: [300, 300] and [300, 300, 3].

    ``strands`` is how much they vary; from row ``cloth_from`` on there is black cloth that counts as hair.
    """
    y, x = np.mgrid[:300, :300] + 0.5
    photo = np.full((300, 300, 3), 245, np.uint8)
    face = np.hypot(x - 150, y - 155) < 55
    fall = (np.abs(x - 150) < 85) & (y > 75) & (y < end) & ~face
    photo[fall] = np.clip(HAIR + strands * np.sin(x[fall] * 1.3)[:, None], 0, 255)
    if cloth_from is not None:
        photo[fall & (y > cloth_from)] = (14, 12, 11)
    photo[face] = SKIN
    window = np.linspace(15, 285, PARSER_PX, endpoint=False).astype(int)
    small = np.ix_(window, window)
    shares = HeadShares(face[small].astype(np.float32), fall[small].astype(np.float32), photo[small])
    found = change(30, 80, photo, shares, unit)
    assert found is not None
    before = photo.astype(float)
    paste_hair(photo, found)
    return (photo - before).mean(axis=2), photo


def test_ends_of_long_hair_turn_grey_but_stay_darker(unit: np.ndarray) -> None:
    lighter, photo = lightened(275, 9, None, unit)
    beside, ends = lighter[150:180, 75:85].mean(), lighter[250:262, 75:85].mean()
    assert 0.3 * beside < ends < 0.95 * beside
    chroma = np.ptp(photo.astype(float), axis=2)
    assert chroma[250:262, 75:85].mean() < 1.2 * chroma[150:180, 75:85].mean() < 0.75 * np.ptp(HAIR)


def test_cloth_below_the_chin_that_is_darker_than_hair_keeps_its_pixels(unit: np.ndarray) -> None:
    lighter, _ = lightened(285, 12, 235, unit)
    assert lighter[255:275, 80:220].mean() < 0.1 * lighter[150:200, 75:85].mean()


def test_black_hair_that_mirrors_the_sky_is_not_dyed(unit: np.ndarray) -> None:
    photo, shares = head((22, 25, 41))
    assert change(30, 80, photo, shares, unit) is not None
    photo, shares = head((60, 66, 110))
    assert change(30, 80, photo, shares, unit) is None


def test_dark_purple_hair_is_dyed(unit: np.ndarray) -> None:
    photo, shares = head((38, 14, 22))
    assert change(30, 80, photo, shares, unit) is None


def test_vivid_hair_stays(unit: np.ndarray) -> None:
    photo, shares = head((190, 90, 20))
    assert change(30, 80, photo, shares, unit) is None
