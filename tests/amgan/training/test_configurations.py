"""Configurations of a training run."""

from __future__ import annotations

from pathlib import Path

import pytest

from amgan.networks import GeneratorConfig
from amgan.runtime.errors import UsageError
from amgan.training.config import LossWeights, config_from_dict, load_config

SHIPPED = Path(__file__).parents[3] / "amgan" / "weights" / "amgan-base.toml"


# ---- configuration


def test_a_configuration_is_read(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(
        'dataset = "d"\noutput = "o"\nsteps = 9\nprecision = "fp32"\n[model]\nmax_frame_px = 1024\n'
        "[model.generator]\nblocks = 4\nwidths = [4, 8, 8]\n[patches]\npatch_px = 64\n"
        "[weights]\ncycle = 2.0\n"
    )
    config = load_config(path)
    assert config.dataset == Path("d") and config.output == Path("o") and config.steps == 9
    assert config.model.generator == GeneratorConfig(widths=(4, 8, 8), blocks=4)
    assert config.model.max_frame_px == 1024 and config.patches.patch_px == 64
    assert config.weights == LossWeights(cycle=2.0)


def test_the_shipped_configuration_is_good() -> None:
    config = load_config(SHIPPED)
    assert config.discriminator_from <= config.adversarial_from
    assert 0 < config.decay_from < config.freeze_norm_from < config.steps


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "the training configuration .* does not exist"),
        ("dataset = ", "is no valid TOML"),
        ('output = "o"', "lacks the key 'dataset'"),
        ('dataset = "d"', "lacks the key 'output'"),
        ('dataset = "d"\noutput = "o"\nstepz = 3', "unknown key 'stepz'; TrainConfig knows .*steps"),
        ('dataset = "d"\noutput = "o"\n[model]\ndepth = 3', "unknown key 'depth'; ModelConfig knows"),
        ('dataset = "d"\noutput = "o"\n[model.generator]\ndepth = 3', "unknown key 'depth'; GeneratorConfig"),
        ('dataset = "d"\noutput = "o"\n[model.discriminator]\nx = 3', "unknown key 'x'; DiscriminatorConfig"),
        ('dataset = "d"\noutput = "o"\n[patches]\nsize = 3', "unknown key 'size'; PatchOptions knows"),
        ('dataset = "d"\noutput = "o"\n[weights]\ngan = 3', "unknown key 'gan'; LossWeights knows"),
        ('dataset = "d"\noutput = "o"\nprecision = "fp16"', "'fp16' is none of 'auto', 'bf16' and 'fp32'"),
        ('dataset = "d"\noutput = "o"\n[patches]\npatch_px = 100', "patch_px 100 is no multiple of 16"),
    ],
)
def test_configurations_that_mean_nothing(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "run.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        load_config(path)
    assert str(path) in str(caught.value)


def test_the_source_is_named_in_errors() -> None:
    with pytest.raises(UsageError, match=r"^run seven: unknown key 'x'"):
        config_from_dict({"dataset": "d", "output": "o", "x": 1}, "run seven")
