"""Where the detector looks: every size of face, and no more windows than needed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from amgan.runtime.face.detector import INPUT_PX, MIN_FACE_PX, Detection, FaceDetector
from amgan.runtime.face.finder import Face, FaceFinder
from amgan.runtime.face.pyramid import Pyramid
from amgan.runtime.face.scan import (
    CELL_PX,
    FAINT_PX,
    FAINT_SCORE,
    FAINTEST_TO_PX,
    MIN_SHARE_OF_FACE,
    MIN_SHARE_OF_PHOTO,
    SUSPECT_SCORE,
    WINDOW_OVERLAP_PX,
    Scan,
    Scanner,
    finer_sides,
    is_flat,
    scan,
    starts,
)


@pytest.fixture(scope="module")
def detector(finder: FaceFinder) -> FaceDetector:
    return finder._detector


def resized(rgb: np.ndarray, scale: float) -> np.ndarray:
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))


def plain_scene(width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), (110, 120, 125), np.uint8)


def put(scene: np.ndarray, part: np.ndarray, x: int, y: int) -> None:
    scene[y : y + part.shape[0], x : x + part.shape[1]] = part


def centres(seen: Scan) -> list[tuple[float, float]]:
    return sorted(face.centre for face in seen.faces)


@pytest.mark.parametrize("margin", [-0.05, 0.0, 0.1, 0.3, 0.6])
@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_a_face_that_fills_the_picture(
    finder: FaceFinder, hopper: np.ndarray, hopper_face: Face, margin: float, scale: float
) -> None:
    x0, y0, x1, y1 = hopper_face.box
    grown = (margin * (x1 - x0), margin * (y1 - y0))
    left, top = max(0, round(x0 - grown[0])), max(0, round(y0 - grown[1]))
    close_up = hopper[top : round(y1 + grown[1]), left : round(x1 + grown[0])]
    (face,) = finder.find(resized(close_up, scale))
    assert face.width_px == pytest.approx(scale * hopper_face.width_px, rel=0.1)


@pytest.mark.parametrize("face_px", [20, 27, 37, 50, 75, 120, 200])
def test_no_size_is_missed_between_two_levels(
    finder: FaceFinder, hopper: np.ndarray, hopper_face: Face, face_px: int
) -> None:
    part = resized(hopper[60:520, 40:470], face_px / hopper_face.width_px)
    scene = plain_scene(900, 700)
    put(scene, part, 240, 130)
    found = finder.look(scene, 20)
    assert [face.width_px for face in found.faces] == [pytest.approx(face_px, rel=0.12)]
    assert found.min_face_px == 20 and found.quarter_turns == 0


def test_a_large_face_in_front_does_not_hide_small_ones(
    finder: FaceFinder, hopper: np.ndarray, collins: np.ndarray, hopper_face: Face, collins_face: Face
) -> None:
    scene = plain_scene(1500, 1000)
    put(scene, resized(hopper, 650 / hopper_face.width_px)[:1000, :1500], 0, 0)
    scene = np.hstack([scene, plain_scene(460, 1000)])
    small = resized(collins[:400, 60:440], 100 / collins_face.width_px)
    for y in (20, 520):
        put(scene, small, 1520, y)
    widths = [face.width_px for face in finder.find(scene)]
    assert widths == [pytest.approx(650, rel=0.12), *[pytest.approx(100, rel=0.12)] * 2]


def test_a_group_is_found_to_the_last_face(
    detector: FaceDetector, hopper: np.ndarray, collins: np.ndarray, hopper_face: Face, collins_face: Face
) -> None:
    scene = plain_scene(1800, 1200)
    parts = [
        resized(hopper[60:450, 60:460], 32 / hopper_face.width_px),
        resized(collins[:420, 60:460], 32 / collins_face.width_px),
    ]
    places = [(60 + 310 * i + 37 * j, 50 + 270 * j) for j in range(4) for i in range(5)]
    for number, (x, y) in enumerate(places):
        put(scene, parts[number % 2], x, y)
    seen = scan(detector, Pyramid(scene))
    assert len(seen.faces) == len(places)
    assert seen.min_face_px == pytest.approx(1800 * MIN_SHARE_OF_PHOTO)


def test_what_is_small_beside_a_portrait_is_looked_for_on_request_only(
    detector: FaceDetector, hopper: np.ndarray, hopper_face: Face
) -> None:
    photo = resized(hopper, 2)
    usual, all_of_them = scan(detector, Pyramid(photo)), scan(detector, Pyramid(photo), 20)
    (face,) = usual.faces
    assert usual.min_face_px == pytest.approx(MIN_SHARE_OF_FACE * face.width_px, rel=0.05)
    assert all_of_them.min_face_px == 20
    assert all_of_them.windows > 2 * usual.windows
    assert scan(detector, Pyramid(hopper)).min_face_px >= MIN_FACE_PX


@pytest.mark.parametrize("name", ["hopper", "collins"])
@pytest.mark.parametrize("scale", [1, 4])
def test_an_ordinary_portrait_takes_few_windows(
    detector: FaceDetector, name: str, scale: int, request: pytest.FixtureRequest
) -> None:
    seen = scan(detector, Pyramid(resized(request.getfixturevalue(name), scale)))
    assert len(seen.faces) == 1
    assert seen.windows <= 15


def test_a_portrait_takes_one_window_beside_that_of_half_scale(
    detector: FaceDetector, hopper: np.ndarray, collins: np.ndarray
) -> None:
    looks: list[tuple[int, float]] = []

    class Watched:
        def detect(
            self, window: np.ndarray, x: float, y: float, side: float, least: float
        ) -> list[Detection]:
            looks.append((max(window.shape[:2]), side))
            return detector.detect(window, x, y, side, least)

    for picture in (hopper, collins):
        looks.clear()
        seen = scan(Watched(), Pyramid(picture))  # type: ignore[arg-type]
        first_looks = [look for look in looks if look[1] != INPUT_PX and look[0] != CELL_PX]
        (face,) = seen.faces
        assert len(first_looks) == 1 and looks[0] == (CELL_PX, 2.0 * max(picture.shape))
        assert first_looks[0][0] * seen.min_face_px >= FAINT_PX * max(picture.shape) * 0.99
        assert face.width_px * MIN_SHARE_OF_FACE <= seen.min_face_px * 1.1


class Blind:
    """A detector that sees nothing."""

    def detect(self, *_: object) -> list[Detection]:
        return []


def detection(x: float, width: float, score: float) -> Detection:
    return Detection((x, 0, x + width, width), (x, 5), (x + 5, 5), score)


def test_suspects_of_several_scales_share_a_window() -> None:
    scanner = Scanner(Blind(), Pyramid(plain_scene(600, 400)))  # type: ignore[arg-type]
    scanner.waiting = [detection(60 * i, 40, 0.3) for i in range(5)]
    scanner.settle(all_of_them=False)
    assert (scanner.windows, len(scanner.waiting), len(scanner.unsure)) == (1, 1, 4)
    scanner.waiting += [detection(400, 30, 0.2)]
    scanner.settle(all_of_them=True)
    assert (scanner.windows, len(scanner.waiting), len(scanner.unsure)) == (2, 0, 6)


def test_what_was_found_at_another_scale_is_not_looked_at_again() -> None:
    scanner = Scanner(Blind(), Pyramid(plain_scene(600, 400)))  # type: ignore[arg-type]
    scanner.found = [detection(100, 40, 0.9)]
    scanner.waiting = [detection(104, 36, 0.3), detection(90, 120, 0.3), detection(300, 40, 0.3)]
    scanner.settle(all_of_them=True)
    assert [one.box[0] for one in scanner.unsure] == [90, 300]


class Faint:
    """A detector that sees one box faintly, and, looking again, says what it is told to."""

    def __init__(self, width: float, score: float) -> None:
        self.looks, self.box, self.score = 0, detection(90, width, score), 0.9

    def detect(self, window: np.ndarray, x: float, y: float, side: float, least: float) -> list[Detection]:
        self.looks += 1
        if side == INPUT_PX:  # a second look, at the middle of the first quarter
            return [Detection((32, 32, 64, 64), (40, 40), (56, 40), self.score)]
        return [self.box] if self.box.score >= least else []


@pytest.mark.parametrize(
    ("width", "score", "seen"),
    [
        (FAINTEST_TO_PX - 1, FAINT_SCORE + 0.01, 1),
        (FAINTEST_TO_PX + 6, FAINT_SCORE + 0.01, 0),  # what is larger and no suspect is no face
        (FAINTEST_TO_PX + 6, SUSPECT_SCORE + 0.01, 1),
        (FAINTEST_TO_PX - 1, FAINT_SCORE - 0.01, 0),
        (5.0, FAINT_SCORE + 0.01, 0),  # smaller than what is looked for
    ],
)
def test_the_smallest_faces_are_looked_at_again_though_seen_faintly(
    width: float, score: float, seen: int
) -> None:
    picture = Pyramid(np.random.default_rng(0).integers(0, 256, (190, 190, 3), dtype=np.uint8))
    faint = Faint(width, score)
    assert len(scan(faint, picture, 11.9).faces) == seen  # type: ignore[arg-type]
    assert faint.looks == 2 + seen


def test_what_a_finer_scale_sees_better_is_not_suspected_for_being_faint() -> None:
    scanner = Scanner(Faint(14, 0.07), Pyramid(plain_scene(190, 190)))  # type: ignore[arg-type]
    scanner.look(190.0, 0.0)
    assert len(scanner.faint) == 1
    scanner.detector = Blind()  # type: ignore[assignment]
    scanner.look(60.0, 0.0)
    scanner.suspect_the_faint(0.0)
    assert scanner.waiting == []


@pytest.mark.parametrize(
    "picture",
    [
        np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8),
        np.zeros((200, 200, 3), np.uint8),
        np.full((1, 1, 3), 255, np.uint8),
        np.full((3, 500, 3), 90, np.uint8),
        np.full((2000, 2, 3), 90, np.uint8),
    ],
    ids=["noise", "black", "one pixel", "a stripe", "an upright stripe"],
)
@pytest.mark.parametrize("min_face_px", [None, 0, 20, 5000])
def test_nothing_where_there_is_no_face(
    detector: FaceDetector, picture: np.ndarray, min_face_px: float | None
) -> None:
    assert scan(detector, Pyramid(picture), min_face_px).faces == ()


def test_plain_areas_and_the_inside_of_faces_are_not_looked_at(
    detector: FaceDetector, hopper: np.ndarray
) -> None:
    scene = plain_scene(2000, 1400)
    assert scan(detector, Pyramid(scene), 20).windows == 2
    put(scene, hopper, 700, 400)
    assert scan(detector, Pyramid(scene), 20).skipped > 25
    close_up = resized(hopper[100:400, 100:400], 4)
    seen = scan(detector, Pyramid(close_up), 20)
    assert seen.skipped > 3 and len(seen.faces) == 1


def test_a_faint_face_is_not_flat(hopper: np.ndarray, hopper_face: Face) -> None:
    window = resized(hopper, FAINT_PX / hopper_face.width_px)
    assert not is_flat(window)
    assert not is_flat((window * 0.15 + 20).astype(np.uint8))
    assert is_flat(np.full((40, 40, 3), 99, np.uint8))
    assert is_flat(np.repeat(np.arange(100, 140, dtype=np.uint8)[None, :, None], 40, 0).repeat(3, 2) // 4)


@pytest.mark.parametrize("size", [(3000, 2000), (1000, 400), (701, 1333), (97, 4000)])
@pytest.mark.parametrize("min_face_px", [8, 20, 47, 300])
def test_windows_cover_the_photo_and_share_a_face_of_each_level(
    size: tuple[int, int], min_face_px: float
) -> None:
    longer = max(size)
    sides = [float(longer), *finer_sides(longer, min_face_px)]
    assert sides[-1] <= max(min_face_px * INPUT_PX / FAINT_PX, longer) + 1e-6
    for coarse, side in pairwise(sides):
        # What is too large for the part that two windows share is large enough for the level before.
        assert FAINT_PX * coarse / INPUT_PX < WINDOW_OVERLAP_PX * side / INPUT_PX
        places = starts(*size, side)
        for axis in (0, 1):
            along = sorted({place[axis] for place in places})
            assert along[0] == 0 and along[-1] + side >= size[axis] - 1e-6
            steps = np.diff(along)
            assert (steps <= side * (1 - WINDOW_OVERLAP_PX / INPUT_PX) + 1e-6).all()
    assert finer_sides(300, 20) == []


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_pyramid_shows_the_turned_photo(turns: int) -> None:
    photo = np.random.default_rng(1).integers(0, 256, (90, 160, 3), dtype=np.uint8)
    turned = np.rot90(photo, turns)
    pyramid = Pyramid(photo).turned(turns)
    assert (pyramid.height, pyramid.width) == turned.shape[:2]
    assert np.array_equal(pyramid.level(1.0), turned)
    assert pyramid.level(1.0) is pyramid.level(1.0)
    assert np.array_equal(pyramid.cut(40, 50, 20, 20), turned[40:60, 30:50])
    small = pyramid.level(0.25)
    assert small.shape[:2] == (round(turned.shape[0] / 4), round(turned.shape[1] / 4))
    assert abs(float(small.mean()) - float(photo.mean())) < 2


def test_a_cut_beyond_the_photo_keeps_its_middle() -> None:
    photo = np.full((40, 40, 3), 200, np.uint8)
    cut = Pyramid(photo).cut(0, 0, 20, 20)
    assert cut.shape == (20, 20, 3)
    assert (cut[:10] == 0).all() and (cut[:, :10] == 0).all() and (cut[10:, 10:] == 200).all()
    assert Pyramid(photo).cut(40, 40, 20, 20).shape == (10, 10, 3)
    assert Pyramid(photo).holds((0, 39.9)) and not Pyramid(photo).holds((40, 0))
