"""Fits an aging field to photos of known age, for `amgan fit-field`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from amgan.faces.aligning import AlignedFace, AlignOptions, Progress, align_each
from amgan.faces.face_rows import FaceRow
from amgan.faces.splits import is_held_out
from amgan.runtime.errors import UsageError

from .aging_field import AgingField
from .carrying import CarriedFace, FitFace, carry
from .conditioning import conditioned
from .face_space import FaceSpace
from .field_fit import BAND_EDGES, FieldFit, fit_field
from .groups import Groups, find_groups
from .patterns import LINES_PX, Donor, mix_lines, mix_mottling, mix_texture, read_donor
from .recipe import Recipe

FRAME_PX = 512
LEAST_FACES = 30


@dataclass(frozen=True)
class FieldSize:
    """Sides in px of the frame for the fit and of the frame for patterns."""

    field_px: int = FRAME_PX
    lines_px: int = LINES_PX


def build_field(
    folders: Sequence[Path],
    rows: Sequence[FaceRow],
    recipe: Recipe,
    progress: Progress = lambda done, total, what: None,
    size: FieldSize | None = None,
) -> tuple[AgingField, Groups]:
    """Fit an aging field to the photos of ``rows`` that are not held out; also returns groups of old faces.

    The same photos, rows and recipe give the same field. Raises UsageError if too few faces can be used or a
    donor is missing.
    """
    size = size or FieldSize()
    training = [row for row in rows if not is_held_out(row.file)]
    missing = sorted(set(recipe.donors) - {row.file for row in training})
    if missing:
        raise UsageError(f"the donors {', '.join(missing)} of the recipe are not among the faces to fit on")
    space = FaceSpace(size.field_px)
    left_out: Counter[str] = Counter()
    options = AlignOptions(frame_px=size.field_px, min_chroma=0.0)  # grey faces count, except for colour
    aligned = align_each(folders, training, options, left_out, progress)
    faces = [carry(space, _fit_face(face)) for face in aligned]
    if len(faces) < LEAST_FACES:
        raise UsageError(
            f"{len(faces)} faces are too few to fit on, {LEAST_FACES} are needed; left out: {dict(left_out)}"
        )
    unfit = sorted(set(recipe.donors) - {face.name for face in faces})
    if unfit:
        raise UsageError(f"the donors {', '.join(unfit)} cannot be used; left out: {dict(left_out)}")
    fit = fit_field(faces, space, progress)
    groups = find_groups(faces, space, recipe.patterns)
    donors = _read_donors(folders, training, recipe, FaceSpace(size.lines_px), progress)
    field = assemble(fit, groups, donors, recipe, size, _report(faces, fit, groups, recipe, left_out))
    return field, groups


def assemble(
    fit: FieldFit,
    groups: Groups,
    donors: Mapping[str, Donor],
    recipe: Recipe,
    size: FieldSize,
    report: dict[str, object],
) -> AgingField:
    """Assemble the parts of a field."""
    space, fine = FaceSpace(size.field_px), FaceSpace(size.lines_px)
    coefficients, products, certainty = conditioned(fit, space)
    numbers = range(len(recipe.patterns))
    return AgingField(
        mean=space.mean,
        field=coefficients,
        products=products,
        certainty=certainty,
        deviations=groups.deviations,
        lines=np.stack([mix_lines(fine, donors, recipe, number) for number in numbers]),
        texture=mix_texture(fine, donors, recipe.texture),
        mottling=mix_mottling(fine, donors, recipe.mottling),
        shape=fit.shape,
        **vars(fit.standard),
        pattern_names=tuple(pattern.name for pattern in recipe.patterns),
        report=report,
    )


def _fit_face(face: AlignedFace) -> FitFace:
    return FitFace(face.name, face.frame, face.landmarks, face.age, face.sex, face.turn, face.source)


def _read_donors(
    folders: Sequence[Path], rows: Sequence[FaceRow], recipe: Recipe, space: FaceSpace, progress: Progress
) -> dict[str, Donor]:
    """Read the recipe's donors and warp them to the mean face."""
    chosen = [row for row in rows if row.file in recipe.donors]
    left_out: Counter[str] = Counter()
    options = AlignOptions(frame_px=space.size_px, min_chroma=0.0)
    aligned = align_each(folders, chosen, options, left_out, progress)
    return {face.name: read_donor(space, face.frame, face.landmarks) for face in aligned}


def _report(
    faces: Sequence[CarriedFace],
    fit: FieldFit,
    groups: Groups,
    recipe: Recipe,
    left_out: Mapping[str, int],
) -> dict[str, object]:
    """Description of the data of the fit, as JSON values."""
    names = [pattern.name for pattern in recipe.patterns]
    return {
        "faces": len(faces),
        "band_edges": list(BAND_EDGES),
        "faces_by_band": list(fit.faces_by_band),
        "faces_by_source": dict(sorted(Counter(face.source for face in faces).items())),
        "faces_by_group": dict(zip(names, map(len, groups.members), strict=True)),
        "left_out": dict(sorted(left_out.items())),
    }
