"""Cheaper SPADE: norm folded in, first convolutions merged.

With the norm at inference n(x) = a·x + b per channel (a = 1/√(var+ε), b = -a·mean),
n(x)·(1 + γ) + β = x·a(1 + γ) + (b(1 + γ) + β): linear in γ and β, hence new weights of their convolutions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from amgan.networks.spade import Spade


class FoldedSpade(nn.Module):
    """x · scale(c) + shift(c).

    ``shared`` is the block's first convolution, None after the merge. Then ``start`` is the first of the
    block's hidden channels in the merged ones, and ``crop`` the number of cells by which they exceed x on
    every side.
    """

    def __init__(self, shared: nn.Conv2d, scale: nn.Conv2d, shift: nn.Conv2d) -> None:
        super().__init__()
        self.shared: nn.Conv2d | None = shared
        self.scale, self.shift = scale, shift
        self.start: int | None = None
        self.crop = 0

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """``condition`` is the planes, or once merged all blocks' hidden channels; else as in Spade."""
        hidden = own_hidden(self, condition)
        out: Tensor = x * self.scale(hidden) + self.shift(hidden)
        return out

    @property
    def hidden_channels(self) -> int:
        """Number of hidden channels that it reads."""
        return self.scale.in_channels


def own_hidden(spade: FoldedSpade, condition: Tensor) -> Tensor:
    """A SPADE layer's hidden channels: from its own first convolution, or its slice of the merged ones."""
    if spade.shared is not None:
        return torch.relu(spade.shared(condition))
    assert spade.start is not None
    channels = slice(spade.start, spade.start + spade.hidden_channels)
    cells = slice(spade.crop, -spade.crop) if spade.crop else slice(None)
    return condition[:, channels, cells, cells]


def fold_spade(spade: Spade) -> FoldedSpade:
    """Fold the norm of one SPADE layer into its γ and β convolutions."""
    norm = spade.norm
    assert norm.running_mean is not None and norm.running_var is not None
    a = torch.rsqrt(norm.running_var.double() + norm.eps)
    b = -norm.running_mean.double() * a
    gamma_weight, gamma_bias = _double(spade.gamma)
    beta_weight, beta_bias = _double(spade.beta)
    scale = _like(spade.gamma, gamma_weight * a[:, None, None, None], (1.0 + gamma_bias) * a)
    shift = _like(
        spade.gamma, gamma_weight * b[:, None, None, None] + beta_weight, (1.0 + gamma_bias) * b + beta_bias
    )
    return FoldedSpade(spade.shared, scale, shift)


class FirstConvolution(nn.Module):
    """The first convolutions of all SPADE layers of one scale merged into one, with ReLU."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, planes: Tensor) -> Tensor:
        """Planes [N, D, h, w] to hidden channels [N, K, h, w]."""
        return torch.relu(self.convolution(planes))


def merge_first(spades: list[FoldedSpade]) -> FirstConvolution:
    """Remove the first convolution from every SPADE layer and return them merged."""
    owned = [s.shared for s in spades if s.shared is not None]
    if len(owned) != len(spades):
        raise ValueError("the first convolutions are merged already")
    merged = _like(owned[0], torch.cat([c.weight for c in owned]), torch.cat([_bias(c) for c in owned]))
    start = 0
    for spade in spades:
        spade.shared, spade.start = None, start
        start += spade.scale.in_channels
    return FirstConvolution(merged)


def _double(convolution: nn.Conv2d) -> tuple[Tensor, Tensor]:
    return convolution.weight.double(), _bias(convolution).double()


def _bias(convolution: nn.Conv2d) -> Tensor:
    assert convolution.bias is not None
    return convolution.bias


def _like(pattern: nn.Conv2d, weight: Tensor, bias: Tensor) -> nn.Conv2d:
    """A convolution of the pattern's kind with other weights (its number of outputs follows them)."""
    made = nn.Conv2d(weight.shape[1], weight.shape[0], pattern.kernel_size, pattern.stride, pattern.padding)  # type: ignore[arg-type]
    made.weight = nn.Parameter(weight.detach().to(pattern.weight.dtype), requires_grad=False)
    made.bias = nn.Parameter(bias.detach().to(pattern.weight.dtype), requires_grad=False)
    return made
