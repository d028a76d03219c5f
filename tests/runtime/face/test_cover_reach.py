"""The rest of covers of which the parser is only sure of a part."""

import numpy as np
import pytest

from amgan.runtime.face.cover_reach import find_rest, rest_of_skin
from amgan.runtime.face.head_parser import HeadShares, own_skin

CELLS = 128


def scene(side: int = 16, doubt: float = 0.45, hair: float = 0.0) -> tuple[np.ndarray, ...]:
    """The parser's skin and hair and the mesh's mask, with a certain square and two doubtful ones.

    One of them touches the certain square.
    """
    skin = np.ones((CELLS, CELLS), np.float32)
    skin[50 : 50 + side, 50 : 50 + side] = 0.05
    skin[50:60, 50 + side : 70 + side] = doubt
    skin[90:100, 30:50] = doubt
    face = np.zeros_like(skin)
    face[20:110, 20:110] = 1
    return skin, np.where(skin < 0.1, np.float32(hair), np.float32(0)), face


def test_what_is_in_doubt_next_to_a_certain_cover_belongs_to_it() -> None:
    skin, hair, face = scene()
    rest = find_rest(skin, hair, face)
    assert rest[50:66, 50:66].all()
    assert rest[50:60, 66:86].all()
    assert rest.sum() == 16 * 16 + 200
    seen = own_skin(HeadShares(skin, hair, np.full((CELLS, CELLS, 3), 128, np.uint8), face))
    assert seen[52:58, 70:80].max() < 0.2
    assert (seen[90:100, 30:50] == 1).all()


@pytest.mark.parametrize(
    ("side", "doubt", "hair"),
    [(8, 0.45, 0.0), (16, 0.7, 0.0), (16, 0.45, 0.9)],
    ids=["small", "surely skin", "a fringe"],
)
def test_nothing_else_does(side: int, doubt: float, hair: float) -> None:
    skin, hairs, face = scene(side, doubt, hair)
    rest = find_rest(skin, hairs, face)
    assert not rest[50:60, 50 + side : 70 + side].any()
    assert not rest[90:100, 30:50].any()


def test_nothing_is_found_off_the_face() -> None:
    skin, hair, face = scene()
    assert not find_rest(skin, hair, np.zeros_like(face)).any()


def test_doubtful_cells_fade_between_the_limits() -> None:
    assert rest_of_skin(np.array([0.0, 0.4, 0.5, 0.6, 1.0], np.float32)).tolist() == pytest.approx(
        [0, 0, 0.5, 1, 1], abs=1e-6
    )
