"""Zone maps in C are those of Python."""

from __future__ import annotations

import numpy as np
import pytest
from capi import Handle, Library, ZoneAges, cut_frame, zone_ages

from amgan.runtime.ages.maps import MAP_CELLS, build_map, make_footprints
from amgan.runtime.bundle.bundle import SHIPPED, Bundle
from amgan.runtime.engines.frame import FrameWork
from amgan.runtime.engines.openvino import OpenVinoEngine
from amgan.runtime.engines.scheduler.host import HostTileDevice
from amgan.runtime.engines.scheduler.scheduler import FrameScheduler
from amgan.runtime.engines.tiles import mask_cells, plan_tiles
from amgan.runtime.face.finder import Face
from amgan.runtime.face.region_masks import edit_mask
from amgan.runtime.face.zones import PART_NAMES, ZONES
from amgan.runtime.pipeline.face_plan import MASK_PX, TILE_STEP_PX, _engine_map

MAX_YEARS = 0.05


def odd_faces(landmarks: np.ndarray) -> list[np.ndarray]:
    """A real face; turned, mirrored, large, small, partly outside; and points anywhere."""
    rng = np.random.default_rng(3)
    angle = np.radians(27)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centred = landmarks - 0.5
    return [
        landmarks,
        centred @ turn.T + 0.5,
        centred * (-1, 1) + 0.5,
        centred * 1.7 + 0.4,
        centred * 0.2 + 0.8,
        landmarks + 0.55,
        landmarks + 7,
        *(landmarks + rng.normal(0, 0.01, landmarks.shape) for _ in range(3)),
        rng.uniform(-0.2, 1.2, landmarks.shape),
        np.round(landmarks * 32) / 32,  # level, upright and diagonal edges, and points in one place
        np.full_like(landmarks, 1e30),
    ]


def random_ages(rng: np.random.Generator) -> tuple[float, dict[str, float]]:
    """A base age, and ages of most parts, as far apart as can be."""
    base = float(rng.choice([15, 90, 40]))
    return base, {n: float(rng.choice([15, 90, 33.3])) for n in PART_NAMES if rng.random() < 0.8}


@pytest.mark.parametrize(("side", "margin"), [(128, 0), (128, 29), (64, 3), (333, 20)])
def test_maps_are_within_a_twentieth_of_a_year(
    side: int, margin: int, shipped: Handle, landmarks: np.ndarray
) -> None:
    rng = np.random.default_rng(side)
    for number, face in enumerate(odd_faces(landmarks)):
        base, parts = random_ages(rng)
        expected = build_map(make_footprints(face, side, margin), base, parts)
        found = shipped.zone_map(face, zone_ages(base, parts), side, margin)
        assert np.abs(found - expected).max() < MAX_YEARS, number


def test_zones_have_the_names_and_sides_of_python(library: Library) -> None:
    names = [library.raw.amgan_zone_name(z) for z in range(-1, 16)]
    assert names == [None, *(zone.name.encode() for zone in ZONES), None]
    paired = [library.raw.amgan_zone_is_paired(z) for z in range(-1, 16)]
    assert paired == [0, *(int(len(zone.polygons) == 2) for zone in ZONES), 0]


@pytest.mark.parametrize("size", [256, 576])
def test_zones_are_aged_as_python_ages_them(
    size: int, library: Library, faces: list[tuple[np.ndarray, Face]], landmarks: np.ndarray
) -> None:
    manifest = Bundle.open().manifest
    halo = manifest.halo_px
    image = cut_frame(*faces[0], size, halo)
    before = image[halo:-halo, halo:-halo]
    parts = {"forehead": 88.0, "jowls-left": 20.0, "chin": 70.0}
    margin = -(-halo * MAP_CELLS // size) + 1
    years = build_map(make_footprints(landmarks, MAP_CELLS, margin), 60.0, parts)
    trained = np.minimum(years, np.float32(manifest.oldest_trained_age))
    coarse = min(size, MASK_PX)
    mask = edit_mask(landmarks, coarse)
    if coarse != size:
        import cv2

        mask = cv2.resize(mask, (size, size), interpolation=cv2.INTER_LINEAR)

    handle = library.open(SHIPPED, "cpu", "f32")
    engine = OpenVinoEngine(Bundle.open(), "f32")
    with FrameScheduler(HostTileDevice(engine, halo), halo) as scheduler:
        pieces = scheduler.capabilities.pieces
        tiles = plan_tiles(size, 640, mask_cells(mask, TILE_STEP_PX), TILE_STEP_PX, at_least=pieces)
        work = FrameWork(image, _engine_map(trained, margin, size, halo), tuple(tiles))
        aged = scheduler.submit(work).result()
    mixed = before + (aged.astype(np.float32) - before) * mask[..., None]
    found = handle.age_zones(image, halo, landmarks, zone_ages(60.0, parts))
    with_map = handle.age(image, halo, years, margin, landmarks)
    handle.close()
    for one in (found, with_map):
        apart = np.abs(one.astype(int) - np.rint(mixed).astype(int))
        assert apart.max() <= 1
        assert (apart > 0).mean() < 1e-3
        assert np.array_equal(one[mask == 0], before[mask == 0])
    assert (found != before).any(axis=2)[mask > 0].mean() > 0.2


def test_sides_that_are_not_named_have_the_base_age(shipped: Handle, landmarks: np.ndarray) -> None:
    alone = shipped.zone_map(landmarks, zone_ages(50, {"jowls-right": 80, "jowls-left": 50}), 64)
    named = ZoneAges(50)
    for zone in range(len(ZONES)):
        named.years[zone][:] = (float("nan"), float("nan"))
    named.years[[z.name for z in ZONES].index("jowls")][0] = 80
    assert np.array_equal(shipped.zone_map(landmarks, named, 64), alone)
    changed = np.abs(alone - shipped.zone_map(landmarks, zone_ages(50, {}), 64)) > 1
    assert changed[:, :32].any()  # the person's right is on the picture's left
    assert not changed[:, 32:].any()
