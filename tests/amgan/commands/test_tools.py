"""The commands around the photos: doctor, export, train and prepare."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.command_line import one_sentence, refuse, run

from amgan.runtime import doctor
from amgan.runtime.doctor import Cpu, EngineReport, Report
from amgan.runtime.machine import Gpu


@pytest.fixture(autouse=True)
def no_debugging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AMGAN_DEBUG", raising=False)


def test_interrupt_elsewhere_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "examine", stop)
    result = run("doctor")
    assert result.exit_code == 130
    assert one_sentence(result) == "amgan: interrupted\n"


def report(usable: bool) -> Report:
    return Report(
        python="3.12.1", system="Linux", versions={"numpy": "2.0", "torch": None},
        cpu=Cpu("Some CPU", 4, ("avx2",), ("FP32",)), memory_mib=2048, memory_free_mib=0,
        gpus=(Gpu("RTX", "580", 1024, 89),) if usable else (), gpu_note="" if usable else "no driver",
        engines=(
            EngineReport("OpenVINO", usable, "CPU, fp32"),
            EngineReport("TensorRT", False, "GPU", ("no GPU",), ("pip install 'something>=1'",)),
        ),
        bundle="amgan-base 1", bundle_intact=usable,
    )  # fmt: skip


def test_doctor_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "examine", lambda: report(True))
    result = run("doctor")
    assert result.exit_code == 0
    for words in (
        "Some CPU, 4 cores (avx2)",
        "torch         not installed",
        "2.0 GiB, unknown free",
        "RTX, sm89",
        "intact: amgan",
        "OpenVINO: can run on CPU, fp32",
        "TensorRT: cannot run",
        "- no GPU",
        "\n    pip install 'something>=1'\n",
    ):
        assert words in result.stdout
    monkeypatch.setattr(doctor, "examine", lambda: report(False))
    result = run("doctor")
    assert result.exit_code == 1
    assert "none: no driver" in result.stdout
    assert "NOT usable" in result.stdout


def test_doctor_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "examine", lambda: report(False))
    result = run("doctor", "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told["healthy"] is False
    assert told["engines"][1]["fixes"] == ["pip install 'something>=1'"]


def stub(
    monkeypatch: pytest.MonkeyPatch, module: str, name: str, *progress: object
) -> list[tuple[object, ...]]:
    """Put a recording function in the place of one that needs the extras."""
    calls: list[tuple[object, ...]] = []

    def record(*arguments: object) -> object:
        calls.append(arguments)
        for argument in arguments:
            if callable(argument):
                argument(*progress)
        return "made"

    fake_module = types.ModuleType(module)
    setattr(fake_module, name, record)
    monkeypatch.setitem(sys.modules, module, fake_module)
    return calls


def test_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = stub(monkeypatch, "amgan.export.bundle", "export_bundle", "at work")
    result = run("export", "-o", tmp_path / "bundle")
    assert result.exit_code == 0, result.output
    assert calls[0][:2] == (None, tmp_path / "bundle")
    assert result.stderr == "at work\n"
    assert result.stdout == "bundle written to made\n"
    assert "none.safetensors' does not exist" in refuse(
        "export", "-o", tmp_path / "bundle", "--checkpoint", tmp_path / "none.safetensors"
    )


def test_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = stub(monkeypatch, "amgan.training.loop", "train")
    config = tmp_path / "run.toml"
    assert run("train", "--config", config).exit_code == 2
    config.write_text("")
    assert run("train", "--config", config).stdout == "weights written to made\n"
    assert run("train", "--config", config, "--max-steps", 5, "--max-minutes", 0.5, "--fresh").exit_code == 0
    assert calls == [(config, None, None, False), (config, 5, 0.5, True)]
    assert run("train", "--config", config, "--max-steps", 0).exit_code == 2
    assert run("train", "--config", config, "--max-minutes", 0).exit_code == 2


def test_prepare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = stub(monkeypatch, "amgan.data.prepare", "prepare_dataset", 1, 7, "a.jpg")
    sys.modules["amgan.data.prepare"].PrepareOptions = SimpleNamespace  # type: ignore[attr-defined]
    faces, ages = tmp_path / "faces", tmp_path / "ages.csv"
    assert "is no folder" in one_sentence(run("prepare", faces, "--ages", ages, "-o", tmp_path / "out"))
    faces.mkdir()
    assert "does not exist" in one_sentence(run("prepare", faces, "--ages", ages, "-o", tmp_path / "out"))
    ages.write_text("")
    result = run("prepare", faces, "--ages", ages, "-o", tmp_path / "out", "--frame-px", 512)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "dataset written to made\n", "")
    assert calls[0][:3] == ((faces,), (ages,), tmp_path / "out")
    assert calls[0][3].frame_px == 512 and calls[0][3].labels is None


@pytest.mark.parametrize(
    ("module", "arguments", "extra"),
    [
        ("amgan.export.bundle", ["export", "-o", "bundle"], "export"),
        ("amgan.training.loop", ["train", "--config", "run.toml"], "train"),
        ("amgan.data.prepare", ["prepare", ".", "--ages", "run.toml", "-o", "out"], "train"),
    ],
)
def test_missing_extras_say_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, arguments: list[str], extra: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.toml").write_text("")

    def absent(name: str) -> object:
        raise ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn")

    fake_module = types.ModuleType(module)
    fake_module.__getattr__ = absent  # type: ignore[method-assign]
    monkeypatch.setitem(sys.modules, module, fake_module)
    result = run(*arguments)
    assert result.exit_code == 2
    assert f"needs the package torch, which is not installed: pip install 'amgan[{extra}]'" in one_sentence(
        result
    )


def test_a_missing_module_of_our_own_is_no_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "amgan.export.bundle", None)
    assert "unexpected" in refuse("export", "-o", "bundle", code=1)
