"""Times the ageing of one whole frame: PyTorch eager beside the bundle's engine, in one process.

All contenders get the same picture, aging map, origin and number of CPU threads, and run in turn
(A B C ... A B C ...), so that a slow spell of the machine hits all alike. Before any time is taken, the
engine's pixels are held against PyTorch's; f32 may differ by one code value at most.

Example:  python benchmarks/engine_vs_pytorch.py --runs 15
"""

from __future__ import annotations

import argparse
import gc
import importlib.metadata
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent
PHOTO = ROOT / "samples" / "eileen_collins.png"
RESULT = ROOT / "benchmarks" / "results" / "engine_vs_pytorch_cpu.json"
BASELINE = "pytorch fp32 (whole graph)"
FEATURES = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16", "asimd", "bf16")
WARM_UP = 2
MAX_F32_CODES = 1

Contender = Callable[[], np.ndarray | None]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, help="weights (default: the shipped ones)")
    parser.add_argument("--bundle", type=Path, help="bundle made of them (default: the shipped one)")
    parser.add_argument("--runs", type=int, default=11, help="timed runs of each contender (default: 11)")
    parser.add_argument("--size", type=int, default=1024, help="side of the frame in px (default: 1024)")
    parser.add_argument("--threads", type=int, help="CPU threads of every contender (default: all CPUs)")
    parser.add_argument("-o", "--output", type=Path, default=RESULT, help=f"result, JSON (default: {RESULT})")
    arguments = parser.parse_args()
    if arguments.runs < 1 or arguments.size < 64 or arguments.size % 4:
        parser.error("--runs must be 1 or more, --size a multiple of 4 from 64 on")
    return arguments


def limit_threads(wanted: int | None) -> int:
    """Hold the process to as many CPUs; libraries that load afterwards take that many threads."""
    there = sorted(os.sched_getaffinity(0))
    if wanted is None:
        return len(there)
    if not 1 <= wanted <= len(there):
        sys.exit(f"--threads {wanted}: this process may use 1 to {len(there)} CPUs")
    os.sched_setaffinity(0, there[:wanted])
    os.environ["OMP_NUM_THREADS"] = str(wanted)
    return wanted


