import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.atlas_helpers import make_atlas

from amgan.runtime.ages.atlas import Atlas, Curve, write_atlas
from amgan.runtime.ages.atlas_transfer import MAX_OFFSET_YEARS, AtlasTransfer, face_age
from amgan.runtime.ages.maps import FaceAges
from amgan.runtime.ages.request import AgeSpec, Request, wanted_ages
from amgan.runtime.errors import UsageError
from amgan.runtime.face.zones import PART_NAMES

NOW = FaceAges(40.0, {name: 30.0 + i for i, name in enumerate(PART_NAMES)})


@pytest.mark.parametrize(
    ("text", "years", "relative"),
    [
        ("70", 70, False),
        ("+20", 20, True),
        ("-10", -10, True),
        (" 33.5 ", 33.5, False),
        ("+0", 0, True),
        ("−5", -5, True),
    ],
)
def test_age_spec_reads_what_people_write(text: str, years: float, relative: bool) -> None:
    assert AgeSpec.parse(text) == AgeSpec(years, relative)


@pytest.mark.parametrize("text", ["", "old", "nan", "inf", "1e3", "+", "70 years", "--5", "7000", "0x10"])
def test_age_spec_refuses_the_rest(text: str) -> None:
    with pytest.raises(UsageError, match="is not an age"):
        AgeSpec.parse(text)


@given(st.integers(-99, 99), st.booleans())
def test_age_spec_prints_what_it_reads(years: int, relative: bool) -> None:
    spec = AgeSpec(float(years if relative else abs(years)), relative)
    assert AgeSpec.parse(str(spec)) == spec


def test_parse_builds_a_request() -> None:
    request = Request.parse("+20", ["forehead=+25", " jowls-left = 60"], "largest", strength=0.5)
    assert request.age == AgeSpec(20, True)
    assert request.zones == (("forehead", AgeSpec(25, True)), ("jowls-left", AgeSpec(60, False)))
    assert (request.faces, request.strength) == ("largest", 0.5)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((None, []), "nothing was asked for"),
        (("70", ["forehead"]), "not a zone with an age"),
        (("70", ["=30"]), "not a zone with an age"),
        (("70", ["elbow=30"]), "no zone 'elbow'"),
        (("70", ["forehead=old"]), "is not an age"),
        (("70", [], "smallest"), "'all', 'largest', 'left', 'right', a number"),
    ],
)
def test_parse_refuses_nonsense(arguments: tuple, word: str) -> None:
    with pytest.raises(UsageError, match=word) as caught:
        Request.parse(*arguments)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("request_", "word"),
    [
        (Request(), "nothing was asked for"),
        (Request(AgeSpec(14, False)), "15 to 90"),
        (Request(AgeSpec(91, False)), "15 to 90"),
        (Request(zones=(("chin", AgeSpec(95, False)),)), "15 to 90"),
        (Request(zones=(("elbow", AgeSpec(50, False)),)), "no zone"),
        (Request(AgeSpec(math.nan, True)), "makes no sense"),
    ],
)
def test_check_refuses_what_the_model_cannot_do(request_: Request, word: str) -> None:
    with pytest.raises(UsageError, match=word):
        request_.check((15, 90))


def test_relative_ages_are_never_out_of_range() -> None:
    Request(AgeSpec(300, True)).check((15, 90))


MEAN = face_age(NOW)


def test_the_age_of_a_face_is_the_mean_of_its_zones() -> None:
    ages = dict.fromkeys(PART_NAMES, 40.0)
    assert face_age(FaceAges(99.0, ages)) == 40
    assert face_age(FaceAges(99.0, {**ages, "chin": 70.0})) == pytest.approx(42)
    assert face_age(FaceAges(99.0, {**ages, "jowls-left": 70.0})) == pytest.approx(41)


def test_an_absolute_age_keeps_each_offset() -> None:
    wanted = wanted_ages(Request.parse("70"), NOW)
    assert tuple(wanted.parts) == PART_NAMES
    assert face_age(wanted) == pytest.approx(70)
    assert wanted.base == pytest.approx(70 + NOW.base - MEAN)
    for name in PART_NAMES:
        assert wanted.parts[name] == pytest.approx(70 + NOW.parts[name] - MEAN)


