"""The planes that condition the generator: ages, scale, face coordinates and pattern, from the engine's
inputs.

The coordinates are also encoded as sines and cosines of several wavelengths, so that few hidden channels can
resolve fine positions (Tancik et al., "Fourier Features Let Networks Learn High Frequency Functions in Low
Dimensional Domains", NeurIPS 2020).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .config import AGE_SPAN_YEARS

WAVES = (1.0, 2.0, 4.0, 8.0, 16.0)
POSITION_CHANNELS = 2 + 4 * len(WAVES)


def condition_channels(patterns: int) -> int:
    """The number of conditioning planes for a number of patterns."""
    return 1 + POSITION_CHANNELS + 2 + patterns


def conditioning_planes(aging_map: Tensor, coordinates: Tensor, pattern: Tensor) -> Tensor:
    """Stack the condition [N, condition_channels(K), h, w] at 1/4 of the tile's scale.

    ``aging_map`` [N, 1, h, w] is the wanted minus the present age in years; ``coordinates`` [N, 4, h, w]
    are u, v, inside and scale; ``pattern`` [N, K] are mixing weights. Channels: years to change (1 per
    AGE_SPAN_YEARS); u and v, then sin(π·k·u) and sin(π·k·v), cos(π·k·u) and cos(π·k·v) for every k of WAVES,
    all times inside; inside; scale; the K weights, each constant over the plane.
    """
    age = aging_map / AGE_SPAN_YEARS
    inside = coordinates[:, 2:3]
    waves = position_features(coordinates[:, :2]) * inside
    weights = pattern[:, :, None, None].expand(-1, -1, *age.shape[2:])
    return torch.cat([age, waves, coordinates[:, 2:], weights], dim=1)


def position_features(uv: Tensor) -> Tensor:
    """Coordinates u and v [N, 2, h, w] with their sines and cosines, [N, POSITION_CHANNELS, h, w]."""
    angles = [uv * (math.pi * wave) for wave in WAVES]
    return torch.cat([uv, *map(torch.sin, angles), *map(torch.cos, angles)], dim=1)
