from dataclasses import replace

import cv2
import numpy as np
import pytest

from amgan.runtime.face import hair_matte
from amgan.runtime.face.alignment import Frame
from amgan.runtime.face.hair_colours import attached_hair, likely_hair
from amgan.runtime.face.hair_grid import CHIN, LONG_ROWS, MATTE_PX, cells_within, face_and_jaw
from amgan.runtime.face.hair_matte import find_matte
from amgan.runtime.face.hair_strands import strands_along
from amgan.runtime.face.hair_trust import matte_trust
from amgan.runtime.face.head_parser import PARSER_PX, HeadShares, hair_window

FRAME = Frame((150.0, 150.0), (75.0, 0.0))
SKIN, HAIR, WALL = (200, 150, 130), (45, 32, 25), (150, 170, 200)


def long_haired(sides: str = "both") -> tuple[np.ndarray, HeadShares]:
    """A face between falls of long hair, 420 px high, and what a parser that ends in row 285 says of it."""
    y, x = np.mgrid[:420, :300] + 0.5
    photo = np.empty((420, 300, 3), np.uint8)
    photo[:] = WALL
    fall = (np.abs(x - 150) < 85) & (y > 75) & (y < 330)
    if sides == "one":
        fall &= (x < 150) | (y < 115)
    photo[fall] = np.clip(HAIR + 8 * np.sin(x[fall] * 1.3)[:, None], 0, 255)
    face = ((x - 150) / 50) ** 2 + ((y - 165) / 60) ** 2 < 1
    photo[face] = SKIN
    hair = fall & ~face
    window = np.linspace(15, 285, PARSER_PX, endpoint=False).astype(int)
    small = np.ix_(window, window)
    return photo, HeadShares(face[small].astype(np.float32), hair[small].astype(np.float32), photo[small])


def test_long_hair_is_matted_below_the_parsers_window(unit: np.ndarray) -> None:
    matte = find_matte(*arguments(long_haired()), unit)
    assert matte is not None
    assert matte.alpha.shape == (LONG_ROWS, MATTE_PX)
    rows, columns = (np.array([310, 345]) - 15) * MATTE_PX // 270, (95 - 15) * MATTE_PX // 270
    assert matte.alpha[rows[0], columns] > 0.9
    assert matte.alpha[rows[1], columns] < 0.15  # it ends in row 330
    assert matte.trust > 0.9


