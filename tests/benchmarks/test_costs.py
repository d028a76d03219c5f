"""The scripts that count costs: their pictures, their networks, their tables."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from amgan.runtime.bundle.bundle import Bundle


def test_layers_add_up(script: Callable[[str], ModuleType]) -> None:
    """A frame of twice the side takes a little less than four times the arithmetic: the halo is the same."""
    layer_costs = script("layer_costs")
    small, large = (
        sum(layer["gflop"] for layer in layer_costs.count_layers(Bundle.open(None), side))
        for side in (256, 512)
    )
    assert 3.0 < large / small < 4.0


def test_hrfae_gives_a_picture_of_the_same_size(script: Callable[[str], ModuleType]) -> None:
    network = script("beside_peers").Hrfae().eval()
    ages = torch.nn.functional.one_hot(torch.tensor([70]), 101).float()
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 64, 64), ages).shape == (1, 3, 64, 64)


def test_no_ratio_where_the_reference_is_not_itself(script: Callable[[str], ModuleType]) -> None:
    peers = script("beside_peers")
    steady = {peers.OURS: [0.1] * 5, peers.EAGER: [0.4] * 5, peers.AGAIN: [0.41] * 5}
    found, wrong = peers.rows(steady, steady)
    assert found[peers.OURS]["times_faster_than_eager"] == pytest.approx(4.0)
    assert wrong < 0.03
    found, wrong = peers.rows(steady | {peers.AGAIN: [0.5] * 5}, steady)
    assert found[peers.OURS]["times_faster_than_eager"] is None
    assert wrong == pytest.approx(0.2)


def test_the_table_leaves_the_engine_out_of_the_rest(script: Callable[[str], ModuleType]) -> None:
    stage_costs = script("stage_costs")
    costs = dict.fromkeys(stage_costs.STAGES, 2.0)
    last = stage_costs.table({"a portrait": {"faces": 1, "least_cpu_ms": costs}}).splitlines()[-1]
    assert last.endswith("| 24.0 |")
    assert stage_costs.make_portrait(64).shape == (64, 64, 3)
    assert np.array_equal(stage_costs.make_portrait(64), stage_costs.make_portrait(64))


def test_a_stage_inside_another_is_not_counted_there(
    script: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage_costs = script("stage_costs")
    monkeypatch.setattr(stage_costs, "time", SimpleNamespace(process_time=iter([0, 1, 3, 10]).__next__))
    clock = stage_costs.Clock()
    assert clock.timed("paste", lambda: clock.timed("hair", lambda: 7)) == 7
    assert (clock.spent["paste"], clock.spent["hair"]) == (8000, 2000)
    plan = stage_costs.face_plan.plan_hair
    with clock.watching():
        assert stage_costs.face_plan.plan_hair is not plan
    assert stage_costs.face_plan.plan_hair is plan


def test_two_commits_are_held_against_each_other_by_the_least_of_each_photo(
    script: Callable[[str], ModuleType],
) -> None:
    before, now = [[100.0, 200.0], [110.0, 180.0]], [[50.0, 90.0], [60.0, 100.0]]
    told = script("beside_commit").summary([before, now])
    assert told["least_cpu_ms_a_photo"] == [140.0, 70.0]
    assert told["times_less"] == 2.0
    assert told["times_less_by_round"] == [
        pytest.approx(300 / 140, abs=1e-3),
        pytest.approx(290 / 160, abs=1e-3),
    ]
    assert told["spread"] == pytest.approx((300 / 140 - 290 / 160) / ((300 / 140 + 290 / 160) / 2), abs=1e-3)


def test_a_folder_is_held_against_the_other_by_its_least_round(script: Callable[[str], ModuleType]) -> None:
    told = script("beside_commit").folder_summary(
        [[300.0, 280.0], [150.0, 140.0]], [[160.0, 150.0], [80.0, 90.0]]
    )
    assert told["least_cpu_ms_a_photo"] == [280.0, 140.0]
    assert (told["times_less"], told["spread"]) == (2.0, 0.0)
    assert told["photos_a_second"] == [pytest.approx(6.67), 12.5]
    assert told["times_the_rate"] == pytest.approx(150 / 80, abs=1e-3)
