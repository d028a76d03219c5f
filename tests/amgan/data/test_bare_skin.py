"""What is taken for bare skin."""

from __future__ import annotations

import numpy as np
import pytest

from amgan.data.bare_skin import BareSkinOptions, bare_skin
from amgan.data.detail import LOG_FLOOR, OLD_SKIN, split_detail

SIZE = 200
SKIN = np.array([190.0, 140.0, 120.0], np.float32)
ALL = np.ones((SIZE, SIZE), np.float32)


def log_of(picture: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(picture + np.float32(LOG_FLOOR)), np.float32)


def plain() -> np.ndarray:
    return np.tile(SKIN, (SIZE, SIZE, 1))


def test_even_skin_under_uneven_light_is_bare() -> None:
    light = np.linspace(0.35, 1.1, SIZE, dtype=np.float32)[None, :, None]
    assert bare_skin(log_of(plain() * light), ALL).min() > 0.95


def test_a_fold_is_skin() -> None:
    picture = plain()
    picture[90:94] *= 0.7
    assert bare_skin(log_of(picture), ALL).min() > 0.95


@pytest.mark.parametrize(
    ("colour", "name"), [((20, 16, 14), "beard"), ((150, 90, 190), "lens"), ((40, 120, 60), "paint")]
)
def test_what_covers_skin_is_none(colour: tuple[int, ...], name: str) -> None:
    picture = plain()
    picture[80:110, 60:140] = colour
    found = bare_skin(log_of(picture), ALL)
    assert found[84:106, 64:136].max() < 0.05, name
    assert found[40, 100] > 0.95 and found[150, 100] > 0.95


def test_the_folds_of_old_faces_count_as_skin_and_a_beard_does_not() -> None:
    fold, beard = plain(), plain()
    fold[95:101] *= 0.48
    beard[80:120, 60:140] = (20, 16, 14)
    assert bare_skin(log_of(fold), ALL, OLD_SKIN).min() > 0.9
    assert bare_skin(log_of(beard), ALL, OLD_SKIN)[100, 100] < 0.05


def test_without_a_face_nothing_is_judged() -> None:
    assert (bare_skin(log_of(plain()), np.zeros_like(ALL)) == 1).all()


def test_options_say_what_is_dark() -> None:
    picture = plain()
    picture[90:110, 90:110] *= 0.3
    lenient = BareSkinOptions(darker=(2.0, 3.0))
    strict, mild = (bare_skin(log_of(picture), ALL, o)[100, 100] for o in (BareSkinOptions(), lenient))
    assert strict < 0.1
    assert mild > 0.9


def test_glasses_take_no_part_in_a_face(aligned: list[tuple[np.ndarray, np.ndarray]]) -> None:
    frame, landmarks = aligned[0]
    plain_face = split_detail(frame, landmarks)
    y, x = np.unravel_index(np.argmax(plain_face.skin), plain_face.skin.shape)
    covered = frame.copy()
    covered[max(0, y - 6) : y + 7, max(0, x - 6) : x + 7] = (30, 40, 160)
    assert plain_face.skin[y, x] > 0.9
    assert split_detail(covered, landmarks, bare=BareSkinOptions()).skin[y, x] < 0.1
    assert split_detail(covered, landmarks).skin[y, x] == plain_face.skin[y, x]
