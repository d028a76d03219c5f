"""Geometry of training patches: where a patch is cut out of a frame, and the resampling."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .batches import Array, PatchOptions


@dataclass(frozen=True)
class Cut:
    """The geometry and the light of a patch; ``to_unit`` maps patch pixels to frame units.

    ``corner`` is the patch's first pixel in a frame of ``side`` px (in the mirrored one, if it is mirrored).
    """

    to_unit: NDArray[np.float64]
    corner: tuple[float, float]
    side: float
    gain: float
    saturation: float


def draw_cut(rng: np.random.Generator, options: PatchOptions, largest_px: float = math.inf) -> Cut:
    """Draw position, scale, mirroring and light of a patch; the frame's side is at most ``largest_px`` px.

    A minimum range of 10 % above the smallest frame is kept.
    """
    low, high = options.frame_px
    high = min(high, max(largest_px, 1.1 * low))
    side = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    centre = np.array([rng.uniform(*options.centre_x), rng.uniform(*options.centre_y)])
    corner = np.rint(centre * side - options.patch_px / 2)
    mirrored = bool(rng.integers(2))
    scale = 1.0 / side
    to_unit = np.array([[scale, 0.0, corner[0] * scale], [0.0, scale, corner[1] * scale]])
    if mirrored:
        to_unit[0] = [-scale, 0.0, 1.0 - corner[0] * scale]
    gain = float(np.exp(rng.uniform(-1, 1) * options.brightness))
    saturation = float(1.0 + rng.uniform(-1, 1) * options.saturation)
    return Cut(to_unit, (float(corner[0]), float(corner[1])), side, gain, saturation)


def warp(
    plane: NDArray[np.generic],
    cut: Cut,
    source_px: int,
    size_px: int,
    patch_px: int | None = None,
    outside: float | None = None,
) -> NDArray[np.float32]:
    """Sample a patch of ``size_px`` px from a frame of ``source_px`` px; ``patch_px`` is the patch's side."""
    source = np.asarray(plane)
    if source.dtype == np.int8:
        source = source.astype(np.int16)
    if abs(cut.to_unit[0, 0]) * source_px * (patch_px or size_px) / size_px > 1.6:
        source_px = source_px // 2  # halve by area first, against aliasing
        source = cv2.resize(source, (source_px, source_px), interpolation=cv2.INTER_AREA)
    matrix = cut.to_unit * source_px
    matrix[:, :2] *= (patch_px or size_px) / size_px
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    border = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
    shrinks = abs(matrix[0, 0]) > 1.2
    flags = cv2.WARP_INVERSE_MAP | (cv2.INTER_LINEAR if shrinks or outside is not None else cv2.INTER_CUBIC)
    if outside is None and source.ndim == 2:
        flags = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
    fill = 0.0 if outside is None else outside
    cut_out = cv2.warpAffine(
        source, matrix, (size_px, size_px), flags=flags, borderMode=border, borderValue=fill
    )
    return np.asarray(cut_out, np.float32)


def relight(picture: Array, cut: Cut) -> Array:
    """Change exposure and saturation of a picture [P, P, 3] in 0..255, as augmentation."""
    grey = picture.mean(axis=2, keepdims=True)
    return np.asarray(np.clip((grey + (picture - grey) * cut.saturation) * cut.gain, 0, 255), np.float32)


def to_tensor(picture: Array) -> Array:
    """A picture [P, P, 3] in 0..255 as [3, P, P] in -1..1."""
    return np.ascontiguousarray(picture.transpose(2, 0, 1) / np.float32(127.5) - np.float32(1.0))
