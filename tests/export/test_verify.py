"""`amgan verify`, and what it and `amgan export` make of a pass that is wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result
from support.command_line import one_sentence, refuse, run
from support.exported import Exported, skip_comparison
from support.tiny_networks import TINY_MODEL, random_discriminator, random_generator

from amgan.checkpoint import save_model
from amgan.export import verify
from amgan.export.bundle import export_bundle
from amgan.export.parity.report import ParityReport
from amgan.export.simplify import passes
from amgan.export.simplify.modulation import FoldedSpade, fold_spade
from amgan.networks import GeneratorConfig, ModelConfig
from amgan.networks.spade import Spade
from amgan.runtime.bundle.bundle import Bundle


@pytest.fixture(scope="module")
def verified(exported: Exported) -> Result:
    return run("verify", exported.bundle, "--against", exported.checkpoint, "--json")


def test_json(exported: Exported, verified: Result) -> None:
    assert verified.exit_code == 0, verified.output
    content = json.loads(verified.stdout)
    assert content["bundle"] == str(exported.bundle)
    assert content["checkpoint"] == str(exported.checkpoint)
    assert content["made_of_it"] is content["passed"] is True
    assert set(content["tolerances"]) == {"fp32", "fp16", "bf16"}
    keys = {"max_codes", "mean_codes", "psnr_db", "ssim", "worst"}
    for result in content["results"]:
        if result["verdict"] == "passed" and result["role"] == "generator":
            assert set(result["difference"]) == keys
        elif result["verdict"] == "passed":
            assert set(result["difference"]) == {"max_years", "mean_years", "nan_count", "worst"}
        else:
            assert result["not_run"]


def test_it_agrees_with_the_manifest(exported: Exported, verified: Result) -> None:
    """The same inputs, so the same report as at export."""
    content, parity = json.loads(verified.stdout), Bundle.open(exported.bundle).manifest.parity
    assert parity is not None
    assert content["inputs"] == parity["inputs"]
    assert [r["verdict"] for r in content["results"]] == [r["verdict"] for r in parity["results"]]


@pytest.fixture
def fp32_only(exported: Exported, tmp_path: Path) -> Path:
    """A bundle of the two fp32 files, which is quick to verify."""
    folder = tmp_path / "fp32"
    shutil.copytree(exported.bundle, folder)
    content = json.loads((folder / "manifest.json").read_text())
    for name in list(content["files"]):
        if content["files"][name]["precision"] != "fp32":
            (folder / name).unlink()
            del content["files"][name]
    (folder / "manifest.json").write_text(json.dumps(content))
    return folder


def test_tables(few_inputs: None, exported: Exported, fp32_only: Path) -> None:
    result = run("verify", fp32_only, "--against", exported.checkpoint, "--seed", 5)
    assert result.exit_code == 0, result.output
    for word in (
        "generator against PyTorch fp32, in code values",
        "estimator against PyTorch fp32, in years",
        "ONNX Runtime",
        "worst input",
        "fp32 may differ by 1 code values and 0.01 years",
        f"passed: {fp32_only}",
    ):
        assert word in result.stdout
    assert "note:" not in result.stdout


def test_info_shows_passes_and_parity(exported: Exported) -> None:
    result = run("info", exported.bundle)
    assert result.exit_code == 0, result.output
    for word in (
        "separate_conditioning",
        "generator against PyTorch fp32",
        "not run: generator.bf16.onnx in ONNX",
    ):
        assert word in result.stdout


def test_the_shipped_weights_are_the_default(
    exported: Exported, fp32_only: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "SHIPPED", exported.checkpoint)
    monkeypatch.setattr(verify, "compare", lambda *a: ParityReport(0, {}, ()))
    result = run("verify", fp32_only, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["checkpoint"] == str(exported.checkpoint)


@pytest.mark.parametrize("there", [True, False])
def test_a_bundle_of_other_weights_needs_its_checkpoint(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    shipped = tmp_path / "shipped.safetensors"
    if there:
        shipped.write_bytes(b"other weights")
    monkeypatch.setattr(verify, "SHIPPED", shipped)
    result = run("verify", exported.bundle)
    assert result.exit_code == 2
    assert "was not made of the weights that ship with amgan" in one_sentence(result)
    assert "--against" in result.stderr


@pytest.mark.parametrize(
    ("bundle", "against", "code", "message"),
    [
        ("nowhere", None, 1, "there is no bundle folder"),
        (None, "nowhere.safetensors", 2, "nowhere.safetensors' does not exist"),
        (None, "text.safetensors", 2, "is no AMGAN checkpoint"),
        (None, "larger.safetensors", 2, "its halo is 28 px, and the checkpoint's 36 px"),
        (None, "frames.safetensors", 2, "its estimator's frame is 64 px, and the checkpoint's 128 px"),
    ],
)
def test_refusals(
    exported: Exported, tmp_path: Path, bundle: str | None, against: str | None, code: int, message: str
) -> None:
    (tmp_path / "text.safetensors").write_text("no weights")
    larger = GeneratorConfig(widths=(4, 8, 8), blocks=3, spade_hidden=4)
    for name, config in (
        ("larger", ModelConfig(larger, TINY_MODEL.discriminator, 64, 128, 64)),
        ("frames", ModelConfig(TINY_MODEL.generator, TINY_MODEL.discriminator, 64, 128, 128)),
    ):
        networks = random_generator(config.generator), random_discriminator()
        save_model(tmp_path / f"{name}.safetensors", *networks, config)
    options = ["--against", tmp_path / against] if against else []
    result = run("verify", tmp_path / bundle if bundle else exported.bundle, *options)
    assert result.exit_code == code
    assert message in one_sentence(result)


def test_a_damaged_bundle_is_refused(exported: Exported, tmp_path: Path) -> None:
    shutil.copytree(exported.bundle, tmp_path / "b")
    (tmp_path / "b" / "generator.onnx").write_bytes(b"damaged")
    assert "is damaged or was replaced" in refuse(
        "verify", tmp_path / "b", "--against", exported.checkpoint, code=1
    )


def test_without_pytorch(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    import types

    def absent(name: str) -> Any:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    fake = types.ModuleType("amgan.export.verify")
    fake.__getattr__ = absent  # type: ignore[method-assign]
    monkeypatch.setitem(sys.modules, "amgan.export.verify", fake)
    assert "verify needs the package torch, which is not installed" in refuse("verify", exported.bundle)


# ---- wrong passes


def forget_the_mean(spade: Spade) -> FoldedSpade:
    """A wrong fold: n(x) = a·x, as if the norm's mean were 0."""
    spade.norm.running_mean = torch.zeros_like(spade.norm.running_mean)  # type: ignore[arg-type]
    return fold_spade(spade)


