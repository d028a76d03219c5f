"""The learnt atlas: what aging looks like at every place of the mean face, as pictures that are learnt.

The paper conditions on where a patch lies in the frame; here the network keeps pictures in the coordinates of
the mean face, and looks up what belongs to every pixel (Jaderberg et al., "Spatial Transformer Networks",
2015, section 3.3, for the sampling). Half of the channels are coarse, so that small faces do not skip over
them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import AGE_SPAN_YEARS, DOWNSAMPLING, GeneratorConfig

SHARES = (0.375, 0.125, 0.125, 0.375)
"""How far each of the four pixels of a cell is on its way to the cell before, before, after and after."""


class LearntAtlas(nn.Module):
    """Channels sampled at the face coordinates, times the years to change and a gain that the pattern sets.

    What the atlas shows is one span of years of aging, so no years asked for is no atlas, and younger is the
    opposite of older from the first training step on.
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
        two pixels need the cells beyond, which are taken for equal to the last.
        """
        years, places = (F.pad(planes, (1,) * 4, mode="replicate") for planes in (aging_map, coordinates))
        return self.inner(years, places, pattern)

    def inner(self, aging_map: Tensor, coordinates: Tensor, pattern: Tensor) -> Tensor:
        """As forward, for planes with one cell more on every side, [N, ., h + 2, w + 2]."""
        spans = aging_map.float() * (1.0 / AGE_SPAN_YEARS)
        places = upsampled(torch.cat([coordinates[:, :2].float(), spans], dim=1))
        grid = places[:, :2].permute(0, 2, 3, 1)
        both = torch.cat([_sampled(self.fine, grid), _sampled(self.coarse, grid)], dim=1)
        return both * (places[:, 2:] * self.gain(pattern)[:, :, None, None])


def upsampled(planes: Tensor) -> Tensor:
    """Planes of cells [N, C, h + 2, w + 2] to pixels [N, C, 4h, 4w], bilinear, without the outermost cells.

    Written as sums and products of whole planes: engines that compute in half precision do so in their own
    operator for this, and blur where a pixel lies.
    """
    phases = [row for column in phases_along(planes, 3) for row in phases_along(column, 2)]
    ordered = [phases[DOWNSAMPLING * column + row] for row in range(4) for column in range(4)]
    return F.pixel_shuffle(torch.stack(ordered, dim=2).flatten(1, 2), DOWNSAMPLING)


def phases_along(planes: Tensor, axis: int) -> list[Tensor]:
    """The four pixels of every cell along an axis of [N, C, h, w], each a plane that is two cells shorter."""
    size = planes.shape[axis]
    before, here, after = (planes.narrow(axis, start, size - 2) for start in range(3))
    return [
        here + (other - here) * share
        for other, share in zip((before, before, after, after), SHARES, strict=True)
    ]


def _sampled(texture: Tensor, grid: Tensor) -> Tensor:
    """A texture [1, C, h, w] at the places of a grid [N, H, W, 2], -1..1 across it: float32 [N, C, H, W]."""
    textures = texture.float().expand(grid.shape[0], -1, -1, -1)
    return F.grid_sample(textures, grid, mode="bilinear", padding_mode="border", align_corners=False)
