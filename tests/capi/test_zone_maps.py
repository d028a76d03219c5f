"""Zone maps in C are those of Python."""

from __future__ import annotations

import numpy as np
import pytest
from support.capi import Handle, Library, cut_frame
from support.capi_structures import ZoneAges, zone_ages

from amgan.runtime.ages.maps import (
    MAP_CELLS,
    FaceAges,
    build_age_field,
    build_map,
    change_mask,
    make_region_masks,
)
from amgan.runtime.bundle.bundle import SHIPPED, Bundle
from amgan.runtime.engines.frame import FrameWork
from amgan.runtime.engines.openvino import OpenVinoEngine
from amgan.runtime.engines.scheduler.host import HostTileDevice
from amgan.runtime.engines.scheduler.scheduler import FrameScheduler
from amgan.runtime.engines.tiles import mask_cells, plan_tiles
from amgan.runtime.face.coordinates import face_coordinates, resize_plane
from amgan.runtime.face.finder import Face
from amgan.runtime.face.region_masks import edit_mask
from amgan.runtime.face.zones import PART_NAMES, ZONES
from amgan.runtime.pipeline.drawn_plan import MASK_PX
from amgan.runtime.pipeline.engine_frame import TILE_STEP_PX, engine_map, engine_positions
from amgan.runtime.pipeline.estimator import landmarks_unit
from amgan.runtime.pipeline.seen_face import map_margin

KEPT = [name for name in PART_NAMES if name.endswith("-right")]


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
        *(rng.uniform(-0.2, 1.2, landmarks.shape) for _ in range(5)),
        rng.uniform(-30, 30, landmarks.shape),
        np.round(landmarks * 32) / 32,  # level, upright and diagonal edges, and points in one place
        np.full_like(landmarks, 1e30),
    ]


def random_ages(rng: np.random.Generator) -> tuple[float, dict[str, float]]:
    """A base age, and ages of most parts, as far apart as can be."""
    base = float(rng.choice([15, 90, 40]))
    return base, {n: float(rng.choice([15, 90, 33.25])) for n in PART_NAMES if rng.random() < 0.8}


@pytest.mark.parametrize(("side", "margin"), [(128, 0), (128, 29), (64, 3), (333, 20)])
def test_maps_are_the_same_to_the_last_bit(
    side: int, margin: int, shipped: Handle, landmarks: np.ndarray
) -> None:
    rng = np.random.default_rng(side)
    for number, face in enumerate(odd_faces(landmarks)):
        base, parts = random_ages(rng)
        expected = build_map(make_region_masks(face, side, margin), base, parts)
        found = shipped.zone_map(face, zone_ages(base, parts), side, margin)
        assert np.array_equal(found, expected), number


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
    # The face looks 35, its chin 50; the right cheek keeps its age, and 88 years are more than was trained.
    now = FaceAges(35.0, {"chin": 50.0})
    wanted = FaceAges(60.0, {"forehead": 88.0, "jowls-left": 20.0, "chin": 70.0} | dict.fromkeys(KEPT, 35.0))
    margin = map_margin(size, halo)
    masks = make_region_masks(landmarks, MAP_CELLS, margin)
    field_now, age_field = build_age_field(masks, now), build_age_field(masks, wanted)
    trained = np.minimum(age_field, np.maximum(field_now, np.float32(manifest.oldest_trained_age)))
    change = np.asarray(masks.face * (trained - field_now), np.float32)
    assert (trained < age_field).any()
    coarse = min(size, MASK_PX)
    face_mask = edit_mask(landmarks, coarse)
    cut = slice(margin, margin + MAP_CELLS)
    asked_mask = face_mask * change_mask((age_field - field_now)[cut, cut], coarse)
    assert ((asked_mask == 0) & (face_mask > 0)).any()

    handle = library.open(SHIPPED, "cpu", "f32")
    pattern = handle.skin_pattern(before, landmarks)
    engine = OpenVinoEngine(Bundle.open(), "f32")
    with FrameScheduler(HostTileDevice(engine, halo), halo) as scheduler:
        for mask, aged_in_c in (
            (asked_mask, handle.age_zones(image, halo, landmarks, as_zones(wanted), as_zones(now))),
            (face_mask, handle.age(image, halo, change, margin, landmarks)),
        ):
            mixed = aged_by_python(scheduler, image, change, margin, landmarks, mask, pattern)
            assert np.array_equal(aged_in_c, np.rint(mixed))
            full = resize_plane(mask, size)
            assert np.array_equal(aged_in_c[full == 0], before[full == 0])
            assert (aged_in_c != before).any(axis=2)[full > 0].mean() > 0.2
    handle.close()


def as_zones(ages: FaceAges) -> ZoneAges:
    return zone_ages(ages.base, dict(ages.parts))


def aged_by_python(
    scheduler: FrameScheduler,
    image: np.ndarray,
    change: np.ndarray,
    margin: int,
    landmarks: np.ndarray,
    mask: np.ndarray,
    pattern: np.ndarray,
) -> np.ndarray:
    """The frame inside of ``image``, changed where the mask says, unrounded."""
    manifest = Bundle.open().manifest
    halo = manifest.halo_px
    size = image.shape[0] - 2 * halo
    full = resize_plane(mask, size)
    cells = mask_cells(full, TILE_STEP_PX)
    tiles = plan_tiles(size, 640, cells, TILE_STEP_PX, at_least=scheduler.capabilities.min_tiles)
    work = FrameWork(
        image,
        engine_map(change, margin, size, halo),
        engine_positions(face_coordinates(landmarks, MAP_CELLS, margin), margin, size, halo),
        pattern,
        tuple(tiles),
    )
    aged = scheduler.submit(work).result()
    before = image[halo:-halo, halo:-halo]
    mixed = before + (aged.astype(np.float32) - before) * full[..., None]
    return np.where(full[..., None] == 0, before, mixed)  # no tile is computed where the mask is 0


def test_ages_now_are_read_from_the_frame_where_they_are_not_given(
    library: Library, shipped: Handle, faces: list[tuple[np.ndarray, Face]]
) -> None:
    frame, landmarks = cut_frame(*faces[1], 256, 0), landmarks_unit(faces[1][1])
    now = shipped.read_zones(landmarks, shipped.estimate(frame))
    wanted = zone_ages(70.0, {"forehead": float(now.years[0][0])})
    found = shipped.age_zones(frame, 0, landmarks, wanted)
    assert np.array_equal(found, shipped.age_zones(frame, 0, landmarks, wanted, now))
    assert (found != frame).any()
    # Zones that keep the age that they show keep their pixels.
    kept = shipped.move_zones(now, library.face_age(now))
    kept.years[0][0] = 40
    found = shipped.age_zones(frame, 0, landmarks, kept)
    changed = (found != frame).any(axis=2)
    assert changed[:128].any()
    assert not changed[160:].any()


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
