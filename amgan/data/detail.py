"""Detail transfer: wrinkles and folds of an old face on a young one, and their removal.

In log space a picture is a product of slow shading and fast detail. A face's detail is its log picture
minus that picture blurred inside the skin mask; it is carried to another face through the shared mesh.
That gives pairs of the same face at two apparent ages, with the place of every change known.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from amgan.runtime.ages.maps import edit_mask
from amgan.runtime.face.mesh import LEFT_BROW, LIPS_OUTER, NOSE, RIGHT_BROW

from ..faces.mesh_warp import Triangles, source_coordinates
from .bare_skin import BareSkinOptions, bare_skin
from .complexion import ComplexionOptions, complexion_change
from .planes import Plane, blurred
from .strength import StrengthOptions, bend_shadows, between, level_tone, skin_lightness, zone_strength

BLUR = 0.025
FINE_BLUR = 0.004
DETAIL_RANGE = (-0.6, 0.35)
LOG_FLOOR = 12.0
SKIN_SHADOW = (0.78, 1.06, 1.16)
HIGHLIGHT_SHARE = 0.65

YOUTH = ComplexionOptions(
    brows_lost=-0.2, brows_lighter=-0.2, lips_lost=-0.3, skin_lost=0.0, skin_yellower=0.0
)
"""Younger brows are darker and lips redder."""

OLD_SKIN = BareSkinOptions(colour=(0.35, 0.55), darker=(0.9, 1.2))
"""Deep folds are darker and redder than the skin around, but not as much as a beard or the rim of glasses."""

FOLD_BLUR = 0.04
"""What is coarser counts as shading when folds are flattened: the folds beside the nose are that broad."""


@dataclass(frozen=True)
class TransferOptions:
    """How strongly detail is carried over, all as shares of log intensity.

    ``donor_gain`` times the donor's detail is added and ``own_share`` of the face's own stays; to make a
    face younger, folds shrink to ``fold_share`` and texture (finer than folds) is cut at ``texture_limit``.
    ``complexion`` says what age does to colours and ``youth`` what being younger does, ``strength`` how much
    of the detail which skin takes. ``bare`` is what counts as bare skin of faces that are made older,
    ``bare_when_old`` of those that are made younger.
    """

    donor_gain: float = 1.0
    own_share: float = 0.6
    fold_share: float = 0.0
    texture_limit: float = 0.03
    complexion: ComplexionOptions = field(default_factory=ComplexionOptions)
    youth: ComplexionOptions = YOUTH
    bare: BareSkinOptions = field(default_factory=BareSkinOptions)
    bare_when_old: BareSkinOptions = OLD_SKIN
    strength: StrengthOptions = field(default_factory=StrengthOptions)


@dataclass(frozen=True, eq=False)
class FaceDetail:
    """A frame's log picture split by scale: ``log`` and ``detail`` [S, S, 3], ``skin`` [S, S] 0..1."""

    log: Plane
    detail: Plane
    skin: Plane
    landmarks_px: NDArray[np.float64]


