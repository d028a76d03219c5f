"""The layers of a face that do not depend on the requested age: structure by scale, light, occlusions."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from amgan.runtime.face.line_strength import PALE_CODES, fitting_of, read_skin, strength_of
from amgan.runtime.face.mesh import LIPS_OUTER

from .aging_field import AgingField
from .face_masks import FaceMasks, PairFace
from .line_filter import LineOptions, only_lines
from .log_picture import FLOOR, Plane, blur, blur_inside, ellipse, log_picture, smoothstep
from .masks import bare_skin, hulls

_OWN_LINES = LineOptions(along_px=5.0, across_px=0.7, width_px=1.5, least=1.8, sure=3.2)
_LINES_PX = 512
_GREY_CHROMA = 0.004
_FOLD_PX = 20.0


class FaceLayers(FaceMasks):
    """The layers of one face; planes are float32 [S, S] unless stated otherwise."""

    def __init__(self, face: PairFace, field: AgingField) -> None:
        super().__init__(face, field.space)
        self.log = log_picture(face.frame)
        self.light: Plane = np.asarray(self.log.mean(axis=2), np.float32)
        self.chroma: Plane = np.asarray(self.log - self.light[..., None], np.float32)
        self.smile = field.smile_of(face.landmarks)
        self._chroma_mean = field.chroma_mean

    @cached_property
    def bare(self) -> Plane:
        """1 on bare skin; 0 on hair, beards, glasses and paint, and on a fringe above the brows."""
        bare = bare_skin(self.log, self.skin)
        above = 1.0 - smoothstep((self.rows - self.brow_line) / 0.03, -1.0, 1.0)
        darker = self.skin_light - blur(self.light, 2.5 * self.unit)
        fringe = np.maximum(smoothstep(darker, 0.40, 0.75), self.strands)
        return np.asarray(bare * (1.0 - above * fringe), np.float32)

    @cached_property
    def strands(self) -> Plane:
        """1 where edges are much more vertical than on the cheeks: strands of a fringe of any colour.

        Lines of a forehead are horizontal and do not count.
        """
        smooth = blur(self.light, self.unit)
        slope = cv2.Sobel(smooth, cv2.CV_32F, 1, 0)
        rough = np.sqrt(blur(slope * slope, 5 * self.unit))
        below = self.core & (self.rows > self.brow_line)
        usual = float(np.median(rough[below])) if below.any() else float(np.median(rough))
        return smoothstep(rough / max(usual, 1e-4), 2.2, 4.0)

    @cached_property
    def core(self) -> NDArray[np.bool_]:
        """Bare skin with high certainty."""
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
    def paleness(self) -> float:
        """Paleness of the skin in this light, 0..1: 0 up to a mean code value of 135, 1 from 195 on."""
        codes = float(np.median(self.face.frame[self.core].mean(axis=1)))
        return float(smoothstep(codes, *PALE_CODES))

    @cached_property
    def skin_around(self) -> tuple[Plane, Plane]:
        """Light [S, S] and chroma [S, S, 3] of the skin around every pixel."""
        core = self.core.astype(np.float32) + np.float32(1e-4)
        return blur_inside(self.light, core, 14 * self.unit), blur_inside(self.chroma, core, 14 * self.unit)

    @cached_property
    def colourfulness(self) -> float:
        """Strength of the face's own colour relative to the population's, 0..1; 0 in grey pictures."""
        if float(np.abs(self.chroma).mean()) < _GREY_CHROMA:
            return 0.0
        own = float(np.abs(self.skin_chroma).mean())
        return float(np.clip(own / max(self._chroma_mean, 1e-3), 0.0, 1.0))

    @cached_property
    def vivid(self) -> float:
        """1 on skin of much more colour than the population's, as under coloured light; usually 0."""
        own = float(np.abs(self.skin_chroma).mean())
        return float(smoothstep(own / max(self._chroma_mean, 1e-3), 1.3, 2.0))

    @cached_property
    def hair(self) -> Plane:
        """1 where pixels are darker than the surrounding skin, as hair is."""
        return smoothstep(self.skin_around[0] - blur(self.light, self.unit), 0.28, 0.6)

    @cached_property
    def beard(self) -> Plane:
        """A man's beard, below the nose and outside the lips."""
        if self.face.sex < 0:
            return np.zeros_like(self.light)
        nose = float(self.face.landmarks[[2, 98, 327], 1].mean())
        below = smoothstep((self.rows - nose) / 0.02, 0.0, 1.0)
        lips = hulls(self.face.landmarks, (LIPS_OUTER,), self.size_px, 3 * self.unit, 2 * self.unit)
        dark = smoothstep(self.skin_around[0] - blur(self.light, self.unit), 0.35, 0.8)
        side = round(25 * self.unit)
        inner = cv2.erode(self.weight, np.ones((side, side), np.uint8))
        inside = np.minimum(self.weight, blur(inner, 10 * self.unit))
        return np.asarray(dark * below * (1.0 - lips) * inside, np.float32)

    @cached_property
    def exposure(self) -> Plane:
        """1 in well-exposed pixels, near 0 in clipped and black ones, which have no detail."""
        return np.asarray(self._unclipped * smoothstep(np.exp(self.light) - FLOOR, 8, 40), np.float32)

    @cached_property
    def fillable(self) -> Plane:
        """1 on well-exposed skin and in its folds, however dark these are; near 0 in clipped pixels."""
        around = np.maximum(self.light, self._smooth_shades[-1])
        return np.asarray(self._unclipped * smoothstep(np.exp(around) - FLOOR, 8, 40), np.float32)

    @cached_property
    def _unclipped(self) -> Plane:
        codes = self.face.frame.astype(np.float32)
        bright, middle = self.brightness, blur(np.median(codes, axis=2), 4 * self.unit)
        blown = np.maximum(0.8 * smoothstep(bright, 222, 250), 0.95 * smoothstep(middle, 226, 248))
        return np.asarray(1.0 - blown, np.float32)

    @cached_property
    def brightness(self) -> Plane:
        """Mean code value around every pixel."""
        return blur(self.face.frame.astype(np.float32).mean(axis=2), 4 * self.unit)

    @cached_property
    def lit(self) -> Plane:
        """1 on lit skin, less in its shadows: dark pixels get only a little darker."""
        return np.asarray(
            1.0 - 0.65 * smoothstep(self.skin_light - blur(self.light, 4 * self.unit), 0.2, 0.7), np.float32
        )

    @cached_property
    def restored(self) -> Plane:
        """The log picture [S, S, 3] with clipped channels restored from green and the face's own colour."""
        log = self.log.copy()
        top = smoothstep(self.face.frame.astype(np.float32), 244, 254)
        for channel in (0, 2):
            own = self.skin_chroma[channel] - self.skin_chroma[1]
            missing = np.clip(self.log[..., 1] + own - self.log[..., channel], 0.0, 0.12)
            log[..., channel] += top[..., channel] * missing * self.skin
        return log

    @cached_property
    def visible(self) -> Plane:
        """Weight of bare skin, on which structure and lines are drawn."""
        return np.asarray(self.skin * self.bare, np.float32)

    @cached_property
    def smoothable(self) -> Plane:
        """Weight of skin that younger versions smooth: `visible` and the folds in it.

        A deep fold is darker than the skin around it, so `bare` leaves it out like hair; but it is narrow.
        """
        radius = ellipse(round(_FOLD_PX / 2 * self.unit))
        filled = np.asarray(cv2.morphologyEx(self.bare, cv2.MORPH_CLOSE, radius), np.float32)
        above = 1.0 - smoothstep((self.rows - self.brow_line) / 0.03, -1.0, 1.0)
        filled = self.bare + (filled - self.bare) * (1.0 - above * self.strands)
        return np.asarray(self.skin * blur(filled, self.unit), np.float32)

    @cached_property
    def smoothable_bands(self) -> tuple[Plane, Plane, Plane, Plane]:
        """The structure of skin and folds in bands finer than 2.2, 6, 14 and 28 px (of 512)."""
        finest, fine, middle, broad = (a - b for a, b in pairwise(self._smooth_shades))
        return finest, fine, middle, broad

    @cached_property
    def _smooth_shades(self) -> list[Plane]:
        first = blur(self.light, 0.7 * self.unit) if self.unit > 0.9 else self.light
        inside = self.smoothable + np.float32(1e-3)
        return [first, *(blur_inside(self.light, inside, px * self.unit) for px in (2.2, 6.0, 14.0, 28.0))]

    @cached_property
    def bands(self) -> tuple[Plane, Plane, Plane]:
        """The face's own structure inside bare skin: bands finer than 2.2, 6 and 14 px (of 512)."""
        first = blur(self.light, 0.7 * self.unit) if self.unit > 0.9 else self.light
        second, third = self._shade(2.2), self._shade(6.0)
        return first - second, second - third, third - self._shade(14.0)

    def _shade(self, sigma_px: float) -> Plane:
        """The light of bare skin, blurred by ``sigma_px`` of a frame of 512 px."""
        return blur_inside(self.light, self.visible + np.float32(1e-3), sigma_px * self.unit)

    @cached_property
    def own_lines(self) -> Plane:
        """The face's own lines."""
        fine, middle, _ = self.bands
        band = (fine + middle) * self.visible
        if self.size_px != _LINES_PX:
            band = np.asarray(cv2.resize(band, (_LINES_PX,) * 2, interpolation=cv2.INTER_AREA), np.float32)
        lines = only_lines(band, _OWN_LINES)
        if self.size_px != _LINES_PX:
            lines = np.asarray(
                cv2.resize(lines, (self.size_px,) * 2, interpolation=cv2.INTER_CUBIC), np.float32
            )
        return np.asarray(lines * self.visible, np.float32)

    @cached_property
    def calm(self) -> float:
        """Below 1 in noisy pictures, which should get less texture."""
        fine, see = self.bands[0], self.visible > 0.5
        rough = float(np.std(fine[see])) if see.any() else 0.03
        return float(np.clip(0.028 / max(rough, 1e-3), 0.25, 1.0))

    @cached_property
    def line_strength(self) -> float:
        """Strength of new lines that suits this skin, as in the runtime."""
        return strength_of(*self._read_skin)

    @cached_property
    def fitting(self) -> float:
        """Strength of new folds that suits skin of this contrast."""
        return fitting_of(self._read_skin[0])

    @cached_property
    def _read_skin(self) -> tuple[float, float]:
        return read_skin(self.face.frame, self.face.landmarks)

    @cached_property
    def lineness(self) -> Plane:
        """Coherence of the structure tensor, 0..1: 1 where structure has one direction."""
        smooth = blur(self.light, 1.2 * self.unit)
        gx, gy = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
        xx, xy, yy = (blur(p * self.visible, 4 * self.unit) for p in (gx * gx, gx * gy, gy * gy))
        return np.asarray(np.sqrt((xx - yy) ** 2 + 4 * xy**2) / np.maximum(xx + yy, 1e-6), np.float32)
