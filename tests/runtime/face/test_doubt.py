"""What is known where no face is found: drawn, cut off, turned aside, covered, too small, or nothing."""

from __future__ import annotations

import dataclasses
import re

import cv2
import numpy as np
import pytest
from PIL import Image

from amgan.runtime.face.detector import Detection
from amgan.runtime.face.doubt import borders_crossed, examine, flat_share
from amgan.runtime.face.finder import Face, FaceFinder, Found
from amgan.runtime.face.head_parser import HeadParser
from amgan.runtime.pipeline.face_filter import why_not_found


@pytest.fixture(scope="module")
def parser() -> HeadParser:
    return HeadParser()


def drawn_face() -> np.ndarray:
    """A round face with eyes, a nose and a smile, in ink on paper."""
    picture = np.full((400, 500, 3), (240, 235, 225), np.uint8)
    ink = (20, 20, 20)
    cv2.circle(picture, (250, 200), 100, (250, 210, 170), -1)
    cv2.circle(picture, (250, 200), 100, ink, 3)
    for x in (217, 283):
        cv2.circle(picture, (x, 175), 10, ink, -1)
    cv2.ellipse(picture, (250, 220), (50, 33), 0, 20, 160, ink, 3)
    cv2.line(picture, (250, 190), (240, 216), ink, 3)
    return picture


def covered(photo: np.ndarray, face: Face, share: float) -> np.ndarray:
    """The photo with a cloth over its face, from ``share`` of its height down."""
    out = photo.copy()
    (x0, y0, x1, y1), margin = face.box, 0.15 * face.width_px
    rows = slice(round(y0 + share * (y1 - y0)), round(y1 + 0.1 * (y1 - y0)))
    cloth = out[rows, max(0, round(x0 - margin)) : round(x1 + margin)]
    weave = np.random.default_rng(0).normal(0, 6, (*cloth.shape[:2], 1))
    cloth[:] = np.clip(np.array((60, 90, 140)) + weave, 0, 255)
    return out


def sentence(
    finder: FaceFinder, parser: HeadParser, photo: np.ndarray, min_face_px: float | None = None
) -> str:
    found = finder.explain(photo, finder.look(photo, min_face_px), parser)
    assert not found.faces
    return why_not_found(found)


def test_a_drawn_face(finder: FaceFinder, parser: HeadParser) -> None:
    told = sentence(finder, parser, drawn_face())
    assert "has large areas of exactly one colour, as drawings and pixelated faces have" in told


@pytest.mark.parametrize("share", [0.6, 0.64, 0.68])
def test_a_face_that_the_border_cuts_off(
    finder: FaceFinder, parser: HeadParser, hopper: np.ndarray, hopper_face: Face, share: float
) -> None:
    x0, _, x1, _ = hopper_face.box
    cut = np.ascontiguousarray(hopper[:, : round(x1 - share * (x1 - x0))])
    assert "is cut off by the right border of the photo" in sentence(finder, parser, cut)


@pytest.mark.parametrize(("name", "share"), [("hopper", 0.3), ("collins", 0.35)])
def test_a_covered_face(
    finder: FaceFinder, parser: HeadParser, name: str, share: float, request: pytest.FixtureRequest
) -> None:
    photo, face = request.getfixturevalue(name), request.getfixturevalue(f"{name}_face")
    told = sentence(finder, parser, covered(photo, face, share))
    assert "shows little bare skin: it may be covered, or no face" in told


def test_a_face_that_is_turned_aside(parser: HeadParser, hopper: np.ndarray, hopper_face: Face) -> None:
    points = hopper_face.landmarks.copy()
    points[1] += (0.5 * np.ptp(points[:, 0]), 0)
    aside = dataclasses.replace(hopper_face, landmarks=points, presence=0.7)
    x0, y0, x1, y1 = hopper_face.box
    at = Detection((x0, y0, x1, y1), (x0, y0), (x1, y0), 0.5)
    assert examine(hopper, at, aside, parser).turned
    assert not examine(hopper, at, hopper_face, parser).turned
    # Where the mesh is not sure, its turn says nothing.
    assert not examine(hopper, at, dataclasses.replace(aside, presence=0.3), parser).turned


