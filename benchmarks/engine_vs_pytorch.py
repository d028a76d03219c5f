"""Times the ageing of one whole frame: PyTorch eager beside the bundle's engine, in one process.

All contenders get the same picture, aging map, origin and number of CPU threads, and run in turn
(A B C ... A B C ...), so that a slow spell of the machine hits all alike. Before any time is taken, the
engine's pixels are held against PyTorch's; f32 may differ by one code value at most.

Example:  python benchmarks/engine_vs_pytorch.py --runs 15
"""

from __future__ import annotations

import argparse
import statistics
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from common import (
    RESULTS,
    WARM_UP,
    Contender,
    difference,
    hardware,
    heading,
    limit_threads,
    make_inputs,
    measure,
    write_result,
)

RESULT = RESULTS / "engine_vs_pytorch_cpu.json"
BASELINE = "pytorch fp32 (whole graph)"
MAX_F32_CODES = 1


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
        found[name] = difference(pixels, wanted)
        apart = found[name]["max_code_values"]
        if name == "openvino f32" and apart > MAX_F32_CODES:
            sys.exit(f"{name} differs from PyTorch by {apart} code values: times would mean nothing")
    return found


def main() -> None:
    arguments = parse_arguments()
    threads = limit_threads(arguments.threads)
    contenders, model = make_contenders(arguments, threads)
    differences = compare(contenders)
    for name, found in differences.items():
        print(
            f"{name}: at most {found['max_code_values']} code values from PyTorch, {found['psnr_db']:.1f} dB"
        )
    state = hardware(threads)
    times = measure(contenders, arguments.runs)
    medians = {name: statistics.median(values) for name, values in times.items()}
    ratios = {name: medians[BASELINE] / seconds for name, seconds in medians.items()}
    size = arguments.size
    what = f"ageing one frame of {size}x{size} px in one piece, CPU"
    result = heading(what, state, "torch", "openvino") | {
        "model": model,
        "runs": arguments.runs,
        "warm_up_runs": WARM_UP,
        "difference_from_pytorch": differences,
        "seconds": times,
        "median_seconds": medians,
        "baseline": BASELINE,
        "times_faster_than_baseline": ratios,
    }
    for name, seconds in medians.items():
        print(f"{name:45} median {1000 * seconds:9.1f} ms   {ratios[name]:5.2f} x")
    write_result(result, arguments.output)


if __name__ == "__main__":
    main()
