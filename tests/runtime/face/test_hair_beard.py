import cv2
import numpy as np
import pytest

from amgan.runtime.face.hair_beard import find_beard_hair
from amgan.runtime.face.head_parser import HAIR_WIDTH, PARSER_PX, HeadShares
from amgan.runtime.face.mesh import FACE_OVAL, LIPS_OUTER

SKIN, DARK = (205, 160, 140), (45, 36, 32)


def head(unit: np.ndarray, jaw: tuple[int, int, int] = DARK, hair: tuple[int, int, int] = DARK) -> HeadShares:
    """A drawn face with everything below the nose but the lips in the colour ``jaw``."""
    points = ((np.asarray(unit)[:, :2] - 0.5) / HAIR_WIDTH + 0.5) * PARSER_PX
    face = np.zeros((PARSER_PX, PARSER_PX), np.uint8)
    cv2.fillPoly(face, [np.rint(points[list(FACE_OVAL)]).astype(np.int32)], 1)
    above = np.zeros_like(face)
    cv2.circle(above, tuple(np.rint(points[10]).astype(int).tolist()), round(PARSER_PX * 0.2), 1, -1)
    above[face > 0] = 0
    image = np.full((PARSER_PX, PARSER_PX, 3), (120, 140, 170), np.uint8)
    image[above > 0] = hair
    image[face > 0] = SKIN
    low = face.copy()
    low[: round(float(points[2, 1])) + 1] = 0
    cv2.fillPoly(low, [np.rint(points[list(LIPS_OUTER)]).astype(np.int32)], 0)
    image[low > 0] = jaw
    return HeadShares(face.astype(np.float32), above.astype(np.float32), image)


def cell(unit: np.ndarray, landmark: int) -> tuple[int, int]:
    x, y = ((np.asarray(unit)[landmark, :2] - 0.5) / HAIR_WIDTH + 0.5) * PARSER_PX
    return round(float(y)), round(float(x))


def test_a_dark_beard_is_found_but_not_the_lips_and_the_cheeks(unit: np.ndarray) -> None:
    found = find_beard_hair(head(unit), unit)
    assert found.shape == (PARSER_PX, PARSER_PX)
    assert found[cell(unit, 199)] > 0.9
    assert found[cell(unit, 164)] > 0.5
    for bare in (13, 50, 280, 151):
        assert found[cell(unit, bare)] < 0.1


@pytest.mark.parametrize(
    ("jaw", "hair"),
    [
        (SKIN, DARK),  # no beard
        ((150, 117, 102), DARK),  # a shadow
        (DARK, (190, 150, 110)),  # a dark jaw below fair hair
    ],
)
def test_what_is_no_beard_is_not_found(
    unit: np.ndarray, jaw: tuple[int, int, int], hair: tuple[int, int, int]
) -> None:
    assert not find_beard_hair(head(unit, jaw, hair), unit).any()


def test_a_dark_half_of_a_face_is_no_beard(unit: np.ndarray) -> None:
    lit, shares = head(unit, jaw=SKIN), head(unit)
    half = PARSER_PX // 2
    shares.image[:, half:] = lit.image[:, half:]
    assert not find_beard_hair(shares, unit).any()


def test_shaded_dark_skin_keeps_its_colour_and_is_no_beard(unit: np.ndarray) -> None:
    def on_skin(jaw: tuple[int, int, int]) -> HeadShares:
        shares = head(unit, jaw, (12, 10, 9))
        shares.image[(shares.image == SKIN).all(axis=-1)] = (150, 95, 70)
        return shares

    assert find_beard_hair(on_skin((32, 29, 28)), unit).max() > 0.9
    assert not find_beard_hair(on_skin((58, 28, 10)), unit).any()


def test_covered_cheeks_leave_a_face_as_it_is(unit: np.ndarray) -> None:
    shares = head(unit)
    shares.skin[: cell(unit, 2)[0]] = 0.0
    assert not find_beard_hair(shares, unit).any()


def test_one_cheek_is_enough(unit: np.ndarray) -> None:
    shares = head(unit)
    shares.skin[: cell(unit, 2)[0], : PARSER_PX // 2] = 0.0
    assert find_beard_hair(shares, unit)[cell(unit, 199)] > 0.9


def test_without_hair_there_is_nothing_to_compare_with(unit: np.ndarray) -> None:
    shares = head(unit)
    shares.hair[:] = 0.0
    assert not find_beard_hair(shares, unit).any()