@pytest.mark.parametrize("population", [None, "shifted", "curved"])
def test_a_younger_age_takes_the_offsets_with_it(population: str | None) -> None:
    """Who asks for 30 at 65 is not left with a forehead of 45."""
    given = norms(population)
    now = FaceAges(65.0, {**dict.fromkeys(PART_NAMES, 65.0), "forehead": 80.0, "chin": 50.0})
    face = AtlasTransfer(**given).face_now(now)
    wanted = wanted_ages(Request(AgeSpec(face * 0.4, False), **given), now)
    plain = wanted.parts["upper-lip"]
    assert plain < wanted.parts["forehead"] < plain + 0.6 * 15
    assert plain > wanted.parts["chin"] > plain - 0.6 * 15
    half = wanted_ages(Request(AgeSpec(face, False), **given), now)
    assert half == now
    if population is None:
        assert wanted.parts["forehead"] - 26 == pytest.approx(0.4 * 15)
        assert wanted.base == pytest.approx(26)
        assert face_age(wanted) == pytest.approx(26)


def test_younger_than_new_born_leaves_no_offset() -> None:
    wanted = wanted_ages(Request(AgeSpec(-90, True)), NOW)
    assert all(years == pytest.approx(MEAN - 90) for years in wanted.parts.values())


def test_a_relative_age_adds_to_each_part() -> None:
    wanted = wanted_ages(Request.parse("+20"), NOW)
    assert wanted.base == pytest.approx(60)
    assert all(wanted.parts[n] == pytest.approx(NOW.parts[n] + 20) for n in PART_NAMES)


@pytest.mark.parametrize("population", [None, "shifted", "curved"])
def test_plus_nothing_is_exactly_nothing(population: str | None) -> None:
    request = Request(AgeSpec(0, True), (("chin", AgeSpec(0, True)),), **norms(population))
    assert wanted_ages(request, NOW, (35, 50)) == NOW


@pytest.mark.parametrize("now", [-25.0, 25.0])
@pytest.mark.parametrize("move", [-40.0, -8.0, -1e-6, 1e-6, 8.0, 40.0])
def test_an_extreme_offset_shrinks_as_far_as_the_face_moves(now: float, move: float) -> None:
    odd = FaceAges(50.0, {**dict.fromkeys(PART_NAMES, 50.0), "chin": 50.0 + now, "jowls-left": 50 - 2 * now,
                          "jowls-right": 50.0})  # fmt: skip
    assert face_age(odd) == pytest.approx(50)
    wanted = wanted_ages(Request(AgeSpec(move, True)), odd)
    offset = wanted.parts["chin"] - 50 - move
    kept = 25 * min(1.0, (50 + move) / 50)
    assert offset == pytest.approx(math.copysign(min(kept, max(MAX_OFFSET_YEARS, 25 - abs(move))), now))
    # However extreme, no part moves the other way.
    assert all((wanted.parts[n] - odd.parts[n]) * move >= -1e-9 for n in PART_NAMES)


@given(st.floats(15, 90), st.floats(0.01, 5), st.sampled_from([None, "shifted", "curved"]))
def test_wanted_ages_rise_smoothly_with_the_target(
    target: float, step: float, population: str | None
) -> None:
    first, second = (
        wanted_ages(Request(AgeSpec(years, False), **norms(population)), NOW)
        for years in (target, target + step)
    )
    for name in PART_NAMES:
        assert -1e-9 <= second.parts[name] - first.parts[name] <= 4 * step
    assert 0 <= second.base - first.base <= 4 * step


def norms(kind: str | None) -> dict[str, Atlas]:
    """A population and the reference: looking ten years younger at every age, or with another rhythm."""
    if kind is None:
        return {}
    shifted = Curve((10.0, 110.0), (0.0, 100.0), "points")
    curved = Curve((20.0, 50.0, 80.0), (20.0, 40.0, 80.0), "points")
    reference = make_atlas("base", Curve((0.0, 100.0), (0.0, 100.0), "points"))
    return {"population": make_atlas(kind, shifted if kind == "shifted" else curved), "reference": reference}


def test_a_population_that_looks_younger_shifts_every_sign() -> None:
    """Who is 70 there has the scores that are usual at 60 by the reference."""
    plain = wanted_ages(Request(AgeSpec(60, False)), NOW)
    shifted = wanted_ages(Request(AgeSpec(70, False), **norms("shifted")), NOW)
    for name in PART_NAMES:
        assert shifted.parts[name] == pytest.approx(plain.parts[name])
    assert shifted.base == pytest.approx(plain.base)


