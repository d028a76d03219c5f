import cv2
import numpy as np
import pytest

from amgan.runtime.face.alignment import Frame
from amgan.runtime.face.lids_lips import AREAS, EYES, eyes_and_lips, share_of_change
from amgan.runtime.face.mesh import FACE_OVAL
from amgan.runtime.face.shape import plan_shape

CELLS = 128


def moved(points: np.ndarray, field: np.ndarray) -> np.ndarray:
    """Landmarks where a field of displacements takes them."""
    at = (points * CELLS - 0.5).astype(np.float32)
    return points + cv2.remap(field, at[:, :1], at[:, 1:], cv2.INTER_LINEAR)[:, 0]


def lengths(points: np.ndarray, pairs: list[tuple[int, int]]) -> np.ndarray:
    return np.array([np.hypot(*(points[one] - points[other])) for one, other in pairs])


@pytest.mark.parametrize(
    ("now", "wanted", "share"),
    [(30, 80, 1.0), (20, 90, 1.0), (30, 55, 0.5), (75, 75, 0.0), (80, 30, -0.6), (20, 28, 0.0)],
)
def test_every_year_between_thirty_and_eighty_counts(now: float, wanted: float, share: float) -> None:
    assert share_of_change(now, wanted) == pytest.approx(share)


def test_old_eyes_are_narrower_and_lower_and_hang(unit: np.ndarray) -> None:
    old = moved(unit, eyes_and_lips(unit, 1.0, None, CELLS))
    widths, heights, lids = [eye.corners for eye in EYES], [(159, 145), (386, 374)], [(27, 159), (257, 386)]
    for pairs, least, most in ((widths, 0.9, 0.98), (heights, 0.8, 0.97), (lids, 0.4, 0.97)):
        kept = lengths(old, pairs) / lengths(unit, pairs)
        assert (least < kept).all()
        assert (kept < most).all()


def test_old_lips_are_thinner_and_the_mouth_stays(unit: np.ndarray) -> None:
    old = moved(unit, eyes_and_lips(unit, 1.0, None, CELLS))
    red = [(0, 13), (17, 14)]
    kept = lengths(old, red) / lengths(unit, red)
    assert (kept > 0.6).all()
    assert (kept < 0.97).all()
    mouth = [(61, 291)]
    assert lengths(old, mouth) == pytest.approx(lengths(unit, mouth), rel=0.03)


def test_a_younger_face_changes_less_and_the_other_way(unit: np.ndarray) -> None:
    older = eyes_and_lips(unit, share_of_change(30, 80), None, CELLS)
    younger = eyes_and_lips(unit, share_of_change(80, 30), None, CELLS)
    assert younger == pytest.approx(-0.6 * older, abs=1e-6)


def test_nothing_outside_the_face_moves(unit: np.ndarray) -> None:
    field = eyes_and_lips(unit, 1.0, None, CELLS)
    for number in FACE_OVAL:
        x, y = np.clip((unit[number] * CELLS).astype(int), 0, CELLS - 1)
        assert np.abs(field[y, x]).max() < 2e-4
    assert not field[0].any()
    assert not field[:, 0].any()


@pytest.mark.parametrize("area", range(3))
def test_what_is_covered_stays(unit: np.ndarray, area: int) -> None:
    """A hand over one eye or the mouth: it keeps its shape, the others change."""
    skin = np.ones((64, 64), np.float32)
    low, high = unit[list(AREAS[area])].min(axis=0), unit[list(AREAS[area])].max(axis=0)
    (x0, y0), (x1, y1) = (low * 64 - 1).astype(int), (high * 64 + 2).astype(int)
    skin[y0:y1, x0:x1] = 0
    field = eyes_and_lips(unit, 1.0, skin, CELLS)
    free = eyes_and_lips(unit, 1.0, None, CELLS)
    for number, landmarks in enumerate(AREAS):
        cells = (unit[list(landmarks)] * CELLS).astype(int)
        here, before = (np.abs(one[cells[:, 1], cells[:, 0]]).max() for one in (field, free))
        assert before > 1e-3
        if number == area:
            assert here < 1e-4
        else:
            assert here > 0.5 * before


def test_the_far_eye_of_a_turned_head_stays(unit: np.ndarray) -> None:
    turned = unit.copy()
    outline = list(FACE_OVAL)
    near = np.argmin(np.hypot(*(turned[outline] - turned[33]).T))
    turned[outline[near]] = turned[33] + (-0.005, 0.0)
    field, free = eyes_and_lips(turned, 1.0, None, CELLS), eyes_and_lips(unit, 1.0, None, CELLS)
    for landmark, stays in ((160, True), (387, False)):
        x, y = (unit[landmark] * CELLS).astype(int)
        assert (np.abs(field[y, x]).max() < 0.1 * np.abs(free[y, x]).max()) == stays


def test_the_warp_of_the_shape_includes_them(unit: np.ndarray) -> None:
    change = plan_shape(Frame((140.0, 130.0), (100.0, 20.0)), unit, 30, 80)
    assert change is not None
    old = moved(unit, change.moves)
    upper = [(0, 13)]
    assert (lengths(old, upper) < 0.97 * lengths(unit, upper)).all()
