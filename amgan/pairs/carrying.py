"""Warps a face to the mean face: its log picture there, without its own light and colour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .face_space import FaceSpace
from .log_picture import Plane, log_picture
from .masks import bare_skin


@dataclass(frozen=True, eq=False)
class FitFace:
    """A face for the fit: frame uint8 [S, S, 3], landmarks [468, 2] in frame units, age in years.

    ``sex`` is -1 (female), 1 (male) or 0 (unknown); ``turn`` is FaceFinder's. Faces of one ``source`` come
    from the same kind of camera or network.
    """

    name: str
    frame: NDArray[np.uint8]
    landmarks: NDArray[np.float64]
    age: float
    sex: float
    turn: float
    source: str


@dataclass(frozen=True, eq=False)
class CarriedFace:
    """The data of one face for the fit, on the mean face, within FaceSpace.box.

    ``residual`` float16 [h, w, 4] is log luminance minus low-order light, then log chroma of R, G and B minus
    the skin's own; ``weight`` float16 [h, w] is the weight of each pixel; ``tone`` is the log luminance of
    skin, ``chroma`` the mean magnitude of its log chroma. The rest is as in FitFace.
    """

    name: str
    landmarks: NDArray[np.float64]
    age: float
    sex: float
    turn: float
    source: str
    residual: NDArray[np.float16]
    weight: NDArray[np.float16]
    tone: float
    chroma: float


def carry(space: FaceSpace, face: FitFace) -> CarriedFace:
    """Warp a face to the mean face; stretched, compressed and covered pixels get less weight."""
    size = space.size_px
    log = log_picture(space.carried(face.frame, face.landmarks))
    light = log.mean(axis=2)
    bare = bare_skin(log, space.skin)
    plain = (space.skin > 0.5) & (bare > 0.5)
    if plain.sum() < 0.01 * size * size:
        plain = space.skin > 0.5
    shading = _low_order_light(light, plain)
    chroma = log - light[..., None]
    own = np.median(chroma[plain], axis=0)
    residual = np.concatenate([(light - shading)[..., None], chroma - own], axis=2)
    ratio = np.abs(space.signed_areas(face.landmarks))[np.maximum(space.triangle_of_pixel, 0)]
    weight = np.clip((ratio - 0.25) / 0.5, 0, 1) * np.clip((4 - ratio) / 2, 0, 1)
    weight = weight * np.where(space.skin > 0.3, bare, 1.0)
    rows, columns = space.box
    return CarriedFace(
        face.name,
        face.landmarks,
        face.age,
        face.sex,
        face.turn,
        face.source,
        residual[rows, columns].astype(np.float16),
        weight[rows, columns].astype(np.float16),
        float(np.median(light[plain])),
        float(np.abs(own).mean()),
    )


def _low_order_light(light: Plane, plain: NDArray[np.bool_]) -> Plane:
    """Light over a face as a quadratic in x and y, fitted robustly to plain skin: float32 [S, S]."""
    size = light.shape[0]
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size - 0.5
    basis = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=-1)
    chosen = np.flatnonzero(plain)
    chosen = np.random.default_rng(0).permutation(chosen)[:6000]
    design, values = basis.reshape(-1, 6)[chosen], light.reshape(-1)[chosen]
    weight = np.ones(len(chosen), np.float32)
    found = np.zeros(6)
    for _ in range(3):
        found = np.linalg.lstsq(design * weight[:, None], values * weight, rcond=None)[0]
        apart = np.abs(values - design @ found)
        weight = np.sqrt(1.0 / np.maximum(1.0, apart / (2.25 * np.median(apart) + 1e-3)))
    return np.asarray(basis @ found.astype(np.float32), np.float32)
