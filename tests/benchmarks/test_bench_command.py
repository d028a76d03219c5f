"""`amgan bench`: its errors, its exit codes, and the short set itself on a tiny network."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from support.command_line import run
from support.exported import skip_comparison
from support.kept_traces import keep_traces
from support.tiny_networks import ONE_BLOCK_MODEL, random_discriminator, random_generator

from amgan.benchmarking import baseline, engines, machine, photos, short_set, timing
from amgan.checkpoint import save_model
from amgan.export.bundle import ExportOptions, export_bundle
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.engines.contract import Ticket
from amgan.runtime.engines.openvino import OpenVinoEngine
from amgan.runtime.errors import AmganError
from amgan.runtime.machine import count_cores

pytestmark = pytest.mark.slow

Save = Callable[[str, Any], Path]


def bench(*arguments: object) -> Result:
    return run("bench", *arguments)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, result: dict[str, Any]) -> dict[str, Any]:
    """A result that nobody measured, which the command takes for measured on this machine."""
    monkeypatch.setattr(short_set, "run_short_set", lambda *a, **k: copy.deepcopy(result))
    monkeypatch.setattr(machine, "hardware", lambda threads: result["hardware"])
    return result


def test_result_table_and_exit_codes(measured: dict[str, Any], save: Save, tmp_path: Path) -> None:
    old = save("old.json", measured)
    done = bench("-o", tmp_path / "new.json", "--baseline", old)
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "new.json").read_text()) == measured
    assert "AMGAN, OpenVINO bf16: 4.00 -> 4.00 (+0%) as it was" in done.output
    assert "p95 210 ms" in done.output
    assert "absent: ONNX Runtime, plain export: ModuleNotFoundError: onnxruntime" in done.output
    measured["speeds"]["AMGAN, a folder"]["times_faster"] = 4.0
    measured["hardware"]["load_average"] = [8.0, 8.0, 8.0]
    done = bench("-o", tmp_path / "new.json", "--baseline", old)
    assert done.exit_code == 1
    assert "AMGAN, a folder: 5.00 -> 4.00 (-20%) slower by 20%, and 15% are allowed" in done.output
    assert "note: the machine was busy before (load 8.0 on 2 CPUs)" in " ".join(done.output.split())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["new.json", "old.json"]


def test_what_varies_too_much_is_no_claim(measured: dict[str, Any], tmp_path: Path) -> None:
    measured["noise"] = 0.04
    measured["speeds"]["AMGAN, OpenVINO bf16"]["spread"] = 0.31
    said = " ".join(bench("-o", tmp_path / "new.json").output.split())
    assert "not claimed (varies by 31%)" in said
    assert "2.00 ± 4%" in said
    assert "no ratio is claimed" not in said
    measured["noise"] = 0.31
    said = " ".join(bench("-o", tmp_path / "new.json").output.split())
    assert "PyTorch eager differs from itself by 31% in this run, over 10%" in said
    assert "±" not in said


def test_stages_have_time_cpu_time_and_share(measured: dict[str, Any], tmp_path: Path) -> None:
    measured["photo"]["stages_median_cpu_s"] = {"decode": 0.02, "engine": 0.39}
    measured["photo"]["photos_per_second_by_jobs"] = {"1": 3.0, "2": 5.25}
    said = " ".join(bench("-o", tmp_path / "new.json").output.split())
    assert "decode 10.0 ms 20.0 ms CPU 5% engine 200.0 ms 390.0 ms CPU 95%" in said
    assert "by jobs: 1: 3.0, 2: 5.2" in said


def test_a_reference_that_is_itself_has_no_noise_and_a_slower_one_has() -> None:
    seconds = [1.0, 2.0, 1.5, 1.2, 3.0]
    assert timing.noise(seconds, seconds) == 0.0
    assert timing.noise(seconds, [1.3 * s for s in seconds]) == pytest.approx(0.3 / 1.3)
    assert timing.spread([1.0, 1.0, 1.0, 1.0, 2.0], [1.0] * 5) == pytest.approx(0.15)
    cpu: dict[str, list[float]] = {}
    timing.measure_in_turn({"counts": lambda: sum(range(1000))}, 2, cpu=cpu)
    assert len(cpu["counts"]) == 2


def test_the_commit_is_found_from_any_folder_and_of_an_installed_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    noted: dict[str, Any] = {}
    monkeypatch.setattr(machine, "_described", lambda folder: f"git of {folder}")
    monkeypatch.setattr(
        machine, "distribution", lambda name: SimpleNamespace(read_text=lambda file: json.dumps(noted))
    )
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "pyproject.toml").touch()
    monkeypatch.setattr(machine, "ROOT", checkout)
    assert machine.commit() == f"git of {checkout}"
    monkeypatch.setattr(machine, "ROOT", tmp_path / "site-packages")
    assert machine.commit() is None
    noted["url"] = tmp_path.as_uri()
    assert machine.commit() == f"git of {tmp_path}"
    noted["vcs_info"] = {"commit_id": "0123abc"}
    assert machine.commit() == "0123abc"


def test_wrong_use_is_one_sentence(measured: dict[str, Any], save: Save, tmp_path: Path) -> None:
    other = copy.deepcopy(measured)
    other["hardware"]["logical_cpus"] = 64
    for arguments, words in (
        (("-o", tmp_path), "is a folder or in none that exists"),
        (("-o", tmp_path / "none" / "a.json"), "is a folder or in none that exists"),
        (("--checkpoint", tmp_path / "none"), "does not exist: give a .safetensors file"),
        (("--baseline", save("64.json", other)), "is of other hardware (logical_cpus 64, here 2)"),
        (
            ("--baseline", save("o.json", measured), "--size", "smallest"),
            "with frame_px 512, and this result",
        ),
    ):
        done = bench(*arguments)
        assert done.exit_code == 2
        assert words in done.output
        assert len(done.output.splitlines()) == 1


def test_without_pytorch() -> None:
    code = "import sys; sys.modules['torch'] = None; from amgan.cli import main; main(['bench'])"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    said = "amgan: bench needs the package torch, which is not installed: pip install 'amgan[export]'\n"
    assert done.stderr == said


def test_a_full_disk_leaves_nothing(
    measured: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    done = bench("-o", tmp_path / "new.json")
    assert done.exit_code == 2
    assert "cannot be written (No space left on device)" in done.output
    assert list(tmp_path.iterdir()) == []


class Clock:
    """Time in which reading the clock takes a second, and nothing else takes any."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        self.now += 1.0
        return self.now

    def process_time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that benchmarks of this process read: no speed of this machine is measured."""
    found = Clock()
    for module in (timing, photos, engines):
        monkeypatch.setattr(module, "time", found)
    return found


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A tiny bundle and its checkpoint."""
    skip_comparison(monkeypatch)
    keep_traces(monkeypatch)
    checkpoint, model = tmp_path / "tiny.safetensors", ONE_BLOCK_MODEL
    save_model(checkpoint, random_generator(model.generator), random_discriminator(), model)
    return export_bundle(
        checkpoint, tmp_path / "bundle", lambda m: None, ExportOptions(("fp32",))
    ), checkpoint


