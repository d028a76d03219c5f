"""Results of benchmarks that nobody measured, in short."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any


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


def without_bf16(result: dict[str, Any]) -> dict[str, Any]:
    """The same result as a CPU without bf16 gives it."""
    del result["speeds"]["AMGAN, OpenVINO bf16"]
    result["absent"]["AMGAN, OpenVINO bf16"] = "this CPU has no bf16: ask for f32"
    result["hardware"]["features"] = ["avx2", "fma"]
    return result


def made_up_pipeline(hardware: dict[str, Any], bf16: bool) -> dict[str, Any]:
    """What photo_pipeline.py writes, in short."""
    medians = {"pytorch eager fp32, whole frames of 768 px": 4.0, "openvino f32, whole frames of 768 px": 1.6}
    if bf16:
        medians["openvino bf16, whole frames of 768 px"] = 0.8
    medians |= {
        "engine alone, faces only": 0.5, "one photo after the other": 0.7, "batch runner, JPEG to JPEG": 0.6,
    }  # fmt: skip
    names = list(medians)
    return {
        "command": "python benchmarks/photo_pipeline.py",
        "hardware": hardware,
        "median_seconds_per_photo": medians,
        "rate_of_batch_over_engine_alone": 0.83,
        "rate_of_batch_over_pytorch_eager": 6.7,
        "times_faster_than_the_step_before": {b: medians[a] / medians[b] for a, b in pairwise(names)},
    }


def made_up_suites(hardware: dict[str, Any], precisions: Sequence[str]) -> dict[str, Any]:
    """What the suites write, in short."""

    def one(name: str, **info: Any) -> dict[str, Any]:
        return {"name": name, "stats": {"median": 0.1}, "extra_info": info}

    compared = {"times_faster": 2.0, "verified": True}
    return {
        "amgan": {"command": "pytest", "hardware": hardware, "size": {"frame_px": 256}},
        "benchmarks": [
            *(
                one(f"p[{p}-{a}]", after=a, precision=p, **compared)
                for p in precisions
                for a in ("plain", "fold")
            ),
            one("bench_tiles[1]", core_px=128, batch=1, in_flight=2, **compared),
            one("bench_one_photo_warm", p50_s=0.1, p95_s=0.2, p99_s=0.3, **compared),
            one("bench_memory[64]", megapixels=64, peak_mib=1234.0, verified=False),
        ],
    }
