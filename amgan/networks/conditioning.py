"""The planes that condition the generator: aging map, X, Y and scale, made from the engine's inputs.

X and Y also come as sines and cosines of several wavelengths, so that few hidden channels can tell downwards
apart finely (Tancik et al., "Fourier Features Let Networks Learn High Frequency Functions in Low Dimensional
Domains", NeurIPS 2020).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from amgan.runtime.ages.maps import NEUTRAL_AGE

from .config import DOWNSAMPLING

AGE_SPAN_YEARS = 25.0
WAVES = (1.0, 2.0, 4.0, 8.0, 16.0)
CHANNELS = 4 + 4 * len(WAVES)


def conditioning_planes(aging_map: Tensor, origin: Tensor, reference_px: float) -> Tensor:
    """Stack the condition [N, CHANNELS, h, w] at 1/4 of the tile's scale.

    ``aging_map`` [N, 1, h, w] is in years; ``origin`` [N, 3] holds x0, y0 (frame coordinate of the tile's
    top-left pixel) and the frame's side, all in pixels of the tile. Channels: age (0 at NEUTRAL_AGE, 1 per
    AGE_SPAN_YEARS); log2 of the scale; X (-1..1 across the frame, taken at the cells' centres) with sin and
    cos of π·k·X for every k of WAVES; Y likewise.
    """
    height, width = aging_map.shape[2], aging_map.shape[3]
    age = (aging_map - NEUTRAL_AGE) / AGE_SPAN_YEARS
    x0, y0, side = (origin[:, i].reshape(-1, 1, 1, 1) for i in range(3))
    columns = torch.arange(width, device=aging_map.device, dtype=aging_map.dtype).reshape(1, 1, 1, -1)
    rows = torch.arange(height, device=aging_map.device, dtype=aging_map.dtype).reshape(1, 1, -1, 1)
    x = ((columns + 0.5) * DOWNSAMPLING + x0) * (2.0 / side) - 1.0
    y = ((rows + 0.5) * DOWNSAMPLING + y0) * (2.0 / side) - 1.0
    scale = torch.log2(side / reference_px)
    waves = math.pi * torch.tensor(WAVES, device=age.device, dtype=age.dtype).reshape(1, -1, 1, 1)
    along, down = x * waves, y * waves
    across = torch.cat([x, torch.sin(along), torch.cos(along)], dim=1).expand(-1, -1, height, -1)
    downwards = torch.cat([y, torch.sin(down), torch.cos(down)], dim=1).expand(-1, -1, -1, width)
    return torch.cat([age, scale.expand_as(age), across, downwards], dim=1)
