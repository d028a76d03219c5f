"""The learnt atlas: what ageing looks like at every place of the mean face, as pictures that the network learns.

The paper conditions on where a patch lies in the frame; here the network keeps pictures in the coordinates of
the mean face, and looks up what belongs to every pixel (Jaderberg et al., "Spatial Transformer Networks", 2015,
section 3.3, for the sampling). Half of the channels are coarse, so that small faces do not skip over them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import DOWNSAMPLING, GeneratorConfig


class LearntAtlas(nn.Module):
    """Channels sampled at the face coordinates, each with a gain that the pattern sets."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        half, (rows, columns) = config.atlas_channels // 2, config.atlas_px
        self.fine = nn.Parameter(0.1 * torch.randn(1, half, rows, columns))
        self.coarse = nn.Parameter(0.1 * torch.randn(1, half, rows // 2, columns // 2))
        self.gain = nn.Linear(config.patterns, config.atlas_channels)
        nn.init.normal_(self.gain.weight, std=0.2)
        nn.init.ones_(self.gain.bias)

    def forward(self, coordinates: Tensor, pattern: Tensor) -> Tensor:
        """Sample at ``coordinates`` [N, 4, h, w] (u, v, inside, scale): float32 [N, C, 4h, 4w].

        ``pattern`` [N, K] are mixing weights. Off the face the atlas is 0.
        """
        places = upsampled(coordinates[:, :3])
        grid = places[:, :2].permute(0, 2, 3, 1)
        both = torch.cat([sampled(self.fine, grid), sampled(self.coarse, grid)], dim=1)
        return both * (places[:, 2:] * self.gain(pattern)[:, :, None, None])


def upsampled(planes: Tensor) -> Tensor:
    """Planes [N, C, h, w] of cells to pixels, float32 [N, C, 4h, 4w], bilinear.

    The outermost two pixels need the cell beyond, which is taken for equal to the last.
    """
    return F.interpolate(planes.float(), scale_factor=DOWNSAMPLING, mode="bilinear", align_corners=False)


def sampled(texture: Tensor, grid: Tensor) -> Tensor:
    """A texture [1, C, h, w] at the places of a grid [N, H, W, 2], -1..1 across it: float32 [N, C, H, W]."""
    textures = texture.float().expand(len(grid), -1, -1, -1)
    return F.grid_sample(textures, grid, mode="bilinear", padding_mode="border", align_corners=False)
