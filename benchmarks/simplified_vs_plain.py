"""Times the simplified generator beside the plain one, both of one checkpoint, in one process.

Plain is what torch.onnx.export writes without its optimiser. Both run in OpenVINO in turn (A B A B ...),
at fp32 and, where the CPU has it, at bf16. Before any time is taken, both are held against PyTorch; more
than one code value of difference at fp32 ends the run.

Example:  python benchmarks/simplified_vs_plain.py --runs 15
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
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

RESULT = RESULTS / "simplified_vs_plain_cpu.json"
GRAPHS = ("plain", "simplified")
TRACED = "plain, after the optimiser of torch.onnx"
MAX_F32_CODES = 1


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, help="weights (default: the shipped ones)")
    parser.add_argument("--runs", type=int, default=11, help="timed runs of each contender (default: 11)")
    parser.add_argument("--core", type=int, default=512, help="side of the tile's core in px (default: 512)")
    parser.add_argument("--threads", type=int, help="CPU threads of every contender (default: all CPUs)")
    parser.add_argument("-o", "--output", type=Path, default=RESULT, help=f"result, JSON (default: {RESULT})")
    arguments = parser.parse_args()
    if arguments.runs < 1 or arguments.core < 8 or arguments.core % 4:
        parser.error("--runs must be 1 or more, --core a multiple of 4 from 8 on")
    return arguments


def write_graphs(generator: Any, folder: Path) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """Write the graphs; returns what each holds, and the report of the passes."""
    import onnx
    from amgan.export.emit import emit_generator
    from amgan.export.onnxsim_pass import shorten
    from amgan.export.parity_cases import generator_cases
    from amgan.export.simplify import simplify
    from amgan.export.to_onnx import generator_to_onnx

    print("tracing the plain generator, which takes a while")
    generator_to_onnx(generator, folder / "plain.onnx")
    generator_to_onnx(generator, folder / "optimised.onnx", optimize=True)
    network, passes = simplify(generator)
    case = min(generator_cases(0, network.halo_px), key=lambda c: c.arrays[0].size)
    model, _ = shorten(emit_generator(network), case.arrays)
    onnx.save(model, folder / "simplified.onnx")
    names = {"plain": "plain", TRACED: "optimised", "simplified": "simplified"}
    graphs = {name: onnx.load(folder / f"{file}.onnx").graph for name, file in names.items()}
    return {name: {"nodes": len(g.node)} for name, g in graphs.items()}, passes


def make_contenders(
    folder: Path, arrays: tuple[np.ndarray, ...], threads: int
) -> tuple[dict[str, Contender], str]:
    """The contenders by name, plain and simplified in turn, and the node count that OpenVINO ends up with."""
    import openvino

    core = openvino.Core()
    capabilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    contenders: dict[str, Contender] = {}
    for precision in ("f32", "bf16"):
        if precision == "bf16" and "BF16" not in capabilities:
            print("bf16 is left out: this CPU has none", file=sys.stderr)
            continue
        options = {
            "INFERENCE_PRECISION_HINT": precision,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
        }
        for graph in GRAPHS:
            model = core.compile_model(folder / f"{graph}.onnx", "CPU", options)
            contenders[f"{graph} {precision}"] = partial(age_once, model.create_infer_request(), arrays)
    return contenders, str(core.get_versions("CPU")["CPU"].build_number)


def age_once(request: Any, arrays: tuple[np.ndarray, ...]) -> np.ndarray:
    return np.array(request.infer(arrays, share_inputs=True)[0])


def compare(
    generator: Any, arrays: tuple[np.ndarray, ...], contenders: dict[str, Contender]
) -> dict[str, dict[str, float]]:
    """How far each is from PyTorch; ends the run where fp32 is too far."""
    import torch
    from amgan.export.deploy import DeployGenerator

    with torch.inference_mode():
        wanted = DeployGenerator(generator)(*map(torch.from_numpy, arrays)).numpy()
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


def main() -> None:
    arguments = parse_arguments()
    threads = limit_threads(arguments.threads)
    import torch
    from amgan.export.simplify.passes import COUNT_CORE_PX
    from amgan.runtime.bundle import file_sha256

    from amgan.checkpoint import SHIPPED, load_model

    torch.set_num_threads(threads)
    checkpoint = arguments.checkpoint or SHIPPED
    generator, _, config = load_model(checkpoint)
    arrays = make_inputs(arguments.core, config.generator.halo_px)
    with tempfile.TemporaryDirectory() as name:
        graphs, passes = write_graphs(generator, Path(name))
        contenders, openvino_build = make_contenders(Path(name), arrays, threads)
    differences = compare(generator, arrays, contenders)
    state = hardware(threads)
    times = measure(contenders, arguments.runs)
    medians = {name: statistics.median(values) for name, values in times.items()}
    ratios = {
        p: medians[f"plain {p}"] / medians[f"simplified {p}"]
        for p in ("f32", "bf16")
        if f"plain {p}" in medians
    }
    what = (
        f"the generator on one tile of {arguments.core} px and its halo, plain and simplified, OpenVINO, CPU"
    )
    result = heading(what, state, "torch", "onnx", "onnxsim", "openvino") | {
        "openvino_build": openvino_build,
        "checkpoint": checkpoint.name,
        "checkpoint_sha256": file_sha256(checkpoint),
        "graphs": graphs,
        "nodes_ratio": graphs["simplified"]["nodes"] / graphs["plain"]["nodes"],
        "passes": [
            {"after": p.name, "operations": p.operations, f"gflop_at_{COUNT_CORE_PX}_px": p.gflop}
            for p in passes
        ],
        "runs": arguments.runs,
        "warm_up_runs": WARM_UP,
        "difference_from_pytorch": differences,
        "seconds": times,
        "median_seconds": medians,
        "times_faster_than_plain": ratios,
    }
    for graph, facts in graphs.items():
        print(f"{graph:45} {facts['nodes']:6} nodes")
    for contender, seconds in medians.items():
        print(f"{contender:45} median {1000 * seconds:9.1f} ms")
    for precision, ratio in ratios.items():
        print(f"simplified is {ratio:.2f} x as fast at {precision}")
    write_result(result, arguments.output)


if __name__ == "__main__":
    main()
