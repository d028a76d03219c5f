"""What lies over a face, its whites, hair and shape, on the way of one photo."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from amgan.runtime import Pipeline, Request
from amgan.runtime.ages.maps import FaceAges
from amgan.runtime.batch.outcome import describe_aged
from amgan.runtime.face.contrast import ContrastChange
from amgan.runtime.face.hair_grid import MATTE_PX
from amgan.runtime.face.hair_paste import HairChange
from amgan.runtime.face.shape import GRID, ShapeChange
from amgan.runtime.face.whites import WhiteChange
from amgan.runtime.face.zones import PART_NAMES
from amgan.runtime.pipeline import face_plan
from amgan.runtime.pipeline.face_plan import FaceWork, paste_face
from amgan.runtime.pipeline.seen_face import SeenFace


def test_what_is_covered_keeps_its_pixels_and_is_told(pipeline: Pipeline, hopper: np.ndarray) -> None:
    (seen,) = pipeline.see(hopper)
    skin = np.ones((128, 128), np.float32)
    skin[80:] = 0
    below = replace(seen, skin=skin)
    aged = pipeline.finish(
        pipeline.start(hopper, Request.parse("70", shape=False, hair=False, neck=False), seen=[below])
    )
    (one,) = aged.faces
    assert one.covered["chin"] == 1.0
    assert "under-eye-bags-left" not in one.covered
    matrix = seen.face.frame.to_frame(128)
    rows, columns = np.nonzero((aged.pixels != hopper).any(axis=2))
    assert rows.size
    assert (np.column_stack([columns, rows]) @ matrix[1, :2] + matrix[1, 2]).max() < 81
    (told,) = describe_aged(aged.faces, Request.parse("70"))
    assert told["covered"] == one.covered
    open_face = replace(seen, skin=None)
    (plain,) = pipeline.finish(pipeline.start(hopper, Request.parse("70"), seen=[open_face])).faces
    assert plain.covered == {}
    assert "covered" not in describe_aged((plain,), Request.parse("70"))[0]


def test_hair_and_shape_are_asked_for(
    pipeline: Pipeline, hopper: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    (seen,) = pipeline.see(hopper)
    young = replace(seen, now=FaceAges(30.0, dict.fromkeys(PART_NAMES, 30.0)))

    def work(request: Request) -> FaceWork:
        return pipeline.start(hopper, request, seen=[young]).works[0]

    assert work(Request.parse("75", shape=False)).shape is None
    tint = np.zeros(3, np.float32)
    grey = HairChange(young.face.frame, np.zeros((2, 2, 4), np.float32), tint, (0, 1, 0, 1), 1.0, tint)
    monkeypatch.setattr(face_plan, "plan_hair", lambda *arguments: grey)
    assert work(Request.parse("75", hair=False)).hair is None
    usual = work(Request.parse("75"))
    assert usual.hair is grey
    assert usual.shape is not None
    still = work(Request.parse(zones=["forehead=+20"], hair=True, shape=True))
    assert still.hair is None
    assert still.shape is None
    assert still.whites == ()
    assert still.contrast == ()


def test_hair_that_gets_its_colour_back_takes_the_brows_along(
    pipeline: Pipeline, hopper: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    (seen,) = pipeline.see(hopper)
    old = replace(seen, now=FaceAges(70.0, dict.fromkeys(PART_NAMES, 70.0)))

    def work(request: Request) -> FaceWork:
        return pipeline.start(hopper, request, seen=[old]).works[0]

    monkeypatch.setattr(face_plan, "plan_hair", lambda *arguments: None)
    usual = work(Request.parse("30"))
    assert usual.hair is None
    assert usual.contrast == ()
    tint = np.zeros(3, np.float32)
    brown = HairChange(old.face.frame, np.zeros((2, 2, 4), np.float32), tint, (0, 1, 0, 1), 0.0, tint, 20.0)
    monkeypatch.setattr(face_plan, "plan_hair", lambda *arguments: brown)
    coloured = work(Request.parse("30"))
    assert coloured.hair is brown
    assert coloured.neck is None
    assert [one.weight.min() < 0 for one in coloured.contrast] == [True, True]
    assert work(Request.parse("30", hair=False)).hair is None
    assert work(Request.parse("80")).contrast[0].weight.min() >= 0


def test_whites_are_asked_for_and_left_where_they_are_covered(
    pipeline: Pipeline, collins: np.ndarray
) -> None:
    (seen,) = pipeline.see(collins)

    def whites(request: Request, covered_from: int) -> tuple[WhiteChange, ...]:
        skin = np.ones((128, 128), np.float32)
        skin[covered_from:] = 0
        return pipeline.start(collins, request, seen=[replace(seen, skin=skin)]).works[0].whites

    found = whites(Request.parse("75"), 128)
    assert len(found) == 3  # her mouth and both eyes
    assert min(one.weight.max() for one in found) > 0.5
    assert whites(Request.parse("75", features=False), 128) == ()
    assert len(whites(Request.parse("75"), 75)) == 2  # the lower half is covered
    assert whites(Request.parse("75"), 0) == ()


def test_contrast_is_asked_for_and_left_where_it_is_covered(pipeline: Pipeline, collins: np.ndarray) -> None:
    (seen,) = pipeline.see(collins)

    def fading(request: Request, covered_from: int) -> list[bool]:
        skin = np.ones((128, 128), np.float32)
        skin[covered_from:] = 0
        (work,) = pipeline.start(collins, request, seen=[replace(seen, skin=skin)]).works
        return [one.dark for one in work.contrast]

    assert fading(Request.parse("75"), 128) == [False, True, True, True, True]  # her lips, lashes and brows
    assert fading(Request.parse("75"), 75) == [True] * 4  # the lower half is covered
    assert fading(Request.parse("75", features=False), 128) == []
    assert fading(Request.parse("20"), 128) == []


def test_necks_are_asked_for_and_left_where_the_chin_is_covered(
    pipeline: Pipeline, hopper: np.ndarray
) -> None:
    (seen,) = pipeline.see(hopper)
    young = replace(seen, now=FaceAges(30.0, dict.fromkeys(PART_NAMES, 30.0)))

    def work(request: Request, face: SeenFace = young) -> FaceWork:
        return pipeline.start(hopper, request, seen=[face]).works[0]

    usual = work(Request.parse("75"))
    assert usual.neck is not None
    assert work(Request.parse("75", neck=False)).neck is None
    assert work(Request.parse("20")).neck is None
    assert work(Request.parse(zones=["chin=+40"])).neck is None
    half = work(Request.parse("75", lines=0.5)).neck
    assert half is not None
    np.testing.assert_allclose(2.0 * half.lines, usual.neck.lines, atol=1e-6)
    kinds = [work(Request.parse("75", pattern=number)).neck for number in (1, 2)]
    assert kinds[0] is not None and kinds[1] is not None
    assert not np.allclose(kinds[0].lines, kinds[1].lines)
    skin = np.ones((128, 128), np.float32)
    skin[80:] = 0
    assert work(Request.parse("75"), replace(young, skin=skin)).neck is None
    out = hopper.copy()
    paste_face(out, replace(usual, shape=None, whites=(), contrast=()), usual.before, 1.0)
    below = np.nonzero((out != hopper).any(axis=2))[0]
    assert below.size > 200
    assert below.min() > seen.face.landmarks[[172, 397], 1].min()


def test_hair_and_shape_are_pasted(pipeline: Pipeline, hopper: np.ndarray) -> None:
    started = pipeline.start(hopper, Request.parse("75"), seen=pipeline.see(hopper))
    plain = pipeline.finish(started).pixels
    (work,) = pipeline.start(hopper, Request.parse("75"), seen=pipeline.see(hopper)).works
    planes = np.zeros((MATTE_PX, MATTE_PX, 4), np.float32)
    planes[100:120, 100:150] = (0.0, 0.5, 1.0, 80.0)
    limit, tint = np.full((MATTE_PX, MATTE_PX), 255.0, np.float32), np.zeros(3, np.float32)
    moves = np.zeros((GRID, GRID, 2), np.float32)
    moves[40:50, 20:44] = 0.01
    for change in (
        replace(work, hair=HairChange(work.seen.face.frame, planes, limit, (100, 150, 100, 120), 1.0, tint)),
        replace(work, shape=ShapeChange(work.seen.face.frame, moves)),
        replace(
            work, whites=(WhiteChange(90, 95, np.ones((20, 30), np.float32), np.full(3, -0.2, np.float32)),)
        ),
        replace(
            work,
            contrast=(
                ContrastChange(90, 95, np.ones((20, 30), np.float32), np.full(3, 250, np.float32), True),
            ),
        ),
    ):
        out = hopper.copy()
        size = work.seen.frame_px
        halo = (work.frame.image.shape[0] - size) // 2
        paste_face(out, change, work.frame.image[halo : halo + size, halo : halo + size], 1.0)
        assert not np.array_equal(out, hopper)
        assert not np.array_equal(out, plain)
