"""Atlases and tables of scores that are made up for tests."""

from __future__ import annotations

import csv
from pathlib import Path

from amgan.runtime.ages.atlas import ZONE_NAMES, Atlas, Curve
from amgan.runtime.face.zones import PART_NAMES

CURVE = Curve((20.0, 40.0, 70.0), (10.0, 20.0, 50.0), "points")


def make_atlas(name: str = "made-up", curve: Curve = CURVE) -> Atlas:
    """An atlas with the same curve for every sign."""
    return Atlas(name, "1", "made up for a test", 500, (20.0, 70.0), dict.fromkeys(ZONE_NAMES, curve))


def scored_rows(count: int) -> list[dict[str, object]]:
    """Rows of scores.csv: ages 20 to 70, scores 10 + age / 2, right parts 2 lower, left ones 2 higher."""
    rows: list[dict[str, object]] = []
    for number in range(count):
        age = 20 + 50 * number / max(count - 1, 1)
        shift = {name: -2 * name.endswith("-right") + 2 * name.endswith("-left") for name in PART_NAMES}
        scores = {name: 10 + age / 2 + shift[name] for name in PART_NAMES}
        rows.append({"file": f"f{number}.jpg", "age": age, **scores})
    return rows


def write_scores(path: Path, rows: list[dict[str, object]]) -> None:
    """Write rows as a CSV table, with the columns of the first one."""
    columns = list(rows[0]) if rows else ["file", "age", *PART_NAMES]
    with path.open("w", newline="") as stream:
        table = csv.DictWriter(stream, columns)
        table.writeheader()
        table.writerows(rows)
