"""What an engine is given of a face, at every scale."""

from __future__ import annotations

import math

import numpy as np
import pytest

from amgan.runtime.ages.maps import MAP_CELLS, build_map
from amgan.runtime.engines.tiles import Tile
from amgan.runtime.face.coordinates import face_coordinates
from amgan.runtime.face.finder import Face, FaceFinder
from amgan.runtime.face.region_masks import make_region_masks
from amgan.runtime.face.zones import PART_NAMES
from amgan.runtime.pipeline.engine_frame import area_of_tiles, engine_map, engine_positions, frame_with_halo
from amgan.runtime.pipeline.estimator import landmarks_unit
from amgan.runtime.pipeline.seen_face import map_margin

HALO = 44
AGES = {name: 20.0 + 2.0 * number for number, name in enumerate(PART_NAMES)}


@pytest.fixture(scope="module")
def face(hopper: np.ndarray) -> Face:
    return FaceFinder(threads=1).find(hopper)[0]


@pytest.mark.parametrize("size", [256, 448, 1024, 2048, 4096])
def test_the_map_is_the_same_at_every_scale(face: Face, size: int) -> None:
    """Resampled from MAP_CELLS, it is what drawing it at the frame's own cells gives."""
    margin = math.ceil(HALO * MAP_CELLS / size) + 1
    coarse = build_map(make_region_masks(landmarks_unit(face), MAP_CELLS, margin), 70.0, AGES)
    found = engine_map(coarse, margin, size, HALO)
    wanted = build_map(make_region_masks(landmarks_unit(face), size // 4, HALO // 4), 70.0, AGES)
    assert found.shape == wanted.shape == ((size + 2 * HALO) // 4,) * 2
    assert found.dtype == np.float32
    apart = np.abs(found - wanted)
    # Neighbouring parts are up to 50 years apart here: at their edges a cell more or less shows.
    assert apart.mean() < 0.2 and np.percentile(apart, 99.5) < 4.0


@pytest.mark.parametrize("size", [256, 1024])
def test_only_what_tiles_look_at_is_sampled(face: Face, hopper: np.ndarray, size: int) -> None:
    whole = frame_with_halo(hopper, face.frame, size, HALO, area_of_tiles([Tile(0, 0, size, size)], HALO))
    assert whole.shape == (size + 2 * HALO,) * 2 + (3,)
    tile = Tile(size // 4, size // 2, 64, 32)
    part = frame_with_halo(hopper, face.frame, size, HALO, area_of_tiles([tile], HALO))
    rows, columns = tile.padded(HALO)
    assert np.array_equal(part[rows, columns], whole[rows, columns])
    rest = np.ones(part.shape[:2], bool)
    rest[rows, columns] = False
    assert not part[rest].any() and whole[rest].any()
    assert not frame_with_halo(hopper, face.frame, size, HALO, None).any()


@pytest.mark.parametrize("size", [256, 448, 1024, 2048])
def test_coordinates_are_the_same_at_every_scale(face: Face, size: int) -> None:
    """Resampled from MAP_CELLS, they are what computing them at the frame's own cells gives."""
    points, margin = landmarks_unit(face), map_margin(size, HALO)
    found = engine_positions(face_coordinates(points, MAP_CELLS, margin), margin, size, HALO)
    wanted = face_coordinates(points, size // 4, HALO // 4)
    assert found.shape == (4, (size + 2 * HALO) // 4, (size + 2 * HALO) // 4) and found.dtype == np.float32
    assert (found[3] == np.float32(math.log2(size / 512))).all()
    apart = np.abs(found[:2] - wanted[:2])
    # Half a texel of the atlas; where eyes and lips are closed, triangles are thin and fold.
    assert np.median(apart) < 1e-3 and np.percentile(apart, 95) < 0.01
    assert np.abs(found[2] - wanted[2]).mean() < 0.005


def test_a_frame_of_map_cells_is_taken_as_it_is(face: Face) -> None:
    """At 4 px for each of MAP_CELLS nothing is resampled."""
    size = 4 * MAP_CELLS
    margin = map_margin(size, HALO)
    coordinates = face_coordinates(landmarks_unit(face), MAP_CELLS, margin)
    inner = slice(margin - HALO // 4, margin + MAP_CELLS + HALO // 4)
    assert np.array_equal(engine_positions(coordinates, margin, size, HALO)[:3], coordinates[:, inner, inner])
