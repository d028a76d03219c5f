"""The merged first convolution on the engine's inputs, with the pattern's part computed once per tile.

A constant plane adds the same value at every position. So the pattern's weights become a bias per tile, and
the scaling of the age is folded into the convolution.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from amgan.networks.conditioning import POSITION_CHANNELS, position_features
from amgan.networks.config import AGE_SPAN_YEARS

from .modulation import FirstConvolution

PLANES = 1 + POSITION_CHANNELS + 2
"""Number of planes: age, position features, inside and scale."""


class SeparateConditioning(nn.Module):
    """Engine inputs to the hidden channels of all SPADE, [N, K, h, w]."""

    def __init__(self, first: FirstConvolution) -> None:
        super().__init__()
        convolution = first.convolution
        assert convolution.bias is not None
        weight, dtype = convolution.weight.detach().double(), convolution.weight.dtype
        planes, bias = weight[:, :PLANES].clone(), convolution.bias.detach().double()
        planes[:, 0] /= AGE_SPAN_YEARS
        self.planes = nn.Conv2d(PLANES, len(weight), 1)
        self.planes.weight = nn.Parameter(planes.to(dtype), requires_grad=False)
        self.planes.bias = nn.Parameter(bias.to(dtype), requires_grad=False)
        self.pattern = nn.Linear(weight.shape[1] - PLANES, len(weight), bias=False)
        self.pattern.weight = nn.Parameter(weight[:, PLANES:, 0, 0].to(dtype), requires_grad=False)

    def forward(self, aging_map: Tensor, coordinates: Tensor, pattern: Tensor) -> Tensor:
        """Inputs as in conditioning_planes; position features are computed in fp32."""
        work = self.planes.weight.dtype
        inside = coordinates[:, 2:3]
        waves = position_features(coordinates[:, :2]) * inside
        hidden = self.planes(torch.cat([aging_map, waves, coordinates[:, 2:]], dim=1).to(work))
        return torch.relu(hidden + self.pattern(pattern.to(work))[:, :, None, None])
