"""What age does to the colours of a face: brows turn grey, lips pale, skin loses some of its glow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from amgan.runtime.face.mesh import LEFT_BROW, LIPS_INNER, LIPS_OUTER, RIGHT_BROW

if TYPE_CHECKING:
    from .detail import FaceDetail


@dataclass(frozen=True)
class ComplexionOptions:
    """Shares of colour that are lost (0..1), and changes of log intensity."""

    brows_lost: float = 0.6
    brows_lighter: float = 0.25
    lips_lost: float = 0.5
    skin_lost: float = 0.1
    skin_yellower: float = 0.02
    softness: float = 0.006


def complexion_change(face: FaceDetail, options: ComplexionOptions) -> NDArray[np.float32]:
    """The change of a face's log picture, float32 [S, S, 3]."""
    lightness = face.log.mean(axis=2, keepdims=True)
    to_grey = lightness - face.log
    brows = _soft_hulls(face, (RIGHT_BROW, LEFT_BROW), options.softness)
    mouth = _soft_hulls(face, (LIPS_INNER,), options.softness)
    lips = _soft_hulls(face, (LIPS_OUTER,), options.softness) * (1.0 - mouth)
    yellow = np.array([0.0, 0.0, -options.skin_yellower], np.float32)
    change = brows * (options.brows_lost * to_grey + options.brows_lighter)
    change += lips * options.lips_lost * to_grey
    change += face.skin[..., None] * (options.skin_lost * to_grey + yellow)
    return np.asarray(change, np.float32)


def _soft_hulls(
    face: FaceDetail, groups: tuple[tuple[int, ...], ...], softness: float
) -> NDArray[np.float32]:
    """Convex hulls of groups of mesh points with a soft edge, float32 [S, S, 1] 0..1."""
    size = face.skin.shape[0]
    canvas = np.zeros((size, size), np.uint8)
    for group in groups:
        hull = cv2.convexHull(np.round(face.landmarks_px[list(group)]).astype(np.int32))
        cv2.fillConvexPoly(canvas, hull, 255)
    soft = cv2.GaussianBlur(canvas, (0, 0), softness * size)
    return np.asarray(soft, np.float32)[..., None] / np.float32(255.0)
