"""The face detector."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from amgan.runtime.face.detector import INPUT_PX, Detection, FaceDetector, _levels, _merge, _overlap
from amgan.runtime.face.finder import FaceFinder


@pytest.fixture(scope="module")
def detector(finder: FaceFinder) -> FaceDetector:
    return finder._detector


@pytest.mark.parametrize("name", ["hopper", "collins"])
def test_one_face_a_photo(detector: FaceDetector, name: str, request: pytest.FixtureRequest) -> None:
    photo = request.getfixturevalue(name)
    (found,) = detector.detect(photo)
    x0, y0, x1, y1 = found.box
    assert 0.6 <= found.score <= 1
    assert 0 < x0 < found.right_eye[0] < found.left_eye[0] < x1 < photo.shape[1]
    assert 0 < y0 < found.right_eye[1] < y1 < photo.shape[0]


@pytest.mark.parametrize(
    "picture",
    [
        np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8),
        np.zeros((200, 200, 3), np.uint8),
        np.full((1, 1, 3), 255, np.uint8),
        np.full((3, 500, 3), 90, np.uint8),
    ],
    ids=["noise", "black", "one pixel", "a stripe"],
)
def test_nothing_where_there_is_no_face(detector: FaceDetector, picture: np.ndarray) -> None:
    assert detector.detect(picture) == []


def test_a_small_face_in_a_large_photo_is_found_in_a_window(
    detector: FaceDetector, hopper: np.ndarray
) -> None:
    small = Image.fromarray(hopper).resize((128, 150))
    canvas = Image.new("RGB", (1400, 1400), (90, 100, 110))
    canvas.paste(small, (1000, 900))
    (found,) = detector.detect(np.asarray(canvas))
    assert 1000 < found.box[0] < found.box[2] < 1128 and 900 < found.box[1] < found.box[3] < 1050


def test_windows_cover_the_photo() -> None:
    assert _levels(100, 80) == [(100, [(0, 0)])]
    assert [len(places) for _, places in _levels(500, 400)] == [1]
    assert [len(places) for _, places in _levels(1024, 1024)] == [1, 4]
    assert [len(places) for _, places in _levels(4000, 4000)] == [1, 4, 16]
    for width, height in ((3 * INPUT_PX, 600), (1000, 400), (701, 1333), (2000, 3000)):
        for side, places in _levels(width, height)[1:]:
            seen = np.zeros((height, width), int)
            for x, y in places:
                assert x >= 0 and y >= 0
                seen[y : y + side, x : x + side] += 1
            assert seen.all()


def test_merge_keeps_the_best_of_overlapping_boxes() -> None:
    boxes = [((0, 0, 10, 10), 0.7), ((1, 1, 11, 11), 0.9), ((20, 0, 30, 10), 0.8), ((22, 2, 26, 6), 0.75)]
    found = [Detection(box, (0, 0), (0, 0), score) for box, score in boxes]
    assert [d.score for d in _merge(found)] == [0.9, 0.8]
    assert _merge([]) == []


def test_overlap_is_a_share_of_the_smaller_box() -> None:
    assert _overlap((0, 0, 10, 10), (0, 0, 5, 5)) == 1
    assert _overlap((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(0.5)
    assert _overlap((0, 0, 10, 10), (10, 0, 20, 10)) == 0
    assert _overlap((0, 0, 0, 0), (0, 0, 5, 5)) == 0
