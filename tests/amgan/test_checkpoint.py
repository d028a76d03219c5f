"""Weights on disk."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from support.tiny_networks import TINY_MODEL, random_discriminator, random_generator

from amgan.checkpoint import load_model, save_model
from amgan.networks import ModelConfig
from amgan.runtime.errors import UsageError


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    save_model(path, random_generator(), random_discriminator(), TINY_MODEL)
    return path


def rewrite(path: Path, config: object = TINY_MODEL, **changes: object) -> Path:
    """Write the file's tensors again, with other metadata or other tensors (None: left out)."""
    tensors = {k: changes.get(k.replace(".", "_"), v) for k, v in load_file(path).items()}
    text = json.dumps(asdict(config)) if isinstance(config, ModelConfig) else str(config)
    save_file({k: v for k, v in tensors.items() if v is not None}, path, metadata={"config": text})
    return path


def test_round_trip(weights: Path) -> None:
    generator, discriminator, config = load_model(weights)
    assert config == TINY_MODEL
    for network, saved in ((generator, random_generator()), (discriminator, random_discriminator())):
        assert not network.training
        assert not any(p.requires_grad for p in network.parameters())
        found, wanted = network.state_dict(), saved.state_dict()
        assert found.keys() == wanted.keys()
        assert all(torch.equal(found[k], wanted[k]) for k in wanted)


def test_writing_leaves_no_other_file_and_makes_folders(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "w.safetensors"
    for seed in (0, 1):  # the second one replaces the first
        save_model(path, random_generator(seed=seed), random_discriminator(seed=seed), TINY_MODEL)
        assert [p.name for p in path.parent.iterdir()] == ["w.safetensors"]
    found = load_model(path)[0].state_dict()
    assert torch.equal(found["stem.weight"], random_generator(seed=1).stem.weight)


def test_half_precision_weights_are_widened(weights: Path) -> None:
    halved = {k: v.half() if v.is_floating_point() else v for k, v in load_file(weights).items()}
    assert {v.dtype for v in halved.values()} == {torch.float16, torch.int64}
    size = weights.stat().st_size
    save_file(halved, weights, metadata={"config": json.dumps(asdict(TINY_MODEL))})
    assert weights.stat().st_size < size
    generator, discriminator, _ = load_model(weights)
    assert {p.dtype for n in (generator, discriminator) for p in n.parameters()} == {torch.float32}
    wanted = random_generator().stem.weight
    torch.testing.assert_close(generator.stem.weight.data, wanted, rtol=1e-3, atol=1e-4)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere.safetensors does not exist.*--checkpoint"):
        load_model(tmp_path / "nowhere.safetensors")


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"\x80\x04\x95pickle" * 30])
def test_another_kind_of_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="is no AMGAN checkpoint"):
        load_model(path)


def test_without_metadata(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.zeros(2)}, path)
    with pytest.raises(UsageError, match="is no AMGAN checkpoint"):
        load_model(path)


@pytest.mark.parametrize(
    "config", ["{", "{}", "[]", '{"generator": {"colours": 3}}', '{"generator": {"widths": [4, 8]}}']
)
def test_metadata_that_does_not_fit(weights: Path, config: str) -> None:
    with pytest.raises(UsageError, match="is no AMGAN checkpoint"):
        load_model(rewrite(weights, config))


def test_weights_that_do_not_fit_their_configuration(weights: Path) -> None:
    wider = replace(TINY_MODEL, generator=replace(TINY_MODEL.generator, spade_hidden=6))
    with pytest.raises(UsageError, match="is no AMGAN checkpoint") as caught:
        load_model(rewrite(weights, wider))
    assert "\n" not in str(caught.value)


def test_a_missing_tensor(weights: Path) -> None:
    with pytest.raises(UsageError, match="is no AMGAN checkpoint"):
        load_model(rewrite(weights, generator_stem_weight=None))
