"""Times the ageing of one whole frame in PyTorch eager and in the bundle's engine, in one process.

All contenders get the same picture, aging map, coordinates, pattern and number of CPU threads, and run in
turn (A B C ... A B C ...). PyTorch computes the frame in one piece, which is the least work; the engine
computes tiles with their halo, several in flight, as `amgan age` does. Before timing, the engine's pixels are
compared with PyTorch's; f32 may differ by one code value at most.

Example:  python benchmarks/engine_vs_pytorch.py --runs 15
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any

import common
import numpy as np

RESULT = common.RESULTS / "engine_vs_pytorch_cpu.json"
BASELINE = "pytorch fp32 (whole graph)"


def parse_arguments() -> argparse.Namespace:
    parser = common.timing_options(__doc__, RESULT)
    parser.add_argument("--bundle", type=Path, help="bundle made of them (default: the shipped one)")
    parser.add_argument("--size", type=int, default=1024, help="side of the frame in px (default: 1024)")
    arguments = parser.parse_args()
    if arguments.size < 64 or arguments.size % 4:
        parser.error("--size must be a multiple of 4 from 64 on")
    return arguments


def make_contenders(
    arguments: argparse.Namespace, threads: int
) -> tuple[dict[str, common.Contender], dict[str, Any]]:
    """The contenders by name, each of which ages the same frame once, and facts about the model."""
    import torch

    from amgan.checkpoint import SHIPPED, load_model
    from amgan.runtime.bundle.bundle import Bundle
    from amgan.runtime.files import file_sha256

    torch.set_num_threads(threads)
    checkpoint = arguments.checkpoint or SHIPPED
    generator, _, config = load_model(checkpoint)
    bundle = Bundle.open(arguments.bundle)
    if bundle.manifest.checkpoint_sha256 != file_sha256(checkpoint):
        sys.exit(f"{bundle.path} was not made of {checkpoint}: their SHA-256 differ")
    arrays = common.make_inputs(arguments.size, config.generator.halo_px, config.generator.patterns)
    generator_last = load_model(checkpoint)[0].to(memory_format=torch.channels_last)
    contenders = in_pytorch(generator, generator_last, arrays) | in_engine(bundle, arrays)
    model = {
        "name": bundle.manifest.model,
        "version": bundle.manifest.version,
        "checkpoint_sha256": bundle.manifest.checkpoint_sha256,
        "manifest_sha256": file_sha256(bundle.path / "manifest.json"),
        "generator_sha256": file_sha256(bundle.file("generator", "fp32")),
        "halo_px": config.generator.halo_px,
    }
    return contenders, model


def in_pytorch(
    generator: Any, generator_last: Any, arrays: tuple[np.ndarray, ...]
) -> dict[str, common.Contender]:
    """The network in PyTorch: alone in two memory layouts, and with everything in the engine's file."""
    import torch

    from amgan.export.graphs.deploy import DeployGenerator

    image, *others = map(torch.from_numpy, arrays)
    planes = image.permute(0, 3, 1, 2).float().div(127.5).sub(1.0).contiguous()
    last = planes.contiguous(memory_format=torch.channels_last)
    deployed = DeployGenerator(generator)

    def plain() -> None:
        with torch.inference_mode():
            generator(planes, *others)

    def channels_last() -> None:
        with torch.inference_mode():
            generator_last(last, *others)

    def whole() -> np.ndarray:
        with torch.inference_mode():
            pixels: np.ndarray = deployed(image, *others).numpy()
        return pixels

    return {
        "pytorch fp32 (network only)": plain,
        "pytorch fp32 channels_last (network only)": channels_last,
        BASELINE: whole,
    }


def in_engine(bundle: Any, arrays: tuple[np.ndarray, ...]) -> dict[str, common.Contender]:
    """The bundle in OpenVINO, in the precisions of this CPU."""
    from amgan.runtime.engines.openvino import OpenVinoEngine
    from amgan.runtime.errors import EngineError

    contenders: dict[str, common.Contender] = {}
    for precision in ("f32", "bf16"):
        try:
            engine = OpenVinoEngine(bundle, precision)
        except EngineError as error:
            print(f"openvino {precision} is left out: {error}", file=sys.stderr)
            continue
        contenders[f"openvino {precision}"] = partial(age_in_tiles, engine, bundle.manifest.halo_px, arrays)
    return contenders


def age_in_tiles(engine: Any, halo: int, arrays: tuple[np.ndarray, ...]) -> np.ndarray:
    """Age a frame with its halo in the largest tiles that the engine prefers."""
    from amgan.runtime.engines.contract import CELL_PX, TileBatch
    from amgan.runtime.engines.tiles import plan_tiles

    image, ages, places, pattern = arrays
    side = image.shape[1] - 2 * halo
    tickets = []
    likes = engine.capabilities
    tiles = plan_tiles(side, likes.max_core_px, at_least=likes.min_tiles)
    for tile in tiles:
        rows, columns = tile.padded(halo)
        map_rows, map_columns = tile.padded(halo, CELL_PX)
        cells = (..., map_rows, map_columns)
        batch = TileBatch(image[:, rows, columns], ages[cells], places[cells], pattern)
        tickets.append(engine.submit(batch))
    aged = np.empty((1, side, side, 3), np.uint8)
    for tile, ticket in zip(tiles, tickets, strict=True):
        aged[(0, *tile.core)] = engine.wait(ticket)[0]
    return aged


def main() -> None:
    arguments = parse_arguments()
    threads = common.limit_threads(arguments.threads)
    contenders, model = make_contenders(arguments, threads)
    engines = {name: c for name, c in contenders.items() if name.startswith("openvino")}
    differences = common.compare(engines, contenders[BASELINE]())
    state = common.hardware(threads)
    facts, medians = common.timings(common.measure(contenders, arguments.runs))
    ratios = {name: medians[BASELINE] / seconds for name, seconds in medians.items()}
    size = arguments.size
    what = f"ageing one frame of {size}x{size} px, CPU; PyTorch in one piece, engines in tiles"
    result = common.heading(what, state, "torch", "openvino") | {
        "model": model,
        "difference_from_pytorch": differences,
        **facts,
        "baseline": BASELINE,
        "times_faster_than_baseline": ratios,
    }
    for name, seconds in medians.items():
        print(f"{name:45} median {1000 * seconds:9.1f} ms   {ratios[name]:5.2f} x")
    common.write_result(result, arguments.output)


if __name__ == "__main__":
    main()
