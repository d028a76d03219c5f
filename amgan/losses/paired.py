"""Supervised terms: the same face at two known ages, and no change outside the face.

Fine detail has a separate term, because shades outweigh lines a hundredfold in the squared error. The scale
of fine detail is relative to the face, not in pixels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from amgan.runtime.face.coordinates import REFERENCE_PX


def paired_loss(aged: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared error of pictures [N, 3, H, W] in -1..1, times 100 (about the variance of a change).

    Squared, not absolute: wrinkles are sparse, and the median of a sparse change is zero.
    """
    return 100.0 * ((aged.float() - wanted) ** 2).mean()


def fine_loss(aged: Tensor, wanted: Tensor, sides: Tensor, share: float, finest_px: int) -> Tensor:
    """Mean squared error of fine detail of pictures [N, 3, H, W] in -1..1, times 100.

    The sum of two terms: detail finer than ``share`` of the frame's side, ``sides`` [N] in px, and detail
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
    """Box sizes in px, odd and at least 3, of ``share`` of the frames' ``sides`` [N] in px."""
    return [max(3, 2 * round((side * share - 1) / 2) + 1) for side in sides.tolist()]


def finer(pictures: Tensor, sizes_px: list[int]) -> Tensor:
    """Pictures [N, C, H, W] minus their box means, each with its own size."""
    smooth = [box_mean(pictures[i : i + 1], size) for i, size in enumerate(sizes_px)]
    return pictures - torch.cat(smooth)


def box_mean(pictures: Tensor, size_px: int) -> Tensor:
    """Box means of an odd size over pictures [N, C, H, W], normalised at the border."""
    if size_px == 1:
        return pictures
    return F.avg_pool2d(pictures, size_px, stride=1, padding=size_px // 2, count_include_pad=False)


def off_face_loss(change: Tensor, face: Tensor) -> Tensor:
    """Mean squared change α·Δ [N, 3, H, W] where the face's mask [N, 1, H, W] is 0, times 100."""
    return 100.0 * ((change.float() ** 2) * (1.0 - face)).mean()
