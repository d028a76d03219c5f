"""Tables of plausibility for report and documentation: measures, true ages, and counted faults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amgan.runtime.pages.render import render_page

from .bands import BAND_NAMES
from .belief_summary import KEYS
from .tables import Row, flat, shown

FAULTS = Path(__file__).with_name("faults.html")


def belief_rows(groups: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """A heading and a cell for every group, a result of belief_numbers with years and distance."""
    found = list(groups.values())
    rows: list[Row] = [
        ("faces", [str(one["faces"]) for one in found]),
        ("darkest 1 % of the broad change, codes", [shown(one["darkness_codes"], 1) for one in found]),
        ("lightest 1 % of it, codes", [shown(one["lightness_codes"], 1) for one in found]),
        ("correlation between people", [_plain(one["correlation"]) for one in found]),
    ]
    rows += [
        (f"rms of the change, scales {name} of the width, codes",
         [shown(one["band_rms_codes"][name], 2) for one in found])
        for name in BAND_NAMES
    ]  # fmt: skip
    rows += [
        ("period of forehead lines, network px",
         [_plain(one["rows"]["median_period_px"], 1) for one in found]),
        ("share of foreheads with regular rows", [_plain(one["rows"]["painted"]) for one in found]),
        ("slope of log period over log width (0: painted, 1: natural)",
         [_with_error(one["rows"]["size_slope"], one["rows"]["size_slope_error"]) for one in found]),
    ]  # fmt: skip
    for judge in found[0].get("years", {}) if found else ():
        rows.append((f"years, {judge}", [shown(one["years"][judge], 1) for one in found]))
    if found and "distance" in found[0]:
        rows.append(("identity: distance", [shown(one["distance"], 3) for one in found]))
    return rows


def true_age_rows(readers: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """A heading and a cell for every judge of ages."""
    found = list(readers.values())
    decades = sorted({decade for one in found for decade in one["by_decade"]}, key=int)
    rows: list[Row] = [
        ("faces", [str(one["faces"]) for one in found]),
        ("mean error, years", [shown(one["error_years"], 1) for one in found]),
        ("bias, years", [shown(one["bias_years"], 1) for one in found]),
        ("slope, years read for a year", [slope_in_words(one) for one in found]),
        ("correlation", [_plain(one["correlation"]) for one in found]),
    ]
    nothing = {"bias_years": {"n": 0}}
    for decade in decades:
        cells = [shown(one["by_decade"].get(decade, nothing)["bias_years"], 1) for one in found]
        rows.append((f"bias of those {decade} to {int(decade) + 9}", cells))
    return rows


def slope_in_words(reader: Mapping[str, Any]) -> str:
    """The slope and, where known, its 95 % interval, as text."""
    interval = reader.get("slope_interval")
    return _plain(reader["slope"]) + (f" ({interval[0]:.2f} to {interval[1]:.2f})" if interval else "")


def fault_rows(kinds: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """A heading and a cell for every kind of face, shares of faces; the most frequent fault first."""
    found = list(kinds.values())
    rows: list[Row] = [
        ("faces looked at", [str(one["faces"]) for one in found]),
        ("free of all", [shown(one["free_of_all"]) for one in found]),
    ]
    order = sorted(found[0]["faults"], key=lambda name: -found[0]["faults"][name]["mean"])
    return rows + [(name.replace("_", " "), [shown(one["faults"][name]) for one in found]) for name in order]


def belief_tables(result: Mapping[str, Any]) -> list[tuple[str, list[str], list[list[str]]]]:
    """Title, heading and rows of every table on plausibility in the report."""
    tables = []
    for key in KEYS:
        groups = {"all": result["all"]["belief"][key]}
        for band in ("sources", "age_bands", "skin_bands"):
            groups |= {name: one["belief"][key] for name, one in result[band].items()}
        groups = {name: one for name, one in groups.items() if one["faces"]}
        if groups:
            tables.append((key.replace("_", " "), ["", *groups], flat(belief_rows(groups))))
    if readers := result["true_ages"]:
        tables.append(("Readers against true ages", ["", *readers], flat(true_age_rows(readers))))
    return tables


def fault_section(faults: Mapping[str, Any]) -> str:
    """The counts of a filled table of faults, HTML."""
    return render_page(FAULTS, head=["share of faces", *faults], rows=flat(fault_rows(faults)))


def _plain(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _with_error(value: float | None, error: float | None) -> str:
    return _plain(value) if value is None or error is None else f"{value:.2f} ± {error:.2f}"
