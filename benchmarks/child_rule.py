"""Accuracy of the rule that excludes children, on faces of known, requested or estimated age.

    python benchmarks/child_rule.py FOLDER TABLE [FOLDER TABLE ...]

A TABLE is a CSV file with the columns file and age, and age_is for the source of the age ("true", "asked",
"estimated"), or with file and age_estimate. The youngest-looking faces are also read with sunglasses drawn on
them.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import common
import cv2
import numpy as np
from numpy.typing import NDArray

from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.errors import AmganError
from amgan.runtime.face.finder import Face, FaceFinder
from amgan.runtime.face.mesh import LEFT_EYE, RIGHT_EYE
from amgan.runtime.photo.read import read_photo
from amgan.runtime.pipeline.child_rule import CHILD_YEARS, youngest_years
from amgan.runtime.pipeline.estimator import Estimator

RESULT = common.RESULTS / "child_rule.json"
PAGE = common.ROOT / "docs" / "faces.md"
BEGIN, END = "<!-- tables: benchmarks/child_rule.py -->", "<!-- end of child tables -->"
BANDS = ((0, 18), (18, 23), (23, 30), (30, 200))
KINDS = {"true": "known", "within a year": "known", "asked": "asked of a generator"}
IN_SUNGLASSES = 60


@dataclass(frozen=True)
class Reading:
    """A picture, the age of its face and the age's source, and the reading that the rule uses."""

    path: Path
    age: float
    kind: str
    years: float


def wear_sunglasses(rgb: NDArray[np.uint8], face: Face) -> NDArray[np.uint8]:
    """Draw two dark lenses and a bridge over the eyes."""
    rgb = rgb.copy()
    eyes = [face.landmarks[list(eye)].mean(axis=0) for eye in (RIGHT_EYE, LEFT_EYE)]
    apart = float(np.hypot(*(eyes[1] - eyes[0])))
    tilt = float(np.rad2deg(np.arctan2(face.frame.right[1], face.frame.right[0])))
    dark = (18, 16, 20)
    middles = [(round(float(x)), round(float(y))) for x, y in eyes]
    for middle in middles:
        axes = (max(1, round(0.47 * apart)), max(1, round(0.36 * apart)))
        cv2.ellipse(rgb, middle, axes, tilt, 0, 360, dark, -1, cv2.LINE_AA)
    cv2.line(rgb, middles[0], middles[1], dark, max(1, round(0.08 * apart)), cv2.LINE_AA)
    return rgb


def rows(folder: Path, table: Path) -> Iterator[tuple[Path, float, str]]:
    """Pictures with their ages and the ages' sources."""
    with table.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            age, path = row.get("age") or row.get("age_estimate"), folder / row["file"]
            if age and path.is_file():
                known = row.get("age_is", "estimated") if row.get("age") else "estimated"
                yield path, float(age), KINDS.get(known, "estimated by another network")


def read_all(pairs: list[tuple[Path, Path]], finder: FaceFinder, estimator: Estimator) -> list[Reading]:
    """Read the largest face of each picture."""
    found = []
    for folder, table in pairs:
        for path, age, kind in rows(folder, table):
            try:
                rgb = read_photo(path).pixels
            except AmganError as error:
                print(f"left out: {error}", file=sys.stderr)
                continue
            faces = finder.find(rgb)
            if faces:
                found.append(Reading(path, age, kind, youngest_years(estimator.read(rgb, faces[0]))))
    return found


def in_sunglasses(readings: list[Reading], finder: FaceFinder, estimator: Estimator) -> dict[str, int]:
    """Number of the youngest-looking faces that are excluded, without and with sunglasses."""
    some = sorted(readings, key=lambda one: one.years)[:IN_SUNGLASSES]
    spared = 0
    for one in some:
        rgb = read_photo(one.path).pixels
        covered = wear_sunglasses(rgb, finder.find(rgb)[0])
        faces = finder.find(covered)
        spared += not faces or youngest_years(estimator.read(covered, faces[0])) < CHILD_YEARS
    return {
        "faces": len(some),
        "spared_as_they_are": sum(one.years < CHILD_YEARS for one in some),
        "spared_in_sunglasses": spared,
    }


def summarise(readings: list[Reading]) -> list[dict[str, Any]]:
    """A line per source and band of ages."""
    lines = []
    for kind in sorted({one.kind for one in readings}):
        for low, high in BANDS:
            some = [one for one in readings if one.kind == kind and low <= one.age < high]
            if some:
                off = np.array([one.years - one.age for one in some])
                lines.append(
                    {
                        "ages": kind,
                        "from": low,
                        "to": high,
                        "faces": len(some),
                        "spared": sum(one.years < CHILD_YEARS for one in some),
                        "mean_error": round(float(off.mean()), 1),
                        "deviation": round(float(off.std()), 1),
                    }
                )
    return lines


def tables(result: dict[str, Any]) -> str:
    """The table of docs/faces.md, in Markdown."""
    lines = [
        "| age | how it is known | faces | left alone | youngest half reads, less age, years |",
        "| --- | --- | --- | --- | --- |",
    ]
    for one in result["bands"]:
        band = f"under {one['to']}" if not one["from"] else f"{one['from']} to {one['to'] - 1}"
        band = f"{one['from']} and more" if one["to"] >= BANDS[-1][1] else band
        lines.append(
            f"| {band} | {one['ages']} | {one['faces']} | {one['spared']} | "
            f"{one['mean_error']:+.1f} ± {one['deviation']:.1f} |"
        )
    dark = result["sunglasses"]
    lines += [
        "",
        f"Of the {dark['faces']} faces that look youngest, {dark['spared_as_they_are']} are left alone as "
        f"they are, and {dark['spared_in_sunglasses']} with sunglasses drawn on them.",
    ]
    return "\n".join(lines) + "\n"


def write_tables(result: dict[str, Any], page: Path) -> None:
    """Replace the text between the two marks of a page."""
    common.write_between(page, BEGIN, END, tables(result))


def main() -> None:
    """Read all faces and write the result."""
    parser = common.result_option(__doc__, RESULT)
    parser.add_argument("pairs", nargs="+", type=Path, metavar="FOLDER TABLE")
    arguments = parser.parse_args()
    if len(arguments.pairs) % 2:
        parser.error("give a table of ages for each folder")
    pairs = list(zip(arguments.pairs[::2], arguments.pairs[1::2], strict=True))
    finder, estimator = FaceFinder(threads=1), Estimator(Bundle.open(None))
    readings = read_all(pairs, finder, estimator)
    if not readings:
        sys.exit("no face of known age was found")
    result = {
        "what": "faces that the rule for children leaves alone, by their age",
        "limit_years": CHILD_YEARS,
        "bands": summarise(readings),
        "sunglasses": in_sunglasses(readings, finder, estimator),
    }
    common.write_result(result, arguments.output)
    if arguments.output == RESULT:
        write_tables(result, PAGE)


if __name__ == "__main__":
    main()
