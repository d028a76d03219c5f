"""Shows that the comparison detects a slower network: the last simplification passes are left out.

Three graphs age the same whole frame in turn with PyTorch eager: one with all passes, the baseline; the same
again, which must pass; and one without `drop_padding` and the passes after it, which must be detected. All
three are converted by OpenVINO in the same way, so only the passes differ. In f32, which every CPU has.

Example:  python benchmarks/slowed_on_purpose.py --size 256 --runs 5
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import common

RESULT = common.RESULTS / "slowed_on_purpose_cpu.json"
LEFT_OUT_FROM = "drop_padding"
ENGINE = "the simplified graph"
PRECISION = "f32"


def results_in_turn(
    graphs: dict[str, Any], plain: Any, arrays: Any, bundle: Any, runs: int
) -> dict[str, dict[str, Any]]:
    """For each graph a short result of `amgan bench`; PyTorch eager and all graphs take turns."""
    from amgan.benchmarking.engines import REFERENCE, in_pytorch
    from amgan.benchmarking.graphs import open_graph
    from amgan.benchmarking.parity import judge, tolerances_of
    from amgan.benchmarking.timing import measure_in_turn, times_faster

    ways = {what: open_graph(network, arrays, PRECISION) for what, network in graphs.items()}
    eager = partial(in_pytorch, plain, arrays)
    wanted = eager()
    seconds = measure_in_turn({REFERENCE: eager, **ways}, runs)
    found = {}
    for what, way in ways.items():
        speed = {
            "times_faster": times_faster(seconds[what], seconds[REFERENCE]),
            "seconds": seconds[what],
            "reference_seconds": seconds[REFERENCE],
            "ours": True,
            "parity": judge(way(), wanted, PRECISION, tolerances_of(bundle.manifest)),
        }
        found[what] = {"speeds": {ENGINE: speed}}
    return found


def main(argv: Sequence[str] | None = None) -> int:
    parser = common.timing_options(__doc__, RESULT)
    parser.add_argument("--size", type=int, default=512, help="side of the frame in px (default: 512)")
    arguments = parser.parse_args(argv)
    threads = common.limit_threads(arguments.threads)
    import torch

    from amgan.benchmarking.baseline import compare
    from amgan.benchmarking.graphs import after_passes
    from amgan.benchmarking.portrait import whole_frame
    from amgan.benchmarking.short_set import quiet_torch
    from amgan.checkpoint import load_model
    from amgan.export.graphs.deploy import DeployGenerator
    from amgan.export.simplify import PASSES
    from amgan.runtime.bundle.bundle import Bundle

    quiet_torch()
    torch.set_num_threads(threads)
    generator, bundle = load_model(arguments.checkpoint)[0], Bundle.open(None)
    arrays = whole_frame(arguments.size, generator.config.halo_px, generator.config.patterns)
    first_left_out = [step.__name__ for step in PASSES].index(LEFT_OUT_FROM)
    graphs = {
        "all passes, the baseline": PASSES,
        "all passes, once more": PASSES,
        f"without {LEFT_OUT_FROM} and what follows": PASSES[:first_left_out],
    }
    networks = {what: after_passes(generator, passes) for what, passes in graphs.items()}
    state = common.hardware(threads)
    plain = DeployGenerator(generator).eval()
    results = results_in_turn(networks, plain, arrays, bundle, arguments.runs)
    first, *others = results
    runs = [
        {"what": what, "verdicts": [asdict(v) for v in compare(results[what], results[first])]}
        for what in others
    ]
    for run in runs:
        for one in run["verdicts"]:
            print(f"{run['what']}: {one['before']:.2f} -> {one['now']:.2f} {one['fault'] or 'as it was'}")
    caught = [any(one["fault"] for one in run["verdicts"]) for run in runs]
    result = common.heading("a slowed pass and the comparison with a baseline", state, "torch", "openvino")
    result |= {"model": common.describe_bundle(), "frame_px": arguments.size}
    common.write_result(result | {"runs": runs, "measured": results}, Path(arguments.output))
    if caught != [False, True]:
        print("the comparison did not tell the slowed engine from the others", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