def skin_mask(landmarks_unit: NDArray[np.floating], size_px: int) -> Plane:
    """Where detail may be changed: the edit mask without brows, lips and nose, float32 [S, S] 0..1."""
    mask = edit_mask(landmarks_unit, size_px)
    holes = np.zeros((size_px, size_px), np.uint8)
    for polygon in (RIGHT_BROW, LEFT_BROW, LIPS_OUTER, NOSE):
        hull = cv2.convexHull(np.round(landmarks_unit[list(polygon)] * size_px).astype(np.int32))
        cv2.fillConvexPoly(holes, hull, 255)
    grown = cv2.dilate(holes, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (1 + 2 * (size_px // 90),) * 2))
    soft = cv2.GaussianBlur(grown, (0, 0), 0.006 * size_px).astype(np.float32) / 255.0
    return np.asarray(mask * (1.0 - soft), np.float32)


def split_detail(
    frame: NDArray[np.uint8],
    landmarks_unit: NDArray[np.floating],
    blur: float = BLUR,
    bare: BareSkinOptions | None = None,
) -> FaceDetail:
    """Split a frame [S, S, 3] uint8 into shading and detail inside the skin mask.

    Shading is what is coarser than ``blur``, a share of the frame's side. With ``bare``, only skin that these
    options take for bare counts. A donor is split without: its deepest folds are as dark as what covers skin.
    """
    size = frame.shape[0]
    log = np.log(frame.astype(np.float32) + LOG_FLOOR)
    skin = skin_mask(landmarks_unit, size)
    if bare is not None:
        skin = skin * bare_skin(log, skin, bare)
    shading = blurred(log * skin[..., None], blur) / np.maximum(blurred(skin, blur)[..., None], 1e-3)
    detail = (log - shading) * skin[..., None]
    return FaceDetail(log, detail.astype(np.float32), skin, np.asarray(landmarks_unit, np.float64) * size)


def older_change(
    face: FaceDetail, donor: FaceDetail, triangles: Triangles, options: TransferOptions
) -> NDArray[np.int8]:
    """Code values [S, S, 3] to add to the face's frame so that it carries the donor's detail and complexion.

    Only the lightness of the detail is carried, coloured as SKIN_SHADOW (shadows on skin are warm): the
    donor's own light and skin would tint the face, and so would the mean of its detail, which is taken out.
    Highlights are carried weakly, they look like paint.
    """
    size, strength = face.skin.shape[0], options.strength
    lightness = skin_lightness(skin_code(face), strength)
    coordinates, inside = source_coordinates(face.landmarks_px, donor.landmarks_px, triangles, size)
    donated = bend_shadows(donor.detail.mean(axis=2), between(strength.broad_limit, lightness), strength)
    donated = np.clip(donated, *DETAIL_RANGE)
    donated = np.where(donated > 0, HIGHLIGHT_SHARE * donated, donated)
    carried = cv2.remap(donated, coordinates[..., 0], coordinates[..., 1], cv2.INTER_CUBIC)
    coverage = cv2.remap(donor.skin, coordinates[..., 0], coordinates[..., 1], cv2.INTER_LINEAR) * inside
    weight = (face.skin * coverage)[..., None]
    own_loss = (1.0 - options.own_share) * np.clip(face.detail, *DETAIL_RANGE)
    coloured = carried[..., None] * np.array(SKIN_SHADOW, np.float32)
    gain = options.donor_gain * between(strength.gain, lightness)
    change = weight * (gain * coloured - own_loss) + complexion_change(face, options.complexion)
    change = change * zone_strength(face.landmarks_px / size, size, strength)
    return _as_change(face, level_tone(np.asarray(change, np.float32), face.skin, strength))


def skin_code(face: FaceDetail) -> float:
    """Median intensity of the face's skin in code values, the mean of its colours; 0 where there is none."""
    skin = face.skin > 0.5
    if not skin.any():
        return 0.0
    return float(np.median(np.exp(face.log[skin]).mean(axis=1))) - LOG_FLOOR


def younger_change(face: FaceDetail, options: TransferOptions) -> NDArray[np.int8]:
    """Code values [S, S, 3] to add to the face's frame so that folds flatten and fine texture stays."""
    texture = face.log - blurred(face.log, FINE_BLUR)
    texture = np.clip(texture, -options.texture_limit, options.texture_limit)
    folds = face.detail - texture
    change = face.skin[..., None] * (texture + options.fold_share * folds - face.detail)
    change = level_tone(np.asarray(change, np.float32), face.skin, options.strength)
    return _as_change(face, change + complexion_change(face, options.youth))


def _as_change(face: FaceDetail, log_change: Plane) -> NDArray[np.int8]:
    """Turn a change of the log picture into one of code values, each clipped to what an int8 holds."""
    before = np.exp(face.log)
    change = before * np.expm1(log_change)
    return np.clip(np.rint(change), -127, 127).astype(np.int8)
