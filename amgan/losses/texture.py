"""Texture term: as much fine contrast as the example has, wherever exactly its lines run.

Squared error of pixels blurs what it cannot place: a wrinkle that may run here or two pixels higher becomes a
soft shade. How much contrast there is around a pixel hardly depends on where the lines run, so this term
compares that.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

FINE_PX = 9
AROUND_PX = 17
FLOOR = 1e-4


def local_contrast(picture: Tensor) -> Tensor:
    """Standard deviation around every pixel of what is finer than FINE_PX, float32 [N, 1, H, W].

    ``picture`` is [N, 3, H, W] in -1..1; its lightness counts.
    """
    light = picture.float().mean(dim=1, keepdim=True)
    fine = light - _mean(light, FINE_PX)
    return torch.sqrt(_mean(fine * fine, AROUND_PX) + FLOOR)


def texture_loss(aged: Tensor, wanted: Tensor, share: Tensor | None = None) -> Tensor:
    """Mean squared difference of the local contrast of pictures [N, 3, H, W] in -1..1, times 100.

    ``share`` [N] is what each picture counts, 1 where it is not given.
    """
    apart = ((local_contrast(aged) - local_contrast(wanted)) ** 2).mean(dim=(1, 2, 3))
    return 100.0 * (apart if share is None else apart * share).mean()


def _mean(plane: Tensor, size_px: int) -> Tensor:
    return F.avg_pool2d(plane, size_px, stride=1, padding=size_px // 2, count_include_pad=False)
