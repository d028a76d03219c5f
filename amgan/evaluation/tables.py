"""Tables of numbers by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = tuple[str, list[str]]


def shown(numbers: Mapping[str, Any], digits: int = 2) -> str:
    """Mean and standard error as text; a dash where there is no value."""
    if not numbers["n"]:
        return "–"
    error = numbers["standard_error"]
    spread = "" if error is None else f" ± {error:.{digits}f}"
    return f"{numbers['mean']:.{digits}f}{spread}"


def band_rows(bands: Mapping[str, Mapping[str, Any]], first: str) -> list[tuple[str, list[str]]]:
    """Rows of a table by band: a heading and a cell for every band."""
    groups = list(bands.values())
    ages = [group["age"][first] for group in groups]
    return [
        ("faces", [str(group["faces"]) for group in groups]),
        ("read now, years", [shown(age["reading"]["now"], 1) for age in ages]),
        ("asked for 25, read", [shown(age["reading"]["25"], 1) for age in ages]),
        ("asked for 70, read", [shown(age["reading"]["70"], 1) for age in ages]),
        ("slope", [shown(age["slope"]) for age in ages]),
        ("mean error, years", [shown(age["error_years"], 1) for age in ages]),
        ("monotone within noise", [shown(age["monotone_within_noise"]) for age in ages]),
        ("distance at 25", [shown(group["identity"]["distance"]["25"]) for group in groups]),
        ("distance at 70", [shown(group["identity"]["distance"]["70"]) for group in groups]),
        ("change inside the zone", [shown(group["locality"]["inside"], 3) for group in groups]),
        ("fine detail kept at 70", [shown(group["detail_kept"]["70"]) for group in groups]),
        ("skin shift at 70: red", [shown(group["tone"]["70"]["red"], 1) for group in groups]),
        ("skin shift at 70: green", [shown(group["tone"]["70"]["green"], 1) for group in groups]),
        ("skin shift at 70: blue", [shown(group["tone"]["70"]["blue"], 1) for group in groups]),
        ("older and back, dB", [shown(group["cycle"]["present_age_db"], 1) for group in groups]),
        ("largest / mean step of a sweep",
         [shown(group["sweep"]["largest_step_over_mean_step"]) for group in groups]),
    ]  # fmt: skip


def band_table(bands: Mapping[str, Mapping[str, Any]], first: str) -> tuple[list[str], list[list[str]]]:
    """Heading and rows of a table with one column per band; ages are readings of the judge ``first``."""
    return ["", *bands], flat(band_rows(bands, first))


def zone_table(zones: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Heading and rows of a table with one row per zone."""
    names = ("inside", "inside_right_alone", "untouched_detail")
    rows = [[zone, *(shown(found[name], 4) for name in names)] for zone, found in zones.items()]
    return ["zone", "inside", "right side alone", "fine detail elsewhere"], rows


def flat(rows: Sequence[Row]) -> list[list[str]]:
    """Rows with their heading as the first cell."""
    return [[name, *cells] for name, cells in rows]
