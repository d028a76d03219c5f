"""Tables of faces: age, how it is known, sex, and source."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from amgan.runtime.errors import UsageError

from .age_curve import AgeCurve
from .splits import is_held_out
from .tables import read_table

ESTIMATED = "estimated"
_SEXES = {"female": -1.0, "male": 1.0, "": 0.0}


@dataclass(frozen=True)
class FaceRow:
    """One face of a table: ``file`` is its name or its path below a folder of faces, ``age`` is in years.

    ``estimated`` ages come from an estimator and may be calibrated by a curve. ``sex`` is -1 (female), 1
    (male) or 0 (unknown). ``source`` is the table's name and its column ``kind``, if it has one.
    """

    file: str
    age: float
    estimated: bool = False
    sex: float = 0.0
    source: str = ""


def read_face_rows(tables: Iterable[Path], curve: AgeCurve | None = None) -> list[FaceRow]:
    """Read tables of faces; rows without an age are skipped, ``curve`` calibrates estimated ages.

    Columns: ``file``; ``age`` or ``age_estimate``; and optionally ``age_is`` (``estimated`` for ages of
    column ``age`` that an estimator read), ``sex`` or ``gender_estimate`` (female, male or empty) and
    ``kind``. Raises UsageError for a missing or damaged table, a face in two tables, or a bad cell.
    """
    found: dict[str, FaceRow] = {}
    for table in tables:
        for row in _rows_of(table, curve):
            if row.file in found:
                raise UsageError(f"'{table}' names {row.file}, which another table names too: take it out")
            found[row.file] = row
    return [found[file] for file in sorted(found)]


def thinned(
    rows: Sequence[FaceRow], most_per_decade: int | None, kept_anyway: Container[str] = ()
) -> list[FaceRow]:
    """Limit the number of faces per source and decade of age; selected by a hash of their names.

    Held-out faces and files in ``kept_anyway`` are always kept.
    """
    if most_per_decade is None:
        return list(rows)
    taken: Counter[tuple[str, int]] = Counter()
    kept = []
    for row in sorted(rows, key=lambda row: hashlib.sha256(row.file.encode()).digest()):
        kind = (row.source, int(row.age // 10))
        free = is_held_out(row.file) or row.file in kept_anyway
        if free or taken[kind] < most_per_decade:
            kept.append(row)
            taken[kind] += not free
    return sorted(kept, key=lambda row: row.file)


def _rows_of(table: Path, curve: AgeCurve | None) -> Iterable[FaceRow]:
    if not table.is_file():
        raise UsageError(f"the table of ages '{table}' does not exist: check its name")
    columns, rows = read_table(table, "correct the table")
    column = next((name for name in ("age", "age_estimate") if name in columns), None)
    if column is None:
        raise UsageError(
            f"'{table}' needs the columns 'file' and 'age' (or 'age_estimate'), it has {', '.join(columns)}"
        )
    sex = next((name for name in ("sex", "gender_estimate") if name in columns), None)
    for row in rows:
        if not row[column].strip():
            continue
        age = _years(row[column], row["file"], table)
        estimated = column == "age_estimate" or row.get("age_is", "").strip() == ESTIMATED
        yield FaceRow(
            file=row["file"],
            age=float(curve.years_of(np.array(age))) if curve and estimated else age,
            estimated=estimated,
            sex=0.0 if sex is None else _sex(row[sex], row["file"], table),
            source="/".join([table.stem, *([row["kind"].strip()] if "kind" in columns else [])]),
        )


def _years(text: str, file: str, table: Path) -> float:
    try:
        years = float(text)
    except ValueError:
        years = -1.0
    if not 0 <= years <= 120:
        raise UsageError(f"'{table}' has {text!r} as age of {file}: it must be years from 0 to 120, or empty")
    return years


def _sex(text: str, file: str, table: Path) -> float:
    try:
        return _SEXES[text.strip().lower()]
    except KeyError as error:
        raise UsageError(f"'{table}' has {text!r} as sex of {file}: use female, male or nothing") from error
