"""The face detector."""

from __future__ import annotations

import numpy as np
import pytest

from amgan.runtime.engines.network import Network
from amgan.runtime.face.detector import (
    INPUT_PX,
    MAX_OVERLAP,
    SIDES_PX,
    Detection,
    FaceDetector,
    apart_from,
    merge,
    overlap,
)
from amgan.runtime.face.finder import FaceFinder


@pytest.fixture(scope="module")
def detector(finder: FaceFinder) -> FaceDetector:
    return finder._detector


def test_a_window_says_where_its_face_is_in_the_photo(detector: FaceDetector, hopper: np.ndarray) -> None:
    window = np.ascontiguousarray(hopper[100 : 100 + 2 * INPUT_PX : 2, 60 : 60 + 2 * INPUT_PX : 2])
    (found,) = detector.detect(window, 60, 100, 2 * INPUT_PX, 0.6)
    x0, y0, x1, y1 = found.box
    assert 0.6 <= found.score <= 1
    assert 140 < x0 < found.right_eye[0] < found.left_eye[0] < x1 < 380
    assert 120 < y0 < found.right_eye[1] < y1 < 430
    assert found.width_px == x1 - x0
    assert found.centre == ((x0 + x1) / 2, (y0 + y1) / 2)


@pytest.mark.parametrize("side_px", SIDES_PX)
def test_windows_of_every_size_say_the_same_of_a_face(
    detector: FaceDetector, hopper: np.ndarray, side_px: int
) -> None:
    small = np.ascontiguousarray(hopper[:570:6, ::6])  # at most 95 px
    window = np.full((side_px, side_px, 3), 127, np.uint8)
    window[: small.shape[0], : small.shape[1]] = small
    (found,) = detector.detect(window, 0, 0, 6 * INPUT_PX, 0.6)
    (alone,) = detector.detect(small, 0, 0, 6 * INPUT_PX, 0.6)
    assert found.box == pytest.approx(alone.box, abs=12)
    assert found.right_eye == pytest.approx(alone.right_eye, abs=9)
    assert found.score == pytest.approx(alone.score, abs=0.1)


def test_a_network_is_made_when_a_window_needs_it_first() -> None:
    made: list[int] = []

    def open_network(side_px: int) -> Network:
        made.append(side_px)
        cells = (side_px // 4) ** 2
        return lambda _: (np.zeros((1, cells, 16)), np.full((1, cells, 1), -9.0))

    detector = FaceDetector(open_network)
    for height, width in ((96, 20), (96, 96), (97, 12), (SIDES_PX[-1], 5), (3, 3)):
        assert detector.detect(np.zeros((height, width, 3), np.uint8), 0, 0, 1.0, 0.5) == []
    assert made == [96, 192, SIDES_PX[-1]]


def test_a_higher_score_asked_for_gives_fewer_boxes(detector: FaceDetector, hopper: np.ndarray) -> None:
    window = np.ascontiguousarray(hopper[::4, ::4])
    counts = [len(detector.detect(window, 0, 0, 4 * INPUT_PX, score)) for score in (0.0005, 0.5, 1.0)]
    assert counts == sorted(counts, reverse=True) and counts[0] > counts[2] == 0


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_box_of_a_turned_photo_is_turned_back(turns: int) -> None:
    width, height = 40, 30
    photo = np.zeros((height, width, 3), np.uint8)
    photo[5:8, 20:30] = 255  # rows 5 to 8, columns 20 to 30
    rows, columns = np.nonzero(np.rot90(photo, turns)[..., 0])
    box = (float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
    found = Detection(box, box[:2], box[2:], 0.9).turned_back(turns, width, height)
    assert found.box == (20, 5, 30, 8)
    assert {*found.right_eye, *found.left_eye} == {20, 5, 30, 8}


def test_merge_keeps_the_best_of_overlapping_boxes() -> None:
    boxes = [((0, 0, 10, 10), 0.7), ((1, 1, 11, 11), 0.9), ((20, 0, 30, 10), 0.8), ((22, 2, 26, 6), 0.75)]
    found = [Detection(box, (0, 0), (0, 0), score) for box, score in boxes]
    assert [d.score for d in merge(found)] == [0.9, 0.8]
    assert merge([]) == []


def test_overlap_is_a_share_of_the_smaller_box() -> None:
    assert overlap((0, 0, 10, 10), (0, 0, 5, 5)) == 1
    assert overlap((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(0.5)
    assert overlap((0, 0, 10, 10), (10, 0, 20, 10)) == 0
    assert overlap((0, 0, 0, 0), (0, 0, 5, 5)) == 0


def some_boxes(count: int, seed: int) -> list[Detection]:
    """Random boxes, many of which overlap."""
    rng = np.random.default_rng(seed)
    corners, sides = rng.uniform(0, 300, (count, 2)), rng.uniform(10, 60, (count, 2))
    boxes = np.concatenate([corners, corners + sides], axis=1).tolist()
    scores = rng.uniform(0.1, 1, count).round(1).tolist()  # many are equal
    return [
        Detection((a, b, c, d), (a, b), (c, b), score)
        for (a, b, c, d), score in zip(boxes, scores, strict=True)
    ]


def test_many_boxes_are_merged_as_few_are() -> None:
    found = some_boxes(300, 0)
    kept: list[Detection] = []
    for one in sorted(found, key=lambda d: -d.score):
        if all(overlap(one.box, other.box) < MAX_OVERLAP for other in kept):
            kept.append(one)
    assert 20 < len(kept) < 200
    assert merge(found) == kept


def test_boxes_apart_from_others() -> None:
    some, others = some_boxes(60, 1), some_boxes(20, 2)
    apart = apart_from(some, others)
    assert apart == [a for a in some if not any(overlap(a.box, b.box) > MAX_OVERLAP for b in others)]
    assert 0 < len(apart) < 60
    assert apart_from(some, []) == some
    assert apart_from([], others) == []
