"""L_WGAN: the critic's losses, with gradient penalty.

Arjovsky et al., "Wasserstein GAN", 2017; Gulrajani et al., "Improved Training of Wasserstein GANs", 2017,
equation 3. Picture and map are judged together: a real picture with a wrong map counts as fake.

The critic's loss is a hinge (Lim and Ye, "Geometric GAN", 2017). The penalty bounds the gradient with respect
to the picture, but not to the map: maps of fakes have another distribution than those of reals, and on that
alone the plain difference of scores diverges.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from amgan.networks import Discriminator


def critic_loss(real: Tensor, fake: Tensor, mismatched: Tensor) -> Tensor:
    """The critic's hinge loss of scores [N] of reals, fakes, and reals with wrong maps."""
    wrong = 0.5 * (F.relu(1.0 + fake).mean() + F.relu(1.0 + mismatched).mean())
    return wrong + F.relu(1.0 - real).mean()


def generator_loss(fake: Tensor) -> Tensor:
    """The generator's loss of scores [N] of its fakes."""
    return -fake.mean()


def gradient_penalty(
    discriminator: Discriminator, real: Tensor, fake: Tensor, aging_map: Tensor, noise: Tensor
) -> Tensor:
    """Mean squared distance of the critic's gradient norm from 1, between real and fake pictures.

    ``noise`` [N, 1, 1, 1] in 0..1 places every sample on its line between the two.
    """
    mixed = (real + noise * (fake - real)).detach().requires_grad_(True)
    score = discriminator.critic_of(discriminator.features(mixed), aging_map)
    (gradient,) = torch.autograd.grad(score.sum(), mixed, create_graph=True)
    norm = gradient.flatten(1).float().norm(dim=1)
    return ((norm - 1.0) ** 2).mean()
