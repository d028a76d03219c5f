"""A rule for faces that may be those of children, by the estimator's readings.

It is no proof of age. The estimator was not trained on children, reads only skin, and has errors of about 5
years at ages of 18 to 30. Occlusions (sunglasses, a fringe, a shadow) make the zones below look older, so
only the youngest half of the zones is used. benchmarks/child_rule.py measures the accuracy of the rule.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..ages.maps import FaceAges
from ..face.zones import ZONES

CHILD_YEARS = 16.0
"""The threshold in years for the mean of the youngest half of the zones."""

_LEAST_SCORE, _LEAST_BARE, _MOST_FLAT = 0.75, 0.5, 0.6
"""Of 125 portraits that read under 18 years none has a score under 0.8, less than 0.73 of bare skin or more
than 0.21 of flat pixels; circles with dots for eyes have 0.35 to 0.63, 0.04 to 0.75 and up to 0.95."""


@dataclass(frozen=True)
class Likeness:
    """How much a face looks like one in a photo.

    ``score`` is the detector's, ``bare`` the share of it that looks like its own skin, ``flat`` the share of
    pixels with exactly the colour of their neighbours; each 0..1.
    """

    score: float = 1.0
    bare: float = 1.0
    flat: float = 0.0

    @property
    def doubt(self) -> str:
        """What speaks against a face in a photo, or "": follows "it"."""
        if self.flat > _MOST_FLAT:
            return "has large areas of exactly one colour, as drawings have"
        if self.bare < _LEAST_BARE:
            return f"shows skin on {self.bare:.0%} of its area only"
        if self.score < _LEAST_SCORE:
            return f"was found with a low score, {self.score:.2f}"
        return ""


SURE = Likeness()


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
