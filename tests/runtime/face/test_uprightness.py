"""Which way up a face is that the detector is not sure of."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from amgan.runtime.face.detector import INPUT_PX, Detection, FaceDetector
from amgan.runtime.face.finder import Face, FaceFinder
from amgan.runtime.face.pyramid import Pyramid
from amgan.runtime.face.scan import CELL_PX, SUSPECT_SCORE
from amgan.runtime.face.uprightness import DOUBTFUL_SCORE, right_way_up


def tilt(face: Face) -> float:
    """Degrees counter-clockwise that a face is turned by."""
    return float(np.rad2deg(np.arctan2(-face.frame.right[1], face.frame.right[0])))


@pytest.mark.parametrize("degrees", [120, 150, 180, 210, 240, 270])
@pytest.mark.parametrize("name", ["hopper", "collins"])
def test_a_face_on_its_head_is_fitted_the_right_way_up(
    finder: FaceFinder, name: str, degrees: int, request: pytest.FixtureRequest
) -> None:
    """Fitted as they were found first, three of these were wrong by 17 to 180 degrees."""
    photo = Image.fromarray(request.getfixturevalue(name)).reduce(2)
    (plain,) = finder.find(np.asarray(photo))
    turned = photo.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=(110, 110, 110))
    (face,) = finder.find(np.asarray(turned))
    assert (tilt(face) - tilt(plain) - degrees + 180) % 360 - 180 == pytest.approx(0, abs=8)


def test_a_face_that_is_sure_costs_nothing(finder: FaceFinder, hopper: np.ndarray) -> None:
    class NoDetector:
        def detect(self, *_: object) -> list[Detection]:
            raise AssertionError("it was looked at again")

    one = Detection((0, 0, 50, 50), (10, 20), (40, 20), DOUBTFUL_SCORE)
    assert right_way_up(NoDetector(), Pyramid(hopper), one) is one  # type: ignore[arg-type]
    found = finder.look(hopper)
    assert found.faces[0].score >= DOUBTFUL_SCORE
    assert found.quarter_turns == 0


class Answers:
    """A detector that looks for one bright square and says that faces are there."""

    def __init__(self, scores: tuple[float, ...]) -> None:
        self.scores = scores
        self.windows: list[np.ndarray] = []

    def detect(
        self, window: np.ndarray, x0: float, y0: float, side: float, min_score: float
    ) -> list[Detection]:
        assert window.shape == (INPUT_PX, INPUT_PX, 3) and (x0, y0, side) == (0, 0, INPUT_PX)
        assert min_score == SUSPECT_SCORE
        self.windows.append(window)
        seen = []
        for turns, score in enumerate(self.scores):
            row, column = CELL_PX * (turns // 2), CELL_PX * (turns % 2)
            rows, columns = np.nonzero(window[row : row + CELL_PX, column : column + CELL_PX, 0] > 200)
            low = (float(columns.min() + column), float(rows.min() + row))
            high = (float(columns.max() + column + 1), float(rows.max() + row + 1))
            seen.append(Detection((*low, *high), low, (high[0], low[1]), score))  # eyes on the upper edge
        return seen


@pytest.mark.parametrize(
    ("scores", "eyes"),
    [
        ((0.7, 0.2, 0.3, 0.4), ((100, 40), (160, 40))),  # upright: the upper edge, left to right
        ((0.2, 0.7, 0.3, 0.4), ((160, 40), (160, 100))),  # turned by 90 degrees the right edge was on top
        ((0.2, 0.3, 0.7, 0.4), ((160, 100), (100, 100))),
        ((0.2, 0.3, 0.4, 0.7), ((100, 100), (100, 40))),
    ],
)
def test_the_best_of_four_turns_counts(
    scores: tuple[float, ...], eyes: tuple[tuple[int, int], tuple[int, int]]
) -> None:
    photo = np.zeros((200, 300, 3), np.uint8)
    photo[40:100, 100:160] = 255
    one = Detection((100, 40, 160, 100), (0, 0), (0, 0), 0.65)
    detector = Answers(scores)
    best = right_way_up(detector, Pyramid(photo), one)  # type: ignore[arg-type]
    assert best.score == 0.7 and len(detector.windows) == 1
    np.testing.assert_allclose(best.box, one.box, atol=3)
    np.testing.assert_allclose((best.right_eye, best.left_eye), eyes, atol=3)


def test_what_is_no_better_or_elsewhere_does_not_count() -> None:
    photo = np.zeros((200, 300, 3), np.uint8)
    photo[40:100, 100:160] = 255
    one = Detection((100, 40, 160, 100), (0, 0), (0, 0), 0.65)
    assert right_way_up(Answers((0.6,) * 4), Pyramid(photo), one) is one  # type: ignore[arg-type]
    beside = Detection((70, 90, 110, 130), (0, 0), (0, 0), 0.65)
    assert right_way_up(Answers((0.7,) * 4), Pyramid(photo), beside) is beside  # type: ignore[arg-type]


def test_a_face_at_the_edge_keeps_its_place(
    finder: FaceFinder, hopper: np.ndarray, hopper_face: Face
) -> None:
    """What lies outside the photo is left out of the window without moving the rest."""
    detector: FaceDetector = finder._detector
    x0, y0, x1, y1 = hopper_face.box
    cut = np.ascontiguousarray(hopper[int(y0) - 5 : int(y1) + 5, int(x0) - 5 : int(x1) + 5])
    one = Detection((5, 5, x1 - x0 + 5, y1 - y0 + 5), (0, 0), (0, 0), 0.3)
    best = right_way_up(detector, Pyramid(cut), one)
    assert best.score > 0.5 and best.right_eye[0] < best.left_eye[0]
    assert np.hypot(*np.subtract(best.centre, one.centre)) < 0.2 * (x1 - x0)
