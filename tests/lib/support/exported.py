"""What tests of the export share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from amgan.networks import Discriminator, Generator


@dataclass(frozen=True, eq=False)
class Exported:
    """A checkpoint, its networks, and the bundle made of it; do not change the files."""

    checkpoint: Path
    bundle: Path
    generator: Generator
    discriminator: Discriminator
    messages: tuple[str, ...]
