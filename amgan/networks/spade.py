"""SPADE: spatially-adaptive denormalisation, and the residual block made of it.

Park et al., "Semantic Image Synthesis with Spatially-Adaptive Normalization", CVPR 2019, section 3.1.
The parameter-free norm is batch norm, so that at inference a value depends only on its neighbourhood. The
first convolution is 1×1, as the conditioning planes include positions and vary slowly.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Spade(nn.Module):
    """norm(x) · (1 + γ(c)) + β(c), with γ and β computed from the condition c at the same scale."""

    def __init__(self, channels: int, hidden: int, condition_channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False, momentum=0.02)
        self.shared = nn.Conv2d(condition_channels, hidden, 1)
        self.gamma = nn.Conv2d(hidden, channels, 1)
        self.beta = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Modulate x [N, C, h, w] by condition [N, D, h, w]."""
        hidden = torch.relu(self.shared(condition))
        modulated: Tensor = self.norm(x) * (1.0 + self.gamma(hidden)) + self.beta(hidden)
        return modulated


class SpadeBlock(nn.Module):
    """Residual block: twice SPADE, ReLU and a 3×3 convolution, added to its input."""

    def __init__(self, channels: int, hidden: int, condition_channels: int) -> None:
        super().__init__()
        self.spade1 = Spade(channels, hidden, condition_channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.spade2 = Spade(channels, hidden, condition_channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Shapes as in Spade."""
        y = self.conv1(torch.relu(self.spade1(x, condition)))
        y = self.conv2(torch.relu(self.spade2(y, condition)))
        return x + y
