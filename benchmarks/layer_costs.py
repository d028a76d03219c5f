"""Arithmetic of a frame by layer, and the engine's rate compared with the CPU's peak.

    python benchmarks/layer_costs.py

Counted are the multiplications and additions of all convolutions of the shipped bundle, for a whole frame and
for tiles. The engine's rate is compared with that of one large matrix product in the same precision, by CPU
seconds of the whole process: other programs slow both, but are not counted.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import common
import numpy as np

from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.bundle.precision import Precision
from amgan.runtime.engines.contract import CELL_PX, COORDINATE_PLANES, GENERATOR_INPUTS, TileBatch
from amgan.runtime.engines.openvino import OpenVinoEngine
from amgan.runtime.engines.openvino_network import choose_precision, compile_network, load_openvino

RESULT = common.RESULTS / "layer_costs_cpu.json"
SIDES_PX = (256, 320, 384, 512, 1024)
PRODUCT = 4096


def count_layers(bundle: Bundle, core_px: int) -> list[dict[str, Any]]:
    """The convolutions of a tile of ``core_px`` px, equal ones combined, most arithmetic first."""
    openvino = load_openvino()
    model = openvino.Core().read_model(bundle.file("generator", Precision.FP32))
    side = core_px + 2 * bundle.manifest.halo_px
    cells = side // CELL_PX
    maps, places = [1, 1, cells, cells], [1, COORDINATE_PLANES, cells, cells]
    shapes = ([1, side, side, 3], maps, places, [1, bundle.manifest.patterns])
    model.reshape(dict(zip(GENERATOR_INPUTS, map(openvino.PartialShape, shapes), strict=True)))
    layers: dict[tuple[int, ...], dict[str, Any]] = {}
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Convolution":
            continue
        weights, made = tuple(node.input(1).get_shape()), tuple(node.output(0).get_shape())
        flop = 2 * float(np.prod(made)) * float(np.prod(weights[1:]))
        new = {"weights": list(weights), "largest": list(made), "count": 0, "gflop": 0.0}
        layer = layers.setdefault(weights, new)
        layer["count"] += 1
        layer["gflop"] += flop / 1e9
    return sorted(layers.values(), key=lambda layer: -layer["gflop"])


def product(precision: Precision) -> Callable[[], object]:
    """One product of two square matrices of PRODUCT rows."""
    openvino = load_openvino()
    opset = openvino.opset13
    one = opset.parameter([PRODUCT, PRODUCT], np.float32)
    other = opset.constant(np.random.default_rng(0).random((PRODUCT, PRODUCT), np.float32))
    network = compile_network(openvino.Model([opset.matmul(one, other, False, False)], [one]), precision)
    request = network.create_infer_request()
    given = np.random.default_rng(1).random((PRODUCT, PRODUCT), np.float32)
    return lambda: request.infer({0: given}, share_inputs=True, share_outputs=True)


def tiles(engine: OpenVinoEngine, bundle: Bundle, core_px: int) -> Callable[[], object]:
    """Run one tile of ``core_px`` px per stream of the engine concurrently."""
    side = core_px + 2 * bundle.manifest.halo_px
    cells = side // CELL_PX
    random = np.random.default_rng(2)
    batch = TileBatch(
        random.integers(0, 256, (1, side, side, 3), np.uint8),
        np.full((1, 1, cells, cells), 20.0, np.float32),
        np.zeros((1, COORDINATE_PLANES, cells, cells), np.float32),
        np.full((1, bundle.manifest.patterns), 1 / bundle.manifest.patterns, np.float32),
    )

    def run() -> None:
        for ticket in [engine.submit(batch) for _ in range(engine.capabilities.min_tiles)]:
            engine.wait(ticket)

    return run


def rate(work: Callable[[], object], gflop: float, runs: int) -> float:
    """GFLOP per CPU second of the median run."""
    work()
    spent = []
    for _ in range(runs):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return gflop / statistics.median(spent)


def main() -> None:
    """Count, measure, print and write."""
    parser = common.result_option(__doc__, RESULT)
    parser.add_argument("--runs", type=common.count, default=9, help="counted runs (default: 9)")
    arguments = parser.parse_args()
    bundle = Bundle.open(None)
    result = common.heading("arithmetic by layer", common.hardware(common.limit_threads(None)), "openvino")
    layers = count_layers(bundle, max(SIDES_PX))
    total = sum(layer["gflop"] for layer in layers)
    for layer in layers:
        out, inputs, down, across = layer["weights"]
        print(
            f"{layer['gflop'] / total:5.1%} {layer['gflop']:6.1f} GFLOP  {layer['count']:2} of {inputs} to "
            f"{out}, {down}x{across}, on {layer['largest'][2]}x{layer['largest'][3]}"
        )
    print(f"{total:.1f} GFLOP for a frame of {max(SIDES_PX)} px")
    precision = choose_precision(None)
    engine = OpenVinoEngine(bundle)
    peak = rate(product(precision), 2 * PRODUCT**3 / 1e9, arguments.runs)
    print(f"a product of {PRODUCT} x {PRODUCT} in {precision}: {peak:.0f} GFLOP a CPU second")
    rates = {}
    for side in SIDES_PX:
        gflop = sum(layer["gflop"] for layer in count_layers(bundle, side))
        reached = rate(tiles(engine, bundle, side), gflop * engine.capabilities.min_tiles, arguments.runs)
        rates[str(side)] = {
            "gflop": gflop,
            "gflop_per_cpu_second": reached,
            "share_of_product": reached / peak,
        }
        print(f"tiles of {side} px: {gflop:6.1f} GFLOP, {reached:.0f} a CPU second, {reached / peak:.0%}")
    engine.close()
    result |= {"model": common.describe_bundle(), "precision": str(precision), "layers": layers}
    common.write_result(result | {"product_gflop_per_cpu_second": peak, "tiles": rates}, arguments.output)


if __name__ == "__main__":
    main()
