"""How grey hair is, and which colour it had."""

import numpy as np
import pytest

from amgan.runtime.face.hair_grid import HALF
from amgan.runtime.face.hair_light import HairLight
from amgan.runtime.face.hair_natural import Natural, Skin, brow_light, natural_colour, read_skin
from amgan.runtime.face.head_parser import HeadShares

FAIR, DARK = (np.array(one, np.float32) for one in ((200, 160, 140), (90, 62, 48)))
COUNT = 64


def natural(
    hair: tuple[int, int, int],
    brows: float = 0.5,
    toned: float = 0.0,
    skin: np.ndarray = FAIR,
    lit: float = 170.0,
) -> Natural:
    """The colour of hair of one colour below a band of glare that is twice the lit skin."""
    picture = np.full((COUNT, COUNT, 3), hair, np.uint8)
    picture[:8] = 255
    codes = picture.astype(np.float32)
    light = np.asarray(codes @ np.array([0.299, 0.587, 0.114], np.float32), np.float32)
    flat = np.full_like(light, 2.0)
    read = HairLight(light, np.ones_like(light), light, flat, (codes[..., 0] - codes[..., 2],))
    certain = np.ones_like(light, np.bool_)[HALF]
    warmth = float(skin[0] - skin[2]) / lit
    return natural_colour(picture, certain, read, Skin(skin, lit, warmth), brows, toned)


@pytest.mark.parametrize(
    ("hair", "toned", "grey"),
    [
        ((150, 150, 152), 0.0, True),
        ((150, 144, 138), 0.0, True),  # in warm light
        ((200, 165, 105), 0.0, False),  # blond
        ((60, 110, 200), 0.0, False),  # blue
        ((200, 165, 105), 1.0, True),  # in a photo of one tone lightness alone counts
        ((45, 42, 40), 0.0, False),
    ],
)
def test_what_is_grey(hair: tuple[int, int, int], toned: float, grey: bool) -> None:
    assert bool(natural(hair, toned=toned).grey[COUNT // 2].min() > 0.9) is grey
    assert bool(natural(hair, toned=toned).grey[COUNT // 2].max() > 0.1) is grey


def test_glare_on_dark_hair_is_not_grey() -> None:
    assert natural((60, 58, 56)).grey[2].max() == 0.0
    assert natural((150, 150, 152)).grey[2].min() == 1.0


def test_brows_and_skin_say_how_dark_hair_is_where_it_has_no_colour_left() -> None:
    levels = [natural((150, 150, 152), brows).level for brows in (0.1, 0.3, 0.5, 0.9)]
    assert levels == sorted(levels)
    assert 0.18 < levels[0] < levels[-1] < 0.36
    assert natural((75, 75, 76), 0.5, skin=DARK, lit=70.0).level < 0.8 * levels[2]
    assert natural((40, 40, 40), 0.9).level < levels[-1]  # darker strands say it, too


def test_its_own_colour_is_taken_where_it_shows() -> None:
    own = natural((72, 52, 46)).tint
    usual = natural((150, 150, 152)).tint
    assert own == pytest.approx(np.array([72, 52, 46]) / 57.3 - 1.0, abs=0.03)
    assert usual[0] > 0.1
    assert 0 > usual[1] > usual[2]
    assert natural((70, 30, 12)).tint == pytest.approx(usual, abs=1e-6)  # too red to be natural


def test_lit_skin_and_brows_are_read(unit: np.ndarray) -> None:
    image = np.full((128, 128, 3), FAIR, np.uint8)
    sure = np.ones((128, 128), np.float32)
    skin = read_skin(HeadShares(sure, 0 * sure, image))
    assert skin is not None
    assert skin.lit == pytest.approx(169.7, abs=0.5)
    assert skin.warmth == pytest.approx(60 / 169.7, abs=0.01)
    assert read_skin(HeadShares(0.5 * sure, 0 * sure, image)) is None
    picture = np.full((256, 256, 3), 90, np.uint8)
    assert brow_light(picture, unit) == pytest.approx(90.0, abs=0.1)
    assert brow_light(picture, unit + 9.0) == 255.0  # beside the window
