"""Masks of one face from its mesh: the limits of a change, and the positions of the parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from amgan.runtime.face.mesh import (
    LEFT_BROW,
    LEFT_EYE,
    LIPS_INNER,
    LIPS_OUTER,
    RIGHT_BROW,
    RIGHT_EYE,
    raise_hairline,
)

from .face_space import FaceSpace
from .log_picture import Plane, blur, ellipse, smoothstep
from .masks import hulls, skin_mask

_UNDER_EYES = (
    (31, 228, 229, 230, 231, 232, 128, 121, 120, 119, 118, 117),
    (261, 448, 449, 450, 451, 452, 357, 350, 349, 348, 347, 346),
)


@dataclass(frozen=True, eq=False)
class PairFace:
    """A face from which versions are made: frame uint8 [S, S, 3], landmarks [468, 2] in frame units.

    ``age`` in years, ``sex`` -1 (female), 1 (male) or 0, ``turn`` FaceFinder's. ``own`` [S, S] is 1 where the
    face's own skin is visible and 0 where it is covered, as in the runtime's mask; None is 1 everywhere.
    """

    frame: NDArray[np.uint8]
    landmarks: NDArray[np.float64]
    age: float
    sex: float = 0.0
    turn: float = 0.0
    own: NDArray[np.float32] | None = None


class FaceMasks:
    """Soft masks of one face, float32 [S, S] in 0..1, over its own frame; computed on first use."""

    def __init__(self, face: PairFace, space: FaceSpace) -> None:
        self.face = face
        self.space = space
        self.size_px = face.frame.shape[0]
        self.unit = self.size_px / 512.0
        self._where = space.positions(face.landmarks, self.size_px)

    def brought(self, plane: NDArray[np.floating]) -> Plane:
        """Warp a plane [L, L] or [L, L, C] over the mean face's frame, of any size, to this face."""
        factor = plane.shape[0] / self.space.size_px
        where = (self._where + 0.5) * factor - 0.5
        moved = cv2.remap(np.asarray(plane, np.float32), where[..., 0], where[..., 1], cv2.INTER_CUBIC)
        return np.asarray(moved, np.float32)

    @cached_property
    def weight(self) -> Plane:
        """Weight of any change: 1 on the face, less where it ends, turns away or is covered."""
        facing = self._facing()
        outline = np.zeros((self.size_px,) * 2, np.uint8)
        points = np.round(raise_hairline(self.face.landmarks) * self.size_px).astype(np.int32)
        cv2.fillConvexPoly(outline, cv2.convexHull(points), 255)
        side = round(13 * self.unit)
        inner = cv2.erode(outline, np.ones((max(side, 1),) * 2, np.uint8))
        core = cv2.erode(self.space.inside.astype(np.uint8), np.ones((13, 13), np.uint8))
        valid = blur(core, 6.0 * self.space.size_px / 512)
        weight = self.brought(valid) * facing * blur(inner, 6 * self.unit) / np.float32(255)
        weight = np.clip(weight, 0.0, 1.0)
        if self.face.own is not None:
            weight = weight * self.face.own
        return np.asarray(np.minimum(weight, blur(weight, 3 * self.unit)), np.float32)

    def _facing(self) -> Plane:
        """1 where the mesh faces the camera, 0 where it is folded over: the minimum over triangles."""
        share = np.clip((self.space.signed_areas(self.face.landmarks) - 0.15) / 0.45, 0.0, 1.0)
        plane = np.ones((self.size_px,) * 2, np.float32)  # outside the mesh the outline decides
        order = np.argsort(-share, kind="stable")
        corners = np.round(self.face.landmarks[self.space.triangles, :2] * self.size_px * 16).astype(np.int32)
        for number in order:
            cv2.fillConvexPoly(plane, corners[number], float(share[number]), lineType=cv2.LINE_8, shift=4)
        return blur(cv2.erode(plane, ellipse(round(3 * self.unit))), 6 * self.unit)

    @cached_property
    def skin(self) -> Plane:
        """Plain skin, including covered skin."""
        return skin_mask(self.face.landmarks, self.size_px)

    @cached_property
    def eyes(self) -> Plane:
        """The eyes."""
        return hulls(self.face.landmarks, (LEFT_EYE, RIGHT_EYE), self.size_px, 0, 1.2 * self.unit)

    @cached_property
    def lips(self) -> Plane:
        """The lips without the open mouth."""
        outer = hulls(self.face.landmarks, (LIPS_OUTER,), self.size_px, 0, 1.5 * self.unit)
        inner = hulls(self.face.landmarks, (LIPS_INNER,), self.size_px, 0, 1.2 * self.unit)
        return np.asarray(np.clip(outer - inner, 0.0, 1.0), np.float32)

    @cached_property
    def mouth(self) -> Plane:
        """The open mouth, slightly dilated."""
        return hulls(self.face.landmarks, (LIPS_INNER,), self.size_px, 2 * self.unit, 1.2 * self.unit)

    @cached_property
    def brows(self) -> Plane:
        """The area of the brows' hair."""
        return hulls(self.face.landmarks, (LEFT_BROW, RIGHT_BROW), self.size_px, 9 * self.unit, 4 * self.unit)

    @cached_property
    def under_eyes(self) -> Plane:
        """The area under the eyes, whose own shadows are kept: dark circles are no folds."""
        mask = hulls(self.face.landmarks, _UNDER_EYES, self.size_px, 2.5 * self.unit, 5 * self.unit)
        return np.asarray(mask, np.float32)

    @cached_property
    def _between_eyes(self) -> float:
        """Distance of the eyes' centres in frame units."""
        points = self.face.landmarks
        apart = points[list(LEFT_EYE)].mean(axis=0) - points[list(RIGHT_EYE)].mean(axis=0)
        return float(np.linalg.norm(apart))

    @cached_property
    def below_mouth(self) -> Plane:
        """The area below the mouth, where a smile stretches the mesh."""
        points, eyes = self.face.landmarks, self._between_eyes
        x, y = points[[61, 291, 17], :2].mean(axis=0)
        distance = (self.columns - x) ** 2 + (self.rows - (y + 0.15 * eyes)) ** 2
        return np.asarray(np.exp(-distance / (2 * (0.55 * eyes) ** 2)), np.float32)

    @cached_property
    def jowls(self) -> Plane:
        """The areas beside and below the corners of the mouth, where the lines of a pattern cross."""
        points, eyes = self.face.landmarks, self._between_eyes
        return self._around([(points[n, 0], points[n, 1] - 0.05 * eyes) for n in (212, 432)], 0.30)

    @cached_property
    def frown(self) -> Plane:
        """The area between the brows, where vertical lines cross those of the forehead."""
        return self._around([(self.face.landmarks[9, 0], self.face.landmarks[9, 1])], 0.24)

    @cached_property
    def hairline(self) -> Plane:
        """The top of the forehead below the hairline, where the shade of the hair is no fold."""
        size = self.space.size_px
        top, brows = self.space.mean[10, 1], self.space.mean[9, 1]
        rows = (np.arange(size, dtype=np.float32) + 0.5) / size
        fade = 1.0 - smoothstep((rows - top) / (brows - top), 0.15, 0.55)
        return np.clip(self.brought(np.repeat(fade[:, None], size, axis=1)), 0.0, 1.0)

    def _around(self, middles: Sequence[tuple[float, float]], reach: float) -> Plane:
        """1 at points in frame units, with a falloff within ``reach`` times the distance of the eyes."""
        planes = [(self.columns - x) ** 2 + (self.rows - y) ** 2 for x, y in middles]
        apart = np.minimum.reduce(planes)
        return np.asarray(np.exp(-apart / (2 * (reach * self._between_eyes) ** 2)), np.float32)

    @cached_property
    def brow_line(self) -> float:
        """Row of the brows, in frame units."""
        return float(self.face.landmarks[[105, 334, 9], 1].mean())

    @cached_property
    def rows(self) -> Plane:
        """Row of every pixel, in frame units."""
        return np.asarray(np.mgrid[0 : self.size_px, 0 : self.size_px][0] / self.size_px, np.float32)

    @cached_property
    def columns(self) -> Plane:
        """Column of every pixel, in frame units."""
        return np.asarray(np.mgrid[0 : self.size_px, 0 : self.size_px][1] / self.size_px, np.float32)
