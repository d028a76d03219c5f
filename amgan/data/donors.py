"""Which old faces age the others, and the donor that is made of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from amgan.runtime.errors import UsageError

from ..faces.aligning import AlignedFace, PrepareOptions
from ..faces.mesh_warp import Triangles
from .bare_skin import BareSkinOptions
from .composite import CompositeOptions, make_composite, mean_face
from .detail import BLUR, FaceDetail, split_detail

YOUNG_YEARS = (20.0, 35.0)
YOUNG_FACES = 60


def aged_donor(
    aligned: Sequence[AlignedFace],
    training: Sequence[int],
    donors: Sequence[int],
    mean: NDArray[np.float64],
    triangles: Triangles,
) -> FaceDetail:
    """The aged donor: the first one's wrinkles, and the folds that all donors have and young faces do not."""
    options = CompositeOptions()
    young = [i for i in training if YOUNG_YEARS[0] <= aligned[i].age <= YOUNG_YEARS[1]][:YOUNG_FACES]
    return make_composite(
        split(aligned[donors[0]]),
        (split(aligned[i], options.shading_blur) for i in donors),
        (split(aligned[i], options.shading_blur) for i in young),
        mean_face(mean, triangles, aligned[donors[0]].frame.shape[0]),
        options,
    )


def split(face: AlignedFace, blur: float = BLUR, bare: BareSkinOptions | None = None) -> FaceDetail:
    """The face's detail against the shading coarser than ``blur``; see `split_detail`."""
    return split_detail(face.frame, face.landmarks, blur, bare)


def choose_donors(
    aligned: Sequence[AlignedFace], training: Sequence[int], options: PrepareOptions, names: Sequence[str]
) -> list[int]:
    """Numbers of the donor faces: those named, or the old, frontal, evenly lit ones with most detail.

    ``training`` are the numbers to choose from. Raises UsageError when a named donor is not among them.
    """
    by_name = {aligned[i].name: i for i in training}
    missing = [n for n in names if n not in by_name]
    if missing:
        raise UsageError(f"the donors {', '.join(missing)} are not among the faces that training can use")
    if names:
        return [by_name[n] for n in names]
    strength: dict[int, float] = {}
    for i in training:
        if aligned[i].age < options.donor_min_age or abs(aligned[i].turn) > options.donor_max_turn:
            continue
        detail = split(aligned[i])
        if _asymmetry(detail) <= options.donor_max_asymmetry:
            strength[i] = float(detail.detail[detail.skin > 0.5].std())
    return sorted(strength, key=lambda i: -strength[i])[: options.donor_count]


def _asymmetry(face: FaceDetail) -> float:
    """Difference of mean log intensity between the two halves of the skin: side light."""
    columns = np.arange(face.skin.shape[1]) < face.landmarks_px[:, 0].mean()
    brightness = face.log.mean(axis=2)
    skin = face.skin > 0.5
    return float(abs(brightness[skin & columns].mean() - brightness[skin & ~columns].mean()))
