"""Which faces may be those of children."""

from __future__ import annotations

import dataclasses

import pytest
from support.fake_pipeline import ages

from amgan.runtime.ages.maps import FaceAges
from amgan.runtime.pipeline.child_rule import CHILD_YEARS, why_a_child, youngest_years


def with_zones(face: FaceAges, years: float, *zones: str) -> FaceAges:
    """The same readings with other years for some zones."""
    parts = {part: years if part.startswith(zones) else old for part, old in face.parts.items()}
    return dataclasses.replace(face, parts=parts)


@pytest.mark.parametrize("years", [1.0, CHILD_YEARS - 0.1, CHILD_YEARS, 40.0])
def test_a_face_that_looks_equally_old_everywhere(years: float) -> None:
    assert youngest_years(ages(years)) == pytest.approx(years)
    assert bool(why_a_child(ages(years))) == (years < CHILD_YEARS)


def test_sunglasses_do_not_make_a_child_an_adult() -> None:
    """Covered zones look old; the others tell."""
    toddler = with_zones(ages(9.0), 45.0, "forehead", "frown", "crows-feet", "under-eye", "upper-eyelids")
    reason = why_a_child(toddler)
    assert "may be a child: the youngest half of its zones reads 9 years, under 16" in reason
    assert "`include_children` ages this face" in reason


def test_a_few_smooth_zones_do_not_make_an_adult_a_child() -> None:
    smooth = with_zones(ages(30.0), 10.0, "forehead", "frown", "chin", "lip-corners")
    assert youngest_years(smooth) == pytest.approx(20.0)
    assert not why_a_child(smooth)


def test_two_sides_of_a_zone_count_once() -> None:
    one_sided = with_zones(ages(30.0), 14.0, "crows-feet-left")
    assert youngest_years(one_sided) == pytest.approx(30.0 - 8.0 / 8)
