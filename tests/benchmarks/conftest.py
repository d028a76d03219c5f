"""Results that are made up, and the scripts of benchmarks/ as modules."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from helpers import ROOT

FOLDER = ROOT / "benchmarks"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Imports a script of benchmarks/ by name."""
    import importlib

    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


def made_up_result() -> dict[str, Any]:
    """What `amgan bench` writes, in short."""

    def speed(times_faster: float, ours: bool) -> dict[str, Any]:
        parity = {
            "max_code_values": 1, "psnr_db": 80.0, "allowed_code_values": 1, "least_psnr_db": 60.0,
            "verified": True,
        }  # fmt: skip
        seconds = {"median_s": 1 / times_faster, "seconds": [1 / times_faster] * 3}
        return {"times_faster": times_faster, "ours": ours, "parity": parity, **seconds}

    hardware = {
        "cpu": "A CPU", "openvino_capabilities": ["FP32"], "logical_cpus": 2, "threads_used": 2,
        "features": ["avx2"], "load_average": [0.1, 0.1, 0.1],
    }  # fmt: skip
    return {
        "schema": 1,
        "what": "ageing a face",
        "date": "2026-01-02T03:04:05+00:00",
        "command": "amgan bench",
        "hardware": hardware,
        "versions": {"commit": "abc", "torch": "2"},
        "model": {"checkpoint_sha256": "0" * 64},
        "size": {"frame_px": 512, "rounds": 3, "photos": 4, "cold_runs": 1},
        "reference": "PyTorch eager",
        "speeds": {
            "PyTorch eager": speed(1.0, False),
            "torch.compile": speed(1.2, False),
            "AMGAN, OpenVINO f32": speed(2.0, True),
            "AMGAN, OpenVINO bf16": speed(4.0, True),
            "AMGAN, a folder": speed(5.0, True),
        },
        "absent": {"ONNX Runtime, plain export": "ModuleNotFoundError: onnxruntime"},
        "photo": {
            "stages_median_s": {"decode": 0.01, "engine": 0.2},
            "warm": {"p50_s": 0.2, "p95_s": 0.21, "p99_s": 0.3},
            "cold_s": [1.5],
            "cold_peak_mib": [250.0],
        },
    }


@pytest.fixture
def result() -> dict[str, Any]:
    return made_up_result()


@pytest.fixture
def save(tmp_path: Path) -> Callable[[str, Any], Path]:
    """Writes content as JSON under a name."""

    def write(name: str, content: Any) -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(copy.deepcopy(content)))
        return path

    return write
