"""Training examples of the estimator, and their sampling weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amgan.faces.age_curve import AgeCurve
from amgan.faces.aligning import AlignOptions, align_all
from amgan.faces.face_rows import FaceRow
from amgan.faces.known_ages import is_check
from amgan.faces.splits import is_held_out
from amgan.faces.tables import read_table
from amgan.networks.discriminator import DOWNSAMPLING
from amgan.runtime.errors import UsageError
from amgan.runtime.face.region_masks import make_region_masks
from amgan.runtime.face.zones import PART_NAMES, ZONES

FRAME_PX = 384
GRID = 16
_MASK_CELLS = 64

TRUE, ASKED, ESTIMATED = "true", "asked", "estimated"
HOW = {"true": TRUE, "within a year": TRUE, "asked": ASKED}
SHOWN = {TRUE: 8.0, ASKED: 0.7, ESTIMATED: 1.0}
"""Sampling weight of a face within its age band, by how its age is known."""

BAND_EDGES = (25, 32, 40, 48, 56, 64, 72, 80)

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, eq=False)
class AgeExamples:
    """Aligned faces: ``frames`` uint8 [N, 384, 384, 3], ``ages`` [N] in years, ``how`` each is known.

    ``zones`` float32 [N, 16, 16] are the weights, with sum 1, of the mean of the fifteen zones as in the
    runtime. ``checks`` bool [N] are reserved for validation.
    """

    names: tuple[str, ...]
    frames: NDArray[np.uint8]
    ages: NDArray[np.float64]
    how: tuple[str, ...]
    zones: NDArray[np.float32]
    checks: NDArray[np.bool_]

    @property
    def side_px(self) -> int:
        """Side of the estimator's input in px: DOWNSAMPLING px per cell."""
        return int(self.zones.shape[-1]) * DOWNSAMPLING

    def shares(self) -> NDArray[np.float64]:
        """Sampling probability of each face, with sum 1 and equal probability of every age band."""
        shares, bands = np.zeros(len(self.ages)), np.digitize(self.ages, BAND_EDGES)
        often = np.array([SHOWN[how] for how in self.how])
        for band in range(len(BAND_EDGES) + 1):
            chosen = (bands == band) & ~self.checks
            if chosen.any():
                shares[chosen] = often[chosen] / often[chosen].sum()
        if not shares.sum():
            raise UsageError("there is no face to learn ages from: all are kept for checks")
        return shares / shares.sum()


def read_examples(
    sets: Sequence[tuple[Path, Path]],
    curve: AgeCurve | None = None,
    progress: Progress = lambda done, total, what: None,
) -> AgeExamples:
    """Align the faces of some folders, each with its table of ages, and calibrate estimated ages.

    A table has the columns ``file`` and ``age`` or ``age_estimate`` (empty cells are left out), and if at
    hand ``age_is``: ``true`` and ``within a year`` are true ages, ``asked`` those that a picture was
    generated for, all others estimates. Half of the faces of true age and a tenth of the others are reserved
    for validation. Raises UsageError for a bad table, or if no face is left.
    """
    options = AlignOptions(frame_px=FRAME_PX, max_turn=0.5, min_side_px=170.0, min_chroma=0.0)
    faces, known = [], []
    for folder, table in sets:
        ages, how = _read(table)
        rows = [FaceRow(name, age) for name, age in ages.items()]
        aligned, _ = align_all([folder], rows, options, progress)
        faces += aligned
        known += [how[face.name] for face in aligned]
    if not faces:
        raise UsageError("no face of known age was found: check the folders and their tables")
    years = np.array([face.age for face in faces], np.float64)
    guessed = np.array([how == ESTIMATED for how in known], bool)
    if curve is not None and guessed.any():
        years[guessed] = curve.years_of(years[guessed])
    checks = [
        is_check(f.name) if how == TRUE else is_held_out(f.name) for f, how in zip(faces, known, strict=True)
    ]
    return AgeExamples(
        tuple(face.name for face in faces),
        np.stack([face.frame for face in faces]),
        years,
        tuple(known),
        np.stack([zone_weights(face.landmarks) for face in faces]),
        np.array(checks, bool),
    )


def zone_weights(landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
    """Weights of 16 x 16 cells in the mean of the fifteen zones of a face, with sum 1."""
    step = _MASK_CELLS // GRID
    masks = np.asarray(make_region_masks(landmarks, _MASK_CELLS).parts)
    cells = masks.reshape(len(PART_NAMES), GRID, step, GRID, step).mean(axis=(2, 4))
    totals = cells.sum(axis=(1, 2))
    mean = np.zeros((GRID, GRID))
    for zone in ZONES:
        for part in zone.parts:
            number = PART_NAMES.index(part)
            mean += cells[number] / max(float(totals[number]), 1e-9) / len(zone.parts)
    return np.asarray(mean / max(mean.sum(), 1e-9), np.float32)


def _read(table: Path) -> tuple[dict[str, float], dict[str, str]]:
    """Age in years and how it is known, by file."""
    if not table.is_file():
        raise UsageError(f"the table of ages '{table}' does not exist: check its name")
    columns, rows = read_table(table, "correct the table")
    column = next((name for name in ("age", "age_estimate") if name in columns), None)
    if column is None:
        raise UsageError(f"'{table}' has neither age nor age_estimate as a column: correct the table")
    ages, how = {}, {}
    for row in rows:
        if not row[column].strip():
            continue
        try:
            ages[row["file"]] = float(row[column])
        except ValueError as error:
            raise UsageError(
                f"'{table}' has {row[column]!r} as {column} of {row['file']}: it must be years, or empty"
            ) from error
        how[row["file"]] = HOW.get(row.get("age_is", "").strip(), ESTIMATED)
    return ages, how