def test_hair_that_the_parser_sees_on_one_side_alone_is_not_trusted(unit: np.ndarray) -> None:
    photo, shares = long_haired()
    hair = shares.hair.copy()
    hair[20:, PARSER_PX // 2 :] = 0.0
    matte = find_matte(photo, FRAME, HeadShares(shares.skin, hair, shares.image), unit)
    assert matte is not None
    assert matte.trust < 0.1


def test_hair_that_hangs_on_one_side_alone_is_trusted(unit: np.ndarray) -> None:
    matte = find_matte(*arguments(long_haired("one")), unit)
    assert matte is not None
    assert matte.trust > 0.9


def test_a_dark_fringe_that_is_taken_for_skin_is_not_trusted(unit: np.ndarray) -> None:
    photo, shares = long_haired()
    x = np.arange(300) + 0.5
    photo[100:150, np.abs(x - 150) < 45] = np.array(HAIR, np.uint8) + 20
    window = np.linspace(15, 285, PARSER_PX, endpoint=False).astype(int)
    image = photo[np.ix_(window, window)]
    skin = np.where(shares.hair > 0.5, 0.0, np.maximum(shares.skin, 0.0)).astype(np.float32)
    matte = find_matte(photo, FRAME, HeadShares(skin, shares.hair, image), unit)
    assert matte is None or matte.trust < 0.1


def test_a_beard_that_stays_dark_lowers_the_trust(unit: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    photo, shares = long_haired()
    matte = find_matte(photo, FRAME, shares, unit)
    y, x = np.mgrid[:420, :300] + 0.5
    photo[(((x - 150) / 50) ** 2 + ((y - 165) / 60) ** 2 < 1) & (y > 175)] = HAIR
    bearded = find_matte(photo, FRAME, shares, unit)
    assert matte is not None
    assert bearded is not None
    assert 0.5 * matte.trust < bearded.trust < 0.75 * matte.trust
    monkeypatch.setattr(hair_matte, "find_beard_hair", lambda *_: np.ones((PARSER_PX, PARSER_PX), np.float32))
    greyed = find_matte(photo, FRAME, shares, unit)
    assert greyed is not None
    assert greyed.trust > 0.9 * matte.trust  # it turns grey with the hair


def test_lit_locks_inside_of_certain_hair_are_hair(unit: np.ndarray) -> None:
    photo, shares = long_haired()
    lit = np.s_[200:240, 78:95]
    photo[lit] = WALL  # as light as the wall behind
    matte = find_matte(photo, FRAME, shares, unit)
    assert matte is not None
    assert matte.alpha[(220 - 15) * MATTE_PX // 270, (86 - 15) * MATTE_PX // 270] > 0.8


def test_neck_and_ears_are_no_hair_whatever_their_colour(unit: np.ndarray) -> None:
    photo, shares = long_haired()
    neck = np.zeros_like(shares.hair)
    neck[90:110, 30:40] = 1.0
    matte = find_matte(photo, FRAME, replace(shares, body=neck), unit)
    plain = find_matte(photo, FRAME, shares, unit)
    assert matte is not None
    assert plain is not None
    row, column = 2 * 100 * MATTE_PX // (2 * PARSER_PX), 35 * MATTE_PX // PARSER_PX
    assert plain.alpha[row, column] > 0.9
    assert matte.alpha[row, column] < 0.2


def test_hair_fades_where_the_photo_shows_no_edge_of_it(unit: np.ndarray) -> None:
    photo, shares = long_haired()
    plain = find_matte(photo, FRAME, shares, unit)
    dark = photo.copy()
    dark[:, :66] = HAIR  # a wall as dark as hair begins where hair ends, on one side
    faded = find_matte(dark, FRAME, shares, unit)
    assert plain is not None
    assert faded is not None
    row, edge, inside = 160 * MATTE_PX // 270, (68 - 15) * MATTE_PX // 270, (226 - 15) * MATTE_PX // 270
    assert faded.whole[row, edge] < 0.6 * plain.whole[row, edge]
    assert faded.whole[row, inside] > 0.9


def test_skin_taken_for_hair_is_not_trusted(unit: np.ndarray) -> None:
    photo, shares = long_haired()
    photo[(photo == photo[90, 150]).all(axis=2)] = SKIN
    dark = photo.max(axis=2) < 80
    photo[dark] = np.array(SKIN, np.uint8) - 6
    image = np.where(shares.hair[..., None] > 0.5, np.uint8(140), shares.image)
    matte = find_matte(photo, FRAME, HeadShares(shares.skin, shares.hair, image), unit)
    assert matte is None or matte.trust < 0.1


def test_too_little_hair_has_no_matte(unit: np.ndarray) -> None:
    photo, shares = long_haired()
    few = np.zeros_like(shares.hair)
    few[20:24, 60:66] = 1.0
    assert find_matte(photo, FRAME, HeadShares(shares.skin, few, shares.image), unit) is None


def test_a_photo_of_hair_alone_tells_no_colours(unit: np.ndarray) -> None:
    photo, shares = long_haired()
    everywhere = np.ones_like(shares.hair)
    nothing = np.zeros_like(shares.skin)
    assert find_matte(photo, FRAME, HeadShares(nothing, everywhere, shares.image), unit) is None


def test_clothes_of_the_hairs_colour_are_no_hair_below_the_chin() -> None:
    coarse = np.full((MATTE_PX, MATTE_PX), 0.05, np.float32)
    coarse[:, 100:150] = 0.6
    skin = np.zeros_like(coarse)
    within, odds = np.ones_like(coarse), np.zeros_like(coarse)
    chin = round((CHIN + 0.1) * MATTE_PX)
    alike = np.zeros(coarse.shape, bool)
    assert likely_hair(coarse, skin, within, odds, alike)[chin, 125] > 0.5
    assert likely_hair(coarse, skin, within, odds, ~alike)[chin, 125] < 0.2
    assert likely_hair(coarse, skin, within, odds, ~alike)[100, 125] > 0.5


def test_a_fringe_of_the_hairs_colour_is_hair_though_the_parser_takes_it_for_skin() -> None:
    coarse, skin = np.full((2, MATTE_PX, MATTE_PX), 0.3, np.float32)
    skin[:] = 0.95
    within, alike = np.ones_like(coarse), np.zeros(coarse.shape, bool)
    row = 90
    assert likely_hair(coarse, skin, within, np.full_like(coarse, 3.0), alike)[row, 128] > 0.8
    assert likely_hair(coarse, skin, within, np.full_like(coarse, -1.0), alike)[row, 128] < 0.01
    assert likely_hair(coarse, skin, within, np.full_like(coarse, 3.0), alike)[150, 128] < 0.01


def test_what_does_not_hang_together_with_certain_hair_is_dropped() -> None:
    likely, coarse = np.zeros((2, MATTE_PX, MATTE_PX), np.float32)
    likely[40:80, 60:200], coarse[40:80, 60:200] = 1.0, 0.95
    likely[150:200, 20:60], coarse[150:200, 20:60] = 1.0, 0.6
    kept = attached_hair(likely, coarse, np.ones_like(likely))
    assert kept[60, 100] == pytest.approx(1.0)
    assert kept[175, 40] == 0.0


def test_ends_that_stay_behind_are_not_trusted(unit: np.ndarray) -> None:
    photo, shares = long_haired()
    matte = find_matte(photo, FRAME, shares, unit)
    assert matte is not None
    rows = len(matte.alpha)
    coarse, skin = (
        cv2.resize(one, (MATTE_PX, MATTE_PX), interpolation=cv2.INTER_LINEAR)
        for one in (shares.hair, shares.skin)
    )
    coarse, skin = (np.pad(one, ((0, rows - MATTE_PX), (0, 0))) for one in (coarse, skin))
    face, _ = face_and_jaw(unit, rows)
    bare = np.zeros_like(face)
    assert matte_trust(matte.alpha, matte.alpha, coarse, skin, face, bare, matte.picture) > 0.9
    short = matte.alpha.copy()
    short[180:] = 0.0
    assert matte_trust(short, short, coarse, skin, face, bare, matte.picture) < 0.1


def test_cells_beside_the_photo_are_not_within() -> None:
    within = cells_within((300, 140), hair_window(FRAME), MATTE_PX)
    columns = np.flatnonzero(within[128])
    assert columns[-1] == (140 - 15) * MATTE_PX // 270
    assert within[:, 200].sum() == 0


def test_streaks_run_along_the_strands() -> None:
    x = np.arange(MATTE_PX, dtype=np.float32)
    hanging = np.repeat(100 + 40 * np.sin(x / 2)[None], MATTE_PX, axis=0)
    everywhere = np.ones_like(hanging)
    for light, axis in ((hanging, 0), (np.ascontiguousarray(hanging.T), 1)):
        streaks = strands_along(light, everywhere)[20:-20, 20:-20]
        steps = [np.abs(np.diff(streaks, axis=one)).mean() for one in (axis, 1 - axis)]
        assert steps[0] < 0.5 * steps[1]
    assert np.array_equal(strands_along(hanging, everywhere), strands_along(hanging, everywhere))


def arguments(made: tuple[np.ndarray, HeadShares]) -> tuple[np.ndarray, Frame, HeadShares]:
    return made[0], FRAME, made[1]


def test_a_beard_belongs_to_the_matte_but_does_not_decide_its_trust(
    unit: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = find_matte(*arguments(long_haired()), unit)
    beard = np.zeros((PARSER_PX, PARSER_PX), np.float32)
    beard[70:80, 60:68] = 1.0
    monkeypatch.setattr("amgan.runtime.face.hair_matte.find_beard_hair", lambda *_: beard)
    matte = find_matte(*arguments(long_haired()), unit)
    assert matte is not None and without is not None
    inside = (slice(144, 156), slice(124, 132))
    assert without.alpha[inside].max() < 0.1
    assert np.allclose(matte.alpha[inside], 0.85, atol=0.03)
    assert matte.trust == without.trust


def test_hair_of_two_colours_on_both_sides_may_be_a_hood_and_is_not_trusted(unit: np.ndarray) -> None:
    photo, shares = long_haired()
    hood = np.zeros(photo.shape[:2], bool)
    hood[:330, 60:110] = True
    hood &= photo.mean(axis=2) < 80
    photo[hood] = (40, 60, 110)
    window = np.linspace(15, 285, PARSER_PX, endpoint=False).astype(int)
    shares = HeadShares(shares.skin, shares.hair, photo[np.ix_(window, window)])
    matte = find_matte(photo, FRAME, shares, unit)
    assert matte is not None
    assert matte.trust < 0.1


def test_hair_that_may_go_on_in_the_same_light_colour_is_not_trusted(unit: np.ndarray) -> None:
    photo, shares = long_haired()
    blond = photo.mean(axis=2) < 80
    photo[blond] = photo[blond] + np.array([95, 92, 87], np.uint8)
    assert find_matte(photo, FRAME, shares, unit).trust > 0.9  # type: ignore[union-attr]
    wall = (photo == WALL).all(axis=2)
    photo[wall] = (142, 126, 114)
    matte = find_matte(photo, FRAME, shares, unit)
    assert matte is None or matte.trust < 0.1


def test_greyness_does_not_fade_where_the_photo_ends(unit: np.ndarray) -> None:
    photo, shares = long_haired()
    cut, frame = photo[:, 75:], Frame((75.0, 150.0), (75.0, 0.0))
    matte = find_matte(np.ascontiguousarray(cut), frame, shares, unit)
    assert matte is not None
    edge = (75 - 15) * MATTE_PX // 270
    inside = matte.whole[140:160, edge + 2 : edge + 20]
    assert inside.min() > 0.9
