"""What tests of the export share."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from amgan.export import bundle as bundle_export
from amgan.export.graphs import files as network_files
from amgan.export.parity.report import ParityReport
from amgan.export.simplify import PassReport, report_passes
from amgan.networks import Discriminator, Generator, GeneratorConfig
from support.tiny_networks import random_generator


@dataclass(frozen=True, eq=False)
class Exported:
    """A checkpoint, its networks, and the bundle made of it; do not change the files."""

    checkpoint: Path
    bundle: Path
    generator: Generator
    discriminator: Discriminator
    messages: tuple[str, ...]


@functools.cache
def _counted(config: GeneratorConfig) -> tuple[PassReport, ...]:
    """Reports of the passes, which are the same for all weights."""
    return report_passes(random_generator(config))


def skip_comparison(patch: pytest.MonkeyPatch) -> None:
    """Exports compare nothing with PyTorch and count operations once for networks of a size.

    These two take the most time of an export of a tiny network.
    """
    patch.setattr(bundle_export, "Reference", SimpleNamespace(of=lambda *_: None))
    patch.setattr(bundle_export, "compare", lambda *_: ParityReport(0, {}, ()))
    patch.setattr(network_files, "report_passes", lambda generator: _counted(generator.config))
