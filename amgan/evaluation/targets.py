"""Target ranges for the measures, and whether a result reaches them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .belief_summary import OLDER_KEY, YOUNGER_KEY
from .judges.own import NAME as OWN


@dataclass(frozen=True)
class Target:
    """A measure: its text, path in a result, target range (None: no limit), unit and digits."""

    text: str
    path: tuple[str, ...]
    lowest: float | None = None
    highest: float | None = None
    unit: str = ""
    digits: int = 2

    def wanted(self) -> str:
        """The target range as text."""
        unit = f" {self.unit}" if self.unit else ""
        if self.lowest is not None and self.highest is not None:
            return f"{self.lowest:g} to {self.highest:g}{unit}"
        if self.lowest is not None:
            return f"at least {self.lowest:g}{unit}"
        return f"at most {self.highest:g}{unit}"

    def reached(self, value: float) -> bool:
        """Whether a value is in the range."""
        low = self.lowest is None or value >= self.lowest
        return low and (self.highest is None or value <= self.highest)


def belief_targets(judge: str) -> tuple[Target, ...]:
    """The targets of plausibility that depend on a judge of ages."""
    older, younger = (("all", "belief", key, "years", judge) for key in (OLDER_KEY, YOUNGER_KEY))
    return (
        Target(f"Under 45, asked for 75: years gained ({judge})", older, lowest=18, unit="years", digits=1),
        Target(
            f"Over 50, asked for 30: years gained ({judge})", younger, highest=-10, unit="years", digits=1
        ),
    )


def age_targets(judge: str) -> tuple[Target, ...]:
    """The targets that depend on a judge of ages, with its name."""
    age, name = ("all", "age", judge), f" ({judge})"
    return (
        Target(
            f"Under 45, asked for 70: years gained{name}",
            (*age, "under_45_asked_70_years"),
            lowest=18,
            unit="years",
            digits=1,
        ),
        Target(
            f"Over 50, asked for 25: years gained{name}",
            (*age, "over_50_asked_25_years"),
            highest=-15,
            unit="years",
            digits=1,
        ),
        Target(f"Slope of read over asked, 25 to 75{name}", (*age, "slope"), lowest=0.5, highest=1.3),
        Target(
            f"Faces whose readings rise with the age asked, within noise{name}",
            (*age, "monotone_within_noise"),
            lowest=0.9,
        ),
    )


OTHER_TARGETS = (
    Target(
        "Identity: distance for those two requests", ("all", "identity", "those_two_requests"), highest=0.37
    ),
    Target(
        "Locality: share of the change inside the zone asked for",
        ("all", "locality", "inside"),
        lowest=0.9,
        digits=3,
    ),
    Target(
        "Cycle: 30 years older and back to the present age",
        ("all", "cycle", "present_age_db"),
        lowest=30,
        unit="dB",
        digits=1,
    ),
    Target(
        "Cycle: 30 years older and 30 years younger",
        ("all", "cycle", "same_years_db"),
        lowest=30,
        unit="dB",
        digits=1,
    ),
)
DARKNESS = Target(
    "Real faces under 45, asked for 75: darkest 1 % of the broad change",
    ("sources", "real", "belief", OLDER_KEY, "darkness_codes"),
    lowest=-18,
    unit="code values",
    digits=1,
)
SAMENESS = Target(
    "Under 45, asked for 75: correlation of the change between people",
    ("all", "belief", OLDER_KEY, "correlation"),
    highest=0.65,
)
ROWS = Target(
    "Under 45, asked for 75: share of foreheads with regular rows",
    ("all", "belief", OLDER_KEY, "rows", "painted"),
    highest=0.1,
)
READ_ERROR = Target(
    "Own estimator against true ages: mean error",
    ("true_ages", OWN, "error_years"),
    highest=7,
    unit="years",
    digits=1,
)
READ_SLOPE = Target("Own estimator against true ages: slope", ("true_ages", OWN, "slope"), lowest=0.75)
FREE = Target("Faces free of all faults, counted by eye", ("faults", "all", "free_of_all"), lowest=0.9)
TONE = Target(
    "Skin tone: largest mean shift of any band of skin, asked for 70",
    ("skin_bands",),
    highest=2.0,
    unit="code values",
    digits=1,
)
SEAMS = Target("Seams: one tile against many", ("seams",), highest=0, unit="code values", digits=0)
BELIEF_TARGETS = (DARKNESS, SAMENESS, ROWS, READ_ERROR, READ_SLOPE, FREE)
OUTSIDE = Target("Pixels changed outside the face", ("all",), highest=0, digits=0)


@dataclass(frozen=True)
class TargetResult:
    """One row of the table of targets: the value found as text, and whether it is in the range."""

    text: str
    found: str
    wanted: str
    reached: bool


def target_results(result: Mapping[str, Any]) -> list[TargetResult]:
    """The result for every target; targets that were not measured are left out."""
    readers = [judge for judge in result["all"]["age"] if judge != OWN]
    targets = (
        *(target for judge in readers for target in (*belief_targets(judge), *age_targets(judge))),
        *BELIEF_TARGETS,
        *OTHER_TARGETS,
    )
    lines = [
        found for target in targets if (found := _result_of(target, _at(result, target.path))) is not None
    ]
    shifts = [group["tone"]["70"]["largest_mean"] for group in result["skin_bands"].values()]
    plain = (
        (TONE, max((abs(one) for one in shifts if one is not None), default=None)),
        (SEAMS, result["seams"]["largest_difference_codes"]),
        (OUTSIDE, result["all"]["outside"]["changed_pixels"]),
    )
    return lines + [_result(target, value, None) for target, value in plain if value is not None]


def _at(result: Any, path: tuple[str, ...]) -> Any:
    """The value at a path of a result; None where the path does not exist."""
    for step in path:
        if not isinstance(result, Mapping) or step not in result:
            return None
        result = result[step]
    return result


def _result_of(target: Target, found: Any) -> TargetResult | None:
    """The result for a number or a summary of numbers; None where nothing was measured."""
    if isinstance(found, Mapping):
        return _result(target, found["mean"], found["standard_error"]) if found["n"] else None
    return None if found is None else _result(target, found, None)


def _result(target: Target, value: float, error: float | None) -> TargetResult:
    spread = "" if error is None else f" ± {error:.{target.digits}f}"
    unit = f" {target.unit}" if target.unit else ""
    return TargetResult(
        target.text, f"{value:.{target.digits}f}{spread}{unit}", target.wanted(), target.reached(value)
    )
