"""Faces cut out for previews, faces that are known already, and photos that are given up."""

from __future__ import annotations

from concurrent.futures import CancelledError

import numpy as np
import pytest
from PIL import Image

from amgan.runtime import Pipeline, Request
from amgan.runtime.engines.contract import CELL_PX
from amgan.runtime.face.alignment import apply_affine
from amgan.runtime.pipeline.engine_frame import engine_positions
from amgan.runtime.pipeline.face_filter import NoFaceError
from amgan.runtime.pipeline.seen_face import SeenFace


@pytest.fixture(scope="module")
def large(hopper: np.ndarray) -> np.ndarray:
    """The photo at 2.5 times its size: its frame is larger than the smallest."""
    picture = Image.fromarray(hopper)
    return np.asarray(
        picture.resize((picture.width * 5 // 2, picture.height * 5 // 2), Image.Resampling.BICUBIC)
    )


@pytest.fixture(scope="module")
def seen(pipeline: Pipeline, large: np.ndarray) -> SeenFace:
    (found,) = pipeline.see(large)
    assert found.frame_px == 256
    return found


def test_a_region_at_full_size_is_a_part_of_the_photo(pipeline: Pipeline, hopper: np.ndarray) -> None:
    (found,) = pipeline.see(hopper)
    small = hopper[::3, ::3].copy()
    (tiny,) = pipeline.see(small)
    assert tiny.face.frame.side_px < 128
    region = pipeline.cut_region(small, tiny, 128)
    height, width = region.pixels.shape[:2]
    assert region.scale == 1.0
    there = small[region.top : region.top + height, region.left : region.left + width]
    assert np.array_equal(region.pixels, there)
    assert region.seen.now == tiny.now and found.frame_px >= tiny.frame_px


@pytest.mark.parametrize("frame_px", [128, 200])
def test_a_region_shows_the_face_where_it_says(
    pipeline: Pipeline, large: np.ndarray, seen: SeenFace, frame_px: int
) -> None:
    region = pipeline.cut_region(large, seen, frame_px)
    assert region.seen.frame_px == frame_px // 64 * 64
    assert region.scale < 1
    found = pipeline.see(region.pixels)[0].face.landmarks
    apart = np.linalg.norm(found - region.seen.face.landmarks, axis=1)
    assert apart.mean() < 0.02 * region.seen.face.width_px
    in_photo = np.reshape(region.seen.face.box, (2, 2)) / region.scale + (region.left, region.top)
    assert np.allclose(in_photo.ravel(), seen.face.box, atol=2 / region.scale)


def test_the_network_is_told_the_same_places_for_a_region(
    pipeline: Pipeline, large: np.ndarray, seen: SeenFace
) -> None:
    region = pipeline.cut_region(large, seen, 128)
    halo = pipeline.manifest.halo_px
    cells = 128 // CELL_PX

    def inside(face: SeenFace) -> np.ndarray:
        places = engine_positions(face.coordinates, face.margin, face.frame_px, halo)[:3]
        ring = halo // CELL_PX
        return places[:, ring:-ring, ring:-ring]

    assert region.seen.margin != seen.margin
    coarse, fine = inside(region.seen), inside(seen)
    means = fine.reshape(3, cells, 2, cells, 2).mean(axis=(2, 4))
    assert np.abs(coarse - means).mean() < 0.002


def test_an_aged_region_is_much_like_the_aged_photo(
    pipeline: Pipeline, large: np.ndarray, seen: SeenFace
) -> None:
    request = Request.parse("75", shape=False)
    whole = pipeline.age(large, request).pixels
    region = pipeline.cut_region(large, seen, 128)
    aged = pipeline.finish(pipeline.start(region.pixels, request, seen=[region.seen]))
    (face,) = aged.faces
    assert face.now == seen.now
    change = aged.pixels.astype(int) - region.pixels
    to_photo = np.array([[1 / region.scale, 0, region.left], [0, 1 / region.scale, region.top]])
    rows, columns = np.nonzero(np.abs(change).max(axis=2) > 8)
    x, y = (apply_affine(to_photo, np.stack([columns, rows], 1) + 0.5)).astype(int).T
    expected = whole[y, x].astype(int) - large[y, x]
    assert len(x) > 500
    found = change[rows, columns]
    # The tiny network sees detail at one scale only, so the two differ in it.
    assert np.abs(expected - found).mean() < 0.4 * np.abs(expected).mean()
    assert np.corrcoef(expected.ravel(), found.ravel())[0, 1] > 0.75


def test_faces_that_are_known_are_chosen_as_those_that_are_found(
    pipeline: Pipeline, hopper: np.ndarray
) -> None:
    seen = pipeline.see(hopper)
    for request in (
        Request.parse("70"),
        Request.parse("70", faces="largest"),
        Request.parse("70", include_children=True),
    ):
        known, found = pipeline.choose_seen(seen, request), pipeline.choose(hopper, request)
        assert [one.now for one in known.taken] == [one.now for one in found.taken]
        assert [one.reason for one in known.left] == [one.reason for one in found.left]
    assert pipeline.choose_seen([], Request.parse("70")).taken == ()
    with pytest.raises(NoFaceError):
        pipeline.start(hopper, Request.parse("70"), seen=[])


def test_a_photo_that_is_given_up(pipeline: Pipeline, hopper: np.ndarray) -> None:
    started = pipeline.start(hopper, Request.parse("70"))
    started.cancel()
    if started.frames[0].cancelled():  # or it was done already
        with pytest.raises(CancelledError):
            pipeline.finish(started)
    assert pipeline.age(hopper, Request.parse("70")).faces
