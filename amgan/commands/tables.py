"""Tables that several commands print: passes and parity results. rich is imported lazily."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_WIDTH = 160
_NUMBERS = ("max", "mean", "PSNR", "SSIM", "NaN", "operations", "GFLOP")


def wide_console() -> Console:
    """A console on stdout that does not wrap tables if it is no terminal."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH)
    return console


def make_table(title: str, *columns: str, right: tuple[str, ...] = ()) -> Table:
    """An empty table; the columns in ``right`` are right-aligned."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def pass_table(export: Mapping[str, Any]) -> Table:
    """The generator's size after each pass, from ``export`` of the manifest."""
    title = f"passes (GFLOP for a frame of {export.get('counted_for_px', '?')} px)"
    table = make_table(title, "after", "operations", "GFLOP", right=_NUMBERS)
    for line in export["passes"]:
        table.add_row(_text(line["name"]), str(line["operations"]), f"{line['gflop']:.1f}")
    return table


def parity_tables(report: Mapping[str, Any]) -> list[Table]:
    """A table of the generator's contenders (code values) and one of the estimator's (years).

    ``report`` is the result of ParityReport.to_dict; the list is empty for anything else.
    """
    results = report.get("results")
    if not isinstance(results, list):
        return []
    shared = ("file", "run by", "computed in")
    codes = make_table(
        f"generator against {report['reference']}, in code values",
        *shared, "max", "mean", "PSNR", "SSIM", "worst input", "verdict", right=_NUMBERS,
    )  # fmt: skip
    years = make_table(
        f"estimator against {report['reference']}, in years",
        *shared, "max", "mean", "NaN", "worst input", "verdict", right=_NUMBERS,
    )  # fmt: skip
    for result in results:
        table, cells = (codes, _code_cells) if result["role"] == "generator" else (years, _year_cells)
        names = (result.get("file", "-"), result["contender"], result["arithmetic"])
        table.add_row(*(_text(name) for name in names), *cells(result), result["verdict"])
    return [codes, years]


def parity_notes(report: Mapping[str, Any]) -> list[str]:
    """A line per contender that failed or was not run, with the reason."""
    notes = []
    for result in report["results"]:
        reasons = "; ".join(result.get("faults", [])) or result.get("not_run")
        if reasons:
            what = result.get("file", result["role"])
            where = f"{result['contender']} ({result['arithmetic']})"
            notes.append(f"{result['verdict']}: {what} in {where}, {reasons}")
    return notes


def _code_cells(result: Mapping[str, Any]) -> tuple[str, ...]:
    d = result.get("difference")
    if not d:
        return ("",) * 5
    noise = "identical" if d["max_codes"] == 0 else f"{d['psnr_db']:.1f} dB"
    return str(d["max_codes"]), f"{d['mean_codes']:.4f}", noise, f"{d['ssim']:.5f}", _text(d["worst"])


def _year_cells(result: Mapping[str, Any]) -> tuple[str, ...]:
    d = result.get("difference")
    if not d:
        return ("",) * 4
    return f"{d['max_years']:.2g}", f"{d['mean_years']:.2g}", str(d["nan_count"]), _text(d["worst"])


def _text(cell: object) -> str:
    from rich.markup import escape

    return escape(str(cell))
