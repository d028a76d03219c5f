"""Affine resampling of pictures with Pillow: photo to canonical frame, and the change back."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .alignment import apply_affine


def sample_affine(
    rgb: NDArray[np.uint8], to_source: NDArray[np.float64], size_px: tuple[int, int]
) -> NDArray[np.uint8]:
    """Resample an RGB picture [H, W, 3] uint8 under an affine map, edges repeated outside it.

    ``to_source`` (2x3) maps continuous output coordinates to continuous source coordinates;
    ``size_px`` is (width, height) of the output. Shrinking is filtered (box, then bicubic).
    """
    width, height = size_px
    corners = apply_affine(to_source, np.array([[0, 0], [width, 0], [0, height], [width, height]], float))
    scale = math.sqrt(abs(float(np.linalg.det(to_source[:, :2]))))
    margin = 4 * max(1, math.ceil(scale))
    x0, y0 = (int(v) for v in np.floor(corners.min(axis=0)) - margin)
    x1, y1 = (int(v) for v in np.ceil(corners.max(axis=0)) + margin)
    columns = np.clip(np.arange(x0, x1), 0, rgb.shape[1] - 1)
    rows = np.clip(np.arange(y0, y1), 0, rgb.shape[0] - 1)
    inside = x0 >= 0 and y0 >= 0 and x1 <= rgb.shape[1] and y1 <= rgb.shape[0]
    region = Image.fromarray(
        np.ascontiguousarray(rgb[y0:y1, x0:x1] if inside else rgb[rows[:, None], columns])
    )
    matrix = to_source.copy()
    matrix[:, 2] -= (x0, y0)
    factor = int(scale + 1e-6)  # the determinant of an exact scale may come out a hair below
    if factor >= 2:
        region = region.reduce(factor)
        matrix = matrix / factor
    out = region.transform(
        size_px, Image.Transform.AFFINE, tuple(matrix.ravel()), resample=Image.Resampling.BICUBIC
    )
    return np.asarray(out)


def sample_plane(
    plane: NDArray[np.float32],
    to_source: NDArray[np.float64],
    size_px: tuple[int, int],
    *,
    smooth: bool = True,
) -> NDArray[np.float32]:
    """Resample one float plane [H, W] under an affine map; zero outside it.

    Same coordinates as sample_affine. ``smooth`` takes bicubic, otherwise bilinear (never overshoots).
    """
    method = Image.Resampling.BICUBIC if smooth else Image.Resampling.BILINEAR
    picture = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    out = picture.transform(size_px, Image.Transform.AFFINE, tuple(to_source.ravel()), resample=method)
    return np.asarray(out)
