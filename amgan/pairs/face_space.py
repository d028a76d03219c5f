"""The mean face's frame: positions of skin, brows, lips and eyes, and warps to and from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from amgan.faces.mesh_warp import Triangles, source_coordinates
from amgan.runtime.face.coordinates import mesh_coordinates
from amgan.runtime.face.mean_face import mean_face
from amgan.runtime.face.mesh import (
    FACE_OVAL,
    LEFT_BROW,
    LEFT_EYE,
    LIPS_OUTER,
    N_POINTS,
    RIGHT_BROW,
    RIGHT_EYE,
    raise_hairline,
)

from .log_picture import Plane, ellipse
from .masks import skin_mask

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class FaceSpace:
    """The frame, ``size_px`` wide, of the mean face (see amgan.runtime.face.mean_face)."""

    size_px: int

    @property
    def mean(self) -> NDArray[np.float64]:
        """Landmarks of the mean face, [468, 2] in frame units."""
        return mean_face().points[:N_POINTS]

    @property
    def triangles(self) -> Triangles:
        """Triangles of the mean mesh, without the ring around it, [T, 3]."""
        return mean_face().triangles[mean_face().ring_triangles :]

    @cached_property
    def skin(self) -> Plane:
        """The mean face's skin, float32 [S, S] 0..1."""
        return skin_mask(self.mean, self.size_px)

    @cached_property
    def brows(self) -> Mask:
        """The brows' convex hulls, dilated by 1.8 % of the frame."""
        return self._hulls((LEFT_BROW, RIGHT_BROW), 0.018)

    @cached_property
    def lips(self) -> Mask:
        """The lips' convex hull, dilated by 0.8 % of the frame."""
        return self._hulls((LIPS_OUTER,), 0.008)

    @cached_property
    def eyes(self) -> Mask:
        """The eyes' convex hulls, dilated by 0.6 % of the frame."""
        return self._hulls((LEFT_EYE, RIGHT_EYE), 0.006)

    @cached_property
    def mesh_inside(self) -> Mask:
        """The inside of the mesh's outline, which ends below the hairline."""
        mask = np.zeros((self.size_px,) * 2, np.uint8)
        cv2.fillPoly(mask, [np.round(self.mean[list(FACE_OVAL)] * self.size_px).astype(np.int32)], 1)
        return mask > 0

    @cached_property
    def inside(self) -> Mask:
        """The inside of the face's outline."""
        mask = np.zeros((self.size_px,) * 2, np.uint8)
        oval = np.round(raise_hairline(self.mean)[list(FACE_OVAL)] * self.size_px).astype(np.int32)
        cv2.fillPoly(mask, [oval], 1)
        return mask > 0

    @cached_property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns of the mean face with a margin, in multiples of 8 px."""
        low = np.floor(self.mean.min(axis=0) * self.size_px / 8 - 2).astype(int) * 8
        high = np.ceil(self.mean.max(axis=0) * self.size_px / 8 + 2).astype(int) * 8
        (left, top), (right, bottom) = np.maximum(low, 0), np.minimum(high, self.size_px)
        return slice(int(top), int(bottom)), slice(int(left), int(right))

    @cached_property
    def triangle_of_pixel(self) -> NDArray[np.int32]:
        """Index of the triangle of every pixel, int32 [S, S]; -1 outside the mesh."""
        labels = np.full((self.size_px,) * 2, -1, np.int32)
        corners = np.round(self.mean[self.triangles] * self.size_px * 16).astype(np.int32)
        for number, triangle in enumerate(corners):
            cv2.fillConvexPoly(labels, triangle, number, lineType=cv2.LINE_8, shift=4)
        return labels

    def carried(self, frame: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.uint8]:
        """Warp a face's frame to the mean face, [size_px, size_px, C]; landmarks are in frame units."""
        mean = mean_face()
        points = np.asarray(landmarks, np.float64)[:, :2]
        ring = np.concatenate([mean.points[N_POINTS:], np.ones((len(mean.points) - N_POINTS, 1))], axis=1)
        everywhere = np.concatenate([points, ring @ (mean.fit @ points)])
        where, _ = source_coordinates(
            mean.points * self.size_px, everywhere * frame.shape[0], mean.triangles, self.size_px
        )
        return np.asarray(cv2.remap(frame, where[..., 0], where[..., 1], cv2.INTER_CUBIC), np.uint8)

    def positions(self, landmarks: NDArray[np.floating], frame_px: int) -> NDArray[np.float32]:
        """Position on this frame of every pixel of a face's frame: x and y for cv2.remap, [S, S, 2]."""
        left, top, right, bottom = mean_face().rectangle
        u, v = mesh_coordinates(landmarks, frame_px)
        x, y = (u + 1) / 2 * (right - left) + left, (v + 1) / 2 * (bottom - top) + top
        return np.asarray(np.stack([x, y], axis=-1) * self.size_px - 0.5, np.float32)

    def signed_areas(self, landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
        """Area of every triangle relative to the mean face's, [T]; negative where it is folded over."""
        return _areas(landmarks, self.triangles) / _areas(self.mean, self.triangles)

    def _hulls(self, groups: tuple[tuple[int, ...], ...], grown: float) -> Mask:
        mask = np.zeros((self.size_px,) * 2, np.uint8)
        for group in groups:
            points = np.round(self.mean[list(group)] * self.size_px).astype(np.int32)
            cv2.fillConvexPoly(mask, cv2.convexHull(points), 255)
        return np.asarray(cv2.dilate(mask, ellipse(round(grown * self.size_px))) > 0)


def _areas(points: NDArray[np.floating], triangles: Triangles) -> NDArray[np.float64]:
    a, b, c = (np.asarray(points, np.float64)[triangles[:, i], :2] for i in range(3))
    return np.asarray((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])
