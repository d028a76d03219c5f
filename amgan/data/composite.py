"""One aged donor out of several old faces.

A single donor carries the chances of one face: side light, stains, the shape of its own cheeks. What several
old faces share, in place and in both halves of the face, is what age does; but a mean has no wrinkles, only
soft folds. So the composite is the detail of one evenly lit, sharp donor, with its folds deepened by those
that all donors share and young faces do not have. It is made on the mean face.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..faces.mesh_warp import Triangles, source_coordinates
from .detail import DETAIL_RANGE, FaceDetail
from .planes import Plane, blurred


@dataclass(frozen=True)
class CompositeOptions:
    """Shares of the parts of a composite, and their scales as shares of the frame's side.

    ``own`` times the first donor's detail, ``own_folds`` times its part coarser than ``fold_blur``, and
    ``folds`` times the folds coarser than it that the old faces share beyond the young are added up. Folds
    are detail against the shading over ``shading_blur``.
    """

    own: float = 0.6
    own_folds: float = 0.4
    folds: float = 1.1
    fold_blur: float = 0.006
    shading_blur: float = 0.035


@dataclass(frozen=True, eq=False)
class MeanFace:
    """Where composites are made: landmarks [468, 2] in px, the mesh's triangles, and the frame's side."""

    landmarks_px: NDArray[np.float64]
    triangles: Triangles
    size_px: int


def mean_face(mean_landmarks: NDArray[np.floating], triangles: Triangles, size_px: int) -> MeanFace:
    """The symmetric mean face for frames of ``size_px``; ``mean_landmarks`` [468, 2] are in frame units."""
    return MeanFace(symmetric(mean_landmarks) * size_px, triangles, size_px)


def make_composite(
    own: FaceDetail,
    old: Iterable[FaceDetail],
    young: Iterable[FaceDetail],
    mean: MeanFace,
    options: CompositeOptions | None = None,
) -> FaceDetail:
    """The composite, to be used as a donor: ``own`` gives the wrinkles, ``old`` less ``young`` the folds.

    ``old`` and ``young`` are split at the options' ``shading_blur``, all frames are of the mean face's size.
    """
    options = options or CompositeOptions()
    wrinkles, skin = _on_mean_face(own, mean)
    detail = options.own * wrinkles + options.own_folds * blurred(wrinkles, options.fold_blur)
    if options.folds:
        detail = detail + options.folds * (
            shared_folds(old, mean, options) - shared_folds(young, mean, options)
        )
    shown = np.repeat((detail * (skin > 0))[..., None], 3, axis=2).astype(np.float32)
    return FaceDetail(np.zeros_like(shown), shown, skin, mean.landmarks_px)


def shared_folds(faces: Iterable[FaceDetail], mean: MeanFace, options: CompositeOptions) -> Plane:
    """The folds that faces share, alike on both sides, float32 [S, S]; 0 where no face has skin."""
    total = np.zeros((mean.size_px,) * 2, np.float32)
    weight = np.zeros_like(total)
    for face in faces:
        plane, skin = _on_mean_face(face, mean)
        total += blurred(plane, options.fold_blur) * skin
        weight += skin
    total, weight = total + total[:, ::-1], weight + weight[:, ::-1]
    return np.asarray(total / np.maximum(weight, 1e-3), np.float32)


def symmetric(mean_landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """A mean face's landmarks [468, 2], frame units, made equal to their mirror image about the middle."""
    points = np.array(mean_landmarks, np.float64)
    points[:, 0] += 0.5 - points[:, 0].mean()
    mirrored = points * (-1.0, 1.0) + (1.0, 0.0)
    partner = ((points[:, None] - mirrored[None]) ** 2).sum(axis=2).argmin(axis=1)
    return np.asarray((points + mirrored[partner]) / 2.0)


def _on_mean_face(face: FaceDetail, mean: MeanFace) -> tuple[Plane, Plane]:
    """The lightness of a face's detail and its skin mask, both [S, S], carried to the mean face."""
    coordinates, inside = source_coordinates(
        mean.landmarks_px, face.landmarks_px, mean.triangles, mean.size_px
    )
    x, y = coordinates[..., 0], coordinates[..., 1]
    detail = np.clip(face.detail, *DETAIL_RANGE).mean(axis=2)
    carried = cv2.remap(detail, x, y, cv2.INTER_CUBIC) * inside
    skin = cv2.remap(face.skin, x, y, cv2.INTER_LINEAR) * inside
    return np.asarray(carried, np.float32), np.asarray(skin, np.float32)
