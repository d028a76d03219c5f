"""Which faces are aged, and why others are not."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.fake_pipeline import ages

from amgan.runtime import Pipeline
from amgan.runtime.ages.request import Request
from amgan.runtime.errors import UsageError
from amgan.runtime.face.detector import Detection
from amgan.runtime.face.finder import Face, Found
from amgan.runtime.face.found import Doubt
from amgan.runtime.pipeline.face_filter import NoFaceError, choose_faces, nod, why_none
from amgan.runtime.pipeline.likeness import SURE

ASKED = Request.parse("70")


def shrunk(face: Face, scale: float) -> Face:
    return dataclasses.replace(face, landmarks=face.landmarks * scale)


def years_of(*years: float) -> Any:
    """Reads faces as that old, one after the other."""
    waiting = list(years)
    return lambda face: SimpleNamespace(face=face, now=ages(waiting.pop(0)), likeness=SURE)


def test_faces_are_counted_from_the_largest(hopper_face: Face) -> None:
    found = [shrunk(hopper_face, scale) for scale in (1.0, 0.9, 0.8)]
    for faces, count in (("all", 3), ("largest", 1), (1, 1), (2, 2), (9, 3)):
        asked = dataclasses.replace(ASKED, faces=faces)
        chosen = choose_faces(found, asked, years_of(40, 40, 40))
        assert [one.face for one in chosen.taken] == found[:count]
        assert [one.reason for one in chosen.left] == ["smaller than those asked for"] * (3 - count)


def test_other_faces_than_those_asked_for_are_left_alone(hopper_face: Face) -> None:
    found = [shrunk(hopper_face, scale) for scale in (1.0, 0.9, 0.8)]
    chosen = choose_faces(found, dataclasses.replace(ASKED, faces="#2"), years_of(40))
    assert [one.face for one in chosen.taken] == [found[1]]
    assert [one.face for one in chosen.left] == [found[0], found[2]]
    assert {one.reason for one in chosen.left} == {"not the face asked for (#2)"}


def test_small_faces(hopper_face: Face) -> None:
    small = shrunk(hopper_face, 0.08)
    (left,) = choose_faces([small], ASKED, years_of()).left
    assert left.reason.startswith(f"{int(small.width_px)} px wide, too small to show its age")
    (left,) = choose_faces([small], dataclasses.replace(ASKED, min_face_px=80), years_of()).left
    assert left.reason == f"{int(small.width_px)} px wide, under the 80 px asked for"
    assert choose_faces([small], dataclasses.replace(ASKED, min_face_px=5), years_of(40)).taken


def test_turned_faces(hopper_face: Face) -> None:
    points = hopper_face.landmarks.copy()
    points[1] += (0.75 * np.ptp(points[:, 0]), 0)
    (left,) = choose_faces([dataclasses.replace(hopper_face, landmarks=points)], ASKED, years_of()).left
    assert left.reason == "turned too far aside"
    assert left.age is None


@pytest.mark.parametrize("share", [-0.5, 0.5])
def test_tilted_faces(hopper_face: Face, share: float) -> None:
    assert 0.4 < nod(hopper_face) < 0.8
    points = hopper_face.landmarks.copy()
    points[1] += (0, share * np.ptp(points[:, 1]))
    (left,) = choose_faces([dataclasses.replace(hopper_face, landmarks=points)], ASKED, years_of()).left
    assert left.reason == "tilted too far up or down"


def test_children(hopper_face: Face, collins_face: Face) -> None:
    read = 15.0
    chosen = choose_faces([hopper_face, collins_face], ASKED, years_of(read, 16.0))
    assert [one.face for one in chosen.taken] == [collins_face]
    (left,) = chosen.left
    assert left.reason.startswith("may be a child: the youngest half of its zones reads 15 years, under 16")
    assert left.age == read
    asked = dataclasses.replace(ASKED, include_children=True)
    assert len(choose_faces([hopper_face], asked, years_of(5)).taken) == 1
    # The largest face is the one that is meant: another one does not take its place.
    largest = dataclasses.replace(ASKED, faces="largest")
    assert not choose_faces([hopper_face, collins_face], largest, years_of(read)).taken


def test_what_is_said_of_a_photo_without_faces_to_age(hopper_face: Face) -> None:
    left = choose_faces([hopper_face], ASKED, years_of(5)).left
    assert "no face was found" in why_none(())
    nothing = Found((), (), 21, 0, 9, 0)
    assert "of 21 px or more, whichever side is up" in why_none((), nothing)
    place = Detection((100, 200, 160, 270), (0, 0), (0, 0), 0.8)
    told = why_none((), dataclasses.replace(nothing, doubt=Doubt(place)))
    assert "may be one at 130, 235, 60 px wide, shows no eyes, nose and mouth that can be placed" in told
    doubt = Doubt(place, borders=("left", "upper"), covered=True)
    assert "cut off by the left and upper border" in why_none((), dataclasses.replace(nothing, doubt=doubt))
    doubt = Doubt(place, turned=True, covered=True)
    assert "turned too far aside" in why_none((), dataclasses.replace(nothing, doubt=doubt))
    assert why_none(left).startswith("its only face is left alone: may be a child")
    assert why_none(left * 2).startswith("all 2 faces are left alone: may be a child")


@pytest.mark.parametrize("size", [-1, float("inf"), float("nan")])
def test_wrong_sizes_of_faces(size: float) -> None:
    with pytest.raises(UsageError, match="make no sense"):
        Request.parse("70", min_face_px=size)


def test_a_pipeline_follows_the_policy(pipeline: Pipeline, hopper: np.ndarray) -> None:
    both = np.hstack([hopper, np.pad(hopper[::2, ::2], ((0, 300), (0, 256), (0, 0)), mode="edge")])
    aged = pipeline.age(both, Request.parse("70", faces=1, include_children=True))
    assert (len(aged.faces), [one.reason for one in aged.left]) == (1, ["smaller than those asked for"])
    with pytest.raises(NoFaceError, match=r"its only face is left alone: .* px wide") as caught:
        pipeline.age(hopper, Request.parse("70", min_face_px=2000))
    assert len(caught.value.left) == 1


def test_a_pipeline_says_what_is_known(pipeline: Pipeline, hopper: np.ndarray, hopper_face: Face) -> None:
    x0, x1 = hopper_face.box[0], hopper_face.box[2]
    with pytest.raises(NoFaceError, match="cut off by the right border"):
        pipeline.age(hopper[:, : round(x1 - 0.62 * (x1 - x0))], ASKED)