def test_the_short_set_and_a_slowed_engine(
    tiny: tuple[Path, Path], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class SlowEngine(OpenVinoEngine):
        """The engine, but every tile takes 100 s more."""

        def wait(self, ticket: Ticket) -> np.ndarray:
            clock.now += 100
            return super().wait(ticket)

    def unavailable(*arguments: object, **options: object) -> Any:
        raise RuntimeError("it takes too long for a test")

    monkeypatch.setattr(engines, "in_onnx_runtime", unavailable)
    monkeypatch.setattr(engines.torch, "compile", unavailable)
    # The network is too small for this engine.
    monkeypatch.setattr(engines, "is_best", lambda: True)
    monkeypatch.setattr(engines.Avx2Engine, "of_bundle", lambda given: OpenVinoEngine(given, "f32"))
    bundle, checkpoint = tiny
    size = short_set.Size(frame_px=128, rounds=2, photos=2, cold_runs=1)
    seen: list[tuple[int, int]] = []

    def run(**options: Any) -> dict[str, Any]:
        return short_set.run_short_set(
            bundle, size, "amgan bench", lambda done, total, what: seen.append((done, total)),
            checkpoint=checkpoint, **options,
        )  # fmt: skip

    found = json.loads(json.dumps(run()))
    total = seen[-1][1]
    assert seen[-1] == (total, total)
    assert found["absent"].keys() >= {"torch.compile", "ONNX Runtime, plain export"}
    assert found["absent"]["torch.compile"] == "RuntimeError: it takes too long for a test"
    assert found["speeds"]["PyTorch eager"]["times_faster"] == 1.0
    assert found["speeds"]["AMGAN, OpenVINO f32"]["parity"]["verified"]
    assert found["speeds"]["AMGAN, AVX2 f32"]["parity"]["verified"]
    assert {name for name, one in found["speeds"].items() if one["ours"]} >= {
        short_set.PHOTO,
        short_set.FOLDER,
    }
    assert all(len(one["seconds"]) == 2 for one in found["speeds"].values())
    photo = found["photo"]
    assert tuple(photo["stages_median_s"]) == tuple(photo["stages_median_cpu_s"]) == photos.STAGES
    assert set(photo["photos_per_second_by_jobs"]) == {"1", "2", str(count_cores())}
    assert found["noise"] >= 0
    assert short_set.AGAIN not in found["speeds"]
    assert found["speeds"][short_set.FOLDER]["median_cpu_s"] > 0
    assert photo["folder_gives_the_same_bytes"]
    assert 0 < sum(photo["stages_median_s"].values()) < photo["warm"]["p50_s"]
    assert 50 < photo["cold_peak_mib"][0] < 2000
    assert found["model"]["checkpoint_sha256"] == Bundle.open(bundle).manifest.checkpoint_sha256
    assert found["hardware"]["threads_used"] == count_cores()

    monkeypatch.setattr(short_set, "_measure_photos", lambda *a: copy.deepcopy(_no_photos(a[2])))
    slow, fast = run(open_engine=SlowEngine), run()
    baseline.require_comparable(slow, fast, "fast")
    faults = {v.name: v.fault for v in baseline.compare(slow, fast)}
    assert faults["AMGAN, OpenVINO f32"].startswith("slower by ")


def _no_photos(contenders: engines.Contenders) -> dict[str, Any]:
    return {"seconds": short_set.measure_in_turn(contenders.ways, 3), "parity": {}}


def test_a_photo_without_a_face_and_a_process_that_fails(tiny_bundle: Path, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (64, 64)).save(tmp_path / "grey.png")
    bundle = Bundle.open(tiny_bundle)
    with (
        photos.StagedPhoto(bundle, tmp_path / "grey.png", tmp_path / "a.png") as staged,
        pytest.raises(AmganError, match=r"grey.png' has 0 faces: benchmarks need a photo of one"),
    ):
        staged.run()
    with pytest.raises(AmganError, match="failed in a process of its own: amgan: "):
        photos.run_cold(bundle, tmp_path / "grey.png", tmp_path / "a.png")
