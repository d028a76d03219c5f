"""What of a face is computed again in the next picture of a video, and what is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from amgan.runtime import Pipeline, Request
from amgan.runtime.ages.maps import MAP_CELLS
from amgan.runtime.face.alignment import canonical_frame
from amgan.runtime.face.finder import Face
from amgan.runtime.pipeline.face_plan import plan_seen
from amgan.runtime.pipeline.seen_face import (
    SAME_POSITION_PX,
    SAME_ZONES_CELLS,
    SeenFace,
    make_seen_face,
    update_seen_face,
)

SIZE = 512


@pytest.fixture(scope="module")
def seen(pipeline: Pipeline, hopper: np.ndarray) -> SeenFace:
    (one, *_) = pipeline.see(hopper, 1)
    return make_seen_face(one.face, one.now, SIZE, pipeline.manifest, one.pattern)


def moved(face: Face, by: float) -> Face:
    """The face with one landmark, the tip of the nose, ``by`` units of its frame to the right."""
    points = face.landmarks.copy()
    points[1, 0] += by * face.frame.side_px
    return replace(face, landmarks=points, frame=canonical_frame(points))


def again(pipeline: Pipeline, face: Face, before: SeenFace, size: int = SIZE) -> SeenFace:
    return update_seen_face(face, before.now, size, pipeline.manifest, before.pattern, before)


def test_a_face_that_stays_keeps_its_geometry(pipeline: Pipeline, seen: SeenFace) -> None:
    covered = replace(seen, skin=np.zeros((8, 8), np.float32))
    face = moved(seen.face, 0.5 * SAME_POSITION_PX / SIZE)
    kept = again(pipeline, face, covered)
    assert kept.landmarks is seen.landmarks and kept.coordinates is seen.coordinates
    assert kept.masks is seen.masks
    assert kept.face is face and kept.skin is None  # what covers it is looked for again


def test_a_face_that_moves_a_little_keeps_its_masks(pipeline: Pipeline, seen: SeenFace) -> None:
    face = moved(seen.face, 0.7 * SAME_ZONES_CELLS / MAP_CELLS)
    kept, fresh = (
        again(pipeline, face, seen),
        make_seen_face(face, seen.now, SIZE, pipeline.manifest, seen.pattern),
    )
    assert kept.masks is seen.masks and kept.drawn_for is seen.landmarks
    assert np.array_equal(kept.landmarks, fresh.landmarks)
    assert np.array_equal(kept.coordinates[:2], fresh.coordinates[:2])
    # Small steps add up: what counts is how far it has moved since the masks were drawn.
    farther = again(pipeline, moved(seen.face, 1.4 * SAME_ZONES_CELLS / MAP_CELLS), kept)
    assert farther.masks is not seen.masks and farther.drawn_for is None


def test_another_position_or_size_is_computed_again(pipeline: Pipeline, seen: SeenFace) -> None:
    face = moved(seen.face, 2.0 * SAME_ZONES_CELLS / MAP_CELLS)
    for found, size in ((again(pipeline, face, seen), SIZE), (again(pipeline, seen.face, seen, 576), 576)):
        fresh = make_seen_face(found.face, seen.now, size, pipeline.manifest, seen.pattern)
        assert np.array_equal(found.masks.parts, fresh.masks.parts)
        assert np.array_equal(found.coordinates, fresh.coordinates)
    none = update_seen_face(face, seen.now, SIZE, pipeline.manifest, seen.pattern, None)
    assert none.drawn_for is None and none.frame_px == SIZE


def test_a_plan_is_kept_while_nothing_else_is_asked(pipeline: Pipeline, seen: SeenFace) -> None:
    request, manifest = Request.parse("70"), pipeline.manifest
    plan = plan_seen(seen, request, manifest)
    near = again(pipeline, moved(seen.face, 0.7 * SAME_ZONES_CELLS / MAP_CELLS), seen)
    assert plan_seen(near, Request.parse("70"), manifest, plan) is plan
    older = plan_seen(near, Request.parse("71"), manifest, plan)
    assert older is not plan and older.plan.wanted.base > plan.plan.wanted.base
    elsewhere = again(pipeline, moved(seen.face, 2.0 * SAME_ZONES_CELLS / MAP_CELLS), seen)
    assert plan_seen(elsewhere, request, manifest, plan) is not plan


def test_work_that_no_engine_is_asked_for(pipeline: Pipeline, hopper: np.ndarray, seen: SeenFace) -> None:
    request = Request.parse("75", include_children=True)
    asked, spared = (pipeline.plan_face(hopper, seen, request, "face", ask=ask) for ask in (True, False))
    assert asked.frame.tiles and not spared.frame.tiles
    assert np.array_equal(asked.mask, spared.mask) and asked.wanted == spared.wanted
    inside = asked.mask > 0
    assert np.array_equal(asked.before[inside], spared.before[inside])
    nobody = pipeline.plan_face(hopper, seen, Request.parse("+0"), "face", ask=False)
    assert not nobody.mask.any() and not nobody.frame.image.any()
