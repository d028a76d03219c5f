"""The learnt atlas: trainable textures of the appearance of aging in coordinates of the mean face.

The paper conditions on the position of a patch in the frame; here the network has textures in the coordinates
of the mean face and samples them for every pixel (sampling: Jaderberg et al., "Spatial Transformer Networks",
2015, section 3.3). Half of the channels are coarse, against aliasing on small faces.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import AGE_SPAN_YEARS, DOWNSAMPLING, GeneratorConfig

SHARES = (0.375, 0.125, 0.125, 0.375)
"""Interpolation weights of the four pixels of a cell: of the previous cell (two), of the next cell (two)."""


class LearntAtlas(nn.Module):
    """Channels sampled at the face coordinates, times the years to change and a gain by the pattern.

    The atlas represents one span of years, so its contribution is zero for no change, and younger is
    initially the opposite of older.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        half, (rows, columns) = config.atlas_channels // 2, config.atlas_px
        self.fine = nn.Parameter(0.1 * torch.randn(1, half, rows, columns))
        self.coarse = nn.Parameter(0.1 * torch.randn(1, half, rows // 2, columns // 2))
        self.gain = nn.Linear(config.patterns, config.atlas_channels)
        nn.init.normal_(self.gain.weight, std=0.2)
        nn.init.ones_(self.gain.bias)

    def forward(self, aging_map: Tensor, coordinates: Tensor, pattern: Tensor) -> Tensor:
        """Sample at ``coordinates`` [N, 4, h, w] (u, v, inside, scale): float32 [N, C, 4h, 4w].

        ``aging_map`` [N, 1, h, w] are the years to change, ``pattern`` [N, K] mixing weights. The outermost
        two pixels extrapolate with the last cell.
        """
        years, positions = (F.pad(planes, (1,) * 4, mode="replicate") for planes in (aging_map, coordinates))
        return self.inner(years, positions, pattern)

    def inner(self, aging_map: Tensor, coordinates: Tensor, pattern: Tensor) -> Tensor:
        """See forward; for planes with one more cell on every side, [N, ., h + 2, w + 2]."""
        spans = aging_map.float() * (1.0 / AGE_SPAN_YEARS)
        positions = upsampled(torch.cat([coordinates[:, :2].float(), spans], dim=1))
        grid = positions[:, :2].permute(0, 2, 3, 1)
        both = torch.cat([_sampled(self.fine, grid), _sampled(self.coarse, grid)], dim=1)
        return both * (positions[:, 2:] * self.gain(pattern)[:, :, None, None])


def upsampled(planes: Tensor) -> Tensor:
    """Planes of cells [N, C, h + 2, w + 2] to pixels [N, C, 4h, 4w], bilinear, without the outermost cells.

    Implemented as sums and products of whole planes: engines in half precision would compute their own
    interpolation operator in half precision, with errors in positions.
    """
    phases = [row for column in phases_along(planes, 3) for row in phases_along(column, 2)]
    ordered = [phases[DOWNSAMPLING * column + row] for row in range(4) for column in range(4)]
    return F.pixel_shuffle(torch.stack(ordered, dim=2).flatten(1, 2), DOWNSAMPLING)


def phases_along(planes: Tensor, axis: int) -> list[Tensor]:
    """The four pixels of every cell along an axis of [N, C, h, w], each a plane two cells shorter."""
    size = planes.shape[axis]
    before, here, after = (planes.narrow(axis, start, size - 2) for start in range(3))
    return [
        here + (other - here) * share
        for other, share in zip((before, before, after, after), SHARES, strict=True)
    ]


def _sampled(texture: Tensor, grid: Tensor) -> Tensor:
    """Sample a texture [1, C, h, w] at a grid [N, H, W, 2] in -1..1: float32 [N, C, H, W]."""
    textures = texture.float().expand(grid.shape[0], -1, -1, -1)
    return F.grid_sample(textures, grid, mode="bilinear", padding_mode="border", align_corners=False)
