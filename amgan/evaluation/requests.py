"""The requests made for every face in an evaluation."""

from __future__ import annotations

from dataclasses import dataclass

from amgan.runtime.ages.request import Request

ASKED = (25, 30, 40, 50, 60, 70, 75)
"""Requested ages in years; the slope is fitted over these."""

PRESENT = "+0"
"""The request for the present age, which should change nothing."""

NOW = "now"
"""The unchanged picture's name among the requests."""

SWEEP = tuple(range(20, 81, 4))
ZONE_YEARS = 40
CYCLE_YEARS = 30
YOUNG, OLD = 45.0, 50.0
"""Readings in years: faces under YOUNG are aged to OLDER, those over OLD to YOUNGER."""

OLDER, YOUNGER = "70", "25"
BELIEF_OLDER, BELIEF_YOUNGER = "75", "30"
"""Requests for plausibility: faces under YOUNG are aged to the first, those over OLD to the second."""

BANDS = ((30.0, "under 30"), (45.0, "30 to 45"), (60.0, "45 to 60"))
OLDEST_BAND = "over 60"
AGE_BANDS = (*(name for _, name in BANDS), OLDEST_BAND)


@dataclass(frozen=True)
class Depth:
    """Extent of an evaluation: zones and sweeps on each ``every``-th face (0: none), seams on ``seams``."""

    every: int = 5
    seams: int = 6


def age_band(years: float) -> str:
    """The name of the band of an age in years."""
    return next((name for limit, name in BANDS if years < limit), OLDEST_BAND)


def complete_changes() -> dict[str, bool]:
    """What changes beside the skin in complete versions: what a request changes unless it is told not to."""
    usual = Request()
    return {"shape": usual.shape, "features": usual.features, "neck": usual.neck, "hair": usual.hair}
