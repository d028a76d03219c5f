"""The planes that condition the generator: aging map, X, Y and scale, made from the engine's inputs."""

from __future__ import annotations

import torch
from torch import Tensor

from amgan.runtime.maps import NEUTRAL_AGE

from .config import DOWNSAMPLING

AGE_SPAN_YEARS = 25.0
CHANNELS = 4


def conditioning_planes(aging_map: Tensor, origin: Tensor, reference_px: float) -> Tensor:
    """Stack the condition [N, 4, h, w] at 1/4 of the tile's scale.

    ``aging_map`` [N, 1, h, w] is in years; ``origin`` [N, 3] holds x0, y0 (frame coordinate of the tile's
    top-left pixel) and the frame's side, all in pixels of the tile. Channels: age (0 at NEUTRAL_AGE, 1 per
    AGE_SPAN_YEARS), X and Y (-1..1 across the frame, taken at the cells' centres), log2 of the scale.
    """
    height, width = aging_map.shape[2], aging_map.shape[3]
    age = (aging_map - NEUTRAL_AGE) / AGE_SPAN_YEARS
    x0, y0, side = (origin[:, i].reshape(-1, 1, 1, 1) for i in range(3))
    columns = torch.arange(width, device=aging_map.device, dtype=aging_map.dtype).reshape(1, 1, 1, -1)
    rows = torch.arange(height, device=aging_map.device, dtype=aging_map.dtype).reshape(1, 1, -1, 1)
    x = ((columns + 0.5) * DOWNSAMPLING + x0) * (2.0 / side) - 1.0
    y = ((rows + 0.5) * DOWNSAMPLING + y0) * (2.0 / side) - 1.0
    scale = torch.log2(side / reference_px)
    planes = (age, x.expand_as(age), y.expand_as(age), scale.expand_as(age))
    return torch.cat(planes, dim=1)