def forget_epsilon(spade: Spade) -> FoldedSpade:
    """A wrong fold that is hardly off: the variance is taken too large by a hundredth."""
    spade.norm.eps = 0.01
    return fold_spade(spade)


@pytest.fixture(params=[forget_the_mean, forget_epsilon])
def broken_pass(
    request: pytest.FixtureRequest, few_inputs: None, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    wrong: Callable[..., Any] = request.param
    monkeypatch.setattr(passes, "fold_spade", wrong)
    return wrong


def test_export_catches_a_wrong_pass(broken_pass: object, checkpoint: Path, tmp_path: Path) -> None:
    result = run("export", "-o", tmp_path / "b", "--checkpoint", checkpoint)
    assert result.exit_code == 1
    assert "differ from PyTorch, OpenVINO, generator: " in result.stderr
    assert result.stderr.endswith("nothing was written\n")
    assert not list(tmp_path.iterdir())


def test_verify_catches_a_wrong_pass(
    broken_pass: object, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bundle was written by an export that did not look."""
    with monkeypatch.context() as blind:
        skip_comparison(blind)
        bundle = export_bundle(checkpoint, tmp_path / "b")
    if broken_pass is forget_the_mean:
        result = run("verify", bundle, "--against", checkpoint)
        assert "failed: generator.onnx in OpenVINO (fp32), " in result.stdout
        assert f"FAILED: {bundle}" in result.stdout
    else:
        result = run("verify", bundle, "--against", checkpoint, "--json")
        content = json.loads(result.stdout)
        assert content["passed"] is False
        failed = {r["role"] for r in content["results"] if r["verdict"] == "failed"}
        assert failed == {"generator"}
    assert result.exit_code == 1


def test_verify_catches_other_weights(few_inputs: None, fp32_only: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    save_model(other, random_generator(seed=7), random_discriminator(seed=7), TINY_MODEL)
    result = run("verify", fp32_only, "--against", other)
    assert result.exit_code == 1
    assert f"note: the manifest names other weights than {other}" in result.stdout
