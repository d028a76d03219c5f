"""What convolutions in fp8 cost in quality, on the tiles of faces.

    python benchmarks/fp8_cost.py FOLDER

The faces of photos of FOLDER are aged to several ages. Every tile is computed by the simplified network in
fp32, and with the inputs and weights of the trunk's convolutions rounded to e4m3 as in generator.fp8.onnx, in
PyTorch on the CPU. All other operations are in fp32, since CPUs take long in fp16, whose error is a fifth of
that of fp8. The calibration has not seen these faces. Nothing is timed.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import common
import numpy as np
from PIL import Image

from amgan.runtime.engines.contract import CELL_PX

RESULT = common.RESULTS / "fp8_cost_cpu.json"
AGES = ("80", "70", "60", "25", "35")
MOST_PX = 480
"""Larger photos are left out, as they would take most of the time."""

Tile = tuple[np.ndarray, ...]


def tiles_of(folder: Path, wanted: int) -> Iterator[tuple[str, Tile]]:
    """Names and inputs of tiles of ``wanted`` randomly drawn photos."""
    from amgan.runtime.ages.request import Request
    from amgan.runtime.errors import AmganError
    from amgan.runtime.pipeline.pipeline import Pipeline

    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    random.Random(11).shuffle(files)
    found = 0
    with Pipeline(None, "cpu") as pipeline:
        halo = pipeline.manifest.halo_px
        for file in files:
            if found == wanted:
                return
            rgb = np.asarray(Image.open(file).convert("RGB"))
            if max(rgb.shape) > MOST_PX:
                continue
            age = AGES[found % len(AGES)]
            try:
                started = pipeline.start(rgb, Request.parse(age))
                frames = [work.frame for work in started.works]
                pipeline.finish(started)
            except AmganError:
                continue  # no face, or one that is left alone
            found += 1
            for frame in frames:
                for tile in frame.tiles:
                    whole, cells = tile.padded(halo), tile.padded(halo, CELL_PX)
                    arrays = (frame.image[whole], frame.aging_map[cells][None], frame.coordinates[:, *cells])
                    inputs = *(np.ascontiguousarray(array)[None] for array in arrays), frame.pattern[None]
                    yield f"{file.name} at {age}", inputs


def summary(rows: list[dict[str, float]], names: list[str]) -> dict[str, Any]:
    """The worst tile, and means over all."""
    worst = min(range(len(rows)), key=lambda i: rows[i]["psnr_db"])
    return {
        "max_code_values": max(row["max_code_values"] for row in rows),
        "mean_code_values": round(float(np.mean([row["mean_code_values"] for row in rows])), 4),
        "median_psnr_db": round(float(np.median([row["psnr_db"] for row in rows])), 2),
        "worst_psnr_db": round(rows[worst]["psnr_db"], 2),
        "worst_ssim": round(min(row["ssim"] for row in rows), 6),
        "worst_tile": names[worst],
    }


def main() -> None:
    """Compute all tiles in every precision, and write the differences from fp32."""
    parser = common.result_option(__doc__, RESULT)
    parser.add_argument("folder", type=Path, help="folder of portraits")
    parser.add_argument("--photos", type=common.count, default=60, help="photos to age (default: 60)")
    arguments = parser.parse_args()
    import torch

    from amgan.checkpoint import SHIPPED, load_model
    from amgan.export.cases import generator_cases
    from amgan.export.graphs.eight_bit import quantise
    from amgan.export.graphs.precision import CALIBRATION_SEED
    from amgan.export.simplify import simplify

    network = simplify(load_model(SHIPPED)[0])
    eight, halo = copy.deepcopy(network), network.halo_px
    quantise(network, eight, generator_cases(CALIBRATION_SEED, halo, patterns=network.patterns))
    rows: list[dict[str, float]] = []
    names, changes = [], []
    with torch.inference_mode():
        for name, inputs in tiles_of(arguments.folder, arguments.photos):
            wanted, found = (one(*map(torch.from_numpy, inputs)).numpy() for one in (network, eight))
            names.append(name)
            before = inputs[0][:, halo:-halo, halo:-halo]
            changes.append(common.difference(wanted, before)["mean_code_values"])
            rows.append(common.difference(found, wanted))
    result = {
        "what": "tiles of faces with the trunk's convolutions in fp8, against fp32, in PyTorch on the CPU",
        "commit": common.commit(),
        "weights": common.describe_bundle(),
        "tiles": len(names),
        "mean_change_by_ageing_code_values": round(float(np.mean(changes)), 3),
        "from_fp32": summary(rows, names),
    }
    common.write_result(result, arguments.output)


if __name__ == "__main__":
    main()
