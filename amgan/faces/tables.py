"""Reading and writing the tables of labelled faces, ages and expert scores."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amgan.runtime.errors import UsageError
from amgan.runtime.face.zones import PART_NAMES, ZONES, parts_of

LABELS = "labels.csv"
SCORES = "scores.csv"
SPLITS = ("train", "held-out")


@dataclass(frozen=True, eq=False)
class ZoneLabels:
    """Apparent ages of labelled faces, as `amgan label` wrote them.

    ``names`` of the N files; ``splits`` of each (train or held-out); ``ages`` float32 [N], the whole face's
    age in years; ``parts`` float32 [N, 26], the apparent age in years of every part in the order of
    zones.PART_NAMES.
    """

    names: tuple[str, ...]
    splits: tuple[str, ...]
    ages: NDArray[np.float32]
    parts: NDArray[np.float32]


def read_labels(folder: Path) -> ZoneLabels:
    """Read the labels.csv of a folder that `amgan label` wrote (see ZoneLabels).

    Raises UsageError if the file is missing or damaged: missing columns or cells, no number, a duplicate
    file.
    """
    table = folder / LABELS
    if not table.is_file():
        raise UsageError(f"'{folder}' holds no labelled faces (no {LABELS}): make them with `amgan label`")
    columns, rows = read_table(table, "label the faces again with `amgan label`")
    wanted = ["file", "split", "age", *PART_NAMES]
    missing = [name for name in wanted if name not in columns]
    if missing:
        raise UsageError(
            f"'{table}' lacks the columns {', '.join(missing)}: label the faces again with `amgan label`"
        )
    if not rows:
        raise UsageError(f"'{table}' names no face: label the faces again with `amgan label`")
    splits = tuple(row["split"] for row in rows)
    for row, split in zip(rows, splits, strict=True):
        if split not in SPLITS:
            raise UsageError(
                f"'{table}' puts {row['file']} into the split {split!r}: "
                f"it must be one of {', '.join(SPLITS)}; label the faces again with `amgan label`"
            )
    years = np.array(
        [[_number(row[name], name, row["file"], table) for name in wanted[2:]] for row in rows], np.float32
    )
    return ZoneLabels(tuple(row["file"] for row in rows), splits, years[:, 0], years[:, 1:])


def read_expert_scores(table: Path) -> dict[str, dict[str, float]]:
    """Read a CSV of expert scores, by part and file name.

    Columns are ``file`` and names of zones (for both sides) or parts (for one side, which override the
    zone's). Empty cells are missing scores. Raises UsageError for an unknown zone, a cell that is no number,
    a duplicate file, or a table without scores.
    """
    if not table.is_file():
        raise UsageError(f"the table of scores '{table}' does not exist: check its name")
    columns, rows = read_table(table, "correct the table")
    zones = [name for name in columns if name != "file"]
    scores: dict[str, dict[str, float]] = {}
    for column in sorted(zones, key=lambda name: name not in {zone.name for zone in ZONES}):
        try:
            parts = parts_of(column)
        except UsageError as error:
            raise UsageError(f"'{table}' has the column {column!r}: {error}") from error
        found = {r["file"]: _number(r[column], column, r["file"], table) for r in rows if r[column].strip()}
        for part in parts:
            scores.setdefault(part, {}).update(found)
    if not any(scores.values()):
        raise UsageError(f"'{table}' holds no scores: give a column named as a zone, such as forehead")
    return {part: found for part, found in scores.items() if found}


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows as CSV in UTF-8 with Unix line ends."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_csv(table: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Column names and rows of a CSV in UTF-8, with or without byte order mark; missing cells are "".

    Raises OSError, UnicodeDecodeError and csv.Error.
    """
    with table.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream, restval="")
        return list(reader.fieldnames or []), list(reader)


def read_table(table: Path, remedy: str) -> tuple[list[str], list[dict[str, str]]]:
    """Column names and rows of a CSV with a column ``file``; missing cells are "".

    Raises UsageError, ending in ``remedy``, for a damaged table or a missing or duplicate file name.
    """
    try:
        columns, rows = read_csv(table)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"'{table}' is no CSV in UTF-8 ({error}): {remedy}") from error
    if "file" not in columns:
        raise UsageError(f"'{table}' lacks the column file, it has {', '.join(columns) or 'none'}: {remedy}")
    seen: set[str] = set()
    for row in rows:
        if not row["file"] or row["file"] in seen:
            raise UsageError(f"'{table}' names the file {row['file']!r} twice or not at all: {remedy}")
        seen.add(row["file"])
    return columns, rows


def _number(text: str, column: str, file: str, table: Path) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(f"'{table}' has {text!r} as {column} of {file}: it must be a number, such as 41.5")
    return value


def read_ages(table: Path) -> dict[str, float]:
    """Read a table of ages in years, by file name; raises UsageError."""
    if not table.is_file():
        raise UsageError(f"the table of ages {table} does not exist")
    try:
        columns, rows = read_csv(table)
    except UnicodeDecodeError as error:
        raise UsageError(f"{table} is no CSV in UTF-8 ({error.reason}); save it as UTF-8") from error
    column = next((c for c in ("age", "age_estimate") if c in columns), None)
    if column is None or "file" not in columns:
        raise UsageError(f"{table} needs the columns 'file' and 'age' (or 'age_estimate'), it has {columns}")
    return {row["file"]: _years(row[column], row["file"], table) for row in rows}


def _years(text: str | None, name: str, table: Path) -> float:
    """Parse an age; raises UsageError unless it is a finite number."""
    try:
        years = float(text or "")
    except ValueError:
        years = math.nan
    if not math.isfinite(years):
        raise UsageError(f"{table} holds an age that is no number: {text!r} for {name}")
    return years
