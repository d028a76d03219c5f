"""One export of a tiny random model, in all precisions, for all tests; and exports that do not compare."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.exported import Exported, skip_comparison
from support.tiny_networks import TINY_MODEL, random_discriminator, random_generator

from amgan.checkpoint import load_model, save_model
from amgan.export.bundle import ExportOptions, export_bundle
from amgan.export.parity import comparison


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "tiny-random.safetensors"
    save_model(path, random_generator(), random_discriminator(), TINY_MODEL)
    return path


@pytest.fixture(scope="session")
def exported(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    messages: list[str] = []
    output = tmp_path_factory.mktemp("exported") / "bundle"
    options = ExportOptions(("fp32", "fp16", "bf16"))
    bundle = export_bundle(checkpoint, output, messages.append, options)
    assert bundle == output
    assert [p.name for p in output.parent.iterdir()] == ["bundle"]  # no work folder stays
    generator, discriminator, _ = load_model(checkpoint)
    return Exported(checkpoint, bundle, generator, discriminator, tuple(messages))


@pytest.fixture
def few_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparisons on the smaller inputs only: what differs on these differs on all."""
    cases = comparison.generator_cases
    monkeypatch.setattr(comparison, "generator_cases", lambda *arguments: cases(*arguments)[:4])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exports without a comparison, which takes the most time."""
    skip_comparison(monkeypatch)
