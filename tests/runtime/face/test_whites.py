"""The whites of teeth and eyes: found within lips and lids, and nothing else changed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from amgan.runtime.face.mesh import LIPS_INNER, MOUTH_CORNERS, N_POINTS, RIGHT_EYE
from amgan.runtime.face.tone import Tone
from amgan.runtime.face.whites import LEAST_PX, WhiteChange, paste_white, plan_whites

COLOURED = Tone(np.ones((256, 3), np.float32), 0.0)
GREY = Tone(np.ones((256, 3), np.float32), 1.0)
SKIN, TOOTH, GUM, DARK = (196, 150, 130), (225, 215, 200), (190, 105, 105), (40, 20, 20)
HEIGHT, WIDTH = 160, 200


def smile(open_px: float = 24.0) -> tuple[np.ndarray, np.ndarray]:
    """A photo [HEIGHT, WIDTH, 3] of skin with a mouth: gums above, teeth, darkness below; and landmarks."""
    points = np.zeros((N_POINTS, 2))
    points[:] = (60.0, 40.0)
    angle = np.linspace(np.pi, -np.pi, len(LIPS_INNER), endpoint=False)
    ring = np.stack([100 + 40 * np.cos(angle), 90 + open_px / 2 * np.sin(angle)], axis=1)
    points[list(LIPS_INNER)] = ring
    points[list(MOUTH_CORNERS)] = (55.0, 90.0), (145.0, 90.0)
    photo = np.full((HEIGHT, WIDTH, 3), SKIN, np.uint8)
    mouth = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.fillPoly(mouth, [np.rint(ring).astype(np.int32)], 1)
    rows = np.arange(HEIGHT)[:, None] * np.ones((1, WIDTH))
    for low, high, colour in ((0, 83, GUM), (83, 97, TOOTH), (97, HEIGHT, DARK)):
        photo[(mouth > 0) & (rows >= low) & (rows < high)] = colour
    return photo, points


def aged(
    photo: np.ndarray, points: np.ndarray, now: float, wanted: float, tone: Tone = COLOURED
) -> np.ndarray:
    (change,) = plan_whites(photo, points, now, wanted)
    out = photo.copy()
    paste_white(out, change, tone)
    return out


def test_teeth_get_darker_and_more_yellow_and_nothing_else_changes() -> None:
    photo, points = smile()
    out = aged(photo, points, 25, 70).astype(int)
    teeth, gums, dark = out[90, 100], out[80, 100], out[100, 100]
    assert (teeth < TOOTH).all()
    assert TOOTH[2] - teeth[2] > TOOTH[0] - teeth[0]  # blue falls more: yellow
    before, after = (
        cv2.cvtColor(np.uint8([[c]]), cv2.COLOR_RGB2LAB)[0, 0].astype(int) for c in (TOOTH, teeth)
    )
    assert -20 < (after - before)[0] / 2.55 < -7
    assert 2 < (after - before)[2] < 12
    assert np.abs(gums - GUM).max() <= 4
    assert np.abs(dark - DARK).max() <= 1
    far = np.ones((HEIGHT, WIDTH), bool)
    far[74:107, 56:145] = False
    np.testing.assert_array_equal(out[far], photo[far])


def test_younger_teeth_are_lighter_but_never_blown_out() -> None:
    photo, points = smile()
    out = aged(photo, points, 75, 30)
    assert (out[90, 100] > TOOTH).all()
    assert out[90, 100, 2] <= out[90, 100, 1]  # grey at most, never blue
    photo[photo[..., 2] == TOOTH[2]] = 244
    assert 244 < aged(photo, points, 75, 30).max() <= 250


def test_teeth_that_are_blown_out_stay() -> None:
    """Otherwise they would be one beige bar in a white face."""
    photo, points = smile()
    teeth = photo[..., 2] == TOOTH[2]
    photo[teeth] = 255
    assert not plan_whites(photo, points, 25, 75)
    photo[teeth & (np.arange(WIDTH) < 100)] = TOOTH  # half of them
    out = aged(photo, points, 25, 75).astype(int)
    assert (out[90, 110:140] == 255).all()
    assert 3 < TOOTH[2] - out[90, 80, 2] < 30


def test_younger_teeth_change_by_half() -> None:
    photo, points = smile()
    (older,), (younger,) = plan_whites(photo, points, 30, 60), plan_whites(photo, points, 60, 30)
    np.testing.assert_allclose(younger.shift, -0.5 * older.shift)


def test_years_and_strength_scale_the_change() -> None:
    photo, points = smile()
    (change,), (more,) = (plan_whites(photo, points, 30, wanted) for wanted in (50, 70))
    np.testing.assert_allclose(more.shift, 2 * change.shift)
    half, full = photo.copy(), photo.copy()
    paste_white(half, more, COLOURED, 0.5)
    paste_white(full, change, COLOURED)
    np.testing.assert_array_equal(half, full)


def test_grey_photos_stay_grey() -> None:
    photo, points = smile()
    grey = np.repeat(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    out = aged(grey, points, 25, 70, GREY)
    assert not np.ptp(out, axis=2).any()
    assert out[90, 100, 0] < grey[90, 100, 0] - 10


@pytest.mark.parametrize(
    ("open_px", "now", "wanted", "seen"),
    [(24, 40, 40, 1.0), (1, 25, 70, 1.0), (24, 25, 70, 0.5)],
    ids=["no years", "closed", "covered"],
)
def test_nothing_to_change(open_px: float, now: float, wanted: float, seen: float) -> None:
    photo, points = smile(open_px)
    assert plan_whites(photo, points, now, wanted, (seen, 1.0, 1.0)) == ()


def test_an_open_mouth_without_teeth_stays() -> None:
    photo, points = smile()
    photo[(photo == TOOTH).all(axis=2)] = DARK
    photo[(photo == GUM).all(axis=2)] = DARK
    assert plan_whites(photo, points, 25, 70) == ()


def test_faces_too_small_and_outside_the_photo() -> None:
    photo, points = smile()
    assert plan_whites(photo, points * (LEAST_PX / 100), 25, 70) == ()
    assert plan_whites(photo, points + np.array([WIDTH + 100, 0]), 25, 70) == ()
    (cut,) = plan_whites(photo[:, :100], points, 25, 70)
    assert cut.left + cut.weight.shape[1] == 100
    out = np.ascontiguousarray(photo[:, :100])
    paste_white(out, cut, COLOURED)
    assert (out[90, 90] < TOOTH).all()


def test_partly_covered_teeth_change_less() -> None:
    photo, points = smile()
    (whole,), (part,) = (plan_whites(photo, points, 25, 70, (seen, 1.0, 1.0)) for seen in (1.0, 0.75))
    assert isinstance(whole, WhiteChange)
    assert 0.1 < part.weight.max() < 0.9 * whole.weight.max()


def test_the_white_of_an_eye_changes_and_its_iris_does_not() -> None:
    photo, points = smile(open_px=1.0)
    angle = np.linspace(np.pi, -np.pi, len(RIGHT_EYE), endpoint=False)
    ring = np.stack([60 + 24 * np.cos(angle), 40 + 9 * np.sin(angle)], axis=1)
    points[list(RIGHT_EYE)] = ring
    points[[33, 133]] = (36.0, 40.0), (84.0, 40.0)
    white, iris, pupil = (205, 200, 196), (90, 120, 150), (15, 15, 15)
    cv2.fillPoly(photo, [np.rint(ring).astype(np.int32)], white)
    cv2.circle(photo, (60, 40), 8, iris, -1)
    cv2.circle(photo, (60, 40), 3, pupil, -1)
    out = aged(photo, points, 25, 70).astype(int)
    changed = white - out[40, 43]
    assert changed.min() > 8
    assert changed[2] > changed[0]
    assert np.abs(out[40, 55] - iris).max() <= 1
    assert np.abs(out[40, 60] - pupil).max() <= 1
    far = np.ones((HEIGHT, WIDTH), bool)
    far[27:53, 32:88] = False
    np.testing.assert_array_equal(out[far], photo[far])
    assert plan_whites(photo, points, 70, 25) == ()  # not on a face that gets younger
