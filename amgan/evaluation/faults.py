"""The table of visible faults that a person fills in from the sheets, and its counts."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amgan.faces.tables import read_table
from amgan.runtime.errors import UsageError

from .looks import Drawn
from .statistics import share

TABLE = "faults.csv"
FAULTS = {
    "bruise": "grey, purple or brown smears, black eyes",
    "mottling": "brown or reddish patches",
    "painted_lines": "rows of bricks or pebbles, airbrushed wedges",
    "mouth_strokes": "dark strokes from the nose to the chin or at the corners of the mouth",
    "white_wedges": "white beside nose and mouth, under the eyes, at the brow",
    "coloured_brows": "brows, lips or hair of a colour they never had",
    "wrinkles_on_hair": "lines over hair, fringe, beard, glasses or hands",
    "other": "anything else that is not believed",
}
"""Columns of the table and the fault that each counts."""

SEEN = ("1", "x", "yes")
NOT_SEEN = ("0", "no")
_KEYS = ("file", "kind", "asked", "sheet", "number")


def empty_table(drawn: Sequence[Drawn]) -> str:
    """The table to fill in, CSV: one row per face, one column per fault; 1 seen, 0 not seen."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow([*_KEYS, *FAULTS])
    for one in drawn:
        writer.writerow(
            [one.look.name, one.look.kind, one.look.asked, one.sheet, one.number, *("" for _ in FAULTS)]
        )
    return written.getvalue()


def read_faults(table: Path) -> dict[str, Any]:
    """Counts of a filled table, by kind of face and in all: faces, share with each fault, share without any.

    A row without entries does not count. In a row with entries an empty cell means not seen, so a face
    without faults needs at least one 0. Raises UsageError for a damaged table, a
    missing column, an entry that is neither 1 nor 0, or a table that has not been filled in.
    """
    if not table.is_file():
        raise UsageError(f"the table of faults '{table}' does not exist: check its name")
    columns, rows = read_table(table, "fill in the table that `amgan evaluate` wrote")
    missing = [name for name in ("kind", *FAULTS) if name not in columns]
    if missing:
        raise UsageError(
            f"'{table}' lacks the columns {', '.join(missing)}: fill in the table that `amgan evaluate` wrote"
        )
    looked: dict[str, list[list[bool]]] = {}
    for row in rows:
        marks = [_mark(row[name], name, row["file"], table) for name in FAULTS]
        if any(mark is not None for mark in marks):
            looked.setdefault(row["kind"], []).append([bool(mark) for mark in marks])
    if not looked:
        raise UsageError(f"'{table}' holds no counts: write 1 where a fault is seen and 0 where none is")
    everybody = [row for some in looked.values() for row in some]
    return {"all": _counts(everybody)} | {kind: _counts(looked[kind]) for kind in sorted(looked)}


def _counts(looked: Sequence[Sequence[bool]]) -> dict[str, Any]:
    return {
        "faces": len(looked),
        "free_of_all": share([not any(row) for row in looked]),
        "faults": {name: share([row[k] for row in looked]) for k, name in enumerate(FAULTS)},
    }


def _mark(text: str, fault: str, file: str, table: Path) -> bool | None:
    plain = text.strip().lower()
    if not plain:
        return None
    if plain not in (*SEEN, *NOT_SEEN):
        raise UsageError(f"'{table}' has {text!r} as {fault} of {file}: write 1 (seen) or 0 (not seen)")
    return plain in SEEN
