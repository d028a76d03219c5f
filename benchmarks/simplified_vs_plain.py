"""Times the simplified and the plain generator of one checkpoint, in one process.

The plain graph is the output of torch.onnx.export without its optimiser. Both run in OpenVINO in turn (A B A
B ...), at f32 and, where the CPU has it, at bf16. Before timing, both are compared with PyTorch; a difference
of more than one code value at f32 ends the run. The engine gives every tile its own core if there are up to
four cores, as --threads 1 does.

Example:  python benchmarks/simplified_vs_plain.py --runs 15 --threads 1
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import common
import numpy as np

from amgan.runtime.bundle.precision import Precision
from amgan.runtime.engines.openvino_network import compile_network, cpu_has_bf16, load_openvino

RESULT = common.RESULTS / "simplified_vs_plain_cpu.json"
GRAPHS = ("plain", "simplified")
TRACED = "plain, after the optimiser of torch.onnx"


def parse_arguments() -> argparse.Namespace:
    parser = common.timing_options(__doc__, RESULT)
    parser.add_argument("--core", type=int, default=512, help="side of the tile's core in px (default: 512)")
    arguments = parser.parse_args()
    if arguments.core < 8 or arguments.core % 4:
        parser.error("--core must be a multiple of 4 from 8 on")
    return arguments


def write_graphs(generator: Any, folder: Path) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """Write the graphs; returns the contents of each, and the report of the passes."""
    import onnx

    from amgan.export.cases import generator_cases
    from amgan.export.graphs.emit import emit_generator
    from amgan.export.graphs.onnxsim_pass import shorten
    from amgan.export.graphs.trace import generator_to_onnx
    from amgan.export.simplify import report_passes, simplify

    print("tracing the plain generator, which takes a while")
    generator_to_onnx(generator, folder / "plain.onnx")
    generator_to_onnx(generator, folder / "optimised.onnx", optimize=True)
    network, passes = simplify(generator), report_passes(generator)
    case = min(generator_cases(0, network.halo_px), key=lambda c: c.arrays[0].size)
    model, _ = shorten(emit_generator(network), case.arrays)
    onnx.save(model, folder / "simplified.onnx")
    names = {"plain": "plain", TRACED: "optimised", "simplified": "simplified"}
    graphs = {name: onnx.load(folder / f"{file}.onnx").graph for name, file in names.items()}
    return {name: {"nodes": len(g.node)} for name, g in graphs.items()}, passes


def make_contenders(
    folder: Path, arrays: tuple[np.ndarray, ...], threads: int
) -> tuple[dict[str, common.Contender], str]:
    """The contenders by name, alternately plain and simplified, and OpenVINO's build."""
    openvino = load_openvino()

    core = openvino.Core()
    contenders: dict[str, common.Contender] = {}
    for precision in ("f32", "bf16"):
        if precision == "bf16" and not cpu_has_bf16():
            print("bf16 is left out: this CPU has none", file=sys.stderr)
            continue
        for graph in GRAPHS:
            model = compile_network(folder / f"{graph}.onnx", Precision.parse(precision), threads=threads)
            contenders[f"{graph} {precision}"] = partial(age_once, model.create_infer_request(), arrays)
    return contenders, str(core.get_versions("CPU")["CPU"].build_number)


def age_once(request: Any, arrays: tuple[np.ndarray, ...]) -> np.ndarray:
    return np.array(request.infer(arrays, share_inputs=True)[0])


def age_in_pytorch(generator: Any, arrays: tuple[np.ndarray, ...]) -> np.ndarray:
    import torch

    from amgan.export.graphs.deploy import DeployGenerator

    with torch.inference_mode():
        pixels: np.ndarray = DeployGenerator(generator)(*map(torch.from_numpy, arrays)).numpy()
    return pixels


def main() -> None:
    arguments = parse_arguments()
    threads = common.limit_threads(arguments.threads)
    import torch

    from amgan.checkpoint import SHIPPED, load_model
    from amgan.export.simplify.passes import COUNT_CORE_PX
    from amgan.runtime.files import file_sha256

    torch.set_num_threads(threads)
    checkpoint = arguments.checkpoint or SHIPPED
    generator, _, config = load_model(checkpoint)
    arrays = common.make_inputs(arguments.core, config.generator.halo_px, config.generator.patterns)
    with tempfile.TemporaryDirectory() as name:
        graphs, passes = write_graphs(generator, Path(name))
        contenders, openvino_build = make_contenders(Path(name), arrays, threads)
    differences = common.compare(contenders, age_in_pytorch(generator, arrays))
    state = common.hardware(threads)
    facts, medians = common.timings(common.measure(contenders, arguments.runs))
    ratios = {
        p: medians[f"plain {p}"] / medians[f"simplified {p}"]
        for p in ("f32", "bf16")
        if f"plain {p}" in medians
    }
    nodes = graphs["simplified"]["nodes"]
    what = (
        f"the generator on one tile of {arguments.core} px and its halo, plain and simplified, OpenVINO, CPU"
    )
    result = common.heading(what, state, "torch", "onnx", "onnxsim", "openvino") | {
        "openvino_build": openvino_build,
        "checkpoint": checkpoint.name,
        "checkpoint_sha256": file_sha256(checkpoint),
        "graphs": graphs,
        "nodes_ratio": {name: nodes / graphs[name]["nodes"] for name in ("plain", TRACED)},
        "passes": [
            {"after": p.name, "operations": p.operations, f"gflop_at_{COUNT_CORE_PX}_px": p.gflop}
            for p in passes
        ],
        "difference_from_pytorch": differences,
        **facts,
        "times_faster_than_plain": ratios,
    }
    for graph, found in graphs.items():
        print(f"{graph:45} {found['nodes']:6} nodes")
    for contender, seconds in medians.items():
        print(f"{contender:45} median {1000 * seconds:9.1f} ms")
    for precision, ratio in ratios.items():
        print(f"simplified is {ratio:.2f} x as fast at {precision}")
    common.write_result(result, arguments.output)


if __name__ == "__main__":
    main()
