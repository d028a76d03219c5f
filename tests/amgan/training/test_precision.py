"""Which precision a run computes in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support.tiny_networks import TINY_MODEL

from amgan.data.batches import PatchOptions
from amgan.data.dataset import load_dataset
from amgan.data.patches import PatchSampler
from amgan.training.config import TrainConfig
from amgan.training.loop import StepBatches, one_step
from amgan.training.precision import autocast
from amgan.training.state import new_state

CPU = torch.device("cpu")
AUTO = TrainConfig(Path("set"), Path("run"))


@pytest.mark.parametrize(
    ("capabilities", "half"),
    [({"avx2": True}, False), ({"avx512_bf16": True}, True), ({"amx_bf16": True}, True), ({}, False)],
)
def test_auto_takes_bf16_where_the_processor_computes_with_it(
    capabilities: dict[str, bool], half: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    with autocast(AUTO, CPU):
        assert torch.is_autocast_enabled("cpu") is half


@pytest.mark.parametrize(("precision", "half"), [("bf16", True), ("fp32", False)])
def test_a_named_precision_is_taken_as_it_is(precision: str, half: bool) -> None:
    with autocast(replace(AUTO, precision=precision), CPU):
        assert torch.is_autocast_enabled("cpu") is half


def test_bf16_steps_keep_weights_in_single_precision(set_folder: Path) -> None:
    config = TrainConfig(
        set_folder, Path("unused"), steps=8, batch=2, real_batch=2, discriminator_from=0, adversarial_from=0,
        margin_px=4, precision="bf16", device="cpu", threads=1, model=TINY_MODEL,
        patches=PatchOptions(patch_px=32, frame_px=(48.0, 80.0)),
    )  # fmt: skip
    state = new_state(config, CPU)
    sampler = PatchSampler(load_dataset(set_folder), config.patches, 1)
    report = one_step(state, config, StepBatches(sampler.pairs(0, 2), sampler.reals(0, 2)), CPU)
    assert np.isfinite(list(report.values())).all()
    parameters = [*state.generator.parameters(), *state.discriminator.parameters()]
    assert {p.dtype for p in parameters} == {torch.float32}
    assert all(torch.isfinite(p).all() for p in parameters)
    assert autocast(config, CPU).fast_dtype == torch.bfloat16
