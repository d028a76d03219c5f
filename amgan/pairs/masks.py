"""Soft masks of a face's parts from its landmarks."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from amgan.data.bare_skin import bare_skin as find_bare_skin
from amgan.runtime.face.mesh import LEFT_BROW, LIPS_OUTER, NOSE, RIGHT_BROW
from amgan.runtime.face.region_masks import edit_mask

from .log_picture import Plane, blur, ellipse


def hulls(
    landmarks: NDArray[np.floating],
    groups: tuple[tuple[int, ...], ...],
    size_px: int,
    grown_px: float = 0.0,
    soft_px: float = 1.5,
) -> Plane:
    """Convex hulls of groups of mesh points, dilated (eroded if negative) and softened: float32 [S, S] 0..1.

    ``landmarks`` [468, 2] are in frame units.
    """
    mask = np.zeros((size_px, size_px), np.uint8)
    for group in groups:
        points = np.round(np.asarray(landmarks)[list(group), :2] * size_px).astype(np.int32)
        cv2.fillConvexPoly(mask, cv2.convexHull(points), 255)
    radius = round(abs(grown_px))
    if radius:
        mask = np.asarray((cv2.dilate if grown_px > 0 else cv2.erode)(mask, ellipse(radius)), np.uint8)
    return np.asarray(blur(mask.astype(np.float32), soft_px) / np.float32(255.0))


def bare_skin(log: Plane, skin: Plane) -> Plane:
    """Certainty that a pixel of a log picture [S, S, 3] shows bare skin, float32 [S, S] 0..1.

    ``skin`` [S, S] 0..1 is the area of skin, including covered skin.
    """
    return find_bare_skin(log, skin)


def skin_mask(landmarks: NDArray[np.floating], size_px: int) -> Plane:
    """The area of plain skin of a face, including covered skin: float32 [S, S] 0..1.

    The edit mask without brows, lips and nose; ``landmarks`` [468, 2] are in frame units.
    """
    mask = edit_mask(landmarks, size_px)
    holes = np.zeros((size_px, size_px), np.uint8)
    for polygon in (RIGHT_BROW, LEFT_BROW, LIPS_OUTER, NOSE):
        points = np.round(np.asarray(landmarks)[list(polygon), :2] * size_px).astype(np.int32)
        cv2.fillConvexPoly(holes, cv2.convexHull(points), 255)
    grown = cv2.dilate(holes, ellipse(size_px // 90))
    return np.asarray(mask * (1.0 - blur(grown.astype(np.float32), 0.006 * size_px) / 255.0), np.float32)
