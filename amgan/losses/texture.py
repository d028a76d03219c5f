"""Texture term: as much fine contrast as the example has, wherever exactly its lines run.

Squared error of pixels blurs what it cannot place: a wrinkle that may run here or two pixels higher becomes a
soft shade. How much contrast there is around a pixel hardly depends on where the lines run, so this term
compares that. What is fine, and what is around, are measured against the face: in pixels the term would ask
for lines of one spacing on faces of every size.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .paired import box_mean, finer, odd_sizes

FLOOR = 1e-4


def local_contrast(picture: Tensor, sides: Tensor, share: float) -> Tensor:
    """Standard deviation around every pixel of what is fine, float32 [N, 1, H, W].

    ``picture`` is [N, 3, H, W] in -1..1; its lightness counts. Fine is what is finer than ``share`` of the
    frame's side, ``sides`` [N] in px, and around is twice as far.
    """
    light = picture.float().mean(dim=1, keepdim=True)
    power = finer(light, odd_sizes(sides, share)) ** 2
    around = [box_mean(power[i : i + 1], size) for i, size in enumerate(odd_sizes(sides, 2 * share))]
    return torch.sqrt(torch.cat(around) + FLOOR)


def texture_loss(aged: Tensor, wanted: Tensor, sides: Tensor, share: float) -> Tensor:
    """Mean squared difference of the local contrast of pictures [N, 3, H, W] in -1..1, times 100."""
    apart = local_contrast(aged, sides, share) - local_contrast(wanted, sides, share)
    return 100.0 * (apart**2).mean()
