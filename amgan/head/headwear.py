"""Randomly drawn caps, hats without a brim and headscarves: cloth in place of hair."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from amgan.runtime.face.mesh import FACE_OVAL, raise_hairline

from .occluders import (
    Cover,
    Floats,
    Swatch,
    as_cover,
    cloth_colour,
    edge_shade,
    eye_distance,
    grain,
    polygon,
    slopes,
)

_BROWS = (105, 334)
_CHIN = 152


def headwear(points: NDArray[np.floating], size: int, rng: np.random.Generator, surface: Swatch) -> Cover:
    """Draw a cap above the brows, or a scarf that also surrounds the face; see occluders.py."""
    unit = eye_distance(points)
    outline = raise_hairline(points)[list(FACE_OVAL), :2]
    middle = outline.mean(axis=0)
    wide, high = rng.uniform(1.2, 1.6), rng.uniform(1.5, 2.1)
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    half = np.ptp(outline, axis=0) / 2
    tall = half[1] * np.where(np.sin(turn) < 0, high, 1.2)
    head = middle + np.stack([np.cos(turn) * half[0] * wide, np.sin(turn) * tall], axis=1)
    cover = polygon(head + rng.normal(0, 0.02 * unit, head.shape), size, soft=rng.uniform(0.4, 1.0))
    rows, columns = np.mgrid[0:size, 0:size] + 0.5
    brow = float(points[list(_BROWS), 1].mean())
    if rng.random() < 0.55:
        bend = rng.uniform(-0.25, 0.35) * ((columns - middle[0]) / max(half[0], 1.0)) ** 2
        level = brow - rng.uniform(0.15, 0.8) * unit + bend * unit
        cover = cover * np.clip((level - rows) / 1.5 + 0.5, 0, 1)
    else:
        low = float(points[_CHIN, 1])
        shoulders = np.clip(rows - low, 0, None) / unit
        falls = np.abs(columns - middle[0]) < half[0] * wide + rng.uniform(0.0, 0.8) * shoulders * unit
        cover = np.maximum(
            cover, cv2.GaussianBlur((falls & (rows > middle[1])).astype(np.float32), (0, 0), 0.8)
        )
        shrink = rng.uniform(0.86, 1.04)
        hole = polygon(middle + (outline - middle) * (shrink, rng.uniform(0.82, 1.0)), size, soft=0.7)
        cover = cover * (1.0 - hole)
    picture = _cloth(np.asarray(cover, np.float32), unit, size, rng, surface)
    return as_cover(picture, cover)


def _cloth(cover: Floats, unit: float, size: int, rng: np.random.Generator, surface: Swatch) -> Floats:
    """Plain, ribbed or patterned cloth with folds, often as dark as hair."""
    kind = rng.random()
    if kind < 0.3:
        picture = surface(size, rng)
    else:
        colour = rng.uniform(8, 70) * rng.normal(1, 0.08, 3) if kind < 0.65 else cloth_colour(rng)
        picture = np.broadcast_to(np.asarray(colour, np.float32), (size, size, 3))
    rows, columns = np.mgrid[0:size, 0:size] / unit
    shade = 1.0 - rng.uniform(0.1, 0.5) * edge_shade(cover, 0.15 * unit) + slopes(size, rng, 0.25)
    if rng.random() < 0.6:
        angle = rng.uniform(0, np.pi)
        across = np.cos(angle) * columns + np.sin(angle) * rows + slopes(size, rng, 0.5)
        shade = shade + rng.uniform(0.03, 0.2) * np.sin(across * rng.uniform(6, 40))
    return np.asarray(picture * shade[..., None] + grain(size, rng, rng.uniform(1, 5)), np.float32)
