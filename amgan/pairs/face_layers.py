"""What of a face does not depend on the age asked for: its masks, its own structure by scale, its light."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from amgan.data.bare_skin import bare_skin
from amgan.runtime.face.mesh import (
    LEFT_BROW,
    LEFT_EYE,
    LIPS_INNER,
    LIPS_OUTER,
    RIGHT_BROW,
    RIGHT_EYE,
    raise_hairline,
)

from .aging_field import AgingField
from .face_space import FaceSpace
from .line_filter import LineOptions, only_lines
from .log_picture import FLOOR, Plane, blur, blur_inside, ellipse, log_picture, smoothstep
from .masks import hulls, skin_mask

_UNDER_EYES = (
    (31, 228, 229, 230, 231, 232, 128, 121, 120, 119, 118, 117),
    (261, 448, 449, 450, 451, 452, 357, 350, 349, 348, 347, 346),
)
_OWN_LINES = LineOptions(along_px=5.0, across_px=0.7, width_px=1.5, least=1.8, sure=3.2)
_LINES_PX = 512
_GREY_CHROMA = 0.004


@dataclass(frozen=True, eq=False)
class PairFace:
    """A face to make older and younger: frame uint8 [S, S, 3], landmarks [468, 2] in frame units.

    ``age`` in years, ``sex`` -1 (female), 1 (male) or 0, ``turn`` as FaceFinder gives it.
    """

    frame: NDArray[np.uint8]
    landmarks: NDArray[np.float64]
    age: float
    sex: float = 0.0
    turn: float = 0.0


class FaceLayers:
    """The layers of one face; planes are float32 [S, S] unless they say otherwise. Made when first asked for."""

    def __init__(self, face: PairFace, field: AgingField) -> None:
        self.face = face
        self.space: FaceSpace = field.space
        self.size_px = face.frame.shape[0]
        self.unit = self.size_px / 512.0
        self.log = log_picture(face.frame)
        self.light: Plane = np.asarray(self.log.mean(axis=2), np.float32)
        self.chroma: Plane = np.asarray(self.log - self.light[..., None], np.float32)
        self.smile = field.smile_of(face.landmarks)
        self._chroma_mean = field.chroma_mean
        self._where = self.space.positions(face.landmarks, self.size_px)

    def brought(self, plane: NDArray[np.floating]) -> Plane:
        """A plane [L, L] or [L, L, C] over the mean face's frame, of any size, carried to this face."""
        factor = plane.shape[0] / self.space.size_px
        where = (self._where + 0.5) * factor - 0.5
        moved = cv2.remap(np.asarray(plane, np.float32), where[..., 0], where[..., 1], cv2.INTER_CUBIC)
        return np.asarray(moved, np.float32)

    @cached_property
    def weight(self) -> Plane:
        """How far any change may go: 1 on the face, fading at its edge and where it turns away or is folded."""
        facing = self._facing()
        outline = np.zeros((self.size_px,) * 2, np.uint8)
        points = np.round(raise_hairline(self.face.landmarks) * self.size_px).astype(np.int32)
        cv2.fillConvexPoly(outline, cv2.convexHull(points), 255)
        side = round(13 * self.unit)
        outline = cv2.erode(outline, np.ones((side, side), np.uint8))
        core = cv2.erode(self.space.inside.astype(np.uint8), np.ones((13, 13), np.uint8))
        valid = blur(core, 6.0 * self.space.size_px / 512)
        weight = self.brought(valid) * facing * blur(outline, 6 * self.unit) / np.float32(255)
        weight = np.clip(weight, 0.0, 1.0)
        return np.asarray(np.minimum(weight, blur(weight, 3 * self.unit)), np.float32)

    def _facing(self) -> Plane:
        """1 where the mesh faces the camera, 0 where it is squeezed or folded over; the worst triangle wins."""
        share = np.clip((self.space.signed_areas(self.face.landmarks) - 0.15) / 0.45, 0.0, 1.0)
        plane = np.ones((self.size_px,) * 2, np.float32)  # around the mesh the outline decides
        order = np.argsort(-share, kind="stable")
        corners = np.round(self.face.landmarks[self.space.triangles, :2] * self.size_px * 16).astype(np.int32)
        for number in order:
            cv2.fillConvexPoly(plane, corners[number], float(share[number]), lineType=cv2.LINE_8, shift=4)
        return blur(cv2.erode(plane, ellipse(round(3 * self.unit))), 6 * self.unit)

    @cached_property
    def skin(self) -> Plane:
        """Where plain skin is, unless something covers it."""
        return skin_mask(self.face.landmarks, self.size_px)

    @cached_property
    def bare(self) -> Plane:
        """1 on bare skin; 0 on hair, beards, glasses and paint, and on a fringe above the brows."""
        bare = bare_skin(self.log, self.skin)
        above = 1.0 - smoothstep((self._rows - self._brow_line) / 0.03, -1.0, 1.0)
        darker = self.skin_light - blur(self.light, 2.5 * self.unit)
        return np.asarray(bare * (1.0 - above * smoothstep(darker, 0.40, 0.75)), np.float32)

    @cached_property
    def core(self) -> NDArray[np.bool_]:
        """Sure bare skin."""
        core = self.skin * bare_skin(self.log, self.skin) > 0.5
        return core if core.sum() >= 200 else self.skin > 0.5

    @cached_property
    def skin_light(self) -> float:
        """Median log luminance of the face's skin."""
        return float(np.median(self.light[self.core]))

    @cached_property
    def skin_chroma(self) -> NDArray[np.float32]:
        """Median log chroma of the face's skin, [3]."""
        return np.asarray(np.median(self.chroma[self.core], axis=0), np.float32)

    @cached_property
    def skin_around(self) -> tuple[Plane, Plane]:
        """Light [S, S] and chroma [S, S, 3] of the skin around every pixel."""
        core = self.core.astype(np.float32) + np.float32(1e-4)
        return blur_inside(self.light, core, 14 * self.unit), blur_inside(self.chroma, core, 14 * self.unit)

    @cached_property
    def colourfulness(self) -> float:
        """Strength of the face's own colour against the population's, 0..1; 0 in grey pictures."""
        if float(np.abs(self.chroma).mean()) < _GREY_CHROMA:
            return 0.0
        own = float(np.abs(self.skin_chroma).mean())
        return float(np.clip(own / max(self._chroma_mean, 1e-3), 0.0, 1.0))

    @cached_property
    def eyes(self) -> Plane:
        """The eyes, soft."""
        return hulls(self.face.landmarks, (LEFT_EYE, RIGHT_EYE), self.size_px, 0, 1.2 * self.unit)

    @cached_property
    def lips(self) -> Plane:
        """The lips without the mouth, soft."""
        outer = hulls(self.face.landmarks, (LIPS_OUTER,), self.size_px, 0, 1.5 * self.unit)
        inner = hulls(self.face.landmarks, (LIPS_INNER,), self.size_px, 0, 1.2 * self.unit)
        return np.asarray(np.clip(outer - inner, 0.0, 1.0), np.float32)

    @cached_property
    def mouth(self) -> Plane:
        """The open mouth, soft and a little grown."""
        return hulls(self.face.landmarks, (LIPS_INNER,), self.size_px, 2 * self.unit, 1.2 * self.unit)

    @cached_property
    def brows(self) -> Plane:
        """Where brows may have hair."""
        return hulls(self.face.landmarks, (LEFT_BROW, RIGHT_BROW), self.size_px, 9 * self.unit, 4 * self.unit)

    @cached_property
    def hair(self) -> Plane:
        """Darker than the skin around, as hair is."""
        return smoothstep(self.skin_around[0] - blur(self.light, self.unit), 0.28, 0.6)

    @cached_property
    def beard(self) -> Plane:
        """A man's beard, below the nose and off the lips."""
        if self.face.sex < 0:
            return np.zeros_like(self.light)
        nose = float(self.face.landmarks[[2, 98, 327], 1].mean())
        below = smoothstep((self._rows - nose) / 0.02, 0.0, 1.0)
        lips = hulls(self.face.landmarks, (LIPS_OUTER,), self.size_px, 3 * self.unit, 2 * self.unit)
        dark = smoothstep(self.skin_around[0] - blur(self.light, self.unit), 0.35, 0.8)
        side = round(25 * self.unit)
        inner = cv2.erode(self.weight, np.ones((side, side), np.uint8))
        inside = np.minimum(self.weight, blur(inner, 10 * self.unit))
        return np.asarray(dark * below * (1.0 - lips) * inside, np.float32)

    @cached_property
    def exposure(self) -> Plane:
        """1 in well exposed pixels, near 0 in blown-out and black ones, which hold no detail."""
        codes = self.face.frame.astype(np.float32)
        bright, middle = self.brightness, blur(np.median(codes, axis=2), 4 * self.unit)
        blown = np.maximum(0.8 * smoothstep(bright, 222, 250), 0.95 * smoothstep(middle, 226, 248))
        return np.asarray((1.0 - blown) * smoothstep(np.exp(self.light) - FLOOR, 8, 40), np.float32)

    @cached_property
    def brightness(self) -> Plane:
        """Mean code value around every pixel."""
        return blur(self.face.frame.astype(np.float32).mean(axis=2), 4 * self.unit)

    @cached_property
    def lit(self) -> Plane:
        """1 on lit skin, less in its own shadows: what is dark already gets little darker."""
        return np.asarray(
            1.0 - 0.65 * smoothstep(self.skin_light - blur(self.light, 4 * self.unit), 0.2, 0.7), np.float32
        )

    @cached_property
    def restored(self) -> Plane:
        """The log picture [S, S, 3] with clipped channels put back from green and the face's own colour."""
        log = self.log.copy()
        top = smoothstep(self.face.frame.astype(np.float32), 244, 254)
        for channel in (0, 2):
            own = self.skin_chroma[channel] - self.skin_chroma[1]
            missing = np.clip(self.log[..., 1] + own - self.log[..., channel], 0.0, 0.12)
            log[..., channel] += top[..., channel] * missing * self.skin
        return log

    @cached_property
    def visible(self) -> Plane:
        """Where skin is, and bare: what own structure and lines are drawn on."""
        return np.asarray(self.skin * self.bare, np.float32)

    @cached_property
    def bands(self) -> tuple[Plane, Plane, Plane]:
        """The face's own structure inside bare skin: finer than 2.2, than 6 and than 14 px (of 512)."""
        see = self.visible + np.float32(1e-3)
        first = blur(self.light, 0.7 * self.unit) if self.unit > 0.9 else self.light
        second, third, last = (blur_inside(self.light, see, s * self.unit) for s in (2.2, 6.0, 14.0))
        return first - second, second - third, third - last

    @cached_property
    def own_lines(self) -> Plane:
        """The face's own lines."""
        fine, middle, _ = self.bands
        band = (fine + middle) * self.visible
        if self.size_px != _LINES_PX:
            band = cv2.resize(band, (_LINES_PX, _LINES_PX), interpolation=cv2.INTER_AREA)
        lines = only_lines(band, _OWN_LINES)
        if self.size_px != _LINES_PX:
            lines = cv2.resize(lines, (self.size_px,) * 2, interpolation=cv2.INTER_CUBIC)
        return np.asarray(lines * self.visible, np.float32)

    @cached_property
    def calm(self) -> float:
        """Below 1 in grainy pictures, which should get less texture."""
        fine, see = self.bands[0], self.visible > 0.5
        rough = float(np.std(fine[see])) if see.any() else 0.03
        return float(np.clip(0.028 / max(rough, 1e-3), 0.25, 1.0))

    @cached_property
    def under_eyes(self) -> Plane:
        """Under the eyes, where own shadows are left as they are: dark circles are no folds."""
        mask = hulls(self.face.landmarks, _UNDER_EYES, self.size_px, 2.5 * self.unit, 5 * self.unit)
        return np.asarray(mask, np.float32)

    @cached_property
    def below_mouth(self) -> Plane:
        """Below the mouth, where a smile stretches the mesh."""
        points = self.face.landmarks
        eyes = float(
            np.linalg.norm(points[list(LEFT_EYE)].mean(axis=0) - points[list(RIGHT_EYE)].mean(axis=0))
        )
        x, y = points[[61, 291, 17], :2].mean(axis=0)
        distance = (self._columns - x) ** 2 + (self._rows - (y + 0.15 * eyes)) ** 2
        return np.asarray(np.exp(-distance / (2 * (0.55 * eyes) ** 2)), np.float32)

    @cached_property
    def lineness(self) -> Plane:
        """How much structure around a pixel has one direction (coherence of the structure tensor), 0..1."""
        smooth = blur(self.light, 1.2 * self.unit)
        gx, gy = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
        xx, xy, yy = (blur(p * self.visible, 4 * self.unit) for p in (gx * gx, gx * gy, gy * gy))
        return np.asarray(np.sqrt((xx - yy) ** 2 + 4 * xy**2) / np.maximum(xx + yy, 1e-6), np.float32)

    @cached_property
    def _brow_line(self) -> float:
        return float(self.face.landmarks[[105, 334, 9], 1].mean())

    @cached_property
    def _rows(self) -> Plane:
        return np.asarray(np.mgrid[0 : self.size_px, 0 : self.size_px][0] / self.size_px, np.float32)

    @cached_property
    def _columns(self) -> Plane:
        return np.asarray(np.mgrid[0 : self.size_px, 0 : self.size_px][1] / self.size_px, np.float32)
