"""Dark beards that the parser hides, and what must stay hidden."""

from __future__ import annotations

import numpy as np
import pytest

from amgan.runtime.face.beard import find_beard
from amgan.runtime.face.head_parser import HeadShares, own_skin

CELLS = 128
SKIN, BEARD = (200, 160, 140), (50, 40, 36)


def scene(
    patch: tuple[int, int, int] = BEARD, around: tuple[int, int, int] = BEARD, top: int = 98
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The parser's skin, the mesh's mask, the picture, and the cells of a hidden patch from ``top`` down."""
    image = np.full((CELLS, CELLS, 3), SKIN, np.uint8)
    image[82:, 30:98] = around
    hidden = np.zeros((CELLS, CELLS), bool)
    hidden[top:114, 48:80] = True
    image[hidden] = patch
    face = np.zeros((CELLS, CELLS), np.float32)
    face[20:114, 24:104] = 1
    return np.where(hidden, 0.05, 0.95).astype(np.float32), face, image, hidden


def test_a_dark_beard_that_is_hidden_is_opened() -> None:
    skin, face, image, hidden = scene()
    assert np.array_equal(find_beard(skin, face, image), hidden)
    shares = HeadShares(skin, np.zeros_like(skin), image, face)
    assert (own_skin(shares)[hidden] == 1).all()


@pytest.mark.parametrize(
    ("patch", "around", "top"),
    [
        (BEARD, SKIN, 98),  # dark cloth before a shaved chin
        ((40, 40, 130), BEARD, 98),  # another colour
        ((150, 120, 105), BEARD, 98),  # lighter than the beard
        (SKIN, SKIN, 98),  # a hand
        (BEARD, BEARD, 86),  # begins at the mouth: a microphone
    ],
)
def test_other_things_stay_hidden(
    patch: tuple[int, int, int], around: tuple[int, int, int], top: int
) -> None:
    skin, face, image, hidden = scene(patch, around, top)
    assert not find_beard(skin, face, image).any()
    assert not own_skin(HeadShares(skin, np.zeros_like(skin), image, face))[hidden].any()


def test_nothing_is_opened_where_nothing_is_hidden_or_no_face_is() -> None:
    skin, face, image, _ = scene()
    assert not find_beard(np.ones_like(skin), face, image).any()
    assert not find_beard(skin, np.zeros_like(face), image).any()
    assert not find_beard(np.zeros_like(skin), face, image).any()
