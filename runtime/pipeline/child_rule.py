"""Which faces may be those of children, by what the estimator reads.

No proof of anybody's age. The estimator never saw a child, reads skin alone, and is off by some 5 years at a
face of 18 to 30. What covers a face (sunglasses, a fringe, a shadow) makes the zones below look old and
leaves the others alone, so the youngest half of the zones counts: it reads a young adult about as old as they
are. How often the rule is right is measured by benchmarks/child_rule.py.
"""

from __future__ import annotations

from ..ages.maps import FaceAges
from ..face.zones import ZONES

CHILD_YEARS = 16.0
"""Faces whose youngest half of zones reads less may be those of children."""


def youngest_years(ages: FaceAges) -> float:
    """The mean apparent age in years of the eight of a face's fifteen zones that look youngest."""
    years = sorted(sum(ages.parts[part] for part in zone.parts) / len(zone.parts) for zone in ZONES)
    half = years[: (len(years) + 1) // 2]
    return sum(half) / len(half)


def why_a_child(ages: FaceAges) -> str:
    """Why a face may be a child's, or an empty string."""
    years = youngest_years(ages)
    if years >= CHILD_YEARS:
        return ""
    return (
        f"may be a child: the youngest half of its zones reads {years:.0f} years, under {CHILD_YEARS:.0f}; "
        "readings are 5 years off at times (`include_children` ages this face, whatever it reads)"
    )
