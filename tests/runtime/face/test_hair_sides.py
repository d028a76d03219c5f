"""White hair beside the face that the matte misses."""

from dataclasses import replace

import numpy as np
from support.drawn_head import FRAME, head

from amgan.runtime.face.hair_matte import HairMatte, find_matte
from amgan.runtime.face.hair_sides import HairSides, find_sides
from amgan.runtime.face.head_parser import HeadShares

GREY = (200, 200, 204)
SIDEBURN = np.s_[126:146, 90:104]
CELLS = np.s_[111:121, 74:82]
"""The same in cells of the matte."""


def found(unit: np.ndarray, around: int, body: bool = False) -> tuple[HairMatte, HairSides]:
    """A head with a sideburn that the parser takes for skin or nothing."""
    photo, shares = head(GREY, around=around)
    photo[SIDEBURN] = GREY
    if body:
        shares = replace(shares, body=np.zeros_like(shares.hair))
    matte = find_matte(photo, FRAME, shares, unit)
    assert matte is not None
    return matte, find_sides(matte, shares, unit)


def test_a_sideburn_that_was_missed_is_added(unit: np.ndarray) -> None:
    for body in (False, True):
        matte, sides = found(unit, 40, body)
        assert sides.alike < 0.05
        assert matte.alpha[CELLS].mean() < 0.3
        assert sides.alpha[CELLS].mean() > 0.7
        assert (sides.alpha >= matte.alpha).all()
        assert (sides.alpha - matte.alpha)[150:].max() == 0.0


def test_nothing_is_added_before_a_background_like_the_hair(unit: np.ndarray) -> None:
    matte, sides = found(unit, 202)
    assert sides.alike > 0.5
    assert sides.alpha is matte.alpha
    assert not sides.like.any()


def test_without_certain_skin_nothing_is_added(unit: np.ndarray) -> None:
    photo, shares = head(GREY, around=40)
    matte = find_matte(photo, FRAME, shares, unit)
    assert matte is not None
    bare = HeadShares(np.zeros_like(shares.skin), shares.hair, shares.image)
    sides = find_sides(replace(matte, skin=np.zeros_like(matte.skin)), bare, unit)
    assert np.array_equal(sides.alpha, matte.alpha)
