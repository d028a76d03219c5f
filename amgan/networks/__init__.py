"""The networks of AMGAN: generator and discriminator, and their configurations."""

from .config import DiscriminatorConfig, GeneratorConfig, ModelConfig
from .discriminator import Discriminator, DiscriminatorOutput
from .generator import Generator

__all__ = [
    "Discriminator",
    "DiscriminatorConfig",
    "DiscriminatorOutput",
    "Generator",
    "GeneratorConfig",
    "ModelConfig",
]
