"""The networks of AMGAN: generator and discriminator, with the dataclasses that size them."""

from .config import DiscriminatorConfig, GeneratorConfig, ModelConfig
from .discriminator import Discriminator, Verdict
from .generator import Generator

__all__ = ["Discriminator", "DiscriminatorConfig", "Generator", "GeneratorConfig", "ModelConfig", "Verdict"]
