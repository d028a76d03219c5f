"""Texture term: matches the local contrast of fine detail, independent of the exact position of lines.

Squared error blurs lines of uncertain position: a wrinkle that may be two pixels higher or lower becomes a
soft shade. Local contrast hardly depends on the exact position, so this term compares it. Scales are relative
to the face; in pixels the term would favour one line spacing on faces of all sizes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .paired import box_mean, finer, odd_sizes

FLOOR = 1e-4


def local_contrast(picture: Tensor, sides: Tensor, share: float) -> Tensor:
    """Local standard deviation of fine detail, float32 [N, 1, H, W].

    ``picture`` is [N, 3, H, W] in -1..1, of which the lightness is used. Detail is finer than ``share`` of
    the frame's side, ``sides`` [N] in px; the local window is twice as large.
    """
    light = picture.float().mean(dim=1, keepdim=True)
    power = finer(light, odd_sizes(sides, share)) ** 2
    around = [box_mean(power[i : i + 1], size) for i, size in enumerate(odd_sizes(sides, 2 * share))]
    return torch.sqrt(torch.cat(around) + FLOOR)


def texture_loss(aged: Tensor, wanted: Tensor, sides: Tensor, share: float) -> Tensor:
    """Mean squared difference of the local contrast of pictures [N, 3, H, W] in -1..1, times 100."""
    apart = local_contrast(aged, sides, share) - local_contrast(wanted, sides, share)
    return 100.0 * (apart**2).mean()
