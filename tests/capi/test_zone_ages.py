"""Ages of zones in C - read out of maps, moved, and asked for - are those of Python."""

from __future__ import annotations

import ctypes
from dataclasses import replace

import numpy as np
import pytest
from support.capi import ARGUMENT, AmganError, Handle, Library, cut_frame
from support.capi_structures import ZoneAges, face_ages, zone_ages

from amgan.runtime.ages.atlas_transfer import face_age
from amgan.runtime.ages.maps import FaceAges, build_map, make_region_masks, read_map
from amgan.runtime.ages.request import AgeSpec, Request, wanted_ages
from amgan.runtime.bundle.bundle import SHIPPED, Bundle
from amgan.runtime.engines.scheduler.scheduler import open_scheduler
from amgan.runtime.face.finder import Face
from amgan.runtime.face.zones import PART_NAMES, ZONES
from amgan.runtime.pipeline.estimator import Estimator
from amgan.runtime.pipeline.face_plan import plan_work
from amgan.runtime.pipeline.seen_face import see_face

THIN_YEARS = 4.5
"""Averaging a map of 200 or 256 cells down blurs thin zones: 1.2 to 4.3 years over 13 faces of ages."""

# Python sums in 32 bits, C in 64: the coarser the map, the less that matters.
COARSE_YEARS, EXACT_YEARS = 0.001, 0.02
ROUNDED_YEARS = 1e-4


def apart(found: FaceAges, wanted: FaceAges) -> float:
    """The largest difference in years."""
    assert found.parts.keys() == wanted.parts.keys()
    return max(
        abs(found.base - wanted.base), *(abs(found.parts[name] - wanted.parts[name]) for name in PART_NAMES)
    )


def random_ages(rng: np.random.Generator) -> FaceAges:
    return FaceAges(float(rng.uniform(15, 90)), {n: float(rng.uniform(15, 90)) for n in PART_NAMES})


def as_zones(ages: FaceAges) -> ZoneAges:
    return zone_ages(ages.base, dict(ages.parts))


@pytest.mark.parametrize("cells", [1, 7, 8, 16, 24, 50, 64, 127])
def test_a_coarse_map_is_read_as_in_python(cells: int, shipped: Handle, landmarks: np.ndarray) -> None:
    rng = np.random.default_rng(cells)
    masks = make_region_masks(landmarks, 128)
    for years in (rng.uniform(5, 95, (cells, cells)), np.full((cells, cells), 45.0)):
        shown = years.astype(np.float32)
        assert apart(face_ages(shipped.read_zones(landmarks, shown)), read_map(masks, shown)) < COARSE_YEARS


@pytest.mark.parametrize("cells", [128, 256, 200])
def test_a_drawn_map_gives_its_ages_back(cells: int, shipped: Handle, landmarks: np.ndarray) -> None:
    rng = np.random.default_rng(cells)
    wanted = random_ages(rng)
    drawn = build_map(make_region_masks(landmarks, cells), wanted.base, wanted.parts)
    found = face_ages(shipped.read_zones(landmarks, drawn))
    assert apart(found, read_map(make_region_masks(landmarks, 128), drawn)) < EXACT_YEARS
    assert apart(found, wanted) < (EXACT_YEARS if cells == 128 else THIN_YEARS)
    own = shipped.zone_map(landmarks, as_zones(wanted), cells, 5)
    assert apart(face_ages(shipped.read_zones(landmarks, own, 5)), wanted) < (
        0.5 if cells == 128 else THIN_YEARS
    )


