"""Tiny networks with random weights, for tests that need no trained model."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from amgan.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig, ModelConfig

TINY_GENERATOR = GeneratorConfig(
    widths=(4, 8, 8), blocks=2, spade_hidden=4, atlas_channels=4, atlas_px=(40, 36)
)
TINY_DISCRIMINATOR = DiscriminatorConfig(widths=(4, 6, 8, 8))
TINY_MODEL = ModelConfig(TINY_GENERATOR, TINY_DISCRIMINATOR, 64, 128, 64)
ONE_BLOCK_MODEL = replace(TINY_MODEL, generator=replace(TINY_GENERATOR, blocks=1))
"""Also with a smaller halo, where the network is not what is tested."""


def random_generator(config: GeneratorConfig = TINY_GENERATOR, seed: int = 0) -> Generator:
    """A generator in inference mode that changes pictures: heads and norm statistics are random as well."""
    torch.manual_seed(seed)
    generator = Generator(config)
    with torch.no_grad():
        for module in generator.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.mul_(1.7)
            elif isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.5, 2.0)
        generator.colour.weight.normal_(0, 0.15)
        generator.colour.bias.normal_(0, 0.1)
        generator.attention.weight.normal_(0, 0.2)
    return generator.eval().requires_grad_(False)


def random_discriminator(config: DiscriminatorConfig = TINY_DISCRIMINATOR, seed: int = 0) -> Discriminator:
    torch.manual_seed(seed + 1000)
    return Discriminator(config).eval().requires_grad_(False)
