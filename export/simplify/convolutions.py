"""Cheaper convolutions: one output head, input scaling folded in, no padding."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .modulation import FoldedSpade

COLOURS = 3


class OneHead(nn.Module):
    """Δ and α from one convolution and one tanh: sigmoid(z) = ½ + ½·tanh(z/2)."""

    def __init__(self, convolution: nn.Conv2d, colours: int) -> None:
        """The first ``colours`` outputs of ``convolution`` are Δ, the others α with half its weights."""
        super().__init__()
        self.convolution, self.colours = convolution, colours

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Δ [N, colours, H, W] in -1..1 and α [N, the others, H, W] in 0..1."""
        both = torch.tanh(self.convolution(x).float())
        return both[:, : self.colours], 0.5 + 0.5 * both[:, self.colours :]


class CodeBlend(nn.Module):
    """The lerp in code values: codes + α·127.5·Δ."""

    def forward(self, codes: Tensor, image: Tensor, delta: Tensor, attention: Tensor) -> Tensor:
        """``image`` is not used: with the input's scaling folded away, it is ``codes`` again."""
        return codes + attention * (127.5 * delta)


def join_heads(colour: nn.Conv2d, attention: nn.Conv2d) -> OneHead:
    """Colour and attention heads in one convolution of four outputs."""
    assert colour.bias is not None and attention.bias is not None
    made = nn.Conv2d(colour.in_channels, 4, colour.kernel_size, padding=colour.padding)  # type: ignore[arg-type]
    weight = torch.cat([colour.weight, 0.5 * attention.weight])
    bias = torch.cat([colour.bias, 0.5 * attention.bias])
    made.weight = nn.Parameter(weight.detach(), requires_grad=False)
    made.bias = nn.Parameter(bias.detach(), requires_grad=False)
    return OneHead(made, colour.out_channels)


def fold_input_scaling(stem: nn.Conv2d) -> nn.Conv2d:
    """The stem on code values: W·(x/127.5 - 1) + c = (W/127.5)·x + (c - ΣW), for the three colours.

    The two differ at the padded border (where zero is black here and grey there), which never reaches the
    core.
    """
    weight = stem.weight.detach().double().clone()
    assert stem.bias is not None
    made = nn.Conv2d(stem.in_channels, stem.out_channels, stem.kernel_size, stem.stride, stem.padding)  # type: ignore[arg-type]
    bias = stem.bias.detach().double() - weight[:, :COLOURS].sum(dim=(1, 2, 3))
    weight[:, :COLOURS] /= 127.5
    made.weight = nn.Parameter(weight.to(stem.weight.dtype), requires_grad=False)
    made.bias = nn.Parameter(bias.to(stem.weight.dtype), requires_grad=False)
    return made


class CroppedBlock(nn.Module):
    """A residual block whose two convolutions have no padding: its input loses two cells on every side."""

    def __init__(self, spade1: FoldedSpade, conv1: nn.Conv2d, spade2: FoldedSpade, conv2: nn.Conv2d) -> None:
        super().__init__()
        self.spade1, self.conv1 = spade1, conv1
        self.spade2, self.conv2 = spade2, conv2

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """[N, C, h, w] to [N, C, h-4, w-4]."""
        y = self.conv1(torch.relu(self.spade1(x, condition)))
        y = self.conv2(torch.relu(self.spade2(y, condition)))
        aged: Tensor = x[:, :, 2:-2, 2:-2] + y
        return aged


def cropped_blocks(blocks: nn.ModuleList) -> list[CroppedBlock]:
    """The residual blocks of a fully simplified network."""
    cropped = [block for block in blocks if isinstance(block, CroppedBlock)]
    assert len(cropped) == len(blocks)
    return cropped
