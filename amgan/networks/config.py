"""Widths and depths of the networks: saved with the weights, so that loading needs nothing else."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

DOWNSAMPLING = 4


@dataclass(frozen=True)
class GeneratorConfig:
    """The generator: channels at scales 1, 1/2 and 1/4, residual SPADE blocks at 1/4, SPADE's hidden width.

    ``reference_px`` is the frame size (pixels per frame) at which the scale condition is 0.
    """

    widths: tuple[int, int, int] = (16, 48, 96)
    blocks: int = 6
    spade_hidden: int = 32
    reference_px: float = 512.0

    @property
    def halo_px(self) -> int:
        """Exact radius of the receptive field in pixels, a multiple of 4 (derived in Generator)."""
        # Residual blocks reach 2 cells of 4 px each; everything around them reaches 8 px more.
        return 8 * self.blocks + 8


@dataclass(frozen=True)
class DiscriminatorConfig:
    """The discriminator: channels at scales 1/2, 1/4, 1/8 and 1/16."""

    widths: tuple[int, int, int, int] = (32, 64, 128, 192)


@dataclass(frozen=True)
class ModelConfig:
    """Both networks, and the frame sizes (px) and oldest age (years) that the weights were trained for."""

    generator: GeneratorConfig = GeneratorConfig()
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    min_frame_px: int = 256
    max_frame_px: int = 512
    estimator_frame_px: int = 256
    oldest_trained_age: float = 90.0

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ModelConfig:
        """Build from the dictionary that dataclasses.asdict made (lists become tuples)."""
        known = {f.name for f in fields(cls)}
        plain = {k: v for k, v in data.items() if k in known and k not in ("generator", "discriminator")}
        return cls(
            GeneratorConfig(**_tuples(data.get("generator", {}))),
            DiscriminatorConfig(**_tuples(data.get("discriminator", {}))),
            **plain,
        )


def _tuples(data: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
