import numpy as np
import pytest

from amgan.runtime.face import extensions
from amgan.runtime.face.alignment import Frame
from amgan.runtime.face.shape import LEAST_PX, landmark_moves, paste_shape, plan_shape
from amgan.runtime.face.warp import move_pixels, sample_plane

FRAME = Frame((140.0, 130.0), (100.0, 20.0))


def photo() -> np.ndarray:
    y, x = np.mgrid[:260, :280]
    return np.stack([120 + 60 * np.sin(x / 9), 120 + 60 * np.sin(y / 7), 100 + x * 0.2], -1).astype(np.uint8)


def test_an_old_face_is_longer_below_the_eyes() -> None:
    moves = landmark_moves(25, 75)
    chin, nose, eyes = moves[152, 1], moves[1, 1], moves[[159, 386], 1]
    assert chin > 0.005
    assert nose > 0.003
    assert np.abs(eyes).max() < 0.002
    assert np.abs(moves).max() < 0.03


def test_younger_goes_the_other_way() -> None:
    older, younger = landmark_moves(30, 70), landmark_moves(70, 30)
    assert (older * younger <= 1e-9).all()


def test_no_years_no_warp(unit: np.ndarray) -> None:
    assert plan_shape(FRAME, unit, 40, 40) is None


def test_the_warp_is_smooth_and_stands_still_at_the_border(unit: np.ndarray) -> None:
    change = plan_shape(FRAME, unit, 25, 80)
    assert change is not None
    edge = np.concatenate([change.moves[0], change.moves[-1], change.moves[:, 0], change.moves[:, -1]])
    assert not edge.any()
    for axis in (0, 1):  # nothing folds over
        assert np.abs(np.diff(change.moves, axis=axis)).max() < 0.6 / len(change.moves)


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_pixels_move_by_what_the_landmarks_move(unit: np.ndarray, strength: float) -> None:
    change = plan_shape(FRAME, unit, 25, 80)
    assert change is not None
    before = photo()
    after = before.copy()
    paste_shape(after, change, strength)
    assert not np.array_equal(before, after)
    assert np.array_equal(before[:5], after[:5])
    assert np.array_equal(before[:, :5], after[:, :5])
    x, y = FRAME.to_photo(1)[:, :2] @ unit[1, :2] + FRAME.to_photo(1)[:, 2]
    row, column = int(y), int(x)
    grid = len(change.moves)
    cell = change.moves[int(unit[1, 1] * grid), int(unit[1, 0] * grid)]
    moved = FRAME.to_photo(1)[:, :2] @ cell * strength
    from_there = photo_at(column - moved[0], row - moved[1])
    assert np.abs(after[row, column] - from_there).max() < 3


def photo_at(x: float, y: float) -> np.ndarray:
    return np.array([120 + 60 * np.sin(x / 9), 120 + 60 * np.sin(y / 7), 100 + x * 0.2])


def test_a_frame_beside_the_photo_changes_nothing(unit: np.ndarray) -> None:
    change = plan_shape(Frame((900.0, 900.0), (50.0, 0.0)), unit, 25, 80)
    assert change is not None
    before = photo()
    after = before.copy()
    paste_shape(after, change)
    assert np.array_equal(before, after)


def test_pixels_are_those_of_a_warp_of_the_whole_frame(unit: np.ndarray) -> None:
    """Only columns that move are looked at; a field over all of the photo gives the same."""
    for frame in (FRAME, Frame((140.0, 130.0), (-30.0, 90.0)), Frame((20.0, 40.0), (90.0, 4.0))):
        change = plan_shape(frame, unit, 25, 80)
        assert change is not None
        grid = len(change.moves)
        across, down = frame.right
        moves = change.moves @ np.float32([[across, down], [-down, across]]) * 2
        field = sample_plane(moves.astype(np.float32), frame.to_frame(grid), (280, 260), smooth=False)
        moving = np.abs(field).max(axis=2) >= LEAST_PX
        after = photo()
        paste_shape(after, change)
        assert moving.any()
        changed = (after != photo()).any(axis=2)
        assert not (changed & ~moving).any()
        y, x = np.mgrid[:260, :280].astype(np.float32)
        wanted = photo()
        move_pixels(photo(), x - field[..., 0], y - field[..., 1], moving, wanted)
        assert np.abs(after.astype(int) - wanted).max() <= 1
        assert (after == wanted).mean() > 0.999


@pytest.mark.skipif(
    extensions.paste() is None, reason="the extension in C was not built, or this CPU has no FMA"
)
@pytest.mark.parametrize(
    "frame", [FRAME, Frame((140.0, 130.0), (-300.0, 900.0)), Frame((20.0, 40.0), (90.0, 4.0))]
)
def test_extension_and_opencv_move_the_same(
    frame: Frame, unit: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = plan_shape(frame, unit, 25, 80)
    assert change is not None
    fast, slow = photo(), photo()
    paste_shape(fast, change, 0.8)
    assert not np.array_equal(fast, photo())
    monkeypatch.setattr(extensions, "paste", lambda: None)
    paste_shape(slow, change, 0.8)
    assert np.abs(fast.astype(int) - slow).max() <= 1  # older OpenCVs add in another order
    assert (fast == slow).mean() > 0.999
