"""Reduction of pictures by averaging."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import extensions

_LARGEST_BLOCK_PX = 255
"""Of `_reduce.blocks`, which adds rows in 16 bits."""


def reduce_blocks(rgb: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Average blocks of ``factor`` px of a picture, uint8 [H, W, 3]; incomplete blocks repeat the edge."""
    import cv2

    height, width = rgb.shape[:2]
    down, right = -height % factor, -width % factor
    if down or right:
        rgb = np.asarray(cv2.copyMakeBorder(rgb, 0, down, 0, right, cv2.BORDER_REPLICATE), np.uint8)
    while factor % 2 == 0:
        rgb = reduce_to(rgb, (rgb.shape[1] // 2, rgb.shape[0] // 2))
        factor //= 2
    if factor == 1:
        return rgb
    return reduce_to(rgb, (rgb.shape[1] // factor, rgb.shape[0] // factor))


def reduce_to(rgb: NDArray[np.uint8], size_px: tuple[int, int]) -> NDArray[np.uint8]:
    """Reduce a picture, uint8 [H, W, 3], to ``size_px`` (width, height), at most its own, by averaging.

    The same pixels as those of OpenCV's INTER_AREA, with or without the extension.
    """
    import cv2

    if not has_plain_rows(rgb):
        rgb = np.ascontiguousarray(rgb)
    height, width = rgb.shape[:2]
    whole_blocks = width % size_px[0] == 0 and height % size_px[1] == 0
    factors = {width // size_px[0], height // size_px[1]} if whole_blocks else set()
    extension = extensions.reduce()
    # OpenCV halves as fast as the extension, and has other code for blocks that are not square.
    if extension is None or 2 in factors or len(factors) == 2:
        return np.asarray(cv2.resize(rgb, size_px, interpolation=cv2.INTER_AREA), np.uint8)
    out = np.empty((size_px[1], size_px[0], 3), np.uint8)
    if whole_blocks and max(factors) <= _LARGEST_BLOCK_PX:
        extension.blocks(rgb, out)
    else:
        extension.area(rgb, out)
    return out


def has_plain_rows(rgb: NDArray[np.uint8]) -> bool:
    """Whether the rows are contiguous, as the extensions require."""
    return rgb.strides[1:] == (3, 1) and rgb.strides[0] > 0