def test_signs_move_along_their_curves_and_keep_the_offset_in_score() -> None:
    given = norms("curved")
    curve = given["population"].curves["chin"]
    now = FaceAges(40.0, {**dict.fromkeys(PART_NAMES, 40.0), "chin": 46.0})
    face = AtlasTransfer(**given).face_now(now)
    wanted = wanted_ages(Request(AgeSpec(70, False), **given), now)
    # The reference's score of an age is that age, so the map's years are scores here.
    assert wanted.parts["chin"] == pytest.approx(curve.score_of(70.0) + 46 - curve.score_of(face))
    assert wanted.parts["forehead"] == pytest.approx(curve.score_of(70.0) + 40 - curve.score_of(face))


def test_an_atlas_of_another_unit_is_its_own_reference() -> None:
    given = norms("shifted")
    other = make_atlas("grades", Curve((10.0, 110.0), (0.0, 1.0), "grades"))
    wanted = wanted_ages(Request(AgeSpec(70, False), population=other, reference=given["reference"]), NOW)
    plain = wanted_ages(Request(AgeSpec(70, False)), NOW)
    assert all(wanted.parts[n] == pytest.approx(plain.parts[n]) for n in PART_NAMES)


def test_a_zone_asked_absolutely_has_exactly_that_age() -> None:
    wanted = wanted_ages(Request.parse("70", ["forehead=33.5", "jowls-left=80"]), NOW)
    assert wanted.parts["forehead"] == 33.5
    assert wanted.parts["jowls-left"] == 80
    by_norm = wanted_ages(Request(zones=(("chin", AgeSpec(60, False)),), **norms("shifted")), NOW)
    assert by_norm.parts["chin"] == pytest.approx(50)


def test_zones_alone_leave_the_rest() -> None:
    wanted = wanted_ages(Request.parse(None, ["crows-feet=+10", "chin=80"]), NOW)
    changed = {n for n in PART_NAMES if wanted.parts[n] != NOW.parts[n]}
    assert changed == {"crows-feet-right", "crows-feet-left", "chin"}
    assert wanted.parts["crows-feet-left"] == NOW.parts["crows-feet-left"] + 10
    assert wanted.base == NOW.base


def test_zones_override_the_age_and_count_from_now() -> None:
    wanted = wanted_ages(Request.parse("70", ["jowls=-5", "jowls-left=20"]), NOW)
    assert wanted.parts["jowls-right"] == NOW.parts["jowls-right"] - 5
    assert wanted.parts["jowls-left"] == 20
    assert wanted.parts["chin"] == pytest.approx(70 + NOW.parts["chin"] - MEAN)


def test_results_are_clamped() -> None:
    assert wanted_ages(Request.parse("+60"), NOW, (15, 90)).base == 90
    young = wanted_ages(Request.parse("-60"), NOW, (15, 90))
    assert {young.base, *young.parts.values()} == {15.0}


def test_parse_reads_the_map_and_the_population(tmp_path: Path) -> None:
    painted = tmp_path / "painted.npy"
    np.save(painted, np.full((16, 16), 60.0))
    request = Request.parse(None, map_file=painted)
    assert request.aging_map is not None
    assert (request.aging_map.years == 60).all()
    atlas = write_atlas(make_atlas(), tmp_path / "mine.json")
    request = Request.parse("70", population=str(atlas))
    assert request.population == make_atlas()
    with pytest.raises(UsageError, match="no population 'atlantis'"):
        Request.parse("70", population="atlantis")
    for more in ({"age": "70"}, {"age": None, "zones": ["chin=30"]}, {"age": None, "population": atlas}):
        with pytest.raises(UsageError, match="leave age, zones and population out"):
            Request.parse(**more, map_file=painted)
    with pytest.raises(UsageError, match="ask for 15 to 50"):
        Request.parse(None, map_file=painted).check((15, 50))


@pytest.mark.parametrize("lines", [-0.1, 1.51, math.nan])
def test_lines_are_within_0_to_1_5(lines: float) -> None:
    with pytest.raises(UsageError, match=r"lines of .* are not within 0 to 1.5"):
        Request.parse("70", lines=lines)


@pytest.mark.parametrize("strength", [-0.1, 1.01, math.nan])
def test_a_strength_is_within_0_to_1(strength: float) -> None:
    with pytest.raises(UsageError, match=r"strength .* is not within 0 to 1"):
        Request.parse("70", strength=strength)
