"""Conversion of raw scores to apparent ages by inverting an atlas curve per zone.

Raw scores regress to the mean, more so for zones with little information on age. The zone's curve is the
usual score by age; the age at which a part's score is usual is its apparent age.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amgan.labels.curve_fit import fit_curve
from amgan.runtime.ages.atlas import Curve
from amgan.runtime.errors import UsageError
from amgan.runtime.face.zones import PART_NAMES, ZONES

Floats = NDArray[np.float64]
WEAK_UNIT = "years read by the zone's regressor"
EXPERT_UNIT = "expert score"


@dataclass(frozen=True, eq=False)
class Calibrated:
    """The result: ``scores`` and apparent ``years``, float64 [N, 26], and the ``curves`` by zone.

    The scores of a zone have the unit of its curve. ``expert`` counts the faces with an expert's score by
    zone.
    """

    scores: Floats
    years: Floats
    curves: dict[str, Curve]
    expert: dict[str, int]


def calibrate(
    names: Sequence[str],
    ages: Floats,
    weak: Floats,
    training: NDArray[np.bool_],
    expert: Mapping[str, Mapping[str, float]] | None = None,
) -> Calibrated:
    """Fit the curve of every zone on the training faces and invert it for every part's score.

    ``names`` and ``ages`` [N] are those of the faces, ``weak`` [N, 26] the regressors' scores in years,
    ``expert`` the experts' scores by part and file. A zone with expert scores has a curve of these; its faces
    without one get the usual expert score at their weak apparent age. Apparent ages are clipped to the ages
    of the training faces.

    Raises UsageError if a curve cannot be fitted: too few faces, or scores that do not increase with age.
    """
    given = _expert_table(names, expert or {})
    covered = float(ages[training].min()), float(ages[training].max())
    scores, years = weak.copy(), np.empty_like(weak)
    curves: dict[str, Curve] = {}
    counts: dict[str, int] = {}
    for zone in ZONES:
        columns = [PART_NAMES.index(part) for part in zone.parts]
        curve = _fit(ages, weak[:, columns], training, zone.name, WEAK_UNIT)
        years[:, columns] = np.clip(curve.age_of(weak[:, columns]), *covered)
        known = np.isfinite(given[:, columns])
        counts[zone.name] = int(known.any(axis=1).sum())
        if counts[zone.name]:
            curve = _fit(ages, given[:, columns], training, zone.name, EXPERT_UNIT)
            carried = curve.score_of(years[:, columns])
            scores[:, columns] = np.where(known, given[:, columns], carried)
            years[:, columns] = np.clip(curve.age_of(scores[:, columns]), *covered)
        curves[zone.name] = curve
    return Calibrated(scores, years, curves, counts)


def _expert_table(names: Sequence[str], expert: Mapping[str, Mapping[str, float]]) -> Floats:
    """Expert scores [N, 26], NaN if missing; raises UsageError if they are all of other faces."""
    table = np.full((len(names), len(PART_NAMES)), np.nan)
    for part, found in expert.items():
        table[:, PART_NAMES.index(part)] = [found.get(name, np.nan) for name in names]
    if expert and not np.isfinite(table).any():
        raise UsageError(
            "the expert scores are of none of the faces that could be used: name the files as in the "
            "table of ages"
        )
    return table


def _fit(ages: Floats, scores: Floats, training: NDArray[np.bool_], zone: str, unit: str) -> Curve:
    """The curve of one zone through the mean score of its parts on the training faces that have any."""
    used = training & np.isfinite(scores).any(axis=1)
    mean = np.nanmean(scores[used], axis=1) if used.any() else np.empty(0)
    try:
        return fit_curve(ages[used], mean, unit)
    except UsageError as error:
        raise UsageError(f"{zone}, {unit}: {error}") from error
