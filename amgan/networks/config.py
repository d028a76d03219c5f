"""Configurations of the networks, which are saved with the weights."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from amgan.runtime.bundle.manifest import COORDINATES
from amgan.runtime.face.pattern import MAX_PATTERNS

DOWNSAMPLING = 4
AGE_SPAN_YEARS = 25.0


@dataclass(frozen=True)
class GeneratorConfig:
    """The generator: channels at scales 1, 1/2 and 1/4, residual SPADE blocks at 1/4, SPADE's hidden width.

    The learnt atlas has ``atlas_channels`` channels (0: no atlas); the first half of them has ``atlas_px``
    (rows, columns), the second half has half of that. ``patterns`` is the number of patterns of lines and
    folds. ``coordinates`` is the kind of the planes u and v: positions on the mean face ("face"), or X and Y
    across the frame as in the paper ("frame").
    """

    widths: tuple[int, int, int] = (16, 48, 96)
    blocks: int = 4
    spade_hidden: int = 32
    atlas_channels: int = 8
    atlas_px: tuple[int, int] = (640, 576)
    patterns: int = 4
    coordinates: str = "face"

    def __post_init__(self) -> None:
        """Raise ValueError for an invalid configuration."""
        if self.coordinates not in COORDINATES:
            raise ValueError(f"coordinates {self.coordinates!r} are none of {', '.join(COORDINATES)}")
        if not 1 <= self.patterns <= MAX_PATTERNS:
            raise ValueError(f"patterns = {self.patterns} is not within 1 to {MAX_PATTERNS}")
        if self.atlas_channels < 0 or self.atlas_channels % 2 or min(self.atlas_px) < 4:
            raise ValueError("atlas_channels must be even, 0 or more, and atlas_px 4 or more each way")

    @property
    def halo_px(self) -> int:
        """The halo of a tile in px, a multiple of 4 (derived in generator.py)."""
        # Each residual block adds 2 cells of 4 px; the other layers add 8 px, and the interpolation of
        # coordinates one more cell.
        return 8 * self.blocks + 8 + DOWNSAMPLING


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
