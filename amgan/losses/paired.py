"""Supervised terms: the same face at two known ages, and no change off the face.

What is fine counts by itself as well: in the squared error of all pixels, shades outweigh lines a
hundredfold. What is fine is measured against the face, not in pixels, for a fold of a small face is as fine
as a wrinkle of a large one.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from amgan.runtime.face.coordinates import REFERENCE_PX


def paired_loss(aged: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared error of pictures [N, 3, H, W] in -1..1, times 100 (about the variance of a change).

    Squared, not absolute: wrinkles are sparse, and the median of a sparse change is no change.
    """
    return 100.0 * ((aged.float() - wanted) ** 2).mean()


def fine_loss(aged: Tensor, wanted: Tensor, sides: Tensor, share: float, finest_px: int) -> Tensor:
    """Mean squared error of what is fine in pictures [N, 3, H, W] in -1..1, times 100.

    Twice, and added: of what is finer than ``share`` of the frame's side, ``sides`` [N] in px, and of what is
    finer than ``finest_px``.
    """
    error = aged.float() - wanted
    by_face = finer(error, odd_sizes(sides, share))
    finest = error - box_mean(error, finest_px)
    return 100.0 * ((by_face**2).mean() + (finest**2).mean())


def frame_sides(coordinates: Tensor) -> Tensor:
    """Sides of the frames in px, [N], from coordinates [N, 4, h, w] whose last plane is the scale."""
    return REFERENCE_PX * torch.exp2(coordinates[:, 3, 0, 0].float())


def odd_sizes(sides: Tensor, share: float) -> list[int]:
    """Sizes of boxes in px, odd and at least 3, that are ``share`` of frames with ``sides`` [N] in px."""
    return [max(3, 2 * round((side * share - 1) / 2) + 1) for side in sides.tolist()]


def finer(pictures: Tensor, sizes_px: list[int]) -> Tensor:
    """Pictures [N, C, H, W] less their means over boxes, each of its own size."""
    smooth = [box_mean(pictures[i : i + 1], size) for i, size in enumerate(sizes_px)]
    return pictures - torch.cat(smooth)


def box_mean(pictures: Tensor, size_px: int) -> Tensor:
    """Mean over boxes of an odd size around every pixel of pictures [N, C, H, W], as far as they go."""
    if size_px == 1:
        return pictures
    return F.avg_pool2d(pictures, size_px, stride=1, padding=size_px // 2, count_include_pad=False)


def off_face_loss(change: Tensor, face: Tensor) -> Tensor:
    """Mean squared change α·Δ [N, 3, H, W] where the face's mask [N, 1, H, W] is 0, times 100."""
    return 100.0 * ((change.float() ** 2) * (1.0 - face)).mean()
