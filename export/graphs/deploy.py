"""The networks as engines run them: uint8 pictures in and out, scaling and rounding inside."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from amgan.networks import Discriminator, Generator


class DeployGenerator(nn.Module):
    """The generator with scaling, halo removal, rounding and channel layout (the engine's contract)."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator
        self.halo_px = generator.config.halo_px

    def forward(self, image: Tensor, aging_map: Tensor, coordinates: Tensor, pattern: Tensor) -> Tensor:
        """Age tiles uint8 [N, H, W, 3] -> uint8 [N, h, w, 3].

        ``aging_map`` float32 [N, 1, H/4, W/4] in years; ``coordinates`` float32 [N, 4, H/4, W/4] and
        ``pattern`` float32 [N, K] as in conditioning_planes. H and W are multiples of 4 and include the halo;
        h and w do not.
        """
        aged = self.generator(_to_float(image), aging_map, coordinates, pattern)
        core = aged[:, :, self.halo_px : -self.halo_px, self.halo_px : -self.halo_px]
        codes = torch.clamp(torch.round((core + 1.0) * 127.5), 0.0, 255.0)
        # Some engines cannot transpose uint8: permute as float, then cast.
        return codes.permute(0, 2, 3, 1).to(torch.uint8)


class DeployEstimator(nn.Module):
    """The discriminator's aging-map head on whole frames."""

    def __init__(self, discriminator: Discriminator) -> None:
        super().__init__()
        self.discriminator = discriminator

    def forward(self, image: Tensor) -> Tensor:
        """Apparent ages of frames: uint8 [N, E, E, 3] -> float32 [N, 1, E/16, E/16] years."""
        return self.discriminator.estimate(_to_float(image))


def _to_float(image: Tensor) -> Tensor:
    return image.to(torch.float32).permute(0, 3, 1, 2) * (1.0 / 127.5) - 1.0
