"""Choosing among the faces of a photo."""

from __future__ import annotations

import numpy as np
import pytest

from amgan.runtime.errors import UsageError
from amgan.runtime.face.alignment import canonical_frame
from amgan.runtime.face.choice import parse_faces, pick, why_not
from amgan.runtime.face.finder import Face
from amgan.runtime.pictures.numbered_faces import FRAME, draw_numbers


def face_at(x: float, y: float, width: float) -> Face:
    points = np.random.default_rng(0).uniform(0, 1, (468, 2))
    points = (points - points.min(axis=0)) / np.ptp(points, axis=0) * width + (x - width / 2, y - width / 2)
    return Face(points, 0.9, 0.9, canonical_frame(points))


LARGE, LEFT, RIGHT = face_at(500, 300, 200), face_at(100, 320, 90), face_at(640, 380, 80)
FOUND = [LARGE, LEFT, RIGHT]


@pytest.mark.parametrize(
    ("choice", "meant"),
    [
        ("all", FOUND),
        ("largest", [LARGE]),
        (2, [LARGE, LEFT]),
        ("9", FOUND),
        ("left", [LEFT]),
        ("right", [RIGHT]),
        ("#2", [LEFT]),
        ("#3, #1", [LARGE, RIGHT]),
        ("#7", []),
        ("510,250", [LARGE]),
        ("150.5,320", [LEFT]),  # just beside it
        ("610,375", [RIGHT]),  # in the large one's box too, but nearer to this one's middle
        ("300,320", []),
        ("0,0,560,900", [LARGE, LEFT]),
        ("600,0,601,900", []),
    ],
)
def test_a_choice_means_faces(choice: str | int, meant: list[Face]) -> None:
    assert pick(FOUND, choice) == meant
    assert pick([], choice) == []


@pytest.mark.parametrize(
    "faces", ["none", "0", "-1", "2.5", "", "99999999", "#0", "#", "#1,2", "1,2,3", "5,5,5,9", "-3,4", "1,2,"]
)
def test_what_is_no_choice(faces: str) -> None:
    with pytest.raises(UsageError, match="is not a choice of faces"):
        parse_faces(faces)


def test_choices_in_one_form() -> None:
    assert (parse_faces("3"), parse_faces(3), parse_faces("all")) == (3, 3, "all")
    assert (parse_faces(" 10, 20 "), parse_faces("#1, #2")) == ("10,20", "#1,#2")


def test_why_others_are_left() -> None:
    assert why_not("largest") == why_not(2) == "smaller than those asked for"
    assert why_not("left") == "not the face asked for (left)"


def test_numbers_are_drawn_at_their_faces() -> None:
    rgb = np.full((600, 800, 3), 80, np.uint8)
    drawn = np.asarray(draw_numbers(rgb, FOUND))
    assert drawn.shape == rgb.shape and (rgb == 80).all()
    for face in FOUND:
        x0, y0, x1, y1 = (round(value) for value in face.box)
        assert tuple(drawn[y1, (x0 + x1) // 2]) == FRAME
        assert (drawn[y0 : y0 + 30, x0 : x0 + 20] != 80).any()
    assert (drawn[:100] == 80).all()
