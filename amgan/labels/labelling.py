"""Labels a folder of faces: an apparent age of every part, from a table of whole-face ages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from amgan.faces.age_curve import read_calibrated_ages
from amgan.faces.aligning import AlignedFace, AlignOptions, align_all
from amgan.faces.face_rows import FaceRow
from amgan.faces.splits import is_held_out
from amgan.runtime.errors import UsageError
from amgan.runtime.face.zones import PART_NAMES, ZONES
from amgan.runtime.files import whole_folder

from ..faces.tables import read_expert_scores
from .calibration import calibrate
from .curve_fit import MIN_FACES
from .features import zone_features, zone_lightness
from .labelled import LabelledFaces, LabelOptions, columns_of
from .output import write_folder
from .patches import Template, cut_zone, make_template, warp_face
from .quality import why_misleading
from .regression import RegressionOptions, make_split, score_zone

FRAME_PX = 384
_ALIGNING = AlignOptions(frame_px=FRAME_PX, min_side_px=190.0)

Progress = Callable[[int, int, str], None]
Floats = NDArray[np.float64]


def label_faces(
    faces: Path,
    ages_csv: Path,
    output: Path,
    options: LabelOptions,
    progress: Progress = lambda done, total, what: None,
) -> LabelledFaces:
    """Label the photos of ``faces`` named in ``ages_csv`` and write ``output`` (see docs/labels.md).

    Raises UsageError for an output that is not empty, a bad table, or too few usable faces.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UsageError(f"'{output}' is not an empty folder: name a new one for the labels")
    table = read_calibrated_ages(ages_csv, options.true_ages)
    expert = read_expert_scores(options.expert_scores) if options.expert_scores else {}
    aligned, left_out = align_all([faces], [FaceRow(*row) for row in table.items()], _ALIGNING, progress)
    labelled = label_aligned(aligned, left_out, options, expert, progress)
    with whole_folder(output) as work:
        write_folder(work, labelled, options, output.name, ages_csv.name)
    return labelled


def label_aligned(
    aligned: Sequence[AlignedFace],
    left_out: Mapping[str, int],
    options: LabelOptions,
    expert: Mapping[str, Mapping[str, float]],
    progress: Progress = lambda done, total, what: None,
) -> LabelledFaces:
    """Label aligned faces. ``left_out`` counts, by reason, those that could not be aligned.

    ``expert`` holds expert scores by part and file. Raises UsageError for too few usable training faces, and
    for expert scores that no curve fits.
    """
    reasons = Counter(left_out)
    _require_enough(sum(not is_held_out(f.name) for f in aligned), options.folds, reasons)
    template = make_template(np.stack([f.landmarks for f in aligned if not is_held_out(f.name)]))
    with threadpool_limits(1):  # the products are small: threads would not help, and may round differently
        faces, zones = _describe(aligned, template, reasons, progress)
        held_out = np.array([is_held_out(f.name) for f in faces], bool)
        _require_enough(int((~held_out).sum()), options.folds, reasons)
        ages = np.array([f.age for f in faces], float)
        weak = _score(zones, ages, held_out, options, progress)
    calibrated = calibrate([f.name for f in faces], ages, weak, ~held_out, expert)
    lightness = np.mean([zone.lightness for zone in zones.values()], axis=0)
    left = dict(sorted(reasons.items()))
    return LabelledFaces(faces, template, ages, held_out, calibrated, lightness, left)


def _require_enough(found: int, folds: int, left_out: Mapping[str, int]) -> None:
    needed = max(MIN_FACES, 2 * folds)
    if found < needed:
        why = ", ".join(f"{count} {reason}" for reason, count in sorted(left_out.items())) or "none"
        raise UsageError(
            f"only {found} faces can be used for training, labelling needs {needed}: give more photos "
            f"(left out: {why})"
        )


@dataclass(frozen=True, eq=False)
class _ZoneData:
    """One zone of all faces: ``features`` [N, 2, F] of its two pictures, and mean ``lightness`` [N]."""

    features: NDArray[np.float32]
    lightness: Floats


def _describe(
    aligned: Sequence[AlignedFace], template: Template, left_out: Counter[str], progress: Progress
) -> tuple[list[AlignedFace], dict[str, _ZoneData]]:
    """The suitable faces, and features of their zones by name; counts the others in ``left_out``."""
    faces: list[AlignedFace] = []
    features: dict[str, list[NDArray[np.float32]]] = {zone.name: [] for zone in ZONES}
    lightness: dict[str, list[float]] = {zone.name: [] for zone in ZONES}
    for done, face in enumerate(aligned):
        progress(done, len(aligned), "describing skin")
        warped = warp_face(face.frame, face.landmarks, template)
        reason = why_misleading(warped, template)
        if reason:
            left_out[reason] += 1
            continue
        faces.append(face)
        for zone in ZONES:
            patches = cut_zone(warped, zone, template)
            features[zone.name].append(np.stack([zone_features(p, patches.mask) for p in patches.pictures]))
            both = [zone_lightness(p, patches.mask) for p in patches.pictures]
            lightness[zone.name].append(float(np.mean(both)))
    if not faces:
        return faces, {}
    return faces, {n: _ZoneData(np.stack(features[n]), np.array(lightness[n])) for n in features}


def _score(
    zones: Mapping[str, _ZoneData],
    ages: Floats,
    held_out: NDArray[np.bool_],
    options: LabelOptions,
    progress: Progress,
) -> Floats:
    """Out-of-fold scores [N, 26] of all parts in years."""
    split = make_split(ages, held_out, options.folds, options.seed)
    scores = np.empty((len(ages), len(PART_NAMES)))
    for done, zone in enumerate(ZONES):
        progress(done, len(ZONES), f"reading {zone.name}")
        data = zones[zone.name]
        both = score_zone(data.features, data.lightness, ages, split, RegressionOptions())
        columns = columns_of(zone.parts)
        scores[:, columns] = both if len(columns) == 2 else both.mean(axis=1, keepdims=True)
    return scores
