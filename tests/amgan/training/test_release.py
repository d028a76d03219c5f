"""The file that ships: half precision, and the change scaled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from support.tiny_networks import TINY_MODEL, random_generator

from amgan.checkpoint import load_model, save_model
from amgan.networks import Discriminator
from amgan.runtime.errors import UsageError
from amgan.training.release import release


def test_the_change_is_scaled_and_weights_are_halved(tmp_path: Path) -> None:
    generator = random_generator(TINY_MODEL.generator).float().eval()
    with torch.no_grad():
        generator.colour.weight.mul_(0.05)
    run = tmp_path / "run.safetensors"
    save_model(run, generator, Discriminator(TINY_MODEL.discriminator), TINY_MODEL)
    shipped = release(run, tmp_path / "shipped.safetensors", gain=2.0)
    assert all(v.dtype == torch.float16 for v in load_file(shipped).values() if v.is_floating_point())
    loaded, _, config = load_model(shipped)
    assert config == TINY_MODEL
    torch.testing.assert_close(loaded.colour.weight, 2.0 * generator.colour.weight, rtol=2e-3, atol=1e-5)


def test_the_largest_frame_can_be_named(tmp_path: Path) -> None:
    run = tmp_path / "run.safetensors"
    save_model(
        run, random_generator(TINY_MODEL.generator), Discriminator(TINY_MODEL.discriminator), TINY_MODEL
    )
    shipped = release(run, tmp_path / "shipped.safetensors", max_frame_px=1024, oldest_age=76.0)
    assert load_model(shipped)[2] == replace(TINY_MODEL, max_frame_px=1024, oldest_trained_age=76.0)


def test_each_colour_has_its_gain(tmp_path: Path) -> None:
    generator = random_generator(TINY_MODEL.generator).float().eval()
    run = tmp_path / "run.safetensors"
    save_model(run, generator, Discriminator(TINY_MODEL.discriminator), TINY_MODEL)
    loaded = load_model(release(run, tmp_path / "shipped.safetensors", gain=(1.0, 2.0, 0.5)))[0]
    for channel, gain in enumerate((1.0, 2.0, 0.5)):
        wanted = gain * generator.colour.weight[channel]
        torch.testing.assert_close(loaded.colour.weight[channel], wanted, rtol=2e-3, atol=1e-4)


def test_the_estimator_may_come_from_another_run(tmp_path: Path) -> None:
    paths = [tmp_path / "run.safetensors", tmp_path / "heads.safetensors", tmp_path / "other.safetensors"]
    other = replace(TINY_MODEL, discriminator=replace(TINY_MODEL.discriminator, widths=(4, 4, 8, 4)))
    generator = random_generator(TINY_MODEL.generator)
    made = [Discriminator(model.discriminator) for model in (TINY_MODEL, TINY_MODEL, other)]
    for path, discriminator, model in zip(paths, made, (TINY_MODEL, TINY_MODEL, other), strict=True):
        save_model(path, generator, discriminator, model)
    loaded = load_model(release(paths[0], tmp_path / "shipped.safetensors", estimator=paths[1]))[1]
    torch.testing.assert_close(loaded.age.weight, made[1].age.weight, rtol=2e-3, atol=1e-4)
    with pytest.raises(UsageError, match="discriminator of another shape"):
        release(paths[0], tmp_path / "never.safetensors", estimator=paths[2])
    assert not (tmp_path / "never.safetensors").exists()


def test_two_runs_may_be_mixed(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.safetensors" for name in ("first", "second", "other")]
    other = replace(TINY_MODEL, generator=replace(TINY_MODEL.generator, widths=(4, 6, 12)))
    models = (TINY_MODEL, TINY_MODEL, other)
    generators = [random_generator(m.generator, seed=n).float() for n, m in enumerate(models)]
    for path, generator, model in zip(paths, generators, models, strict=True):
        save_model(path, generator, Discriminator(model.discriminator), model)
    mixed = load_model(release(paths[1], tmp_path / "shipped.safetensors", mixed_with=paths[0]))[
        0
    ].state_dict()
    first, second = (g.state_dict() for g in generators[:2])
    for name in ("stem.weight", "blocks.0.spade1.norm.running_mean", "colour.bias"):
        torch.testing.assert_close(
            mixed[name].float(), (first[name] + second[name]) / 2, rtol=2e-3, atol=1e-3
        )
    with pytest.raises(UsageError, match="generator of another shape"):
        release(paths[0], tmp_path / "never.safetensors", mixed_with=paths[2])
