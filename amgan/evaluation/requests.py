"""What every face is asked for in an evaluation."""

from __future__ import annotations

from dataclasses import dataclass

ASKED = (25, 30, 40, 50, 60, 70, 75)
"""Ages in years that every face is asked for; the slope is taken over these."""

PRESENT = "+0"
"""The request for the present age: it should change nothing."""

NOW = "now"
"""The name of the unchanged picture among the requests."""

SWEEP = tuple(range(20, 81, 4))
ZONE_YEARS = 40
CYCLE_YEARS = 30
YOUNG, OLD = 45.0, 50.0
"""Faces that read under YOUNG are the ones asked for 70, those over OLD the ones asked for 25."""

OLDER, YOUNGER = "70", "25"
BELIEF_OLDER, BELIEF_YOUNGER = "75", "30"
"""What belief is measured at: those under YOUNG asked for the first, those over OLD for the second."""

BANDS = ((30.0, "under 30"), (45.0, "30 to 45"), (60.0, "45 to 60"))
OLDEST_BAND = "over 60"
AGE_BANDS = (*(name for _, name in BANDS), OLDEST_BAND)


@dataclass(frozen=True)
class Depth:
    """How much is measured: zones and sweeps on every ``every``-th face (0: none), seams on the first."""

    every: int = 5
    seams: int = 6


def age_band(years: float) -> str:
    """The name of the band of an age in years."""
    return next((name for limit, name in BANDS if years < limit), OLDEST_BAND)
