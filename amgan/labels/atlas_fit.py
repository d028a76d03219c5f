"""Scored faces as tables, and the atlases made from them.

A dataset of `amgan label` has scores.csv: a row per face with its ``file``, its ``age`` in years, and a raw
score of every part of every zone; if it has a column ``split``, only "train" faces are used. For atlases of
several groups a second table has the column ``file`` and a column with the group.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..faces.tables import read_csv
from ..runtime.ages.atlas import Atlas, check_atlas, read_atlas
from ..runtime.errors import UsageError
from ..runtime.face.zones import PART_NAMES, ZONES
from .curve_fit import fit_curve

SCORES = "scores.csv"
UNITS = "atlas.json"
MIN_GROUP_FACES = 100
"""The minimum number of faces of an atlas."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ScoredFaces:
    """Faces of known ages: ``files`` [N], ``ages`` [N] in years, ``scores`` [N] of every part.

    ``units`` are those of the scores, by zone.
    """

    files: tuple[str, ...]
    ages: Floats
    scores: Mapping[str, Floats]
    units: Mapping[str, str]

    def only(self, rows: Sequence[int]) -> ScoredFaces:
        """The faces in these rows."""
        chosen = list(rows)
        scores = {part: values[chosen] for part, values in self.scores.items()}
        return ScoredFaces(tuple(self.files[i] for i in chosen), self.ages[chosen], scores, self.units)


def read_scores(dataset: Path | str, unit: str | None = None) -> ScoredFaces:
    """Read the scores of a data set's folder, or a table of that kind.

    ``unit`` is the unit of the scores; None uses those of the folder's atlas, or years. Raises UsageError if
    there are no scores, a column is missing, or a cell is no number.
    """
    folder = Path(dataset)
    path = folder / SCORES if folder.is_dir() else folder
    units = dict.fromkeys((zone.name for zone in ZONES), unit or "years")
    if unit is None and folder.is_dir() and (folder / UNITS).exists():
        units = {name: curve.unit for name, curve in read_atlas(folder / UNITS).curves.items()}
    rows = [row for row in _read_table(path, ("file", "age", *PART_NAMES)) if row["split"] in ("", "train")]
    if not rows:
        raise UsageError(f"'{path}' has no face of the split 'train': give others, or leave that column out")
    columns: dict[str, Floats] = {}
    for name in ("age", *PART_NAMES):
        values = np.array([_number(row[name]) for row in rows], np.float64)
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values))[0])
            raise UsageError(
                f"'{path}' has {rows[row][name]!r} as {name} of '{rows[row]['file']}': give a number, or "
                f"leave the row out"
            )
        columns[name] = values
    files = tuple(row["file"] for row in rows)
    return ScoredFaces(files, columns.pop("age"), columns, units)


def fit_atlas(faces: ScoredFaces, name: str, source: str, version: str = "1") -> Atlas:
    """The atlas of scored faces; the score of a zone with two sides is the mean of both.

    Raises UsageError for fewer than MIN_GROUP_FACES faces, and if a curve cannot be fitted.
    """
    count = len(faces.files)
    if count < MIN_GROUP_FACES:
        raise UsageError(
            f"an atlas of {name!r} cannot be made of {count} faces: give {MIN_GROUP_FACES} or more"
        )
    curves = {}
    for zone in ZONES:
        score = np.mean([faces.scores[part] for part in zone.parts], axis=0)
        try:
            curves[zone.name] = fit_curve(faces.ages, score, faces.units[zone.name])
        except UsageError as error:
            raise UsageError(f"the sign {zone.name} of {name!r}: {error}") from error
    ages = (float(faces.ages.min()), float(faces.ages.max()))
    atlas = Atlas(name, version, source, count, ages, curves)
    check_atlas(atlas, name)
    return atlas


def read_groups(table: Path | str, column: str) -> dict[str, str]:
    """The group of every file in a CSV table with the columns ``file`` and ``column``; skips empty cells.

    Raises UsageError if the table cannot be read or lacks a column.
    """
    rows = _read_table(Path(table), ("file", column))
    return {row["file"]: row[column].strip() for row in rows if row[column].strip()}


def split_by_group(
    faces: ScoredFaces, groups: Mapping[str, str]
) -> tuple[dict[str, ScoredFaces], dict[str, int]]:
    """Groups with enough faces for an atlas, and the numbers of faces of the others; both by name."""
    rows: dict[str, list[int]] = {}
    for number, file in enumerate(faces.files):
        if file in groups:
            rows.setdefault(groups[file], []).append(number)
    enough = {g: faces.only(r) for g, r in sorted(rows.items()) if len(r) >= MIN_GROUP_FACES}
    return enough, {g: len(r) for g, r in sorted(rows.items()) if len(r) < MIN_GROUP_FACES}


def _read_table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    try:
        found, rows = read_csv(path)
    except OSError as error:
        raise UsageError(
            f"'{path}' cannot be read ({error.strerror}): give what `amgan label` wrote, or a CSV table"
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"'{path}' is no CSV table in UTF-8: save it as one") from error
    missing = [name for name in columns if name not in found]
    if missing:
        raise UsageError(
            f"'{path}' lacks the column {missing[0]!r}: its first line must name the columns "
            f"{', '.join(columns[:3])}{', ...' if len(columns) > 3 else ''}"
        )
    if not rows:
        raise UsageError(f"'{path}' has no rows: give one line for every face")
    return [{name: row.get(name) or "" for name in (*columns, "split")} for row in rows]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
