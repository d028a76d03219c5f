"""A run that begins with the weights of another one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.tiny_networks import TINY_MODEL, random_generator

from amgan.checkpoint import save_model
from amgan.networks import Discriminator, Generator, GeneratorConfig
from amgan.pairs.aging_field import SHIPPED
from amgan.runtime.errors import UsageError
from amgan.training.config import TrainConfig
from amgan.training.state import new_state

CPU = torch.device("cpu")


@pytest.fixture
def weights(tmp_path: Path) -> tuple[Path, Generator, Discriminator]:
    generator, discriminator = random_generator(TINY_MODEL.generator), Discriminator(TINY_MODEL.discriminator)
    path = tmp_path / "earlier.safetensors"
    save_model(path, generator, discriminator, TINY_MODEL)
    return path, generator, discriminator


def test_a_run_begins_with_the_weights_named(
    weights: tuple[Path, Generator, Discriminator], tmp_path: Path
) -> None:
    path, generator, discriminator = weights
    config = TrainConfig(tmp_path, tmp_path, model=TINY_MODEL, start_from=str(path))
    state = new_state(config, CPU)
    for found, wanted in (
        (state.generator, generator), (state.average, generator), (state.discriminator, discriminator),
    ):  # fmt: skip
        for name, value in wanted.state_dict().items():
            assert torch.equal(found.state_dict()[name], value), name
    assert all(p.requires_grad for p in state.generator.parameters())
    assert state.step == 0
    # What the weights are good for is not their shape: the shipped ones may be trained on.
    larger = replace(config, model=replace(TINY_MODEL, max_frame_px=4096, oldest_trained_age=70.0))
    assert torch.equal(new_state(larger, CPU).generator.stem.weight, generator.stem.weight)
    fresh = new_state(replace(config, start_from=""), CPU)
    assert not torch.equal(fresh.generator.stem.weight, generator.stem.weight)


def test_weights_of_another_model_are_refused(
    weights: tuple[Path, Generator, Discriminator], tmp_path: Path
) -> None:
    other = replace(
        TINY_MODEL, generator=replace(TINY_MODEL.generator, blocks=1 + TINY_MODEL.generator.blocks)
    )
    config = TrainConfig(tmp_path, tmp_path, model=other, start_from=str(weights[0]))
    with pytest.raises(UsageError, match="holds another model"):
        new_state(config, CPU)
    with pytest.raises(UsageError, match="does not exist"):
        new_state(replace(config, start_from=str(tmp_path / "none")), CPU)


def test_an_atlas_begins_with_an_aging_field(tmp_path: Path) -> None:
    model = replace(TINY_MODEL, generator=GeneratorConfig(widths=(4, 8, 8), blocks=1, atlas_px=(64, 64)))
    config = TrainConfig(tmp_path, tmp_path, model=model)
    plain = new_state(config, CPU).generator.atlas
    for name in ("shipped", str(SHIPPED)):
        state = new_state(replace(config, atlas_from=name), CPU)
        assert state.generator.atlas is not None
        assert plain is not None
        assert not torch.equal(state.generator.atlas.fine, plain.fine)
        assert torch.equal(state.average.atlas.fine, state.generator.atlas.fine)  # type: ignore[union-attr]
    with pytest.raises(UsageError, match="does not exist"):
        new_state(replace(config, atlas_from=str(tmp_path / "none.npz")), CPU)