def test_faces_that_lie_oddly(shipped: Handle, landmarks: np.ndarray) -> None:
    rng = np.random.default_rng(4)
    for points in (
        (landmarks - 0.5) * (-1, 1) + 0.5, landmarks + 0.4, landmarks * 0.2, landmarks + 7,
        rng.uniform(-0.2, 1.2, landmarks.shape), np.full_like(landmarks, 1e30),
    ):  # fmt: skip
        shown = rng.uniform(15, 90, (16, 16)).astype(np.float32)
        wanted = read_map(make_region_masks(points, 128), shown)
        assert apart(face_ages(shipped.read_zones(points, shown)), wanted) < COARSE_YEARS
    nobody = face_ages(shipped.read_zones(landmarks + 7, shown))
    assert apart(nobody, FaceAges(45.0, dict.fromkeys(PART_NAMES, 45.0))) < ROUNDED_YEARS


@pytest.mark.parametrize("number", [0, 1])
def test_a_face_is_read_as_python_reads_it(
    number: int, shipped: Handle, faces: list[tuple[np.ndarray, Face]]
) -> None:
    photo, face = faces[number]
    seen = see_face(photo, face, Bundle.open().manifest, Estimator(Bundle.open()))
    same = shipped.estimate(cut_frame(photo, face, 256, 0))  # what Python's estimator is given
    assert apart(face_ages(shipped.read_zones(seen.landmarks, same)), seen.now) < COARSE_YEARS
    # From a frame of the size that Python ages, which is resampled once more.
    larger = shipped.estimate(cut_frame(photo, face, seen.frame_px, 0))
    assert apart(face_ages(shipped.read_zones(seen.landmarks, larger)), seen.now) < 2.0


def test_sides_that_zones_lack_are_no_numbers(shipped: Handle, landmarks: np.ndarray) -> None:
    ages = shipped.read_zones(landmarks, np.full((16, 16), 70, np.float32))
    for z, zone in enumerate(ZONES):
        assert list(np.isnan(ages.years[z])) == [False, len(zone.polygons) == 1]


@pytest.mark.parametrize("seed", range(5))
def test_moves_are_those_of_python(seed: int, library: Library, shipped: Handle) -> None:
    rng = np.random.default_rng(seed)
    now = random_ages(rng)
    assert library.face_age(as_zones(now)) == pytest.approx(face_age(now), abs=ROUNDED_YEARS)
    for asked in ("15", "40", "90", "+0.5", "+20", "-30", "-80", "+80"):
        spec = AgeSpec.parse(asked)
        wanted = wanted_ages(Request(spec), now, (15.0, 90.0))
        found = shipped.move_zones(as_zones(now), spec.apply(library.face_age(as_zones(now))))
        assert apart(face_ages(found), wanted) < ROUNDED_YEARS, asked


def test_no_move_changes_nothing(library: Library, shipped: Handle) -> None:
    now = as_zones(FaceAges(3.0, {name: 99.0 for name in PART_NAMES}))  # beyond the range, as readings may be
    still = shipped.move_zones(now, library.face_age(now))
    assert bytes(still.years) == bytes(now.years)
    assert still.base == 3.0
    own = zone_ages(50.0, {})  # all have the base age; in place
    raw = library.raw.amgan_move_zones
    library.check(raw(shipped.handle, ctypes.byref(own), 60.0, ctypes.byref(own)))
    assert face_ages(own) == FaceAges(60.0, dict.fromkeys(PART_NAMES, 60.0))


REQUESTS = {
    "20 years older": Request(AgeSpec(20, True), include_children=True),
    "70 years": Request(AgeSpec(70, False), include_children=True),
    "one zone": Request(None, (("forehead", AgeSpec(25, True)),), include_children=True),
    "a little": Request(AgeSpec(3, True), include_children=True),
}


