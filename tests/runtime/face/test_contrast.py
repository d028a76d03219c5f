"""Lashes, brows and lips: they move towards the skin around them, and nothing else changes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from amgan.runtime.face.alignment import Frame
from amgan.runtime.face.contrast import paste_contrast, plan_brows, plan_contrast
from amgan.runtime.face.mesh import (
    CHEEKS,
    LEFT_BROW,
    LEFT_EYE,
    LIPS_INNER,
    LIPS_OUTER,
    N_POINTS,
    RIGHT_BROW,
    RIGHT_EYE,
)
from amgan.runtime.face.tone import Tone

COLOURED = Tone(np.ones((256, 3), np.float32), 0.0)
GREY = Tone(np.ones((256, 3), np.float32), 1.0)
SKIN, LASH, IRIS, LIP = (200, 160, 140), (50, 38, 34), (90, 70, 60), (190, 130, 120)
FRAME = Frame((120.0, 100.0), (100.0, 0.0))
RIGHT, LEFT, MOUTH = (70, 60), (170, 60), (120, 140)


def oval(middle: tuple[int, int], half: tuple[float, float], count: int) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([middle[0] + half[0] * np.cos(angle), middle[1] + half[1] * np.sin(angle)], axis=1)


def face(lip: tuple[int, int, int] = LIP) -> tuple[np.ndarray, np.ndarray]:
    """A photo [200, 240, 3] of skin with two eyes in dark rims and a mouth; and landmarks."""
    points = np.full((N_POINTS, 2), 120.0)
    photo = np.full((200, 240, 3), SKIN, np.uint8)
    for middle, ring in ((RIGHT, RIGHT_EYE), (LEFT, LEFT_EYE)):
        points[list(ring)] = oval(middle, (20, 9), len(ring))
        cv2.ellipse(photo, middle, (24, 13), 0, 0, 360, LASH, -1)
        cv2.ellipse(photo, middle, (20, 9), 0, 0, 360, IRIS, -1)
    for middle, ring in ((RIGHT, RIGHT_BROW), (LEFT, LEFT_BROW)):
        above = (middle[0], middle[1] - 24)
        points[list(ring)] = oval(above, (24, 4), len(ring))
        cv2.ellipse(photo, above, (24, 4), 0, 0, 360, LASH, -1)
    points[list(LIPS_OUTER)] = oval(MOUTH, (32, 14), len(LIPS_OUTER))
    points[list(LIPS_INNER)] = oval(MOUTH, (22, 4), len(LIPS_INNER))
    cv2.ellipse(photo, MOUTH, (32, 14), 0, 0, 360, lip, -1)
    points[list(CHEEKS)] = (40, 110), (50, 120), (200, 110), (190, 120)
    return photo, points


def aged(photo: np.ndarray, points: np.ndarray, tone: Tone = COLOURED, strength: float = 1.0) -> np.ndarray:
    out = photo.copy()
    for change in plan_contrast(photo, points, 25, 75, FRAME):
        paste_contrast(out, change, tone, strength)
    return out


def test_lashes_and_brows_get_lighter_but_not_as_light_as_skin_and_irises_stay() -> None:
    photo, points = face()
    out = aged(photo, points).astype(int)
    for dark in (out[60 - 11, 70], out[60 - 24, 70]):
        assert (dark > np.array(LASH) + 10).all()
        assert (dark < np.array(SKIN) - 30).all()
    assert np.abs(out[60, 70] - IRIS).max() <= 1
    assert np.array_equal(out[100, 120], SKIN)


def test_lips_lose_red_and_keep_their_lightness() -> None:
    photo, points = face()
    out = aged(photo, points)
    before, after = (
        cv2.cvtColor(one[130:133, 115:125].astype(np.float32) / 255, cv2.COLOR_RGB2LAB).mean(axis=(0, 1))
        for one in (photo, out)
    )
    skin = cv2.cvtColor(np.full((1, 1, 3), SKIN, np.float32) / 255, cv2.COLOR_RGB2LAB)[0, 0]
    assert skin[1] < after[1] < before[1] - 2
    assert abs(after[0] - before[0]) < 2


def test_painted_lips_keep_their_colour() -> None:
    photo, points = face(lip=(200, 20, 50))
    assert np.array_equal(aged(photo, points)[125:155], photo[125:155])


def test_strength_scales_the_change() -> None:
    photo, points = face()
    changes = [
        int(np.abs(aged(photo, points, strength=one).astype(int) - photo).sum()) for one in (0.0, 0.5, 1.0)
    ]
    assert changes[0] == 0
    assert 0.3 * changes[2] < changes[1] < 0.7 * changes[2]


def test_grey_photos_stay_grey() -> None:
    photo, points = face()
    grey = np.repeat(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    out = aged(grey, points, GREY)
    assert not np.array_equal(out, grey)
    assert (np.ptp(out, axis=2) == 0).all()


@pytest.mark.parametrize("wanted", [25.0, 20.0])
def test_a_face_that_gets_no_older_keeps_its_contrast(wanted: float) -> None:
    assert plan_contrast(*face(), 25.0, wanted, FRAME) == ()


def test_brows_that_were_grey_get_a_little_darker() -> None:
    photo, points = face()
    photo[photo == np.array(LASH, np.uint8)] += np.uint8(40)
    out = photo.copy()
    for change in plan_brows(photo, points, FRAME):
        paste_contrast(out, change, COLOURED)
    steps = photo.astype(int) - out
    assert 5 < steps[60 - 24, 70].mean() < 40
    assert steps.min() >= 0
    assert not steps[60 - 11 : 90].any()  # lashes and eyes stay
    covered = np.zeros((128, 128), np.float32)
    assert plan_brows(photo, points, FRAME, covered) == ()


def test_what_covers_a_feature_does_not_change() -> None:
    photo, points = face()
    skin = np.ones((128, 128), np.float32)
    skin[:, :64] = 0.0  # the photo's columns up to 120
    out = photo.copy()
    changes = plan_contrast(photo, points, 25, 75, FRAME, skin)
    for change in changes:
        paste_contrast(out, change, COLOURED)
    assert len(changes) == 3  # lips, the left eye and its brow
    assert np.array_equal(out[:, :119], photo[:, :119])
    assert (out[60 - 11, 170] > photo[60 - 11, 170]).all()
    assert (out[36, 170] > photo[36, 170]).all()
    assert plan_contrast(photo, points, 25, 75, FRAME, np.zeros_like(skin)) == ()


def test_small_features_and_those_outside_the_photo_are_left_out() -> None:
    photo, points = face()
    assert plan_contrast(photo, points / 8, 25, 75, FRAME) == ()
    assert plan_contrast(photo, points + 400, 25, 75, FRAME) == ()


def test_features_at_the_border_change_within_the_photo() -> None:
    photo, points = face()
    cut, moved = photo[:, 60:], points - (60, 0)
    out = cut.copy()
    for change in plan_contrast(cut, moved, 25, 75, FRAME):
        paste_contrast(out, change, COLOURED)
    assert (out[60 - 11, 10] > cut[60 - 11, 10]).all()
