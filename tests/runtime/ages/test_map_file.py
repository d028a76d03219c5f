"""Maps as files, and what a painted map asks of a face."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from amgan.runtime.ages.map_file import MAX_SIDE, WantedMap, encode_map, read_map_file, write_map_file
from amgan.runtime.ages.maps import FaceAges, build_age_field, make_region_masks
from amgan.runtime.ages.plan import painted_age_field, plan_face
from amgan.runtime.ages.request import Request
from amgan.runtime.errors import UsageError
from amgan.runtime.face.zones import PART_NAMES

NOW = FaceAges(40.0, {name: 30.0 + i for i, name in enumerate(PART_NAMES)})
CELLS, MARGIN, SIZE = 64, 6, 256


def painted() -> np.ndarray:
    years = np.zeros((32, 32))
    years[8:20] = 60.0
    years[20:] = 33.0
    return years


def test_eight_bits_hold_years(tmp_path: Path) -> None:
    Image.fromarray(painted().astype(np.uint8)).save(tmp_path / "map.png")
    found = read_map_file(tmp_path / "map.png")
    assert found.years.dtype == np.float32
    np.testing.assert_array_equal(found.years, painted())


def test_sixteen_bits_hold_years_times_256(tmp_path: Path) -> None:
    Image.fromarray(((painted() + 0.25) * 256).astype(np.uint16)).save(tmp_path / "map.png")
    np.testing.assert_array_equal(read_map_file(str(tmp_path / "map.png")).years, painted() + 0.25)


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.uint8, np.int64])
def test_an_array_holds_years_and_nan_for_no_change(tmp_path: Path, kind: type) -> None:
    years = painted().astype(kind)
    np.save(tmp_path / "map.npy", years)
    np.testing.assert_array_equal(read_map_file(tmp_path / "map.npy").years, painted())
    if np.issubdtype(kind, np.floating):
        years[years == 0] = np.nan
        np.save(tmp_path / "map.npy", years)
        np.testing.assert_array_equal(read_map_file(tmp_path / "map.npy").years, painted())


@pytest.mark.parametrize(("name", "error"), [("map.png", 0.5), ("map.npy", 0.0)])
def test_what_is_written_is_read_back(tmp_path: Path, name: str, error: float) -> None:
    years = np.linspace(15, 90, 48 * 48).reshape(48, 48)
    path = write_map_file(years, tmp_path / name)
    assert np.abs(read_map_file(path).years - years).max() <= error + 1e-5
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("name", "make", "word"),
    [
        ("map.tiff", lambda p: p.write_bytes(b""), "8-bit or 16-bit greyscale .png"),
        ("none.png", lambda p: None, "does not exist"),
        ("map.png", lambda p: p.write_bytes(b"no picture"), "damaged"),
        ("map.npy", lambda p: p.write_bytes(b"no array"), "damaged"),
        ("map.npy", lambda p: p.write_bytes(b""), "damaged"),
        ("map.npy", lambda p: np.save(p, np.array([None, 3])), "damaged"),
        ("map.npy", lambda p: np.save(p, np.full((16, 16), "a")), "does not hold numbers"),
        ("map.npy", lambda p: np.save(p, np.full((16, 16), 1j)), "does not hold numbers"),
        ("map.npy", lambda p: np.save(p, np.ones((16, 17))), "17 x 16: it must be square.*16 to 4096"),
        ("map.npy", lambda p: np.save(p, np.ones((15, 15))), "15 x 15"),
        ("map.npy", lambda p: np.save(p, np.ones((1, MAX_SIDE + 1))), "must be square"),
        ("map.npy", lambda p: np.save(p, np.array(3.0)), "a single number"),
        ("map.npy", lambda p: np.save(p, np.ones((16, 16, 3))), "must be square"),
        ("map.png", lambda p: Image.new("L", (20, 30)).save(p), "20 x 30"),
        ("map.png", lambda p: Image.new("L", (MAX_SIDE + 1, 4)).save(p), "must be square"),
        ("map.png", lambda p: Image.new("RGB", (16, 16), "red").save(p), r"greyscale picture \(RGB\)"),
        ("map.png", lambda p: Image.new("LA", (16, 16), 50).save(p), r"greyscale picture \(LA\)"),
        ("map.png", lambda p: Image.new("L", (16, 16)).save(p), "asks for nothing"),
        ("map.npy", lambda p: np.save(p, np.full((16, 16), np.nan)), "asks for nothing"),
        ("map.npy", lambda p: np.save(p, np.full((16, 16), -3.0)), "negative"),
        ("map.npy", lambda p: np.save(p, np.full((16, 16), np.inf)), "infinite"),
    ],
)
def test_files_that_are_no_map_are_refused(tmp_path: Path, name: str, make: object, word: str) -> None:
    make(tmp_path / name)
    with pytest.raises(UsageError, match=word) as caught:
        read_map_file(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_maps_that_cannot_be_written(tmp_path: Path) -> None:
    for name, years, word in (
        ("map.jpg", np.ones((16, 16)), "name it .png or .npy"),
        ("map.png", np.ones((16, 15)), "must be square"),
        ("/dev/null/map.npy", np.ones((16, 16)), "cannot be written"),
    ):
        with pytest.raises(UsageError, match=word):
            write_map_file(years, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_ages_out_of_range_name_the_range() -> None:
    WantedMap(painted().astype(np.float32)).check_range((15, 90))
    with pytest.raises(UsageError, match=r"'mine\.png' asks for ages of 33 to 60 years: ask for 40 to 90"):
        WantedMap(painted().astype(np.float32), "mine.png").check_range((40, 90))


def test_where_nothing_is_painted_the_skin_stays(unit: np.ndarray) -> None:
    masks = make_region_masks(unit, CELLS, MARGIN)
    years = np.zeros((CELLS, CELLS), np.float32)
    years[40:, :] = 70.0
    now = build_age_field(masks, NOW)
    age_field = painted_age_field(WantedMap(years), now, MARGIN, (50, 90))
    np.testing.assert_array_equal(age_field[: MARGIN + 40], now[: MARGIN + 40])
    assert (age_field[MARGIN + 40 :] == 70).all()
    plan = plan_face(Request(aging_map=WantedMap(years)), NOW, masks, MARGIN, SIZE, (15, 90))
    assert not plan.asked[:150].any()
    assert plan.asked[180:].max() == 1
    assert plan.wanted.parts["forehead"] == pytest.approx(NOW.parts["forehead"], abs=2)
    assert plan.wanted.parts["chin"] == pytest.approx(70, abs=4)


@pytest.mark.parametrize("side", [CELLS, 200, 512])
def test_a_saved_map_asks_for_what_it_was_saved_from(unit: np.ndarray, side: int) -> None:
    wanted = FaceAges(55.0, {**dict.fromkeys(PART_NAMES, 60.0), "forehead": 30.0})
    age_field = build_age_field(make_region_masks(unit, side), wanted)
    masks = make_region_masks(unit, CELLS, MARGIN)
    plan = plan_face(Request(aging_map=WantedMap(age_field)), NOW, masks, MARGIN, SIZE, (15, 90))
    expected = masks.face * (build_age_field(masks, wanted) - build_age_field(masks, NOW))
    inside = (slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
    assert np.abs(plan.change - expected)[inside].mean() < 0.1
    assert plan.wanted.parts["forehead"] == pytest.approx(30, abs=1)
    assert plan.wanted.base == pytest.approx(55, abs=1)


def test_a_plan_without_a_map_is_that_of_age_and_zones(unit: np.ndarray) -> None:
    masks = make_region_masks(unit, CELLS, MARGIN)
    plan = plan_face(Request.parse(None, ["chin=80"]), NOW, masks, MARGIN, SIZE, (15, 90))
    older = build_age_field(masks, FaceAges(NOW.base, {**NOW.parts, "chin": 80.0}))
    np.testing.assert_array_equal(plan.change, masks.face * (older - build_age_field(masks, NOW)))
    trained = plan_face(Request.parse(None, ["chin=80"]), NOW, masks, MARGIN, SIZE, (15, 90), 60.0)
    assert 0 < trained.change.max() < plan.change.max()
    assert plan.asked.shape == (SIZE, SIZE)
    assert plan.asked.dtype == np.float32
    assert not plan.asked[:100].any()
    assert plan.asked.max() == 1
    nothing = plan_face(Request.parse("+0"), NOW, masks, MARGIN, SIZE, (15, 90))
    assert not nothing.asked.any()
    assert nothing.wanted == NOW


@settings(max_examples=25)
@given(
    side=st.integers(16, 90), seed=st.integers(0, 10**6), cells=st.integers(4, 70), margin=st.integers(0, 14)
)
def test_any_painting_gives_a_whole_plan(side: int, seed: int, cells: int, margin: int) -> None:
    rng = np.random.default_rng(seed)
    years = (rng.uniform(15, 90, (side, side)) * (rng.random((side, side)) < 0.5)).astype(np.float32)
    masks = make_region_masks(rng.normal(0.5, 0.4, (468, 2)), cells, margin)
    plan = plan_face(Request(aging_map=WantedMap(years)), NOW, masks, margin, 4 * cells, (15, 90))
    whole = cells + 2 * margin
    assert plan.change.shape == (whole, whole)
    assert -75.01 <= plan.change.min() <= plan.change.max() <= 75.01
    assert plan.asked.shape == (4 * cells, 4 * cells)
    assert 0 <= plan.asked.min() <= plan.asked.max() <= 1
    assert np.isfinite([plan.wanted.base, *plan.wanted.parts.values()]).all()


@pytest.mark.parametrize("suffix", [".png", ".npy"])
def test_the_content_of_a_map_is_that_of_its_file(tmp_path: Path, suffix: str) -> None:
    years = np.linspace(15, 90, 32 * 32, dtype=np.float32).reshape(32, 32)
    path = write_map_file(years, tmp_path / f"map{suffix}")
    assert encode_map(years, suffix) == path.read_bytes()
