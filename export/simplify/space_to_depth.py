"""Full resolution in cells of 2×2 px: a quarter of the positions, four times the channels.

Few channels at many positions use half of a CPU's vector units and much memory bandwidth. A cell holds its
pixels as channels, row by row, [N, 2·2·C, h/2, w/2]: the inverse of ONNX's DepthToSpace in DCR mode. Without
padding, every layer at full resolution is a convolution over cells with the same weights, rearranged and
padded with zeros.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

PIXELS = 2
"""Side of a cell in px."""


def to_pixels(cells: Tensor) -> Tensor:
    """[N, 4·C, h, w] to [N, C, 2h, 2w] (DepthToSpace, mode DCR)."""
    n, channels, height, width = cells.shape
    parts = cells.reshape(n, PIXELS, PIXELS, channels // PIXELS**2, height, width)
    return parts.permute(0, 3, 4, 1, 5, 2).reshape(n, -1, PIXELS * height, PIXELS * width)


def to_cells(pixels: Tensor) -> Tensor:
    """[N, C, h, w] with even h and w to [N, 4·C, h/2, w/2] (SpaceToDepth)."""
    n, channels, height, width = pixels.shape
    parts = pixels.reshape(n, channels, height // PIXELS, PIXELS, width // PIXELS, PIXELS)
    return parts.permute(0, 3, 5, 1, 2, 4).reshape(n, -1, height // PIXELS, width // PIXELS)


class UpsampleCells(nn.Module):
    """Upsampling by 2 with a convolution: each of its outputs is a cell of the larger picture.

    While the convolution is padded, a cell hangs over each edge by a pixel, which is cut off.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, h, w] to [N, D, 2h, 2w], or [N, D, 2h-2, 2w-2] without padding."""
        pixels = to_pixels(self.convolution(x))
        over = int(self.convolution.padding[0])
        return pixels[:, :, over:-over, over:-over] if over else pixels


class CellBlend(nn.Module):
    """The lerp in code values, Δ and α given as cells."""

    def forward(self, codes: Tensor, image: Tensor, delta: Tensor, attention: Tensor) -> Tensor:
        """``codes`` [N, 3, h, w], ``delta`` and ``attention`` [N, 12, h/2, w/2]; ``image`` is not used."""
        return to_pixels(to_cells(codes) + attention * (127.5 * delta))


def phase_convolution(convolution: nn.Conv2d) -> UpsampleCells:
    """Nearest upsampling by 2 and a padded 3×3 convolution as one 2×2 convolution with 4 times the outputs.

    Of the taps w0, w1, w2 along one axis, pixel 2i+1 of the larger picture sees x[i] with w0 + w1 and x[i+1]
    with w2; pixel 2i+2 sees x[i] with w0 and x[i+1] with w1 + w2. Both are convolutions over x[i], x[i+1].
    """
    mix = torch.tensor([[[1, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 1]]], dtype=torch.float64)
    weight = torch.einsum("pay,qbx,oiyx->pqoiab", mix, mix, convolution.weight.detach().double())
    made = _convolution(weight.flatten(0, 2), _bias(convolution).repeat(PIXELS**2), convolution.weight.dtype)
    made.padding = (1, 1)
    return UpsampleCells(made)


def cell_stem(stem: nn.Conv2d) -> nn.Conv2d:
    """Pixels to cells: a 3×3 convolution, four times over, as one of 4×4 and stride 2."""
    weight = torch.zeros(PIXELS, PIXELS, stem.out_channels, stem.in_channels, 4, 4, dtype=torch.float64)
    for p in range(PIXELS):
        for q in range(PIXELS):
            weight[p, q, :, :, p : p + 3, q : q + 3] = stem.weight.detach().double()
    made = _convolution(weight.flatten(0, 2), _bias(stem).repeat(PIXELS**2), stem.weight.dtype)
    made.stride = (PIXELS, PIXELS)
    return made


def cell_down(down: nn.Conv2d) -> nn.Conv2d:
    """Cells to half resolution: a 4×4 convolution of stride 2 is one of 2×2 over cells, weight for weight."""
    outputs, inputs = down.weight.shape[:2]
    parts = down.weight.detach().double().reshape(outputs, inputs, 2, PIXELS, 2, PIXELS)
    weight = parts.permute(0, 3, 5, 1, 2, 4).reshape(outputs, -1, 2, 2)
    return _convolution(weight, _bias(down), down.weight.dtype)


def cell_head(head: nn.Conv2d, colours: int) -> nn.Conv2d:
    """Cells to cells: a 3×3 convolution to ``colours`` channels and one attention, that for each colour.

    Outputs are the colours of all pixels of a cell, then as many attentions.
    The pixels of the output lie on the corners of those of the input: each cell sees 2×2 cells.
    """
    source, bias = head.weight.detach().double(), _bias(head)
    each = [*range(colours), *[colours] * colours]
    weight = torch.zeros(
        PIXELS, PIXELS, 2 * colours, 2, PIXELS, 2, PIXELS, head.in_channels, dtype=torch.float64
    )
    for p in range(PIXELS):
        for q in range(PIXELS):
            for y in range(3):
                for x in range(3):
                    (a, b), (c, d) = divmod(p + y, PIXELS), divmod(q + x, PIXELS)
                    weight[p, q, :, a, b, c, d] = source[each, :, y, x]
    # [p, q, kind, colour, rows of cells, row in a cell, columns, column, channel] to the order of Conv2d.
    weight = weight.reshape(PIXELS, PIXELS, 2, colours, *weight.shape[3:]).permute(2, 0, 1, 3, 5, 7, 8, 4, 6)
    biases = bias[each].reshape(2, 1, colours).expand(2, PIXELS**2, colours).flatten()
    return _convolution(weight.flatten(0, 3).flatten(1, 3), biases, head.weight.dtype)


def _bias(convolution: nn.Conv2d) -> Tensor:
    assert convolution.bias is not None
    return convolution.bias.detach()


def _convolution(weight: Tensor, bias: Tensor, dtype: torch.dtype) -> nn.Conv2d:
    made = nn.Conv2d(weight.shape[1], weight.shape[0], (weight.shape[2], weight.shape[3]))
    made.weight = nn.Parameter(weight.to(dtype), requires_grad=False)
    made.bias = nn.Parameter(bias.to(dtype).clone(), requires_grad=False)
    return made
