"""Measures everything on this machine's GPU in about ten minutes, into one folder of JSON.

Runs the steps of gpu_first_run.md. Each writes its own file as soon as it is done; a step that cannot run
records the reason in one sentence, and the others go on. Every engine is compared with PyTorch fp32 before
timing. Exit code 2: no GPU; 1: a step failed or an engine exceeded its tolerance; 0: success.

Example:  python benchmarks/gpu_check.py -o gpu_first_run
          python benchmarks/gpu_check.py --only cuda,ring,torch --budget 300
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common import count, heading
from gpu_bundles import say
from gpu_steps import run_steps, write_json
from gpu_work import STEPS, Check, make_steps

CORES = ((256, 304), (496, 624), (816, 1024))
NO_GPU = 2
BROKEN = 1


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, help="weights (default: the shipped ones)")
    parser.add_argument("--bundle", type=Path, help="bundle to check (default: the shipped one)")
    parser.add_argument(
        "--only", type=steps, default=frozenset(), help=f"steps to run, of: {', '.join(STEPS)}"
    )
    parser.add_argument("--budget", type=count, default=600, help="seconds to spend (default: 600)")
    parser.add_argument("--gpu", type=int, default=0, help="number of the GPU to use (default: 0)")
    parser.add_argument("--size", type=int, default=1024, help="side of photos and frames (default: 1024)")
    parser.add_argument(
        "--cores", type=cores, default=CORES, help="TensorRT's tiles (256x304,496x624,816x1024)"
    )
    parser.add_argument("--frames", type=count, default=24, help="frames of a timed run (default: 24)")
    parser.add_argument("--photos", type=count, default=24, help="photos of a timed run (default: 24)")
    parser.add_argument("--runs", type=count, default=5, help="timed runs of everything (default: 5)")
    folder = Path("gpu_first_run")
    parser.add_argument("-o", "--output", type=Path, default=folder, help=f"folder of the results ({folder})")
    arguments = parser.parse_args(argv)
    if arguments.size < 64 or arguments.size % 64:
        parser.error("--size must be a multiple of 64")
    return arguments


def steps(text: str) -> frozenset[str]:
    """Parse names of steps."""
    names = frozenset(name.strip() for name in text.split(",") if name.strip())
    wrong = sorted(names - set(STEPS))
    if wrong or not names:
        raise argparse.ArgumentTypeError(f"there is no step {', '.join(wrong) or text!r}")
    return names


def cores(text: str) -> tuple[tuple[int, int], ...]:
    """Parse widths and heights of tiles."""
    found = []
    for part in text.split(","):
        texts = part.strip().split("x")
        sides = [int(side) for side in texts if side.isdecimal()]
        if len(texts) > 2 or len(sides) != len(texts) or any(side < 64 or side % 16 for side in sides):
            raise argparse.ArgumentTypeError(
                f"{part!r} is no size such as 256x320 in multiples of 16 from 64 on"
            )
        found.append((sides[0], sides[-1]))
    return tuple(found)


def find_gpu(number: int) -> tuple[Any, Any]:
    """Open CUDA and a GPU; raises AmganError with the reason if there is none."""
    from amgan.runtime.engines.cuda.api import load_cuda
    from amgan.runtime.engines.gpus import find_gpus

    cuda = load_cuda()
    (gpu,) = find_gpus(cuda, f"cuda:{number}")
    cuda.use(gpu.number)
    return cuda, gpu


def gather(found: Mapping[str, Any]) -> dict[str, Any]:
    """The results of the steps that ran, as one result."""
    engines: dict[str, Any] = {}
    for flavour in ("tensorrt", "tensorrt_rtx", "torch"):
        engine = dict(found.get(flavour, {"not_run": "its step was left out"}))
        if "failed" in engine:
            engine["not_run"] = engine["failed"]
        photos = found.get(f"photos-{flavour}", {})
        if "photos_per_second" in photos:
            engine["end_to_end"] = photos
        engines[flavour] = engine
    matmul, pytorch = found.get("matmul", {}), found.get("baselines", {})
    baselines = {name: one for name, one in pytorch.items() if isinstance(one, dict)}
    return {
        "versions": found.get("machine", {}).get("versions", {}),
        "matmul_tflops": matmul,
        "pytorch_whole_frames": baselines,
        "engines": engines,
        "summary": summarise(engines, matmul, baselines),
        "steps": {
            name: {key: one[key] for key in ("step_seconds", "not_run", "failed") if key in one}
            for name, one in found.items()
        },
    }


def summarise(engines: dict[str, Any], matmul: Mapping[str, Any], pytorch: dict[str, Any]) -> dict[str, Any]:
    """The figures that the targets are about."""
    found: dict[str, Any] = {}
    eager = pytorch.get("eager f32", {}).get("frames_per_second")
    rates = {name: one["frames_per_second"] for name, one in pytorch.items() if one.get("frames_per_second")}
    for name, engine in engines.items():
        if "engine_only" not in engine:
            continue
        best = max(engine["engine_only"].values(), key=lambda v: v["frames_per_second"])
        most = matmul.get(best["precision"])
        photos = engine.get("end_to_end")
        same = photos["same_frames"]["frames_per_second"] if photos else None
        found[name] = {
            "share_of_matmul_rate": best["tflops_while_busy"] / most if most else None,
            "end_to_end_against_engine_only": photos["photos_per_second"] / same if photos and same else None,
            "times_faster_than_eager_f32": best["frames_per_second"] / eager if eager else None,
            "times_faster_than_best_pytorch": (
                best["frames_per_second"] / max(rates.values()) if rates else None
            ),
        }
    return found


def use_one_gpu(number: int) -> int:
    """Make only one GPU visible to CUDA, so that everything, child processes included, uses it as GPU 0.

    Call it before CUDA is used. Returns the GPU's new number.
    """
    from amgan.runtime.machine import show_one_gpu

    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = [name for name in seen.split(",") if name] if seen else []
    if not number and not names:
        return 0
    if names and number >= len(names):
        return number
    show_one_gpu(number)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    from amgan.runtime.errors import AmganError

    try:
        cuda, gpu = find_gpu(use_one_gpu(arguments.gpu))
    except AmganError as error:
        say(f"nothing was checked: {error}")
        return NO_GPU
    arguments.output.mkdir(parents=True, exist_ok=True)
    name = f"gpu_check_{gpu.name.lower().replace(' ', '_')}.json"
    state = {"gpu": gpu.name, "compute_capability": f"sm{gpu.compute}"}
    started = heading(f"AMGAN on one {gpu.name}", state)
    with tempfile.TemporaryDirectory(prefix="amgan-gpu.") as folder:
        check = Check(cuda, gpu, arguments, Path(folder))
        found = run_steps(make_steps(check), arguments.output, only=arguments.only, budget_s=arguments.budget)
    machine = {k: v for k, v in found.get("machine", {}).items() if k not in ("versions", "step_seconds")}
    result = started | {"hardware": started["hardware"] | machine} | gather(found)
    write_json(result, arguments.output / name)
    say(f"send back the folder {arguments.output}")
    verdicts = [r["verdict"] for engine in result["engines"].values() for r in engine.get("parity", [])]
    return BROKEN if "failed" in verdicts or any("failed" in one for one in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
