"""One aged donor out of several old faces.

A single donor carries the chances of one face: side light, stains, lopsided lines. What several old faces
share, in place and in both halves of the face, is what age does. The composite is made on the mean face, from
the dark lines that many have (a low percentile), the folds that all have (the mean), and some of the first
donor's own fine detail, without which skin looks drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .detail import DETAIL_RANGE, FaceDetail, Plane
from .mesh_warp import Triangles, source_coordinates


@dataclass(frozen=True)
class CompositeOptions:
    """Shares of the parts of a composite, and their scales as shares of the frame's side.

    ``lines`` times the ``percentile`` of all detail, ``folds`` times its mean and ``own`` times what is
    finer than ``own_blur`` in the first donor's detail are added up. ``level_share`` of the lines' level over
    ``level_blur`` is taken away: that is shade.
    """

    lines: float = 1.8
    folds: float = 1.2
    own: float = 0.4
    percentile: float = 40.0
    line_blur: float = 0.002
    fold_blur: float = 0.005
    own_blur: float = 0.008
    level_share: float = 0.7
    level_blur: float = 0.03
    sure: float = 0.3


def make_composite(
    donors: Sequence[FaceDetail],
    mean_landmarks: NDArray[np.floating],
    triangles: Triangles,
    options: CompositeOptions | None = None,
) -> FaceDetail:
    """The composite of donors (all of one frame size) on the symmetric mean face, to be used as a donor.

    ``mean_landmarks`` [468, 2] are in frame units. One donor alone is averaged with its mirror image.
    """
    options = options or CompositeOptions()
    size = donors[0].skin.shape[0]
    landmarks = symmetric(mean_landmarks) * size
    planes, skins = zip(*(_on_mean_face(d, landmarks, triangles, size) for d in donors), strict=True)
    own = (planes[0] - _blur(planes[0], options.own_blur)) * skins[0]
    both = np.stack([*planes, *(p[:, ::-1] for p in planes)])
    weight = np.stack([*skins, *(s[:, ::-1] for s in skins)])
    folds = np.stack([_blur(p, options.fold_blur) for p in both])
    folds = (folds * weight).sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-3)
    lines = _percentile(np.stack([_blur(p, options.line_blur) for p in both]), weight, options)
    detail = options.lines * lines + options.folds * folds + options.own * own
    cover = weight.max(axis=0)
    shown = np.repeat((detail * (cover > 0))[..., None], 3, axis=2).astype(np.float32)
    return FaceDetail(np.zeros_like(shown), shown, cover, landmarks)


def symmetric(mean_landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """A mean face's landmarks [468, 2], frame units, made equal to their mirror image about the middle."""
    points = np.array(mean_landmarks, np.float64)
    points[:, 0] += 0.5 - points[:, 0].mean()
    mirrored = points * (-1.0, 1.0) + (1.0, 0.0)
    partner = ((points[:, None] - mirrored[None]) ** 2).sum(axis=2).argmin(axis=1)
    return np.asarray((points + mirrored[partner]) / 2.0)


def _on_mean_face(
    donor: FaceDetail, landmarks_px: NDArray[np.float64], triangles: Triangles, size: int
) -> tuple[Plane, Plane]:
    """The lightness of a donor's detail and its skin mask, both [S, S], carried to the mean face."""
    coordinates, inside = source_coordinates(landmarks_px, donor.landmarks_px, triangles, size)
    x, y = coordinates[..., 0], coordinates[..., 1]
    detail = np.clip(donor.detail, *DETAIL_RANGE).mean(axis=2)
    carried = cv2.remap(detail, x, y, cv2.INTER_CUBIC) * inside
    skin = cv2.remap(donor.skin, x, y, cv2.INTER_LINEAR) * inside
    return np.asarray(carried, np.float32), np.asarray(skin, np.float32)


def _percentile(planes: Plane, weight: Plane, options: CompositeOptions) -> Plane:
    """Low percentile over the donors whose skin is there, alike on both sides, less most of its own level."""
    known = np.ma.masked_array(planes, weight <= options.sure)
    rank = np.sort(known.filled(np.inf), axis=0)
    count = known.count(axis=0)
    index = np.clip(np.floor(options.percentile / 100.0 * (count - 1)), 0, None).astype(np.int64)
    lines = np.take_along_axis(rank, index[None], axis=0)[0]
    lines = _blur(np.where(count > 0, lines, 0.0).astype(np.float32), options.line_blur)
    lines = (lines + lines[:, ::-1]) / 2.0
    return np.asarray(lines - options.level_share * _blur(lines, options.level_blur), np.float32)


def _blur(plane: Plane, share: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), max(share * plane.shape[0], 0.3)), np.float32)
