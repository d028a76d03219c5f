"""The suites of benchmarks/suites in their shortest form: all works, and the result says what it must."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.exported import skip_comparison
from support.helpers import ROOT
from support.tiny_networks import ONE_BLOCK_MODEL, random_discriminator, random_generator

from amgan.checkpoint import save_model
from amgan.export.bundle import export_bundle
from amgan.runtime.files import file_sha256

SUITES = ROOT / "benchmarks" / "suites"
KINDS = ("engines", "memory", "passes", "photo", "tiles")
MAY_SKIP = ("the short form", "the frame has fewer tiles", "torch.compile cannot run here", "bf16")


def _without_workers() -> dict[str, str]:
    """The environment of a pytest that is no worker: pytest-benchmark measures nothing in one."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A tiny bundle and its checkpoint: that the large one is right is tried elsewhere."""
    folder = tmp_path_factory.mktemp("tiny")
    checkpoint = folder / "tiny.safetensors"
    model = ONE_BLOCK_MODEL
    save_model(checkpoint, random_generator(model.generator), random_discriminator(), model)
    with pytest.MonkeyPatch.context() as patch:
        skip_comparison(patch)
        return export_bundle(checkpoint, folder / "bundle"), checkpoint


@pytest.fixture(scope="module")
def short(tiny: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """The result of the shortest form, and what pytest printed."""
    target = tmp_path_factory.mktemp("suites") / "suites.json"
    done = subprocess.run(
        [
            sys.executable, "-P", "-m", "pytest", str(SUITES), "--amgan-size", "short", "-rs",
            "--amgan-model", str(tiny[0]), "--amgan-checkpoint", str(tiny[1]),
            "--benchmark-json", str(target), "-p", "no:cacheprovider", "-p", "support.kept_traces",
        ],
        capture_output=True, text=True, check=False, cwd=ROOT,
        env={
            **_without_workers(), "PYTEST_ADDOPTS": "", "COLUMNS": "500", "OMP_WAIT_POLICY": "passive",
            "PYTHONPATH": str(ROOT / "tests" / "lib"),
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(target.read_text()), done.stdout


def test_every_suite_ran_and_is_verified(short: tuple[dict[str, Any], str]) -> None:
    found = {one["fullname"]: one for one in short[0]["benchmarks"]}
    assert {Path(name.split("::")[0]).stem for name in found} == {f"bench_{kind}" for kind in KINDS}
    for name, one in found.items():
        info = one["extra_info"]
        if "bench_memory" in name:
            assert info["peak_mib"] > 50
            assert info["verified"] is False  # no pixels are compared: not a speed
            continue
        assert info["verified"], name
        assert info["times_faster"] > 0
        assert info["parity"]["verified"]
        assert info["reference"] in ("PyTorch eager", "plain graph")
        assert len(info["reference_seconds"]) == one["stats"]["rounds"]
    stages = [name for name in found if "bench_stage[" in name]
    assert len(stages) == 7


def test_only_what_cannot_run_was_skipped(short: tuple[dict[str, Any], str]) -> None:
    skipped = [line for line in short[1].splitlines() if line.startswith("SKIPPED")]
    assert skipped
    assert all(any(reason in line for reason in MAY_SKIP) for line in skipped), skipped


def test_the_result_says_where_it_comes_from(
    short: tuple[dict[str, Any], str], tiny: tuple[Path, Path]
) -> None:
    head = short[0]["amgan"]
    assert head["hardware"]["cpu"]
    assert head["hardware"]["openvino_capabilities"]
    assert len(head["hardware"]["load_average"]) == 3
    assert head["versions"].keys() >= {"commit", "torch", "openvino", "onnxruntime", "pytest-benchmark"}
    assert head["model"]["manifest_sha256"] == file_sha256(tiny[0] / "manifest.json")
    assert head["command"].startswith("pytest ")
    assert "machine_info" not in short[0]
