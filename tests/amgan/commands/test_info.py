"""`amgan info`: what it prints of a bundle, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from support.command_line import one_sentence, run
from support.engine_helpers import write_fake_engine_bundle

from amgan.runtime.bundle.bundle import Bundle


def info(*arguments: object) -> Result:
    return run("info", *arguments)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_fake_engine_bundle(tmp_path / "bundle")


def test_everything_is_printed(folder: Path) -> None:
    result = info(folder)
    assert result.exit_code == 0
    entry = Bundle.open(folder).manifest.files["generator.onnx"]
    for text in (
        "tiny 1.0", "128 to 256 px", "halo 8 px", "15 to 90 years", "neutral at 45", "[N, H, W, 3]", "uint8",
        "0..255", "generator.onnx", "fp32", f"{entry.sha256[:12]}...", "KiB", "generator.engine",
        "tensorrt_rtx 1.7.1.116", "sm86, sm89, sm120", "368x368 px", "1/4/8", "99.8%",
        "generator.mean_codes", "0.0123", "OpenVINO", "0.1.0",
    ):  # fmt: skip
        assert text in result.stdout, text


def test_a_bundle_without_engines_or_parity(tiny_bundle: Path) -> None:
    result = info(tiny_bundle)
    assert result.exit_code == 0
    assert "engines" not in result.stdout
    assert "parity" not in result.stdout


def test_json(folder: Path) -> None:
    content = json.loads(info(folder, "--json").stdout)
    assert content["path"] == str(folder)
    assert content["files"]["generator.engine"]["bytes"] == len(b"no real plan")
    assert content["files"]["generator.engine"]["build"]["targets"] == ["sm86", "sm89", "sm120"]
    assert content["parity"]["generator"]["max_codes"] == 1


def test_without_a_name_it_is_the_shipped_bundle(monkeypatch: pytest.MonkeyPatch, tiny_bundle: Path) -> None:
    monkeypatch.setattr("amgan.runtime.bundle.bundle.SHIPPED", tiny_bundle)
    assert json.loads(info("--json").stdout)["model"] == "tiny"


def test_damaged_bundle_is_one_sentence(folder: Path) -> None:
    (folder / "generator.engine").write_bytes(b"broken")
    result = info(folder)
    assert result.exit_code == 1
    one_sentence(result)


def test_missing_bundle(tmp_path: Path) -> None:
    result = info(tmp_path / "nowhere")
    assert result.exit_code == 1
    assert "there is no bundle folder" in result.stderr