def make_inputs(size: int, halo: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A photo as one tile with its halo, an aging map that runs from 20 to 80 years, and its origin."""
    from PIL import Image

    side = size + 2 * halo
    photo = Image.open(PHOTO).convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
    ages = np.tile(np.linspace(20, 80, side // 4, dtype=np.float32), (1, 1, side // 4, 1))
    return np.asarray(photo)[None].copy(), ages, np.array([[-halo, -halo, size]], np.float32)


def make_contenders(
    arguments: argparse.Namespace, threads: int
) -> tuple[dict[str, Contender], dict[str, Any]]:
    """The contenders by name, each of which ages the same frame once, and what is known of the model."""
    import torch
    from amgan.export.deploy import DeployGenerator
    from amgan.runtime.bundle import Bundle, file_sha256
    from amgan.runtime.engine import TileBatch
    from amgan.runtime.engine_openvino import OpenVinoEngine
    from amgan.runtime.errors import EngineError

    from amgan.checkpoint import SHIPPED, load_model

    torch.set_num_threads(threads)
    checkpoint = arguments.checkpoint or SHIPPED
    generator, _, config = load_model(checkpoint)
    bundle = Bundle.open(arguments.bundle)
    if bundle.manifest.checkpoint_sha256 != file_sha256(checkpoint):
        sys.exit(f"{bundle.path} was not made of {checkpoint}: their SHA-256 differ")
    arrays = make_inputs(arguments.size, config.generator.halo_px)
    image, ages, origin = map(torch.from_numpy, arrays)
    planes = image.permute(0, 3, 1, 2).float().div(127.5).sub(1.0).contiguous()
    deployed = DeployGenerator(generator)
    last = planes.contiguous(memory_format=torch.channels_last)
    generator_last = load_model(checkpoint)[0].to(memory_format=torch.channels_last)

    def plain() -> None:
        with torch.inference_mode():
            generator(planes, ages, origin)

    def channels_last() -> None:
        with torch.inference_mode():
            generator_last(last, ages, origin)

    def whole() -> np.ndarray:
        with torch.inference_mode():
            return deployed(image, ages, origin).numpy()

    contenders: dict[str, Contender] = {
        "pytorch fp32 (network only)": plain,
        "pytorch fp32 channels_last (network only)": channels_last,
        BASELINE: whole,
    }
    batch = TileBatch(*arrays)
    for precision in ("f32", "bf16"):
        try:
            engine = OpenVinoEngine(bundle, precision)
        except EngineError as error:
            print(f"openvino {precision} is left out: {error}", file=sys.stderr)
            continue
        contenders[f"openvino {precision}"] = partial(age_once, engine, batch)
    model = {
        "name": bundle.manifest.model,
        "version": bundle.manifest.version,
        "checkpoint_sha256": bundle.manifest.checkpoint_sha256,
        "manifest_sha256": file_sha256(bundle.path / "manifest.json"),
        "generator_sha256": file_sha256(bundle.file("generator", "fp32")),
        "halo_px": config.generator.halo_px,
    }
    return contenders, model


def age_once(engine: Any, batch: Any) -> np.ndarray:
    pixels: np.ndarray = engine.wait(engine.submit(batch))
    return pixels


def compare(contenders: dict[str, Contender]) -> dict[str, dict[str, float]]:
    """How far each engine's pixels are from PyTorch's, in code values; ends the run where f32 is too far."""
    wanted = contenders[BASELINE]()
    assert wanted is not None
    found = {}
    for name, contender in contenders.items():
        if not name.startswith("openvino"):
            continue
        pixels = contender()
        assert pixels is not None
        apart = np.abs(pixels.astype(np.int16) - wanted)
        error = float((apart.astype(np.float64) ** 2).mean())
        found[name] = {
            "max_code_values": int(apart.max()),
            "mean_code_values": float(apart.mean()),
            "share_of_values_that_differ": float((apart > 0).mean()),
            "psnr_db": float(10 * np.log10(255**2 / error)) if error else float("inf"),
        }
        if name == "openvino f32" and apart.max() > MAX_F32_CODES:
            sys.exit(f"{name} differs from PyTorch by {apart.max()} code values: times would mean nothing")
    return found


def measure(contenders: dict[str, Contender], runs: int) -> dict[str, list[float]]:
    """Seconds of every run of every contender, in turn."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    gc.disable()
    for number in range(-WARM_UP, runs):
        for name, contender in contenders.items():
            start = time.perf_counter()
            contender()
            seconds = time.perf_counter() - start
            if number >= 0:
                times[name].append(seconds)
    gc.enable()
    return times


def hardware(threads: int) -> dict[str, Any]:
    import openvino

    model, flags = platform.processor() or platform.machine(), set()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = [line.split(":", 1) for line in info.read_text().splitlines() if ":" in line]
        fields = {name.strip(): value.strip() for name, value in lines}
        model = fields.get("model name", model)
        flags = set(fields.get("flags", fields.get("Features", "")).split())
    core = openvino.Core()
    return {
        "cpu": model,
        "openvino_name": core.get_property("CPU", "FULL_DEVICE_NAME"),
        "openvino_capabilities": list(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")),
        "logical_cpus": os.cpu_count(),
        "threads_used": threads,
        "features": [f for f in FEATURES if f in flags],
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "load_average": os.getloadavg(),
    }


def commit() -> str | None:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()


def main() -> None:
    arguments = parse_arguments()
    threads = limit_threads(arguments.threads)
    contenders, model = make_contenders(arguments, threads)
    differences = compare(contenders)
    for name, difference in differences.items():
        print(f"{name}: at most {difference['max_code_values']} code values from PyTorch, "
              f"{difference['psnr_db']:.1f} dB")  # fmt: skip
    state = hardware(threads)
    times = measure(contenders, arguments.runs)
    medians = {name: statistics.median(values) for name, values in times.items()}
    ratios = {name: medians[BASELINE] / seconds for name, seconds in medians.items()}
    result = {
        "what": f"ageing one frame of {arguments.size}x{arguments.size} px in one piece, CPU",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["python", *sys.argv]),
        "hardware": state,
        "versions": {"python": platform.python_version(), "commit": commit()}
        | {name: importlib.metadata.version(name) for name in ("amgan", "torch", "openvino", "numpy")},
        "model": model,
        "runs": arguments.runs,
        "warm_up_runs": WARM_UP,
        "difference_from_pytorch": differences,
        "seconds": times,
        "median_seconds": medians,
        "baseline": BASELINE,
        "times_faster_than_baseline": ratios,
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=1) + "\n")
    for name, seconds in medians.items():
        print(f"{name:45} median {1000 * seconds:9.1f} ms   {ratios[name]:5.2f} x")
    print(f"written to {arguments.output}")


if __name__ == "__main__":
    main()