@pytest.mark.parametrize("asked", REQUESTS)
def test_a_request_gives_the_pixels_of_python(
    asked: str, library: Library, faces: list[tuple[np.ndarray, Face]]
) -> None:
    """Reading, moving and ageing in C, beside all that the Python runtime does before it pastes."""
    request, bundle = REQUESTS[asked], Bundle.open()
    photo, face = faces[1]
    seen = see_face(photo, face, bundle.manifest, Estimator(bundle))
    with open_scheduler(bundle, "cpu", "f32") as scheduler:
        work = plan_work(photo, seen, request, bundle.manifest, scheduler.capabilities, "face")
        aged = scheduler.submit(work.frame).result()
    halo = bundle.manifest.halo_px
    padded = cut_frame(photo, face, seen.frame_px, halo)
    before = padded[halo:-halo, halo:-halo]
    expected = np.rint(before + (aged.astype(np.float32) - before) * work.mask[..., None])
    expected[work.mask == 0] = before[work.mask == 0]  # Python fills in no pixels that it does not need

    handle = library.open(SHIPPED, "cpu", "f32")
    now = handle.read_zones(seen.landmarks, handle.estimate(cut_frame(photo, face, 256, 0)))
    if request.age is None:
        wanted = replace(face_ages(now), parts=face_ages(now).parts | {"forehead": now.years[0][0] + 25})
        found = handle.age_zones(padded, halo, seen.landmarks, as_zones(wanted), now)
    else:
        wanted = handle.move_zones(now, request.age.apply(library.face_age(now)))
        found = handle.age_zones(padded, halo, seen.landmarks, wanted, now)
    handle.close()
    off = np.abs(found.astype(int) - expected.astype(int))
    assert off.max() <= 1
    assert (off > 0).mean() < 2e-3
    changed = (found != before).any(axis=2)
    assert not changed[work.mask == 0].any()
    assert changed.mean() > (0.01 if asked in {"one zone", "a little"} else 0.1)


def test_ages_beyond_the_range_may_stay(shipped: Handle, landmarks: np.ndarray) -> None:
    image = np.zeros((256, 256, 3), np.uint8)
    now = zone_ages(40.0, {"chin": 95.0})
    assert np.array_equal(shipped.age_zones(image, 0, landmarks, now, now), image)
    with pytest.raises(AmganError, match=r"an age of 95.0 years cannot be had"):
        shipped.age_zones(image, 0, landmarks, now)
    with pytest.raises(AmganError, match=r"an age of 95.0 years cannot be had") as caught:
        shipped.age_zones(image, 0, landmarks, now, zone_ages(40.0, {"chin": 94.0}))
    assert caught.value.status == ARGUMENT
    low = zone_ages(3.0, {"chin": 40.0})
    with pytest.raises(AmganError, match=r"an age of 3.0 years cannot be had"):
        shipped.age_zones(image, 0, landmarks, low, now)


def test_wrong_calls_fill_in_nothing(library: Library, shipped: Handle, landmarks: np.ndarray) -> None:
    rng = np.random.default_rng(9)
    with pytest.raises(AmganError, match="shows an age of inf years, which nobody has"):
        shipped.read_zones(landmarks, np.full((16, 16), np.inf, np.float32))
    for _ in range(200):  # any bytes as landmarks and map: ages or a sentence
        points = np.frombuffer(rng.bytes(landmarks.nbytes), np.float64).reshape(landmarks.shape)
        if rng.random() < 0.5:
            points = np.nan_to_num(points, posinf=1e308, neginf=-1e308)
        shown = np.frombuffer(rng.bytes(64 * 4), np.float32).reshape(8, 8)
        if rng.random() < 0.5:
            shown = np.nan_to_num(shown, posinf=90, neginf=15)
        try:
            shipped.read_zones(points, shown)
        except AmganError as error:
            assert error.status == ARGUMENT
            assert "not a number" in str(error) or "which nobody has" in str(error)
    with pytest.raises(AmganError, match="one of the ages now is nan years, which nobody has"):
        shipped.move_zones(zone_ages(float("nan"), {}), 40.0)
    with pytest.raises(AmganError, match="an age of inf years cannot be had"):
        shipped.move_zones(zone_ages(40.0, {}), float("inf"))
    with pytest.raises(AmganError, match="one of the zone ages is inf years, which nobody has"):
        library.face_age(zone_ages(40.0, {"chin": float("inf")}))
