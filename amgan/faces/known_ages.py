"""The table of portraits of known age, and its half that is reserved for checks."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

from amgan.runtime.errors import UsageError

from .splits import is_held_out
from .tables import read_table

TRUE = ("true", "within a year")
REAL = "real"


@dataclass(frozen=True)
class KnownAge:
    """One portrait: age in ``years`` (NaN: unknown), whether it is ``true``, and of a ``real`` person."""

    years: float
    true: bool
    real: bool


def read_known_ages(table: Path) -> dict[str, KnownAge]:
    """Read a CSV of portraits, by file name.

    Columns are ``file`` and ``age`` (may be empty), and optionally ``age_is`` (how the age is known: ``true``
    and ``within a year`` are taken for true; without the column all are) and ``kind`` (``real`` for real
    people; without the column all are). Raises UsageError for a missing or damaged table, or an age that is
    no number between 0 and 120.
    """
    if not table.is_file():
        raise UsageError(f"the table of known ages '{table}' does not exist: check its name")
    columns, rows = read_table(table, "correct the table")
    if "age" not in columns:
        raise UsageError(f"'{table}' lacks the column age, it has {', '.join(columns)}: correct the table")
    return {
        row["file"]: KnownAge(
            _years(row["age"], row["file"], table),
            "age_is" not in columns or row["age_is"].strip() in TRUE,
            "kind" not in columns or row["kind"].strip() == REAL,
        )
        for row in rows
    }


def is_check(name: str) -> bool:
    """Whether a portrait of known age is reserved for checks: about half, by its file name.

    Curves and estimators are fitted on the others. All held-out faces are reserved.
    """
    return is_held_out(name) or hashlib.sha256(Path(name).stem.encode()).digest()[1] % 2 == 0


def _years(text: str, file: str, table: Path) -> float:
    if not text.strip():
        return math.nan
    try:
        years = float(text)
    except ValueError:
        years = math.inf
    if not 0 <= years <= 120:
        raise UsageError(f"'{table}' has {text!r} as age of {file}: it must be years from 0 to 120, or empty")
    return years
