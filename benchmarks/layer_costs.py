"""Arithmetic of a frame by layer, and the engine's rate compared with the CPU's peak.

    python benchmarks/layer_costs.py

Counted are the multiplications and additions of all convolutions of the shipped bundle, for a whole frame
and for tiles. The rates of the OpenVINO engine, in turn with that for CPUs with AVX2 where photos get that
one, are compared with that of one large matrix product in the same precision, by CPU seconds of the whole
process: other programs slow all of them, but are not counted. Winograd's algorithm computes less than is
counted, so its rate may exceed the product's.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import common
import numpy as np

from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.bundle.precision import Precision
from amgan.runtime.engines.avx2 import Avx2Engine, is_best
from amgan.runtime.engines.contract import CELL_PX, COORDINATE_PLANES, GENERATOR_INPUTS, Engine, TileBatch
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


def tiles(engine: Engine, bundle: Bundle, core_px: int) -> Callable[[], object]:
    """Run one tile of ``core_px`` px per core, at most four, concurrently."""
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
        for ticket in [engine.submit(batch) for _ in range(concurrent(engine))]:
            engine.wait(ticket)

    return run


def concurrent(engine: Engine) -> int:
    """Tiles that an engine computes at the same time."""
    return engine.capabilities.in_flight - 1


def rates(works: Mapping[str, Callable[[], object]], gflop: float, runs: int) -> dict[str, float]:
    """GFLOP per CPU second of the median run of each, all in turn."""
    spent: dict[str, list[float]] = {name: [] for name in works}
    for round in range(runs + 1):
        for name, work in works.items():
            start = time.process_time()
            work()
            if round:  # the first one warms up
                spent[name].append(time.process_time() - start)
    return {name: gflop / statistics.median(one) for name, one in spent.items()}


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
    engines: dict[str, Engine] = {"OpenVINO": OpenVinoEngine(bundle)}
    own = Avx2Engine.of_bundle(bundle) if precision is Precision.FP32 and is_best() else None
    if own is not None:
        engines["AVX2"] = own
    large = {"product": product(precision)}
    peak = rates(large, 2 * PRODUCT**3 / 1e9, arguments.runs)["product"]
    print(f"a product of {PRODUCT} x {PRODUCT} in {precision}: {peak:.0f} GFLOP a CPU second")
    found: dict[str, dict[str, Any]] = {name: {} for name in engines}
    for side in SIDES_PX:
        gflop = sum(layer["gflop"] for layer in count_layers(bundle, side))
        works = {name: tiles(engine, bundle, side) for name, engine in engines.items()}
        many = concurrent(engines["OpenVINO"])
        for name, reached in rates(works, gflop * many, arguments.runs).items():
            found[name][str(side)] = {
                "gflop": gflop,
                "gflop_per_cpu_second": reached,
                "cpu_ms": 1000 * gflop / reached,
                "share_of_product": reached / peak,
            }
            share = f"{reached:.0f} a CPU second, {reached / peak:.0%}"
            print(f"tiles of {side} px in {name}: {gflop:6.1f} GFLOP, {share}")
    for engine in engines.values():
        engine.close()
    result |= {"model": common.describe_bundle(), "precision": str(precision), "layers": layers}
    common.write_result(result | {"product_gflop_per_cpu_second": peak, "tiles": found}, arguments.output)


if __name__ == "__main__":
    main()
