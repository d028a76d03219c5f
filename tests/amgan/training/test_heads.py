"""The warm-up, in which only the discriminator's heads learn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.tiny_networks import TINY_MODEL

from amgan.data.batches import PatchOptions
from amgan.data.dataset import Dataset
from amgan.data.patches import PatchSampler
from amgan.training.config import LossWeights, TrainConfig
from amgan.training.loop import StepBatches, one_step
from amgan.training.precision import autocast
from amgan.training.state import new_state
from amgan.training.steps import heads_step, to_tensors

CPU = torch.device("cpu")


@pytest.fixture
def config(tmp_path: Path) -> TrainConfig:
    return TrainConfig(
        tmp_path, tmp_path, batch=4, head_batch=2, discriminator_from=0, discriminator_warmup=50,
        decay_from=50, steps=50, margin_px=4, precision="fp32", device="cpu", warmup_rate=1e-2,
        model=TINY_MODEL, patches=PatchOptions(patch_px=32, frame_px=(48.0, 80.0)),
    )  # fmt: skip


def test_the_generator_rests(dataset: Dataset, config: TrainConfig) -> None:
    state = new_state(config, CPU)
    before = [p.clone() for p in state.generator.parameters()]
    sampler = PatchSampler(dataset, config.patches, config.seed)
    batches = StepBatches(sampler.pairs(0, 2), None, sampler.reals(0, 2, stream=3))
    report = one_step(state, config, batches, CPU)
    assert set(report) == {"d/head_age", "d/head_position", "d/head_zones"}
    assert all(torch.equal(a, b) for a, b in zip(before, state.generator.parameters(), strict=True))


def test_pairs_teach_what_single_zones_look_like(dataset: Dataset, config: TrainConfig) -> None:
    """The same run with and without a weight on the pairs: it is the weight that lowers their error."""
    sampler = PatchSampler(dataset, config.patches, config.seed)
    pairs = to_tensors(sampler.pairs(0, 4), CPU)
    reals = to_tensors(sampler.reals(0, 2, stream=3), CPU)
    last = {}
    for weight in (0.0, 1.0):
        torch.manual_seed(1)
        weighted = replace(config, weights=LossWeights(discriminator_zones=weight))
        state = new_state(weighted, CPU)
        state.optimiser_d.param_groups[0]["lr"] = 5e-3
        found = [heads_step(state, weighted, reals, pairs, autocast(weighted, CPU)) for _ in range(40)]
        last[weight] = found[-1]["d/head_zones"] / found[0]["d/head_zones"]
    assert last[1.0] < 0.5 * last[0.0]
