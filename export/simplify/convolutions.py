"""Convolutions made cheap: phases for upsampling, one head, scaling folded in, no padding."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .modulation import JoinedSpade


class OneHead(nn.Module):
    """Δ and α out of one convolution."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Δ [N, 3, H, W] in -1..1 and α [N, 1, H, W] in 0..1."""
        both = self.convolution(x).float()
        return torch.tanh(both[:, :3]), torch.sigmoid(both[:, 3:])


class CodeBlend(nn.Module):
    """The lerp in code values: codes + α·127.5·Δ."""

    def forward(self, codes: Tensor, image: Tensor, delta: Tensor, attention: Tensor) -> Tensor:
        """``image`` is not used: with the input's scaling folded away, it is ``codes`` again."""
        return codes + attention * (127.5 * delta)


def phase_convolution(convolution: nn.Conv2d) -> nn.ConvTranspose2d:
    """Nearest upsampling by 2 and a padded 3×3 convolution as one 4×4 transposed convolution of stride 2.

    Of the 3×3 taps w0, w1, w2 along one axis, an even output row sees x[i-1] with w0 and x[i] with w1 + w2;
    an odd one sees x[i] with w0 + w1 and x[i+1] with w2. The transposed kernel is [w2, w1 + w2, w0 + w1, w0].
    """
    mix = torch.tensor([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]], dtype=torch.float64)
    weight = torch.einsum("ay,bx,oiyx->ioab", mix, mix, convolution.weight.detach().double())
    made = nn.ConvTranspose2d(convolution.in_channels, convolution.out_channels, 4, stride=2, padding=1)
    assert convolution.bias is not None
    made.weight = nn.Parameter(weight.to(convolution.weight.dtype), requires_grad=False)
    made.bias = nn.Parameter(convolution.bias.detach().clone(), requires_grad=False)
    return made


def join_heads(colour: nn.Conv2d, attention: nn.Conv2d) -> OneHead:
    """Colour and attention heads in one convolution of four outputs."""
    assert colour.bias is not None and attention.bias is not None
    made = nn.Conv2d(colour.in_channels, 4, colour.kernel_size, padding=colour.padding)  # type: ignore[arg-type]
    made.weight = nn.Parameter(torch.cat([colour.weight, attention.weight]).detach(), requires_grad=False)
    made.bias = nn.Parameter(torch.cat([colour.bias, attention.bias]).detach(), requires_grad=False)
    return OneHead(made)


def fold_input_scaling(stem: nn.Conv2d) -> nn.Conv2d:
    """The stem on code values: W·(x/127.5 - 1) + c = (W/127.5)·x + (c - ΣW).

    Where the padded border is seen the two differ (zeros mean black here, grey there); that border never
    reaches the core.
    """
    weight = stem.weight.detach().double()
    assert stem.bias is not None
    made = nn.Conv2d(stem.in_channels, stem.out_channels, stem.kernel_size, stem.stride, stem.padding)  # type: ignore[arg-type]
    bias = stem.bias.detach().double() - weight.sum(dim=(1, 2, 3))
    made.weight = nn.Parameter((weight / 127.5).to(stem.weight.dtype), requires_grad=False)
    made.bias = nn.Parameter(bias.to(stem.weight.dtype), requires_grad=False)
    return made


class CroppedBlock(nn.Module):
    """A residual block whose two convolutions have no padding: its input loses two cells on every side."""

    def __init__(self, spade1: JoinedSpade, conv1: nn.Conv2d, spade2: JoinedSpade, conv2: nn.Conv2d) -> None:
        super().__init__()
        self.spade1, self.conv1 = spade1, conv1
        self.spade2, self.conv2 = spade2, conv2

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """[N, C, h, w] to [N, C, h-4, w-4]."""
        y = self.conv1(torch.relu(self.spade1(x, condition)))
        y = self.conv2(torch.relu(self.spade2(y, condition)))
        aged: Tensor = x[:, :, 2:-2, 2:-2] + y
        return aged
