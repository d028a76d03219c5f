import numpy as np

from amgan.runtime.face.hair_grid import MATTE_PX
from amgan.runtime.face.hair_rim import cleared, with_rim

HAIR, SKIN, WALL = (50, 36, 28), (190, 140, 115), (120, 122, 125)
SIZE = (MATTE_PX, MATTE_PX)


def beside(hair: tuple[int, int, int], other: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A picture of hair left of column 128, and a matte of it that goes on to column 134."""
    picture = np.empty((*SIZE, 3), np.uint8)
    picture[:, :128], picture[:, 128:] = hair, other
    alpha = np.zeros(SIZE, np.float32)
    alpha[:, :128], alpha[:, 128:134] = 1.0, 0.5
    return picture, alpha


def test_skin_beside_hair_is_cleared_and_the_hair_stays() -> None:
    picture, alpha = beside(HAIR, SKIN)
    bare = np.zeros(SIZE, np.float32)
    bare[:, 128:] = 1.0
    matte = cleared(alpha, picture, bare, np.ones(SIZE, np.float32))
    assert matte[140, 128:134].max() < 0.05
    assert matte[140, :127].min() > 0.9


def test_a_wall_beside_hair_is_left_to_the_matte_but_cloth_below_the_chin_is_cleared() -> None:
    picture, alpha = beside(HAIR, WALL)
    matte = cleared(alpha, picture, np.zeros(SIZE, np.float32), np.ones(SIZE, np.float32))
    np.testing.assert_array_equal(matte[:150], alpha[:150])
    assert matte[220, 128:134].max() < 0.05


def test_a_lit_lock_within_hair_is_not_cleared() -> None:
    picture, alpha = beside(HAIR, SKIN)
    picture[:, 112:116] = SKIN
    bare = np.zeros(SIZE, np.float32)
    bare[:, 128:] = 1.0
    matte = cleared(alpha, picture, bare, np.ones(SIZE, np.float32))
    assert matte[140, 112:116].min() == 1.0


def test_what_shows_the_hairs_colour_beside_the_matte_is_its_rim() -> None:
    red = (140, 70, 40)
    picture, _ = beside(red, WALL)
    alpha = np.zeros(SIZE, np.float32)
    alpha[:, :124] = 1.0
    matte = with_rim(alpha, picture, np.ones(SIZE, np.float32))
    assert matte[50, 124:127].min() > 0.8
    assert matte[50, 131:].max() == 0.0


def test_there_is_no_rim_on_skin_nor_where_both_sides_have_one_colour() -> None:
    red = (140, 70, 40)
    picture, _ = beside(red, WALL)
    alpha = np.zeros(SIZE, np.float32)
    alpha[:, :124] = 1.0
    np.testing.assert_array_equal(with_rim(alpha, picture, np.zeros(SIZE, np.float32)), alpha)
    picture[:] = red
    np.testing.assert_array_equal(with_rim(alpha, picture, np.ones(SIZE, np.float32)), alpha)


def test_without_hair_there_is_no_rim() -> None:
    picture, _ = beside(HAIR, WALL)
    nothing = np.zeros(SIZE, np.float32)
    assert with_rim(nothing, picture, np.ones(SIZE, np.float32)) is nothing
