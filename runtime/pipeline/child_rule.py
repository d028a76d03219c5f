"""A rule for faces that may be those of children, by the estimator's readings.

It is no proof of age. The estimator was not trained on children, reads only skin, and has errors of about 5
years at ages of 18 to 30. Occlusions (sunglasses, a fringe, a shadow) make the zones below look older, so
only the youngest half of the zones is used. benchmarks/child_rule.py measures the accuracy of the rule.
"""

from __future__ import annotations

from ..ages.maps import FaceAges
from ..face.zones import ZONES
from .likeness import SURE, Likeness

CHILD_YEARS = 16.0
"""The threshold in years for the mean of the youngest half of the zones."""


def youngest_years(ages: FaceAges) -> float:
    """The mean apparent age in years of the eight youngest of a face's fifteen zones."""
    years = sorted(sum(ages.parts[part] for part in zone.parts) / len(zone.parts) for zone in ZONES)
    half = years[: (len(years) + 1) // 2]
    return sum(half) / len(half)


def why_a_child(ages: FaceAges, likeness: Likeness = SURE) -> str:
    """The reason why a face may be a child's, or ""; names the doubts that it is a face in a photo at all."""
    years = youngest_years(ages)
    if years >= CHILD_YEARS:
        return ""
    doubt = likeness.doubt
    return (
        f"{f'may be no real face, or a child: it {doubt}, and' if doubt else 'may be a child:'} the youngest "
        f"half of its zones reads {years:.0f} years, under {CHILD_YEARS:.0f}; readings are 5 years off at "
        "times (`include_children` ages this face, whatever it reads)"
    )
