"""Shared code of the benchmarks: options, inputs, timing in turn, facts about machine and versions."""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from amgan.benchmarking import machine
from amgan.benchmarking.machine import commit, hardware

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
__all__ = ["commit", "hardware"]
PHOTO = ROOT / "samples" / "eileen_collins.png"
WARM_UP = 2
MAX_F32_CODES = 1

Contender = Callable[[], np.ndarray | None]


def result_option(description: str | None, result: Path) -> argparse.ArgumentParser:
    """A parser with the option of all benchmarks; ``result`` is the default output file."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, default=result, help=f"result, JSON (default: {result})")
    return parser


def timing_options(description: str | None, result: Path) -> argparse.ArgumentParser:
    """A parser with the options of benchmarks that time contenders; ``result`` is the default output file."""
    parser = result_option(description, result)
    parser.add_argument("--checkpoint", type=Path, help="weights (default: the shipped ones)")
    parser.add_argument("--runs", type=count, default=11, help="timed runs of each contender (default: 11)")
    parser.add_argument("--threads", type=int, help="CPU threads of every contender (default: all CPUs)")
    return parser


def write_between(page: Path, begin: str, end: str, text: str) -> None:
    """Replace the text between the marks ``begin`` and ``end`` of a page by ``text``."""
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    after = rest.partition(end)[2]
    page.write_text(f"{before}{begin}\n{text}{end}{after}", encoding="utf-8")


def count(text: str) -> int:
    """Parse an integer of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def limit_threads(wanted: int | None) -> int:
    """Limit the process to ``count`` CPUs; libraries that load afterwards use that many threads."""
    there = sorted(os.sched_getaffinity(0))
    if wanted is None:
        return len(there)
    if not 1 <= wanted <= len(there):
        sys.exit(f"--threads {wanted}: this process may use 1 to {len(there)} CPUs")
    os.sched_setaffinity(0, there[:wanted])
    os.environ["OMP_NUM_THREADS"] = str(wanted)
    return wanted


def make_inputs(size: int, halo: int, patterns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A photo as one tile with its halo, with a map from -30 to +30 years, the mean face's coordinates, and a
    mixture of patterns.
    """
    from PIL import Image

    from amgan.export.cases import mean_face_coordinates

    side = size + 2 * halo
    places = mean_face_coordinates((-halo, -halo), (side, side), size)[None]
    photo = Image.open(PHOTO).convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
    years = np.tile(np.linspace(-30, 30, side // 4, dtype=np.float32), (1, 1, side // 4, 1))
    return np.asarray(photo)[None].copy(), years, places, np.full((1, patterns), 1 / patterns, np.float32)


def difference(found: np.ndarray, wanted: np.ndarray) -> dict[str, float]:
    """Difference of two pictures in code values."""
    from amgan.export.parity.difference import code_difference, psnr_db, ssim

    apart = code_difference(found, wanted)
    return {
        "max_code_values": int(apart.max()),
        "mean_code_values": float(apart.mean()),
        "share_of_values_that_differ": float((apart > 0).mean()),
        "psnr_db": psnr_db(found, wanted),
        "ssim": ssim(found, wanted),
    }


def compare(contenders: Mapping[str, Contender], wanted: np.ndarray | None) -> dict[str, dict[str, float]]:
    """Difference of each contender's picture from the reference; exits if it is too large at f32."""
    assert wanted is not None
    found = {}
    for name, contender in contenders.items():
        pixels = contender()
        assert pixels is not None
        found[name] = difference(pixels, wanted)
        apart = found[name]["max_code_values"]
        print(f"{name}: at most {apart} code values from PyTorch, {found[name]['psnr_db']:.1f} dB")
        if name.endswith("f32") and apart > MAX_F32_CODES:
            sys.exit(f"{name} differs from PyTorch by {apart} code values: times would mean nothing")
    return found


def measure(contenders: Mapping[str, Contender], runs: int) -> dict[str, list[float]]:
    """Seconds of every run of every contender, in turn (A B C ... A B C ...).

    In turn, so that a slow period of the machine affects all alike.
    """
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


def timings(times: Mapping[str, list[float]]) -> tuple[dict[str, Any], dict[str, float]]:
    """The entry of a result for measured times, and the median in s by contender."""
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    runs = len(next(iter(times.values())))
    facts = {"runs": runs, "warm_up_runs": WARM_UP, "seconds": times, "median_seconds": medians}
    return facts, medians


def heading(what: str, state: Mapping[str, Any], *packages: str) -> dict[str, Any]:
    """The start of a result of this script; see amgan.benchmarking.machine."""
    return machine.heading(what, machine.typed("python", sys.argv, ROOT), state, *packages)


def describe_bundle(model: Path | None = None) -> Mapping[str, Any]:
    """The entry of a result for the measured bundle (None: the shipped one)."""
    from amgan.benchmarking.engines import describe
    from amgan.runtime.bundle.bundle import Bundle

    return describe(Bundle.open(model))


def write_result(result: Mapping[str, Any], path: Path) -> None:
    """Write a result as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written to {path}")
