"""Grey hair of a face that gets younger gets a natural colour back."""

from dataclasses import replace

import numpy as np
import pytest
from support.drawn_head import FRAME, HAIR, SKIN, Colour, head, shares_of

from amgan.runtime.face import hair_young
from amgan.runtime.face.hair import plan_hair
from amgan.runtime.face.hair_paste import HairChange, paste_hair
from amgan.runtime.face.hair_years import regained, regains
from amgan.runtime.face.head_parser import HeadShares

GREY, DARK_SKIN = (170, 170, 172), (90, 62, 48)
CROWN = np.s_[85:100, 130:170]
TEMPLE = np.s_[118:126, 76:82]


def plan(photo: np.ndarray, shares: HeadShares, unit: np.ndarray, wanted: float = 30.0) -> HairChange | None:
    return plan_hair(photo, FRAME, shares, unit, 70.0, wanted)


def coloured(
    unit: np.ndarray,
    hair: Colour = GREY,
    wanted: float = 30.0,
    skin: Colour = SKIN,
    around: int = 245,
    strength: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """A head with grey hair and the same in colour, float [300, 300, 3]."""
    photo, shares = head(hair, skin, around)
    before = photo.astype(float)
    found = plan(photo, shares, unit, wanted)
    assert found is not None
    paste_hair(photo, found, strength)
    return before, photo.astype(float)


@pytest.mark.parametrize(
    ("now", "wanted", "does"),
    [(70, 30, True), (38, 30, True), (70, 70, False), (60, 70, False), (30, 20, False)],
)
def test_colour_comes_back_only_where_a_face_gets_younger(now: float, wanted: float, does: bool) -> None:
    assert regains(now, wanted) is does


def test_at_fifty_some_grey_stays_at_the_temples_and_at_thirty_none() -> None:
    places = np.array([0.0, 1.0])
    assert regained(70, 30, places).tolist() == [1.0, 1.0]
    temples, crown = regained(70, 50, places).tolist()
    assert 0.5 < temples < 0.9 < crown
    assert regained(45, 38, places).min() > 0.9
    by_years = [regained(70, wanted, places).max() for wanted in (70, 68, 66, 60, 50)]
    assert by_years[0] == 0.0
    assert by_years == sorted(by_years)


@pytest.mark.parametrize("around", [245, 40])
def test_grey_hair_gets_dark_and_brown_and_its_strands_stay(unit: np.ndarray, around: int) -> None:
    before, after = coloured(unit, around=around)
    mean = after[CROWN].mean(axis=(0, 1))
    assert 0.2 * 170 < mean.mean() < 0.5 * 170
    red, green, blue = mean / mean.mean()
    assert 1.1 < red < 1.3
    assert blue < green < red
    strands = [one[CROWN].mean(axis=2).std() / one[CROWN].mean() for one in (before, after)]
    assert 1.5 * strands[0] < strands[1] < 0.3


def test_skin_and_background_keep_their_pixels(unit: np.ndarray) -> None:
    before, after = coloured(unit)
    assert np.array_equal(before[140:], after[140:])
    assert np.array_equal(before[:50], after[:50])
    assert np.array_equal(before[:, :50], after[:, :50])


def test_more_years_give_more_colour_back_and_temples_less_than_the_crown(unit: np.ndarray) -> None:
    at_50, at_30 = (coloured(unit, wanted=wanted, around=40) for wanted in (50.0, 30.0))
    for place in (CROWN, TEMPLE):
        assert at_30[1][place].mean() <= at_50[1][place].mean() < at_50[0][place].mean()
    lost = [
        [1.0 - after[place].mean() / before[place].mean() for place in (TEMPLE, CROWN)]
        for before, after in (at_50, at_30)
    ]
    assert lost[0][0] / lost[1][0] < 0.97 * lost[0][1] / lost[1][1]


def test_colour_comes_back_from_year_to_year_without_a_jump(unit: np.ndarray) -> None:
    photo, shares = head((165, 162, 160), around=40)
    parts = []
    for wanted in range(69, 59, -1):  # of a face of 70
        found = plan(photo, shares, unit, float(wanted))
        assert found is not None
        parts.append(float(found.planes[..., :2].max()))
    steps = np.diff([0.0, *parts])
    assert (steps > 0.0).all()
    assert steps[0] < 0.5 * steps.max()


def test_strength_scales_it(unit: np.ndarray) -> None:
    before, whole = coloured(unit)
    _, half = coloured(unit, strength=0.5)
    steps = [(before - one)[CROWN].mean() for one in (half, whole)]
    assert steps[0] == pytest.approx(0.5 * steps[1], rel=0.05)


@pytest.mark.parametrize(
    "hair",
    [
        HAIR,  # brown
        (24, 22, 22),  # black
        (205, 165, 100),  # blond
        (190, 90, 20),  # red
        (110, 170, 180),  # dyed
        (252, 252, 252),  # blown out
    ],
)
def test_what_is_not_grey_stays(unit: np.ndarray, hair: Colour) -> None:
    assert plan(*head(hair, around=40), unit) is None


def test_hair_much_lighter_than_the_skin_is_a_scarf(unit: np.ndarray) -> None:
    assert plan(*head((140, 138, 138), DARK_SKIN), unit) is None
    before, after = coloured(unit, (88, 87, 87), skin=DARK_SKIN)
    assert after[CROWN].mean() < 0.5 * before[CROWN].mean()


def test_hair_like_the_background_stays(unit: np.ndarray) -> None:
    assert plan(*head((150, 150, 150), around=150), unit) is None


def test_a_head_turned_aside_keeps_its_hair(unit: np.ndarray) -> None:
    photo, shares = head(GREY)
    turned = unit.copy()
    turned[1, 0] = 0.9 * unit[454, 0] + 0.1 * unit[234, 0]
    assert plan(photo, shares, unit) is not None
    assert plan(photo, shares, turned) is None


def test_a_bald_head_gets_no_hair(unit: np.ndarray) -> None:
    photo, shares = head(SKIN)
    assert plan(photo, replace(shares, hair=np.zeros_like(shares.hair)), unit) is None


def test_without_certain_skin_nothing_changes(unit: np.ndarray) -> None:
    photo, shares = head(GREY)
    assert plan(photo, replace(shares, skin=np.float32(0.8) * shares.skin), unit) is None


def test_a_grey_photo_gets_only_darker(unit: np.ndarray) -> None:
    photo, shares = head((120, 120, 120))
    photo = np.repeat(photo.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
    image = np.repeat(shares.image.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
    found = plan(photo, replace(shares, image=image), unit)
    assert found is not None
    before = photo.copy()
    paste_hair(photo, found)
    assert photo[CROWN].mean() < 0.7 * before[CROWN].mean()
    assert (photo <= before).all()
    assert np.ptp(photo.astype(int), axis=2).max() == 0


@pytest.mark.parametrize(
    ("trust", "toned", "changes"), [(0.6, 0.0, True), (0.6, 1.0, False), (0.9, 1.0, True)]
)
def test_a_photo_of_one_tone_needs_more_trust(
    unit: np.ndarray, monkeypatch: pytest.MonkeyPatch, trust: float, toned: float, changes: bool
) -> None:
    monkeypatch.setattr(hair_young, "colour_trust", lambda *_: trust)
    photo, shares = head((120, 120, 120))
    if toned:
        photo = np.repeat(photo.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
        image = np.repeat(shares.image.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
        shares = replace(shares, image=image)
    assert (plan(photo, shares, unit) is not None) is changes


def test_dark_skin_gets_darker_hair(unit: np.ndarray) -> None:
    _, fair = coloured(unit, GREY)
    _, dark = coloured(unit, (88, 87, 87), skin=DARK_SKIN)
    lit = [float(np.array(skin).mean()) for skin in (SKIN, DARK_SKIN)]
    assert dark[CROWN].mean() / lit[1] < 0.9 * fair[CROWN].mean() / lit[0]


def two_colours(own: Colour) -> tuple[np.ndarray, HeadShares]:
    """A grey head with hair of a colour of its own on the right third of the crown."""
    photo, _ = head(GREY, around=40)
    y, x = np.mgrid[:300, :300] + 0.5
    cap = (np.hypot(x - 150, y - 150) < 80) & (y < 130)
    face = (np.hypot(x - 150, y - 155) < 62) & ~(cap & (y < 115))
    right = cap & ~face & (x > 175)
    photo[right] = np.clip(np.array(own) + 6 * np.sin(x[right] * 1.3)[:, None], 0, 255)
    return photo, shares_of(photo, face, cap & ~face)


def test_hair_takes_the_colour_of_what_is_not_grey(unit: np.ndarray) -> None:
    means = []
    for own in ((36, 26, 22), (58, 45, 39)):
        photo, shares = two_colours(own)
        before = photo.copy()
        found = plan(photo, shares, unit)
        assert found is not None
        paste_hair(photo, found)
        assert np.abs(photo[85:100, 195:210].astype(int) - before[85:100, 195:210]).max() < 12
        means.append(photo[85:100, 120:150].astype(float).mean(axis=(0, 1)))
    assert means[0].mean() < 0.85 * means[1].mean()
    assert means[0][0] > 1.2 * means[0][2]
