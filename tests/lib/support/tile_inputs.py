"""Coordinates and patterns of made-up tiles and frames, for tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from amgan.runtime.face.coordinates import frame_coordinates, scale_of

Floats = NDArray[np.float32]


def smooth_positions(n: int, height: int, width: int, seed: int = 0) -> Floats:
    """Coordinates [n, 4, height, width] of n tiles, in cells: each a tilted and bent piece of a face."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(height, width)
    out = np.empty((n, 4, height, width), np.float32)
    for planes in out:
        for plane in planes[:2]:
            a, b, c, d = rng.uniform(-1, 1, 4)
            plane[...] = a + b * x + c * y + 0.2 * d * np.sin(5 * x + 3 * y)
        planes[2] = np.clip(1.5 - 1.8 * np.hypot(x - rng.random(), y - rng.random()), 0, 1)
        planes[3] = rng.uniform(-1, 1)
    return out


def frame_positions(side_px: int, halo_px: int) -> Floats:
    """Coordinates [4, cells, cells] of a frame with its halo: X and Y across it, inside everywhere."""
    planes = frame_coordinates(side_px // 4, halo_px // 4)
    return np.concatenate([planes, np.full_like(planes[:1], scale_of(side_px))])


def mixtures(n: int, count: int = 4, seed: int = 0) -> Floats:
    """Mixing weights [n, count]."""
    return np.random.default_rng(seed).dirichlet(np.ones(count), n).astype(np.float32)
