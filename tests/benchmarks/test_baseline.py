"""The comparison with a baseline: what it refuses, and what it catches."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.helpers import ROOT
from support.tiny_networks import random_generator

from amgan.benchmarking import timing
from amgan.benchmarking.baseline import check_size, compare, read_result, require_comparable
from amgan.benchmarking.engines import REFERENCE, Contenders, age_in_cores, in_pytorch
from amgan.benchmarking.graphs import after_passes, open_graph
from amgan.benchmarking.parity import judge
from amgan.benchmarking.portrait import whole_frame
from amgan.benchmarking.timing import measure_in_turn, percentiles, times_faster
from amgan.export.graphs.deploy import DeployGenerator
from amgan.export.parity.report import TOLERANCES
from amgan.export.simplify import PASSES
from amgan.runtime.engines.contract import TileBatch
from amgan.runtime.errors import UsageError

Save = Callable[[str, Any], Path]
BF16 = "AMGAN, OpenVINO bf16"


def test_the_same_result_passes(result: dict[str, Any]) -> None:
    verdicts = compare(result, copy.deepcopy(result))
    assert [v.name for v in verdicts] == ["AMGAN, OpenVINO f32", BF16, "AMGAN, a folder"]
    assert all(v.fault == "" and v.change == 0 for v in verdicts)


@pytest.mark.parametrize(("share", "caught"), [(0.84, True), (0.86, False), (1.5, False), (0.0, True)])
def test_a_lost_lead_is_caught_from_15_percent_on(result: dict[str, Any], share: float, caught: bool) -> None:
    slower = copy.deepcopy(result)
    slower["speeds"][BF16]["times_faster"] *= share
    slower["speeds"]["torch.compile"]["times_faster"] = 0.1  # not ours
    faults = {v.name: v.fault for v in compare(slower, result)}
    assert bool(faults.pop(BF16)) == caught
    assert set(faults.values()) == {""}


def test_what_is_missing_or_unverified_is_caught(result: dict[str, Any]) -> None:
    worse = copy.deepcopy(result)
    del worse["speeds"][BF16]
    worse["absent"][BF16] = "this CPU has no bf16"
    worse["speeds"]["AMGAN, a folder"]["parity"]["verified"] = False
    worse["speeds"]["AMGAN, OpenVINO f32"]["times_faster"] = float("nan")
    faults = [v.fault for v in compare(worse, result)]
    assert faults[0].startswith("slower by")
    assert faults[1:] == [
        "missing: this CPU has no bf16",
        "unverified: its pixels are too far from PyTorch's",
    ]


def test_other_hardware_and_sizes_are_refused(result: dict[str, Any]) -> None:
    require_comparable(result, copy.deepcopy(result), "old.json")
    other = copy.deepcopy(result)
    other["hardware"]["features"] = ["avx2", "amx_bf16"]
    with pytest.raises(
        UsageError, match=r"'old.json' is of other hardware \(features avx2 amx_bf16, here avx2\)"
    ):
        require_comparable(result, other, "old.json")
    with pytest.raises(UsageError, match="with frame_px 512, and this result with 256"):
        check_size({**result["size"], "frame_px": 256}, result, "old.json")


def test_files_that_are_no_results(save: Save, result: dict[str, Any], tmp_path: Path) -> None:
    assert read_result(save("good.json", result)) == result
    with pytest.raises(UsageError, match=r"none.json' cannot be read"):
        read_result(tmp_path / "none.json")
    with pytest.raises(UsageError, match="is not a result of `amgan bench`"):
        read_result(save("list.json", [1]))
    with pytest.raises(UsageError, match="has schema 2, not 1"):
        read_result(save("new.json", {**result, "schema": 2}))
    (tmp_path / "text.json").write_text("no")
    with pytest.raises(UsageError, match="is no JSON"):
        read_result(tmp_path / "text.json")


def test_compare_script(script: Any, save: Save, result: dict[str, Any], capsys: Any) -> None:
    main = script("compare").main
    old = save("old.json", result)
    assert main([str(old), str(old)]) == 0
    result["speeds"][BF16]["times_faster"] = 3.0
    assert main([str(save("slow.json", result)), str(old)]) == 1
    assert f"{BF16}: 4.00 -> 3.00 (-25%) slower by 25%" in capsys.readouterr().out
    result["hardware"]["cpu"] = "Another"
    assert main([str(save("other.json", result)), str(old)]) == 2
    assert "is of other hardware (cpu A CPU, here Another)" in capsys.readouterr().err


def test_a_slow_engine_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same tiny network three times, in turn, by a clock that says how long each took."""
    clock = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock[0])
    arrays = whole_frame(64, random_generator().config.halo_px, random_generator().config.patterns)
    network = DeployGenerator(random_generator()).eval()

    def taking(seconds: float, run: Callable[[], np.ndarray]) -> Callable[[], np.ndarray]:
        def taken() -> np.ndarray:
            clock[0] += seconds
            return run()

        return taken

    wanted = in_pytorch(network, arrays)
    graph = open_graph(after_passes(random_generator(), PASSES), arrays, "f32")
    tolerances = {"fp32": {"max_codes": TOLERANCES["fp32"].max_codes, "min_psnr_db": 60.0}}

    ways = {
        REFERENCE: taking(1.0, lambda: in_pytorch(network, arrays)),
        "fast": taking(0.5, graph),
        "slow": taking(0.6, graph),
    }
    seconds = measure_in_turn(ways, 5)
    results = {
        name: {
            "speeds": {
                "engine": {
                    "times_faster": times_faster(seconds[name], seconds[REFERENCE]),
                    "ours": True,
                    "parity": judge(graph(), wanted, "f32", tolerances),
                }
            }
        }
        for name in ("fast", "slow")
    }
    assert results["fast"]["speeds"]["engine"]["parity"]["verified"]
    (verdict,) = compare(results["slow"], results["fast"])
    assert verdict.fault.startswith("slower by 17%")


