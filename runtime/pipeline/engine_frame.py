"""Prepares a face's frame for an engine: pixels, tiles, and the planes of all cells."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..bundle.manifest import Manifest
from ..engines.contract import CELL_PX, Capabilities
from ..engines.tiles import Tile, mask_cells, plan_cheapest, plan_tiles
from ..face.alignment import Frame
from ..face.coordinates import sample_cells, scale_of
from ..face.pixels import CPU_PIXELS, CpuPixels, Cut

BESIDE_PX = 4
"""The border in px around the mask that is sampled if no engine runs."""
TILE_STEP_PX = 16  # engines prepare each size once, which takes milliseconds, so there should be few sizes
ALONE_PERCENT = (105, 130)
"""Width and height of a tile that alone covers a face, by the usual maximum side."""

Area = tuple[int, int, int, int]
Canvas = Callable[[int], NDArray[np.uint8]]
"""Gives black pixels, uint8 [S, S, 3]."""


def plan_mask(mask: NDArray[np.float32], manifest: Manifest, likes: Capabilities) -> list[Tile]:
    """The tiles that cover the non-zero pixels of a mask, float32 [S, S]."""
    size = mask.shape[0]
    multiple = manifest.tile_multiple
    cells = mask_cells(mask, multiple)
    if likes.fixed_core:
        cores = [core.size for core in likes.all_cores]
        return plan_cheapest(size, cores, manifest.halo_px, cells, multiple)
    usual, fewest = likes.max_core_px, likes.min_tiles
    alone = (usual * ALONE_PERCENT[0] // 100, usual * ALONE_PERCENT[1] // 100)
    tiles: list[Tile] = []
    for core in (alone, (usual, usual)):
        tiles = plan_tiles(size, core, cells, multiple, at_least=fewest, step_px=TILE_STEP_PX)
        if len(tiles) <= fewest:
            break
    return tiles


def any_memory(side_px: int) -> NDArray[np.uint8]:
    """Black pixels, uint8 [S, S, 3]."""
    return np.zeros((side_px, side_px, 3), np.uint8)


def frame_with_halo(
    rgb: NDArray[np.uint8],
    frame: Frame,
    size: int,
    halo: int,
    area: Area | None,
    canvas: Canvas = any_memory,
    pixels: CpuPixels = CPU_PIXELS,
) -> NDArray[np.uint8]:
    """Sample a face's frame with its halo, uint8 [S + 2h, S + 2h, 3], only in ``area`` (x0, y0, x1, y1).

    ``canvas`` allocates the black image, ``pixels`` samples.
    """
    image = canvas(size + 2 * halo)
    if area is None:
        return image
    x0, y0, x1, y1 = area
    matrix = frame.to_photo(size)
    matrix[:, 2] += matrix[:, :2] @ (x0 - halo, y0 - halo)
    pixels.sample(Cut(rgb, matrix, (x1 - x0, y1 - y0), image[y0:y1, x0:x1]))
    return image


def area_of_tiles(tiles: list[Tile], halo: int) -> Area | None:
    """The area of a frame with its halo that tiles need."""
    if not tiles:
        return None
    x0, y0 = min(t.x0 for t in tiles), min(t.y0 for t in tiles)
    x1 = max(t.x0 + t.width for t in tiles) + 2 * halo
    y1 = max(t.y0 + t.height for t in tiles) + 2 * halo
    return x0, y0, x1, y1


def area_of_mask(mask: NDArray[np.float32], halo: int) -> Area | None:
    """The area of a frame with its halo that pasting needs."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    low, high = np.maximum([columns[0], rows[0]], BESIDE_PX) - BESIDE_PX, (columns[-1] + 1, rows[-1] + 1)
    end = np.minimum(np.add(high, BESIDE_PX), len(mask))
    return int(low[0]) + halo, int(low[1]) + halo, int(end[0]) + halo, int(end[1]) + halo


def engine_positions(
    coordinates: NDArray[np.float32], margin: int, size: int, halo: int
) -> NDArray[np.float32]:
    """u, v, inside and scale of every cell of a frame with its halo, float32 [4, (S + 2h) / 4, (S + 2h) / 4].

    ``coordinates`` [3, cells, cells] have ``margin`` cells around the frame. Exact bilinear interpolation:
    OpenCV would round positions to steps, which blurs fine lines.
    """
    cells = (size + 2 * halo) // CELL_PX
    step, shift = _to_engine(coordinates.shape[1] - 2 * margin, margin, size, halo)
    planes = sample_cells(coordinates, cells, step, shift)
    return np.concatenate([planes, np.full_like(planes[:1], scale_of(size))])


def _to_engine(cells: int, margin: int, size: int, halo: int) -> tuple[float, float]:
    """The step and the start of the engine's cells on a map of ``cells`` cells."""
    step = CELL_PX * cells / size
    return step, margin - halo / CELL_PX * step + 0.5 * step - 0.5


def engine_map(aging_map: NDArray[np.float32], margin: int, size: int, halo: int) -> NDArray[np.float32]:
    """Resample a map of MAP_CELLS to the frame with its halo, float32 [(S + 2h) / 4, (S + 2h) / 4]."""
    cells = (size + 2 * halo) // CELL_PX
    step, shift = _to_engine(aging_map.shape[0] - 2 * margin, margin, size, halo)
    return sample_cells(aging_map[None], cells, step, shift)[0]
