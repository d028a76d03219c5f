"""Features of the skin of one zone: lines, folds, grain, spots and tone, at several scales.

Only pixels inside the zone's mask are used: blurs are normalised by the mask. Lightness and colour of the
skin are not features, since they are unrelated to age.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from amgan.runtime.face.tone import LUMA

SCALES = (0.8, 1.5, 3.0, 6.0)
DIRECTIONS = 6
GRID = 3
LBP_RADII = (1, 2, 4)
COARSE_PX = 16
LOG_FLOOR = 12.0

Plane = NDArray[np.float32]


def zone_features(picture: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Plane:
    """Describe one picture [h, w, 3] uint8 of a zone inside its mask [h, w]; float32 [F].

    F depends only on the mask: energy of detail in bands, valleys (wrinkles) and gradients by direction, on
    a grid of soft cells; detail, ridges and valleys over the whole zone; histograms of local binary patterns
    (Ojala, Pietikainen and Maenpaa, "Multiresolution gray-scale and rotation invariant texture classification
    with local binary patterns", 2002); variance of colour in CIELAB at several scales; and a coarse shading
    image.
    """
    soft = mask.astype(np.float32)
    light = np.log(picture.astype(np.float32) @ LUMA + LOG_FLOOR)
    light = np.where(mask, light, _blur(light, soft, 3.0))
    local, overall = _detail_planes(light, soft)
    cells = _cells(soft)
    texture = cells @ local.reshape(len(local), -1).T
    whole = (overall * soft).sum(axis=(1, 2)) / soft.sum()
    return np.concatenate(
        [
            np.log(texture + 3e-3).ravel(),
            np.log(whole + 1e-4),
            *(_pattern_histogram(light, mask, radius) for radius in LBP_RADII),
            _colour(picture, mask),
            _coarse_picture(light, mask),
        ]
    ).astype(np.float32)


def zone_lightness(picture: NDArray[np.uint8], mask: NDArray[np.bool_]) -> float:
    """Mean CIELAB lightness (0..100) of a picture [h, w, 3] inside its mask."""
    return float(_to_lab(picture)[..., 0][mask].mean())


def _to_lab(picture: NDArray[np.uint8]) -> Plane:
    return np.asarray(cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def _blur(plane: Plane, weight: Plane, sigma: float) -> Plane:
    """Gaussian blur normalised by the pixels' weights."""
    total = cv2.GaussianBlur(weight, (0, 0), sigma)
    return np.asarray(cv2.GaussianBlur(plane * weight, (0, 0), sigma) / np.maximum(total, 1e-3), np.float32)


def _detail_planes(light: Plane, soft: Plane) -> tuple[Plane, Plane]:
    """Planes to average in cells [P, h, w], and over the whole zone [Q, h, w]; all at least 0."""
    local: list[Plane] = []
    overall: list[Plane] = []
    finer = light
    for sigma in SCALES:
        coarser = _blur(light, soft, sigma)
        band, finer = finer - coarser, coarser
        valleys, ridges = _curvature(coarser, sigma)
        local += [np.abs(band), *_directions(coarser), valleys]
        overall += [np.abs(band), band * band, np.maximum(-band, 0), (np.abs(band) > 0.05).astype(np.float32)]
        overall += [valleys, ridges]
    return np.stack(local), np.stack(overall)


def _directions(plane: Plane) -> list[Plane]:
    """Strength of the gradient, split by its direction (0..180 degrees) into soft bins."""
    dx, dy = (cv2.Sobel(plane, cv2.CV_32F, *order) / 8 for order in ((1, 0), (0, 1)))
    strength = np.hypot(dx, dy)
    angle = (np.arctan2(dy, dx) % np.pi) / np.pi * DIRECTIONS
    first = np.floor(angle).astype(np.int32)
    share = (angle - first).astype(np.float32)
    first %= DIRECTIONS
    second = (first + 1) % DIRECTIONS
    return [strength * ((first == k) * (1 - share) + (second == k) * share) for k in range(DIRECTIONS)]


def _curvature(plane: Plane, sigma: float) -> tuple[Plane, Plane]:
    """Valley and ridge strength of each pixel: eigenvalues of the scaled Hessian, at least 0."""
    scale = sigma * sigma / 4
    xx, yy, xy = (cv2.Sobel(plane, cv2.CV_32F, *o) * scale for o in ((2, 0), (0, 2), (1, 1)))
    middle, spread = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    return np.maximum(middle + spread, 0), np.maximum(spread - middle, 0)


def _cells(soft: Plane) -> Plane:
    """Weights [C, h * w] of GRID x GRID overlapping cells inside the mask, each adding up to 1."""
    height, width = soft.shape
    y = (np.arange(height) + 0.5) / height * GRID - 0.5
    x = (np.arange(width) + 0.5) / width * GRID - 0.5
    rows = [np.maximum(0, 1 - np.abs(y - k)) for k in range(GRID)]
    columns = [np.maximum(0, 1 - np.abs(x - k)) for k in range(GRID)]
    cells = np.stack([(np.outer(r, c) * soft).ravel() for r in rows for c in columns])
    total = cells.sum(axis=1)
    kept = total > 0.02 * height * width / len(cells)
    return (cells[kept] / total[kept, None]).astype(np.float32)


def _pattern_histogram(light: Plane, mask: NDArray[np.bool_], radius: int) -> Plane:
    """Square roots of the shares of the ten uniform local binary patterns of eight neighbours."""
    smooth = cv2.GaussianBlur(light, (0, 0), radius / 2)
    height, width = smooth.shape
    bits = []
    for angle in np.arange(8) * np.pi / 4:
        step = np.array([[1, 0, -radius * np.cos(angle)], [0, 1, -radius * np.sin(angle)]], np.float32)
        moved = cv2.warpAffine(smooth, step, (width, height), borderMode=cv2.BORDER_REPLICATE)
        bits.append(moved >= smooth)
    ring = np.stack(bits).astype(np.int32)
    changes = np.abs(np.diff(np.concatenate([ring, ring[:1]]), axis=0)).sum(axis=0)
    code = np.where(changes <= 2, ring.sum(axis=0), 9)[mask]
    return np.sqrt(np.bincount(code, minlength=10) / code.size).astype(np.float32)


def _colour(picture: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Plane:
    """Standard deviation of L, a, b, then of a and b at a fine and a coarse scale."""
    lab = _to_lab(picture)
    soft = mask.astype(np.float32)
    patchy = [
        float(np.log(np.abs(plane - _blur(plane, soft, sigma))[mask].mean() + 0.05))
        for plane in (lab[..., 1], lab[..., 2])
        for sigma in (1.5, 4.0)
    ]
    return np.array([*lab[mask].std(axis=0), *patchy], np.float32)


def _coarse_picture(light: Plane, mask: NDArray[np.bool_]) -> Plane:
    """Standardised lightness [COARSE_PX squared] inside the mask; 0 outside."""
    inside = light[mask]
    relative = (_blur(light, mask.astype(np.float32), 1.5) - inside.mean()) / (inside.std() + 0.05)
    shrunk = cv2.resize(np.where(mask, relative, 0), (COARSE_PX, COARSE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk, np.float32).ravel()