def test_the_committed_record_caught_the_slowed_pass() -> None:
    path = ROOT / "benchmarks" / "results" / "slowed_on_purpose_cpu.json"
    record = json.loads(path.read_text())
    for run in record["runs"]:
        baseline = record["measured"]["all passes, the baseline"]
        again = compare(record["measured"][run["what"]], baseline)
        assert [v.fault for v in again] == [v["fault"] for v in run["verdicts"]]
    assert [bool(run["verdicts"][0]["fault"]) for run in record["runs"]] == [False, True]


def test_parity_is_judged_by_the_tolerance_of_the_precision() -> None:
    tolerances = {
        "fp32": {"max_codes": 1, "min_psnr_db": 60.0},
        "bf16": {"max_codes": 24, "min_psnr_db": 40.0},
    }
    wanted = np.full((1, 32, 32, 3), 100, np.uint8)
    off = wanted.copy()
    off[0, 0, 0] = 102
    assert judge(wanted, wanted, "f32", tolerances)["verified"]
    assert not judge(off, wanted, "f32", tolerances)["verified"]
    assert judge(off, wanted, "bf16", tolerances)["verified"]
    assert not judge(wanted + np.uint8(10), wanted, "bf16", tolerances)["verified"]  # 28 dB


def test_ratios_are_those_of_the_same_turn() -> None:
    """The machine is twice as slow in the second turn and thrice in the third: the ratio stays 4."""
    assert times_faster([1.0, 2.0, 3.0], [4.0, 8.0, 12.0]) == 4.0
    assert percentiles([0.1] * 99 + [1.0])["p50_s"] == pytest.approx(0.1)
    order: list[str] = []
    ways = {name: lambda name=name: order.append(name) for name in "ab"}
    done: list[str] = []
    seconds = measure_in_turn(ways, 2, warm_up=1, done=done.append)
    assert order == list("ababab") == done
    assert {name: len(runs) for name, runs in seconds.items()} == {"a": 2, "b": 2}


def test_who_fails_is_absent_with_the_reason() -> None:
    def broken() -> Any:
        raise RuntimeError("no C++ compiler\nfound")

    found = Contenders()
    found.add("broken", "f32", broken)
    found.add("fine", "f32", lambda: lambda: np.zeros((1, 1, 1, 3), np.uint8))
    assert found.absent == {"broken": "RuntimeError: no C++ compiler found"}
    assert list(found.ways) == ["fine"]


class Inverter:
    """An engine that inverts, and notes the batches in flight."""

    def __init__(self, halo: int) -> None:
        self.halo, self.sizes, self.under_way, self.most = halo, [], 0, 0

    def submit(self, batch: TileBatch) -> np.ndarray:
        batch.check()
        self.sizes.append(len(batch.image))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        return batch.image

    def wait(self, image: np.ndarray) -> np.ndarray:
        self.under_way -= 1
        return 255 - image[:, self.halo : -self.halo, self.halo : -self.halo]


@pytest.mark.parametrize(("batch", "in_flight", "sizes"), [(1, 1, [1] * 4), (3, 2, [3, 1]), (4, None, [4])])
def test_tiles_batches_and_flights(batch: int, in_flight: int | None, sizes: list[int]) -> None:
    halo = 8
    arrays = whole_frame(64, halo, 2)
    engine = Inverter(halo)
    found = age_in_cores(engine, halo, arrays, 32, batch=batch, in_flight=in_flight)  # type: ignore[arg-type]
    assert np.array_equal(found, 255 - arrays[0][:, halo:-halo, halo:-halo])
    assert engine.sizes == sizes
    assert engine.most <= (in_flight or len(sizes))
