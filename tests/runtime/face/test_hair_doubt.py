"""Where grey hair is not trusted to be hair, natural, and found as a whole."""

from dataclasses import replace

import numpy as np
import pytest

from amgan.runtime.face.hair_doubt import colour_trust
from amgan.runtime.face.hair_grid import MATTE_PX
from amgan.runtime.face.hair_light import HairLight
from amgan.runtime.face.hair_matte import HairMatte
from amgan.runtime.face.hair_natural import Skin
from amgan.runtime.face.hair_sides import HairSides

SHAPE = (MATTE_PX, MATTE_PX)
ONES, NONE = np.ones(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
SKIN = Skin(np.array([190, 150, 130], np.float32), 160.0, 0.4)


def hair_of(colour: tuple[int, int, int], trust: float = 1.0) -> tuple[HairMatte, HairLight]:
    """Hair of one colour in the upper half of the window."""
    alpha = NONE.copy()
    alpha[: MATTE_PX // 2] = 1.0
    picture = np.full((*SHAPE, 3), colour, np.uint8)
    light = np.asarray(picture @ np.array([0.299, 0.587, 0.114], np.float32), np.float32)
    matte = HairMatte(alpha, picture, trust, ONES, alpha, NONE, NONE)
    return matte, HairLight(light, ONES, light, 2.0 * ONES)


def trust_in(
    unit: np.ndarray,
    colour: tuple[int, int, int] = (150, 150, 150),
    trust: float = 1.0,
    reached: float = 1.0,
    alike: float = 0.0,
    like: np.ndarray = NONE,
) -> float:
    matte, light = hair_of(colour, trust)
    sides = HairSides(matte.alpha, NONE, like, alike)
    return colour_trust(matte, sides, light, ONES, np.float32(reached) * ONES, SKIN, unit)


def test_plain_grey_hair_is_trusted(unit: np.ndarray) -> None:
    assert trust_in(unit) == 1.0


@pytest.mark.parametrize("trust", [0.0, 0.5])
def test_a_doubtful_matte_is_not(unit: np.ndarray, trust: float) -> None:
    assert trust_in(unit, trust=trust) == 0.0
    assert 0.0 < trust_in(unit, trust=0.6) < 1.0


def test_neither_is_hair_that_would_be_left_grey_in_part(unit: np.ndarray) -> None:
    assert trust_in(unit, reached=0.65) == 0.0
    assert 0.0 < trust_in(unit, reached=0.75) < 1.0
    beside = NONE.copy()
    beside[MATTE_PX // 2 : MATTE_PX // 2 + 60] = 1.0
    assert trust_in(unit, like=beside) == 0.0


def test_nor_hair_before_a_background_like_it(unit: np.ndarray) -> None:
    assert trust_in(unit, alike=0.25) == 0.0


@pytest.mark.parametrize(
    "colour",
    [
        (255, 255, 255),  # blown out, or a scarf
        (110, 160, 170),  # turquoise
        (150, 90, 170),  # purple
    ],
)
def test_nor_what_is_not_grey_by_nature(unit: np.ndarray, colour: tuple[int, int, int]) -> None:
    assert trust_in(unit, colour) == 0.0


def test_nor_is_glare_on_a_bald_head(unit: np.ndarray) -> None:
    bald = (200, 160, 140)
    assert trust_in(unit, bald) == 0.0
    matte, light = hair_of(bald)
    sides = HairSides(matte.alpha, NONE, NONE, 0.0)
    assert colour_trust(matte, sides, light, ONES, ONES, SKIN, unit, toned=1.0) == 1.0


def test_blown_out_hair_of_a_bright_photo_is_not(unit: np.ndarray) -> None:
    matte, light = hair_of((250, 250, 250))
    bright = replace(SKIN, lit=240.0)
    assert (
        colour_trust(matte, HairSides(matte.alpha, NONE, NONE, 0.0), light, ONES, ONES, bright, unit) == 0.0
    )


def test_nor_the_hair_of_a_head_turned_aside(unit: np.ndarray) -> None:
    aside = unit.copy()
    aside[1, 0] = unit[454, 0]
    assert trust_in(aside) == 0.0


def test_without_certain_hair_there_is_no_trust(unit: np.ndarray) -> None:
    matte, light = hair_of((150, 150, 150))
    unsure = replace(matte, alpha=0.5 * matte.alpha)
    assert (
        colour_trust(unsure, HairSides(unsure.alpha, NONE, NONE, 0.0), light, ONES, ONES, SKIN, unit) == 0.0
    )
