"""L_Age: the aging map estimated by the discriminator compared with the wanted (or true) map."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from amgan.networks.config import AGE_SPAN_YEARS


def aging_map_loss(ages: Tensor, aging_map: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean squared error of ages [N, 1, g, w] in years, in units of AGE_SPAN_YEARS squared.

    ``aging_map`` and ``weight`` [N, 1, h, w] are averaged down to the discriminator's grid; the weight is the
    face's mask.
    """
    size = (ages.shape[2], ages.shape[3])
    cells = F.adaptive_avg_pool2d(weight, size)
    # The map blends into the neutral age at the face's edge, hence the weighted mean.
    wanted = F.adaptive_avg_pool2d(aging_map * weight, size) / cells.clamp_min(1e-3)
    error = ((ages.float() - wanted) / AGE_SPAN_YEARS) ** 2
    return (error * cells).sum() / cells.sum().clamp_min(1e-3)
