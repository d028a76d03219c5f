"""The trunk's convolutions in FP8 (e4m3): their weights, scales and calibration.

A convolution reads its input and weights as e4m3 codes times scales: one scale for the input, one for each
output channel's weights. All scales are powers of two, so that codes and scales are exact in half precision.
E4M3 has 3 bits of mantissa at any scale; a scale only has to keep values below OVERFLOW.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.hooks import RemovableHandle

from ..cases import Case
from ..simplify import ExportGenerator
from ..simplify.convolutions import cropped_blocks

E4M3 = torch.float8_e4m3fn
OVERFLOW = 448.0
"""The largest number in e4m3; rounding saturates there."""
MARGIN = 2.0
"""The factor by which an input may exceed its largest value in the calibration before it saturates."""


class EightBitConvolution(nn.Conv2d):
    """A convolution that rounds its input to e4m3 and whose weights are e4m3 codes times ``weight_scales``.

    ``weight`` are the products, which half precision holds exactly; its other types are those of the layer
    that it was made of.
    """

    def __init__(self, layer: nn.Conv2d, largest: float) -> None:
        """Quantise a layer whose input is at most ``largest`` in the calibration."""
        super().__init__(layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride)  # type: ignore[arg-type]
        weight = layer.weight.detach().float()
        peaks = weight.abs().amax(dim=(1, 2, 3), keepdim=True)
        scales = torch.exp2(torch.ceil(torch.log2(peaks.clamp(min=2.0**-10) / OVERFLOW)))
        self.input_scale = 2.0 ** math.ceil(math.log2(max(MARGIN * largest, 2.0**-10) / OVERFLOW))
        self.weight_scales = scales.flatten()
        self.codes = (weight / scales).to(E4M3)
        assert layer.bias is not None
        self.weight = nn.Parameter((self.codes.float() * scales).to(layer.weight.dtype), requires_grad=False)
        self.bias = nn.Parameter(layer.bias.detach().clone(), requires_grad=False)

    def forward(self, input: Tensor) -> Tensor:
        """The convolution of the rounded input, [N, C, h, w] to [N, D, h - 2, w - 2]."""
        codes = (input.float() / self.input_scale).clamp(-OVERFLOW, OVERFLOW).to(E4M3)
        rounded = (codes.float() * self.input_scale).to(input.dtype)
        return F.conv2d(rounded, self.weight, self.bias, self.stride)


def quantise(network: ExportGenerator, typed: ExportGenerator, cases: Sequence[Case]) -> None:
    """Replace the convolutions of the blocks of ``typed`` by convolutions in e4m3.

    ``network`` is the same generator in fp32, which runs on the calibration's ``cases``.
    """
    largest = iter(calibrate(network, cases))
    for block in cropped_blocks(typed.blocks):
        block.conv1 = EightBitConvolution(block.conv1, next(largest))
        block.conv2 = EightBitConvolution(block.conv2, next(largest))


def calibrate(network: ExportGenerator, cases: Sequence[Case]) -> list[float]:
    """The largest input of each convolution of the blocks in any of the cases, in order."""
    layers = [layer for block in cropped_blocks(network.blocks) for layer in (block.conv1, block.conv2)]
    found = [0.0] * len(layers)

    def watch(number: int) -> RemovableHandle:
        def seen(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            found[number] = max(found[number], float(inputs[0].abs().max()))

        return layers[number].register_forward_pre_hook(seen)

    watches = [watch(number) for number in range(len(layers))]
    try:
        with torch.inference_mode():
            for case in cases:
                network(*(torch.from_numpy(array) for array in case.arrays))
    finally:
        for one in watches:
            one.remove()
    return found
