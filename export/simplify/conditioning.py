"""The merged first convolution split into what depends on the age, on X and on Y alone.

A plane that changes along one axis only stays so under a convolution without padding: with the kernel
summed over the other axis, the 3×3 convolution over the X planes is one of size 3 over a single row, and the
same for Y.
The two-dimensional convolution is left with one input plane, the age; its scaling is folded in as well.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from amgan.networks.conditioning import AGE_SPAN_YEARS, WAVES
from amgan.networks.config import DOWNSAMPLING
from amgan.runtime.ages.maps import NEUTRAL_AGE

from .modulation import FirstConvolution

AXIS_PLANES = 1 + 2 * len(WAVES)


class SeparateConditioning(nn.Module):
    """Engine inputs to the hidden channels of all SPADE, [N, K, h-2, w-2]."""

    def __init__(self, first: FirstConvolution, reference_px: float) -> None:
        super().__init__()
        convolution = first.convolution
        assert convolution.bias is not None
        weight, dtype = convolution.weight.detach().double(), convolution.weight.dtype
        age, scale = weight[:, :1], weight[:, 1]
        across, down = weight[:, 2 : 2 + AXIS_PLANES], weight[:, 2 + AXIS_PLANES :]
        bias = convolution.bias.detach().double() - age.sum(dim=(1, 2, 3)) * (NEUTRAL_AGE / AGE_SPAN_YEARS)
        self.reference_px = reference_px
        self.age = _convolution(age / AGE_SPAN_YEARS, dtype)
        self.across = _convolution(across.sum(dim=2, keepdim=True), dtype)
        self.down = _convolution(down.sum(dim=3, keepdim=True), dtype)
        # One constant per channel, and what an octave of scale adds to it.
        self.offset = nn.Parameter(bias.to(torch.float32).reshape(1, -1, 1, 1), requires_grad=False)
        octave = scale.sum(dim=(1, 2)).to(torch.float32).reshape(1, -1, 1, 1)
        self.octave = nn.Parameter(octave, requires_grad=False)

    def forward(self, aging_map: Tensor, origin: Tensor) -> Tensor:
        """``aging_map`` [N, 1, h, w] years and ``origin`` [N, 3] as in conditioning_planes."""
        work = self.age.weight.dtype
        side = origin[:, 2:3]
        columns = axis_planes(aging_map.shape[3], origin[:, 0:1], side)[:, :, None, :]
        rows = axis_planes(aging_map.shape[2], origin[:, 1:2], side)[:, :, :, None]
        octaves = torch.log2(side / self.reference_px).reshape(-1, 1, 1, 1)
        constant = (self.offset.float() + octaves * self.octave.float()).to(work)
        row = self.across(columns.to(work)) + constant
        column = self.down(rows.to(work))
        return torch.relu(self.age(aging_map.to(work)) + row + column)


def axis_planes(cells: int, start_px: Tensor, side_px: Tensor) -> Tensor:
    """Coordinate in -1..1 with its sines and cosines for every cell, [N, AXIS_PLANES, cells]."""
    centres = (torch.arange(cells, dtype=start_px.dtype, device=start_px.device) + 0.5) * DOWNSAMPLING
    place = ((centres + start_px) * (2.0 / side_px) - 1.0)[:, None, :]
    waves = math.pi * torch.tensor(WAVES, dtype=place.dtype, device=place.device).reshape(1, -1, 1)
    return torch.cat([place, torch.sin(place * waves), torch.cos(place * waves)], dim=1)


def _convolution(weight: Tensor, dtype: torch.dtype) -> nn.Conv2d:
    size = (weight.shape[2], weight.shape[3])
    made = nn.Conv2d(weight.shape[1], weight.shape[0], size, bias=False)
    made.weight = nn.Parameter(weight.to(dtype), requires_grad=False)
    return made
