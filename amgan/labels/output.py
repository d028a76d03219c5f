"""The output files of a labelling run: tables, statistics, atlas and report."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from amgan.runtime.ages.atlas import Atlas, write_atlas
from amgan.runtime.face.zones import PART_NAMES, ZONES

from ..faces.tables import LABELS, SCORES, SPLITS, write_table
from .regression import RegressionOptions
from .report import write_report

if TYPE_CHECKING:
    from .labelled import LabelledFaces, LabelOptions

SCHEMA = 1

Floats = NDArray[np.float64]


def write_folder(
    folder: Path, labelled: LabelledFaces, options: LabelOptions, name: str, source: str
) -> None:
    """Write labels.csv, scores.csv, labels.json, atlas.json and report.html into an existing ``folder``.
    ``name`` is that of the atlas, ``source`` the origin of the ages.
    """
    _write_parts(folder / LABELS, labelled, labelled.calibrated.years, ".1f")
    _write_parts(folder / SCORES, labelled, labelled.calibrated.scores, ".6g")
    training = labelled.ages[~labelled.held_out]
    covered = (float(training.min()), float(training.max()))
    made_from = f"faces labelled by `amgan label` with the ages of {source}"
    atlas = Atlas(name or "labels", "1", made_from, len(training), covered, labelled.calibrated.curves)
    write_atlas(atlas, folder / "atlas.json")
    content = {
        "schema": SCHEMA,
        "seed": options.seed,
        "folds": options.folds,
        "ages_table": source,
        "expert_scores": options.expert_scores.name if options.expert_scores else None,
        "true_ages": options.true_ages.name if options.true_ages else None,
        "options": asdict(RegressionOptions()),
        "faces": {
            split: int((labelled.held_out == out).sum()) for split, out in zip(SPLITS, (0, 1), strict=True)
        },
        "ages": covered,
        "left_out": dict(labelled.left_out),
        **evidence(labelled),
    }
    (folder / "labels.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    write_report(folder / "report.html", labelled, content)


def evidence(labelled: LabelledFaces) -> dict[str, Any]:
    """Agreement of apparent with whole-face ages, on faces outside the regressors' training.

    Returns ``mean_of_zones`` and ``zones`` (by name), each with the `agreement` for ``train`` (out of fold)
    and ``held-out``. A zone's ``expert`` counts the faces with an expert's score. ``tone`` is the partial
    correlation of the mean of all zones with the skin's lightness, given age; ideally 0.
    """
    ages, zones = labelled.ages, labelled.zone_years
    chosen = dict(zip(SPLITS, (~labelled.held_out, labelled.held_out), strict=True))
    return {
        "tone": {s: _tone(labelled, rows) for s, rows in chosen.items()},
        "mean_of_zones": {s: agreement(ages[rows], zones[rows].mean(axis=1)) for s, rows in chosen.items()},
        "zones": {
            zone.name: {"expert": labelled.calibrated.expert[zone.name]}
            | {split: agreement(ages[rows], zones[rows, k]) for split, rows in chosen.items()}
            for k, zone in enumerate(ZONES)
        },
    }


def agreement(ages: Floats, years: Floats) -> dict[str, float | int | None]:
    """Number of faces, mean absolute error in years, and Pearson's correlation; None if undefined."""
    correlation = error = None
    if len(ages):
        error = round(float(np.abs(ages - years).mean()), 2)
    if len(ages) > 2 and np.ptp(ages) > 0 and np.ptp(years) > 0:
        correlation = round(float(np.corrcoef(ages, years)[0, 1]), 4)
    return {"faces": len(ages), "mean_absolute_error": error, "correlation": correlation}


def _tone(labelled: LabelledFaces, rows: NDArray[np.bool_]) -> float | None:
    """Partial correlation of the mean of all zones with lightness, given age (a parabola)."""
    ages, years = labelled.ages[rows], labelled.zone_years[rows].mean(axis=1)
    if len(ages) < 10 or np.ptp(ages) == 0:
        return None
    rest = [v - np.polyval(np.polyfit(ages, v, 2), ages) for v in (years, labelled.lightness[rows])]
    return agreement(rest[0], rest[1])["correlation"]


def _write_parts(path: Path, labelled: LabelledFaces, table: Floats, form: str) -> None:
    """Write one value [N, 26] for every part of every face, with the face's split and age."""
    rows = []
    for face, out, age, values in zip(labelled.faces, labelled.held_out, labelled.ages, table, strict=True):
        head = {"file": face.name, "split": SPLITS[int(out)], "age": f"{age:g}"}
        rows.append(head | {p: format(float(v), form) for p, v in zip(PART_NAMES, values, strict=True)})
    write_table(path, ["file", "split", "age", *PART_NAMES], rows)
