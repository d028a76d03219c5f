"""Ages over time."""

from __future__ import annotations

import pytest

from amgan.runtime import Request
from amgan.runtime.ages.request import AgeSpec
from amgan.runtime.errors import UsageError
from amgan.runtime.video.request import Keys, VideoRequest, base_request


def test_one_age_stays() -> None:
    assert Keys.parse("+20").at(99.0) == AgeSpec(20.0, True)


@pytest.mark.parametrize(
    ("easing", "middle"), [("smooth", 50.0), ("linear", 50.0), ("in", 40.0), ("out", 60.0)]
)
def test_ages_over_time(easing: str, middle: float) -> None:
    keys = Keys.parse("0:30,10:70", easing)
    assert keys.at(5.0) == AgeSpec(middle, False)
    assert (keys.at(-1.0).years, keys.at(0.0).years, keys.at(10.0).years, keys.at(60.0).years) == (
        30, 30, 70, 70,
    )  # fmt: skip
    ages = [keys.at(i / 10).years for i in range(101)]
    assert ages == sorted(ages)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("old", "is not an age"),
        ("0:30,x", "no ages over time"),
        ("5:30,1:40", "do not go up"),
        ("0:30,5:+10", "mixes ages and changes"),
    ],
)
def test_what_are_no_ages(text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        Keys.parse(text)


def test_unknown_easing() -> None:
    with pytest.raises(UsageError, match="no easing 'bouncy'"):
        Keys.parse("0:30,1:40", "bouncy")


def test_people_zones_and_the_rest() -> None:
    request = VideoRequest.parse(Request(), None, ["forehead=0:+0,2:+20"], ["2=+30"])
    assert request.at(1, 2.0) == Request(zones=(("forehead", AgeSpec(20.0, True)),))
    assert request.at(2, 0.0) == Request(age=AgeSpec(30.0, True), zones=(("forehead", AgeSpec(0.0, True)),))
    only = VideoRequest.parse(Request(), None, (), ["2=+30"])
    assert only.at(1, 0.0) is None


@pytest.mark.parametrize("text", ["forehead", "=+20"])
def test_what_is_no_zone(text: str) -> None:
    with pytest.raises(UsageError, match="is not a zone with an age"):
        VideoRequest.parse(Request(), None, [text])


@pytest.mark.parametrize("text", ["2", "x=+20", "0=+20"])
def test_what_is_no_face(text: str) -> None:
    with pytest.raises(UsageError, match="is not a face with an age"):
        VideoRequest.parse(Request(), None, (), [text])


def test_what_a_model_cannot_do() -> None:
    with pytest.raises(UsageError, match="nothing was asked for"):
        VideoRequest.parse(Request()).check((15, 90), 4)
    with pytest.raises(UsageError, match="an age of 120"):
        VideoRequest.parse(Request(), "0:30,5:120").check((15, 90), 4)
    with pytest.raises(UsageError, match="strength 2"):
        VideoRequest.parse(base_request(strength=2.0), "70").check((15, 90), 4)
