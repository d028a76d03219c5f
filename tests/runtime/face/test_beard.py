"""Dark beards and shadows that the parser hides, and what must stay hidden."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from amgan.runtime.face.beard import find_mistakes
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
    assert np.array_equal(find_mistakes(skin, face, image), hidden)
    shares = HeadShares(skin, np.zeros_like(skin), image, face)
    assert (own_skin(shares)[hidden] == 1).all()


def test_a_shadow_on_the_chin_that_is_hidden_is_opened_but_not_one_on_the_nose() -> None:
    skin, face, image, hidden = scene(SKIN, SKIN, 84)
    light = 1.0 - 0.2 * cv2.GaussianBlur(hidden.astype(np.float32), (0, 0), 8)
    image = np.rint(image * light[..., None]).astype(np.uint8)
    assert np.array_equal(find_mistakes(skin, face, image), hidden)
    higher = [np.roll(one, -16, axis=0) for one in (skin, face, image)]
    assert not find_mistakes(*higher).any()


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
    outline = cv2.morphologyEx(hidden.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    image[outline] = (np.array(patch) * 0.6).astype(np.uint8)
    assert not find_mistakes(skin, face, image).any()
    assert not own_skin(HeadShares(skin, np.zeros_like(skin), image, face))[hidden].any()


def test_nothing_is_opened_where_nothing_is_hidden_or_no_face_is() -> None:
    skin, face, image, _ = scene()
    assert not find_mistakes(np.ones_like(skin), face, image).any()
    assert not find_mistakes(skin, np.zeros_like(face), image).any()
    assert not find_mistakes(np.zeros_like(skin), face, image).any()
