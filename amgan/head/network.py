"""The network of the head parser: a small U-Net for 128 px pictures."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

INPUT_PX = 128
OUTPUTS = ("skin", "hair", "body")


class HeadNetwork(nn.Module):
    """Segments own skin, hair and the body's bare skin from a picture and the mesh's mask of the face.

    ``image`` [N, 3, 128, 128] in code values 0..255, ``face`` [N, 1, 128, 128] 0..1 the mesh's mask. Returns
    logits [N, 3, 128, 128] in the order of OUTPUTS: skin is the visible part of the face (beard, brows, lips
    and eyes included), hair is that of the head, body the bare skin of neck and ears. The body has a decoder
    of its own, so that it can be trained without a change of the others.
    """

    def __init__(self, widths: tuple[int, int, int, int] = (16, 32, 64, 64)) -> None:
        super().__init__()
        first, second, third, last = widths
        self.stem = _conv(4, first, 2)
        self.high = _conv(first, first)
        self.down = nn.ModuleList(
            nn.Sequential(_conv(a, b, 2), _conv(b, b))
            for a, b in ((first, second), (second, third), (third, last))
        )
        self.middle = nn.Sequential(_conv(last, last), _conv(last, last))
        self.whole = nn.Conv2d(last, last, 1)
        self.head = _Decoder(widths, 2)
        self.body = _Decoder(widths, 1)

    def forward(self, image: Tensor, face: Tensor) -> Tensor:
        """See the class."""
        seen = torch.cat([image / 127.5 - 1.0, face * 2.0 - 1.0], dim=1)
        levels = [self.high(self.stem(seen))]
        for down in self.down:
            levels.append(down(levels[-1]))
        deep = self.middle(levels.pop())
        deep = deep + self.whole(deep.mean(dim=(2, 3), keepdim=True))
        return torch.cat([self.head(deep, levels, seen), self.body(deep, levels, seen)], dim=1)


class _Decoder(nn.Module):
    """From the coarsest level, and ``levels`` from fine to coarse, to logits [N, outputs, 128, 128]."""

    def __init__(self, widths: tuple[int, int, int, int], outputs: int) -> None:
        super().__init__()
        first, second, third, last = widths
        self.narrow = nn.ModuleList(
            nn.Conv2d(a, b, 1) for a, b in ((last, third), (third, second), (second, first))
        )
        self.up = nn.ModuleList(_conv(width, width) for width in (third, second, first))
        self.spread = nn.Conv2d(first, 8, 1)
        self.fine = _conv(12, 8)
        self.out = nn.Conv2d(8, outputs, 3, padding=1)

    def forward(self, deep: Tensor, levels: list[Tensor], seen: Tensor) -> Tensor:
        """See the class; ``seen`` [N, 4, 128, 128] is the network's input."""
        for narrow, up, level in zip(self.narrow, self.up, reversed(levels), strict=True):
            deep = up(_twice(narrow(deep)) + level)
        out: Tensor = self.out(self.fine(torch.cat([_twice(self.spread(deep)), seen], dim=1)))
        return out


class HeadShares(nn.Module):
    """The exported network: maps ``image`` uint8 [1, 128, 128, 3] to shares 0..1 [1, 3, 128, 128]."""

    def __init__(self, network: HeadNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, face: Tensor) -> Tensor:
        """See the class."""
        return torch.sigmoid(self.network(image.float().permute(0, 3, 1, 2), face))


def _conv(wide_in: int, wide_out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(wide_in, wide_out, 3, stride, 1, bias=False),
        nn.BatchNorm2d(wide_out),
        nn.ReLU(inplace=True),
    )


def _twice(plane: Tensor) -> Tensor:
    return F.interpolate(plane, scale_factor=2.0, mode="bilinear", align_corners=False)
