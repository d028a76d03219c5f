"""The discriminator with its three heads: critic, position of the patch, aging map.

The heads share a trunk of strided convolutions without normalisation (as the gradient penalty requires). The
critic scores picture and map together: it adds the inner product of features and an embedding of the map
(Miyato and Koyama, "cGANs with Projection Discriminator", ICLR 2018). The input of the age head is only the
picture; it is exported as the estimator.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amgan.runtime.ages.maps import NEUTRAL_AGE

from .config import AGE_SPAN_YEARS, DiscriminatorConfig

DOWNSAMPLING = 16


@dataclass(frozen=True, eq=False)
class DiscriminatorOutput:
    """The outputs for a batch of patches (g = H/16, w likewise).

    ``critic`` [N] higher for real; ``position`` [N, 2] the patch centre's u and v, -1..1 across the atlas;
    ``ages`` [N, 1, g, w] in years.
    """

    critic: Tensor
    position: Tensor
    ages: Tensor


class Discriminator(nn.Module):
    """Judges pictures [N, 3, H, W] in -1..1, H and W multiples of 16."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        w1, w2, w3, w4 = config.widths
        self.trunk = nn.ModuleList(
            [
                nn.Conv2d(3, w1, 4, stride=2, padding=1),
                nn.Conv2d(w1, w2, 4, stride=2, padding=1),
                nn.Conv2d(w2, w3, 4, stride=2, padding=1),
                nn.Conv2d(w3, w4, 4, stride=2, padding=1),
                nn.Conv2d(w4, w4, 3, padding=1),
            ]
        )
        self.critic = nn.Conv2d(w4, 1, 3, padding=1)
        self.map_embedding = nn.Sequential(nn.Conv2d(1, 32, 1), nn.LeakyReLU(0.2), nn.Conv2d(32, w4, 1))
        self.position = nn.Sequential(nn.Linear(w4, 64), nn.LeakyReLU(0.2), nn.Linear(64, 2))
        self.age_hidden = nn.Conv2d(w4, w4 // 2, 3, padding=1)
        self.age = nn.Conv2d(w4 // 2, 1, 1)
        self._start_even()

    def _start_even(self) -> None:
        """Initialise the trunk, which has no norm, to preserve the scale of activations (He et al., 2015)."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, a=0.2)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        nn.init.normal_(self.age.weight, std=0.02)

    def features(self, image: Tensor) -> Tensor:
        """Trunk features [N, C, H/16, W/16]."""
        x = image
        for layer in self.trunk:
            x = F.leaky_relu(layer(x), 0.2)
        return x

    def ages_of(self, features: Tensor) -> Tensor:
        """The estimated aging map, float32 [N, 1, g, w] in years."""
        hidden = F.leaky_relu(self.age_hidden(features), 0.2)
        return self.age(hidden).float() * AGE_SPAN_YEARS + NEUTRAL_AGE

    def estimate(self, image: Tensor) -> Tensor:
        """Apparent ages [N, 1, H/16, W/16] in years: the estimator that is exported."""
        return self.ages_of(self.features(image))

    def position_of(self, features: Tensor) -> Tensor:
        """Coordinates u and v of the patch's centre, -1..1 across the atlas, [N, 2]."""
        found: Tensor = self.position(features.mean(dim=(2, 3)))
        return found

    def critic_of(self, features: Tensor, aging_map: Tensor) -> Tensor:
        """The critic's score [N] of features with an aging map [N, 1, h, w] in years."""
        size = (features.shape[2], features.shape[3])
        cells = F.adaptive_avg_pool2d((aging_map - NEUTRAL_AGE) / AGE_SPAN_YEARS, size)
        match = (features * self.map_embedding(cells)).sum(dim=1, keepdim=True) / features.shape[1] ** 0.5
        return torch.mean((self.critic(features) + match).float(), dim=(1, 2, 3))

    def forward(self, image: Tensor, aging_map: Tensor) -> DiscriminatorOutput:
        """The outputs of all three heads."""
        return self.judge(self.features(image), aging_map)

    def judge(self, features: Tensor, aging_map: Tensor) -> DiscriminatorOutput:
        """The outputs of all three heads for given features."""
        return DiscriminatorOutput(
            self.critic_of(features, aging_map), self.position_of(features), self.ages_of(features)
        )
