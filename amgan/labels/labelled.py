"""Data classes of labelled faces and labelling options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amgan.faces.aligning import AlignedFace
from amgan.runtime.face.zones import PART_NAMES, ZONES

from .calibration import Calibrated
from .patches import Template

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LabelOptions:
    """Options of labelling: number of folds, their seed, and optional tables.

    ``expert_scores`` has scores of experts, ``true_ages`` portraits for the calibration of ages.
    """

    folds: int = 5
    seed: int = 0
    expert_scores: Path | None = None
    true_ages: Path | None = None


@dataclass(frozen=True, eq=False)
class LabelledFaces:
    """The faces that were used, with their ages [N] in years, split, scores and apparent ages.

    ``lightness`` [N] is the mean CIELAB lightness of their zones; ``left_out`` counts skipped faces by
    reason.
    """

    faces: Sequence[AlignedFace]
    template: Template
    ages: Floats
    held_out: NDArray[np.bool_]
    calibrated: Calibrated
    lightness: Floats
    left_out: Mapping[str, int]

    @property
    def zone_years(self) -> Floats:
        """Apparent age of every zone, the mean of its parts: [N, 15] in the order of ZONES."""
        years = self.calibrated.years
        return np.stack([years[:, columns_of(zone.parts)].mean(axis=1) for zone in ZONES], axis=1)


def columns_of(parts: Sequence[str]) -> list[int]:
    """Indices of parts in zones.PART_NAMES."""
    return [PART_NAMES.index(part) for part in parts]
