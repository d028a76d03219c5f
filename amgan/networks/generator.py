"""The generator: encoder, residual SPADE blocks, decoder; outputs a change Δ and an attention mask α.

Despois, Flament, Perrot, "AgingMapGAN (AMGAN): High-Resolution Controllable Face Aging with
Spatially-Aware Conditional GANs", ECCV 2020 workshops. Widths and depths are this project's choice.

Receptive field, in pixels around an aligned 4×4 cell: the head and the last decoder convolution add 1 px
each; seen from 1/2 scale that is one cell, and the decoder's 1/2-scale convolution adds one: 4 px; every
residual block adds two cells of 4 px; each 4×4 stride-2 convolution adds 1 cell-width of its output's half (1
px at 1/2 scale, 1 px at full scale, after doubling) and the stem 1 more. In all 8·blocks + 8 on every side
for the picture. The stem also reads the atlas there, at coordinates that are interpolated between cells,
which adds one cell: the halo is 8·blocks + 12. Tests verify that it is exact.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .atlas import LearntAtlas
from .conditioning import condition_channels, conditioning_planes
from .config import GeneratorConfig
from .spade import SpadeBlock


class Generator(nn.Module):
    """Ages a tile. ``forward`` works on float pictures in -1..1; see ``change`` for what is inside."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        full, half, quarter = config.widths
        conditions = condition_channels(config.patterns)
        self.atlas = LearntAtlas(config) if config.atlas_channels else None
        self.stem = nn.Conv2d(3 + config.atlas_channels, full, 3, padding=1)
        self.down1 = nn.Conv2d(full, half, 4, stride=2, padding=1)
        self.down2 = nn.Conv2d(half, quarter, 4, stride=2, padding=1)
        self.blocks = nn.ModuleList(
            SpadeBlock(quarter, config.spade_hidden, conditions) for _ in range(config.blocks)
        )
        self.up1 = nn.Conv2d(quarter, half, 3, padding=1)
        self.up2 = nn.Conv2d(half, full, 3, padding=1)
        self.colour = nn.Conv2d(full, 3, 3, padding=1)
        self.attention = nn.Conv2d(full, 1, 3, padding=1)
        self._start_near_identity()

    def _start_near_identity(self) -> None:
        """Start with Δ near 0 and α near 1; exactly 0 would hardly train at the common learning rate."""
        nn.init.normal_(self.colour.weight, std=2e-3)
        nn.init.zeros_(self.colour.bias)  # type: ignore[arg-type]
        nn.init.normal_(self.attention.weight, std=1e-3)
        nn.init.constant_(self.attention.bias, 1.0)  # type: ignore[arg-type]

    def change(
        self, image: Tensor, aging_map: Tensor, coordinates: Tensor, pattern: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Change Δ [N, 3, H, W] in -1..1 and attention α [N, 1, H, W] in 0..1 for a tile.

        ``image`` [N, 3, H, W] in -1..1, H and W multiples of 4; ``aging_map`` [N, 1, H/4, W/4] in years;
        ``coordinates`` [N, 4, H/4, W/4] and ``pattern`` [N, K] as in conditioning_planes.
        """
        condition = conditioning_planes(aging_map, coordinates, pattern)
        seen = (
            image
            if self.atlas is None
            else torch.cat([image, self.atlas(aging_map, coordinates, pattern)], dim=1)
        )
        fine = torch.relu(self.stem(seen))
        middle = torch.relu(self.down1(fine))
        x = self.down2(middle)
        for block in self.blocks:
            x = block(x, condition)
        x = torch.relu(self.up1(F.interpolate(torch.relu(x), scale_factor=2, mode="nearest")) + middle)
        x = torch.relu(self.up2(F.interpolate(x, scale_factor=2, mode="nearest")) + fine)
        return torch.tanh(self.colour(x)), torch.sigmoid(self.attention(x))

    def forward(self, image: Tensor, aging_map: Tensor, coordinates: Tensor, pattern: Tensor) -> Tensor:
        """The aged tile, I + α·Δ, [N, 3, H, W]; shapes and ranges as in ``change``, not clipped."""
        delta, attention = self.change(image, aging_map, coordinates, pattern)
        return image + attention * delta
