"""Errors of the shipped estimator against the true ages of portraits, by decade, with bootstrap intervals.

    python benchmarks/true_ages.py FOLDER TABLE [FOLDER TABLE ...]

A TABLE is a CSV file with the columns file and age, and age_is for the source of the age: only "true" and
"within a year" count. The estimator is trained on half of the portraits; the other half is kept for checks by
file name (amgan.faces.known_ages.is_check), and about a fifth of that half is also held out of the
generator's training. The readings are those of the runtime.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import common
import numpy as np

from amgan.evaluation.belief_tables import slope_in_words
from amgan.evaluation.true_ages import against_true_ages
from amgan.faces.known_ages import is_check, read_known_ages
from amgan.faces.splits import is_held_out
from amgan.runtime.ages.atlas_transfer import face_age
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.errors import AmganError
from amgan.runtime.face.finder import FaceFinder
from amgan.runtime.photo.read import read_photo
from amgan.runtime.pipeline.estimator import Estimator

RESULT = common.RESULTS / "true_ages.json"
PAGE = common.ROOT / "docs" / "training.md"
BEGIN, END = "<!-- tables: benchmarks/true_ages.py -->", "<!-- end of true ages -->"
GROUPS = {"checks": "kept for checks", "held_out": "of these, held out of all", "taught": "taught"}


@dataclass(frozen=True)
class Reading:
    """A portrait: file name, true age and estimate, both in years."""

    name: str
    true: float
    read: float


def read_all(pairs: Sequence[tuple[Path, Path]], estimator: Estimator) -> tuple[list[Reading], int]:
    """Estimate the largest face of each portrait of true age; also the number without a result."""
    finder, found, without = FaceFinder(threads=1), [], 0
    for folder, table in pairs:
        for name, known in read_known_ages(table).items():
            if not (known.true and known.real and np.isfinite(known.years)):
                continue
            try:
                rgb = read_photo(folder / name).pixels
            except AmganError as error:
                print(f"left out: {error}", file=sys.stderr)
                without += 1
                continue
            faces = finder.find(rgb)
            if not faces:
                without += 1
                continue
            found.append(Reading(name, known.years, face_age(estimator.read(rgb, faces[0]))))
    return found, without


def summarise(readings: Sequence[Reading]) -> dict[str, Any]:
    """`against_true_ages` of every non-empty group of portraits."""
    groups = {
        "checks": [one for one in readings if is_check(one.name)],
        "held_out": [one for one in readings if is_held_out(one.name)],
        "taught": [one for one in readings if not is_check(one.name)],
    }
    return {
        name: against_true_ages([one.true for one in some], [one.read for one in some])
        for name, some in groups.items()
        if some
    }


def tables(result: dict[str, Any]) -> str:
    """The table of the page, in Markdown."""
    groups = result["groups"]
    decades = sorted({decade for one in groups.values() for decade in one["by_decade"]}, key=int)
    lines = [
        "| real portraits of true age | " + " | ".join(GROUPS[name] for name in groups) + " |",
        "| --- |" + " --- |" * len(groups),
        _line("portraits", [str(one["faces"]) for one in groups.values()]),
        _line("mean error, years", [_spread(one["error_years"]) for one in groups.values()]),
        _line("slope, years read for a year", [slope_in_words(one) for one in groups.values()]),
        _line("correlation", [_plain(one["correlation"]) for one in groups.values()]),
        _line("bias, years", [_spread(one["bias_years"], "+") for one in groups.values()]),
    ]
    for decade in decades:
        cells = [_decade(one["by_decade"].get(decade)) for one in groups.values()]
        lines.append(_line(f"bias of those {decade} to {int(decade) + 9}", cells))
    return "\n".join(lines) + "\n\nIn brackets 95 % bootstrap intervals over portraits.\n"


def _line(name: str, cells: Sequence[str]) -> str:
    return f"| {name} | " + " | ".join(cells) + " |"


def _spread(one: dict[str, Any], sign: str = "") -> str:
    low, high = (f"{one[key]:{sign}.1f}" for key in ("interval_low", "interval_high"))
    return f"{one['mean']:{sign}.1f} ({low} to {high})"


def _decade(one: dict[str, Any] | None) -> str:
    if one is None:
        return "–"
    bias = one["bias_years"]
    return (_spread(bias, "+") if bias["n"] > 1 else f"{bias['mean']:+.1f}") + f", n = {bias['n']}"


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def main() -> None:
    """Read all portraits and write the result."""
    parser = common.result_option(__doc__, RESULT)
    parser.add_argument("pairs", nargs="+", type=Path, metavar="FOLDER TABLE")
    parser.add_argument("--model", type=Path, help="bundle (default: the shipped one)")
    arguments = parser.parse_args()
    if len(arguments.pairs) % 2:
        parser.error("give a table of ages for each folder")
    bundle = Bundle.open(arguments.model)
    pairs = list(zip(arguments.pairs[::2], arguments.pairs[1::2], strict=True))
    readings, without = read_all(pairs, Estimator(bundle))
    if not readings:
        sys.exit("no real face of true age was found")
    result = {
        "what": "readings of the estimator against true ages of real portraits",
        "weights": bundle.manifest.checkpoint_sha256[:12],
        "without_a_reading": without,
        "groups": summarise(readings),
    }
    common.write_result(result, arguments.output)
    if arguments.output == RESULT:
        common.write_between(PAGE, BEGIN, END, tables(result))


if __name__ == "__main__":
    main()
