"""Conditions a fitted field for use: removes brows, lips, eyes and low-frequency shading."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from amgan.runtime.face.zones import ZONES

from .face_space import FaceSpace, Mask
from .field_fit import FieldFit
from .log_picture import Plane, blur, blur_inside, ellipse

LIGHT_HIGH_PASS = 0.07
CHEEK_SHARE = 0.55
"""Weight of low-frequency light on the cheeks, where a dark patch looks like a bruise."""
COLOUR_HIGH_PASS = 0.12


def conditioned(fit: FieldFit, space: FaceSpace) -> tuple[NDArray[np.float32], NDArray[np.float32], Plane]:
    """A fit's conditioned coefficients over the whole frame.

    Returns the field [3, S, S, 4], the products [3, S, S, 4] and the luminance's certainty 0..1 [S, S]. All
    are mirror symmetric; luminance is high-passed inside skin at LIGHT_HIGH_PASS of the frame and weighted by
    its certainty; brows, lips and eyes are removed from the colour.
    """
    size = space.size_px
    raw = np.zeros((6, size, size, 4), np.float32)
    raw[(slice(None), *space.box)] = np.concatenate([fit.age, fit.products])
    sure = np.zeros((size, size), np.float32)
    sure[space.box] = fit.certainty
    raw = np.asarray((raw + raw[:, :, ::-1]) / 2, np.float32)
    sure = np.asarray((sure + sure[:, ::-1]) / 2, np.float32)
    holes = space.brows | space.lips | space.eyes
    inner = np.asarray(cv2.erode(space.mesh_inside.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0)
    bare = inner & ~holes
    certain = blur(sure**2 / (sure**2 + 1.5), 2.0 * size / 512)
    certain = np.where(holes, np.maximum(certain, 0.7), certain).astype(np.float32)
    done = np.stack([_conditioned_plane(plane, space, bare) for plane in raw])
    done[..., 0] *= certain
    # The fit covers only the mesh: towards the hairline the field fades.
    core = cv2.erode(space.mesh_inside.astype(np.uint8), np.ones((13, 13), np.uint8))
    done *= blur(core, 6.0 * size / 512)[..., None]
    done[..., 0] *= cheek_share(space)
    return done[:3], done[3:], certain


def cheek_share(space: FaceSpace) -> Plane:
    """Weight of low-frequency light, [S, S]: CHEEK_SHARE on the cheeks, 1 elsewhere."""
    mask = np.zeros((space.size_px,) * 2, np.uint8)
    for zone in ZONES:
        if zone.name in ("cheek-pores", "cheek-spots", "cheek-redness"):
            for polygon in zone.polygons:
                points = np.round(space.mean[list(polygon)] * space.size_px).astype(np.int32)
                cv2.fillPoly(mask, [points], 255)
    radius = round(0.012 * space.size_px)
    soft = blur(cv2.dilate(mask, ellipse(radius)).astype(np.float32), 0.02 * space.size_px) / 255.0
    return np.asarray(1.0 - (1.0 - CHEEK_SHARE) * soft, np.float32)


def _conditioned_plane(plane: NDArray[np.float32], space: FaceSpace, bare: Mask) -> NDArray[np.float32]:
    size = space.size_px
    unit = size / 512
    light = filled(plane[..., 0], space.brows, bare, 10 * unit)
    light = light - blur_inside(light, bare, LIGHT_HIGH_PASS * size)
    light = np.where(space.lips, 0.6 * light, light)
    around_eyes = cv2.dilate(space.eyes.astype(np.uint8), ellipse(round(10 * unit))) > 0
    colour = filled(plane[..., 1:], space.brows | space.lips | around_eyes, bare, 10 * unit)
    colour = blur(colour, 4.0 * unit)
    colour = colour - blur_inside(colour, bare, COLOUR_HIGH_PASS * size)
    return np.concatenate([light[..., None], colour], axis=2).astype(np.float32)


def filled(plane: NDArray[np.float32], hole: Mask, valid: Mask, sigma_px: float) -> NDArray[np.float32]:
    """Fill ``hole`` in ``plane`` [S, S] or [S, S, C] smoothly from the valid pixels around it."""
    known = (valid & ~hole).astype(np.float32)
    patch = blur_inside(plane, known, 4 * sigma_px)
    for sigma in (2 * sigma_px, sigma_px):
        near = blur(known, sigma) > 0.02
        patch = np.where(
            near[..., None] if plane.ndim == 3 else near, blur_inside(plane, known, sigma), patch
        )
    share = blur(hole.astype(np.float32), 3.0)
    share = share[..., None] if plane.ndim == 3 else share
    return np.asarray(plane * (1 - share) + patch * share, np.float32)