def test_a_face_that_is_smaller_than_asked_for(
    finder: FaceFinder, parser: HeadParser, hopper: np.ndarray, hopper_face: Face
) -> None:
    x0, y0, x1, y1 = hopper_face.box
    margin = 0.2 * (x1 - x0)
    face = hopper[round(y0 - margin) : round(y1 + margin), round(x0 - margin) : round(x1 + margin)]
    side = round(1.4 * 50)
    small = np.asarray(Image.fromarray(face).resize((side, side * face.shape[0] // face.shape[1])))
    scene = np.full((1500, 3000, 3), (110, 120, 125), np.uint8)
    scene[300 : 300 + small.shape[0], 200 : 200 + small.shape[1]] = small
    told = sentence(finder, parser, scene, 600)
    width = re.search(
        r"of 600 px or more: the largest, at .*, (\d+) px wide, is too small \(`min_face_px` \1", told
    )
    assert width and int(width[1]) == pytest.approx(50, rel=0.15)


def test_what_is_tiny_is_not_said_to_be_covered(
    finder: FaceFinder, parser: HeadParser, hopper: np.ndarray, hopper_face: Face
) -> None:
    thumbnail = np.asarray(Image.fromarray(hopper).resize((24, 28)))
    at = Detection((6, 4, 18, 17), (10, 9), (14, 9), 0.5)
    found = finder.explain(thumbnail, Found((), (at,), 20.0, 0, 1, 0), parser)
    assert why_not_found(found) == (
        "no face was found: what may be one at 12, 10, 12 px wide, is too small to show one: try a larger "
        "picture of it"
    )
    at = Detection((1, 1, 19, 22), (5, 5), (12, 5), 0.5)
    assert examine(thumbnail, at, hopper_face, parser).tiny
    assert not examine(hopper, Detection((1, 1, 31, 32), (5, 5), (12, 5), 0.5), hopper_face, parser).tiny


def test_nothing_is_said_of_a_photo_in_which_nothing_looks_like_a_face(
    finder: FaceFinder, parser: HeadParser
) -> None:
    plain = np.full((300, 400, 3), 90, np.uint8)
    assert finder.explain(plain, finder.look(plain), parser).doubt is None
    assert "nor anything that looks like one" in sentence(finder, parser, plain)


def test_what_is_found_needs_no_explanation(
    finder: FaceFinder, parser: HeadParser, hopper: np.ndarray
) -> None:
    found = finder.look(hopper)
    assert finder.explain(hopper, found, parser) is found


def test_borders_and_flat_areas() -> None:
    def at(*box: float) -> Detection:
        return Detection(box, (0, 0), (0, 0), 0.5)  # type: ignore[arg-type]

    assert borders_crossed(at(10, 10, 90, 90), 100, 100) == ()
    assert borders_crossed(at(-5, 10, 90, 90), 100, 100) == ()  # a box is a little wider than its face
    assert borders_crossed(at(-20, 40, 60, 120), 100, 100) == ("left", "lower")
    assert borders_crossed(at(40, -20, 120, 60), 100, 100) == ("right", "upper")
    picture = np.zeros((20, 20, 3), np.uint8)
    picture[:, 10:] = np.random.default_rng(0).integers(0, 256, (20, 10, 3))
    assert flat_share(picture, (0, 0, 10, 20)) == 1
    assert flat_share(picture, (10, 0, 20, 20)) < 0.1
    assert flat_share(picture, (30, 30, 40, 40)) == flat_share(picture, (-9, 5, -2, 9)) == 0
    large = np.repeat(np.repeat(picture, 40, axis=0), 40, axis=1)  # not all rows of a large box are counted
    assert flat_share(large, (0, 0, 400, 800)) == 1
    assert flat_share(large, (400, 0, 800, 800)) > 0.9


def test_a_pixelated_face(
    finder: FaceFinder, parser: HeadParser, hopper: np.ndarray, hopper_face: Face
) -> None:
    x0, y0, x1, y1 = (round(edge) for edge in hopper_face.box)
    hidden = Image.fromarray(hopper)
    part = hidden.crop((x0 - 20, y0 - 20, x1 + 20, y1 + 20))
    small = part.resize((8, 9), Image.Resampling.BOX)
    hidden.paste(small.resize(part.size, Image.Resampling.NEAREST), (x0 - 20, y0 - 20))
    told = sentence(finder, parser, np.asarray(hidden))
    assert "has large areas of exactly one colour, as drawings and pixelated faces have" in told
