"""Cost of the tiles of portraits compared with the need of their masks, for the tile sizes of GPUs.

    python benchmarks/tile_cost.py FOLDER

Portraits of 1024 px are made of photos of FOLDER, each with one face. The cost of a tile is the area of its
core with half of its halo, to which the generator's arithmetic is proportional within 4 percent. The need of
a mask is one tile of the smallest rectangle around it, in cells of 4 px. Nothing is timed.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import common
import numpy as np
from PIL import Image

from amgan.runtime.engines.contract import CELL_PX, Capabilities, CoreSize
from amgan.runtime.engines.cuda.program import CORES
from amgan.runtime.engines.tiles import Tile, mask_cells, plan_tiles, tile_cost
from amgan.runtime.pipeline.engine_frame import plan_mask

RESULT = common.RESULTS / "gpu_tile_cost.json"
SIDE_PX = 1024
SQUARES = tuple((px, px) for px in (256, 512, 1024))
GPUS: Mapping[str, Sequence[tuple[int, int]]] = {
    "the default sizes": CORES,
    "squares of 256, 512, 1024": SQUARES,
}


def needed(mask: np.ndarray, halo_px: int) -> int:
    """Cost in px of one tile around a mask."""
    (tile,) = plan_tiles(len(mask), len(mask), mask_cells(mask, CELL_PX), CELL_PX)
    return tile_cost((tile.width, tile.height), halo_px)


def spent(tiles: Sequence[Tile], likes: Capabilities, halo_px: int) -> int:
    """Cost in px of the tiles of a frame."""
    total = 0
    for tile in tiles:
        core = likes.core_of(tile.width, tile.height).size if likes.fixed_core else (tile.width, tile.height)
        total += tile_cost(core, halo_px)
    return total


def read_masks(folder: Path, wanted: int, pipeline: Any) -> list[np.ndarray]:
    """Masks of faces, float32 [S, S], in portraits made of randomly drawn photos."""
    from amgan.runtime.ages.request import Request
    from amgan.runtime.pipeline.face_plan import plan_work

    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    random.Random(3).shuffle(files)
    masks: list[np.ndarray] = []
    request = Request.parse("70", include_children=True)
    for file in files:
        if len(masks) == wanted:
            break
        picture = Image.open(file).convert("RGB")
        side = min(picture.size)
        square = picture.crop((0, 0, side, side)).resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)
        rgb = np.asarray(square)
        found = pipeline.see(rgb)
        if len(found) == 1:
            likes, manifest = pipeline.capabilities, pipeline.manifest
            masks.append(plan_work(rgb, found[0], request, manifest, likes, file.name).mask)
    return masks


def summary(masks: Sequence[np.ndarray], likes: Capabilities, manifest: Any) -> dict[str, float]:
    """Cost divided by need: mean, median, 95th percentile and maximum."""
    halo = manifest.halo_px
    ratios = [spent(plan_mask(mask, manifest, likes), likes, halo) / needed(mask, halo) for mask in masks]
    middle, high = np.percentile(ratios, (50, 95))
    found = {"mean": np.mean(ratios), "median": middle, "p95": high, "largest": max(ratios)}
    return {name: round(float(value), 3) for name, value in found.items()}


def main() -> None:
    """Plan the tiles of every mask for every engine, and write the ratios."""
    parser = common.result_option(__doc__, RESULT)
    parser.add_argument("folder", type=Path, help="folder of portraits, one face each")
    parser.add_argument("--photos", type=common.count, default=60, help="portraits to make (default: 60)")
    arguments = parser.parse_args()
    from amgan.runtime.pipeline.pipeline import Pipeline

    with Pipeline(None, "cpu") as pipeline:
        masks = read_masks(arguments.folder, arguments.photos, pipeline)
        manifest, cpu = pipeline.manifest, pipeline.capabilities
    name = f"{cpu.name} on the CPU, this machine"
    engines = {name: summary(masks, cpu, manifest)}
    # While other faces keep the CPU busy, as in a folder; see FrameScheduler.likes.
    engines[f"{name}, busy"] = summary(masks, replace(cpu, min_tiles=1), manifest)
    for name, cores in GPUS.items():
        sizes = tuple(CoreSize(*core) for core in cores)
        likes = Capabilities(name, "cuda", cpu.precision, max(cores[-1]), 1, fixed_core=True, cores=sizes)
        engines[name] = summary(masks, likes, manifest)
    result = {
        "what": "arithmetic of the tiles of a portrait of 1024 px by what its mask needs",
        "commit": common.commit(),
        "photos": len(masks),
        "frames_px": sorted(len(mask) for mask in masks),
        "spent_by_needed": engines,
    }
    common.write_result(result, arguments.output)


if __name__ == "__main__":
    main()
