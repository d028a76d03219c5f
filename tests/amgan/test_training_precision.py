"""Which precision a run computes in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from amgan.training.config import TrainConfig
from amgan.training.precision import autocast

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
