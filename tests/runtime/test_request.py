import math

import pytest
from amgan.runtime.errors import UsageError
from amgan.runtime.maps import FaceAges
from amgan.runtime.request import AgeSpec, Request, wanted_ages
from amgan.runtime.zones import PART_NAMES
from hypothesis import given
from hypothesis import strategies as st

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
    request = Request.parse("+20", ["forehead=+25", " jowls-left = 60"], "largest", 0.5)
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
        (("70", [], "smallest"), "'all' or 'largest'"),
        (("70", [], "all", -0.1), "strength"),
        (("70", [], "all", 2.1), "strength"),
        (("70", [], "all", math.nan), "strength"),
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


def test_absolute_age_goes_everywhere() -> None:
    wanted = wanted_ages(Request.parse("70"), NOW)
    assert wanted.base == 70
    assert set(wanted.parts.values()) == {70.0}
    assert tuple(wanted.parts) == PART_NAMES


def test_relative_age_adds_to_each_part() -> None:
    wanted = wanted_ages(Request.parse("+20"), NOW)
    assert wanted.base == 60
    assert all(wanted.parts[n] == NOW.parts[n] + 20 for n in PART_NAMES)


def test_zones_alone_leave_the_rest() -> None:
    wanted = wanted_ages(Request.parse(None, ["crows-feet=+10", "chin=80"]), NOW)
    changed = {n for n in PART_NAMES if wanted.parts[n] != NOW.parts[n]}
    assert changed == {"crows-feet-right", "crows-feet-left", "chin"}
    assert wanted.parts["crows-feet-left"] == NOW.parts["crows-feet-left"] + 10
    assert wanted.parts["chin"] == 80
    assert wanted.base == NOW.base


def test_zones_override_the_age_and_count_from_now() -> None:
    wanted = wanted_ages(Request.parse("70", ["jowls=-5", "jowls-left=20"]), NOW)
    assert wanted.parts["jowls-right"] == NOW.parts["jowls-right"] - 5
    assert wanted.parts["jowls-left"] == 20
    assert wanted.parts["chin"] == 70


def test_results_are_clamped() -> None:
    assert wanted_ages(Request.parse("+60"), NOW, (15, 90)).base == 90
    young = wanted_ages(Request.parse("-60"), NOW, (15, 90))
    assert {young.base, *young.parts.values()} == {15.0}
