"""Tile geometry: the parts of a canonical frame that are computed.

A tile's *core* is the part that it contributes to the result; its *halo* are the surrounding pixels in the
network's receptive field. Tiles with a full halo give the same pixels as the whole frame in one piece, so
cores may overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SMALLEST_PX = 256
Size = tuple[int, int]
"""Width and height in px."""


@dataclass(frozen=True)
class Tile:
    """The core of one tile in px of the frame; ``x0``, ``y0`` is its top left pixel."""

    x0: int
    y0: int
    width: int
    height: int

    @property
    def core(self) -> tuple[slice, slice]:
        """Rows and columns of the core in an array of the frame (without halo)."""
        return slice(self.y0, self.y0 + self.height), slice(self.x0, self.x0 + self.width)

    def padded(self, halo: int, cell: int = 1) -> tuple[slice, slice]:
        """Rows and columns of core and halo in an array of the frame with ``halo`` px on every side.

        With ``cell`` the array has one element per ``cell`` px (an aging map has 4).
        """
        rows = slice(self.y0 // cell, (self.y0 + self.height + 2 * halo) // cell)
        columns = slice(self.x0 // cell, (self.x0 + self.width + 2 * halo) // cell)
        return rows, columns

    def __str__(self) -> str:
        return f"{self.width}x{self.height} px at ({self.x0}, {self.y0})"


def mask_cells(mask: NDArray[np.floating], cell_px: int = 4) -> NDArray[np.bool_]:
    """The cells in which a mask [S, S] is not zero: bool [S/cell_px, S/cell_px]. Raises ValueError."""
    height, width = mask.shape
    if height % cell_px or width % cell_px:
        raise ValueError(f"a mask of {width}x{height} px does not divide into cells of {cell_px} px")
    # Rows first: sequential reads, several times as fast as both axes in one call.
    rows = (mask != 0).reshape(height // cell_px, cell_px, width).any(axis=1)
    touched: NDArray[np.bool_] = rows.reshape(height // cell_px, width // cell_px, cell_px).any(axis=2)
    return touched


def plan_tiles(
    frame_px: int,
    core_px: int | Size,
    cells: NDArray[np.bool_] | None = None,
    multiple: int = 4,
    *,
    fixed: bool = False,
    at_least: int = 1,
    step_px: int = 0,
) -> list[Tile]:
    """Tiles whose cores cover everything that ``cells`` marks, in reading order.

    ``frame_px`` is the frame's side, ``core_px`` the largest side of a core, or its width and height; cores
    start and end at multiples of ``multiple`` px. ``cells`` is bool [frame_px/multiple, frame_px/multiple]
    (see mask_cells), or None for the whole frame. All cores have one size: the bounding box of the marked
    cells where it
    fits, otherwise an even part of it, the last one of a row or column slid back inside. Cores that touch
    no marked cell are left out.

    With ``fixed``, for engines that compute one size only, every core has exactly ``core_px``, moved inside
    the frame at its edges; only a smaller frame has smaller cores. Otherwise there are ``at_least`` that many
    tiles, as long as they are not smaller than SMALLEST_PX. Their sides are multiples of ``step_px`` if the
    frame and ``core_px`` permit it, so that there are few sizes. Raises ValueError for sizes that do not fit
    together.
    """
    if frame_px <= 0 or frame_px % multiple:
        raise ValueError(f"a frame of {frame_px} px is not a multiple of {multiple} px")
    core = (core_px, core_px) if isinstance(core_px, int) else core_px
    if min(core) < multiple:
        raise ValueError(f"a core of {min(core)} px is smaller than {multiple} px")
    side = frame_px // multiple
    marked = np.ones((side, side), bool) if cells is None else np.asarray(cells, bool)
    if marked.shape != (side, side):
        raise ValueError(f"the mask has {marked.shape} cells, not {(side, side)}")
    if not marked.any():
        return []
    tall, wide = marked.max(axis=1), marked.max(axis=0)
    widest, tallest = core[0] // multiple, core[1] // multiple
    if fixed:
        (rows, height), (columns, width) = _slide(tall, tallest), _slide(wide, widest)
    else:
        smallest = SMALLEST_PX // multiple
        fewest = (-(-_stretch(tall) // tallest), -(-_stretch(wide) // widest))
        down, across = _pieces(_stretch(tall), _stretch(wide), fewest, at_least, smallest)
        step = max(step_px // multiple, 1)
        (rows, height), (columns, width) = (
            _split(tall, down, tallest, step),
            _split(wide, across, widest, step),
        )
    return [
        Tile(x * multiple, y * multiple, width * multiple, height * multiple)
        for y in rows
        for x in columns
        if marked[y : y + height, x : x + width].any()
    ]


def plan_cheapest(
    frame_px: int,
    cores_px: Sequence[int | Size],
    halo_px: int,
    cells: NDArray[np.bool_] | None = None,
    multiple: int = 4,
) -> list[Tile]:
    """The tiles of plan_tiles with ``fixed``, for the core size that needs the least arithmetic.

    ``cores_px`` are sides of squares, or widths and heights; the smaller one of two with the same cost is
    taken.
    """
    sizes = ((px, px) if isinstance(px, int) else px for px in cores_px)
    cores = sorted(sizes, key=lambda size: (size[0] * size[1], size[0]))
    if cells is not None and cells.any():
        down, across = (_stretch(cells.max(axis=axis)) * multiple for axis in (1, 0))
    else:
        down = across = frame_px if cells is None else 0
    best: list[Tile] = []
    least = 0
    for core in cores:
        # Most sizes need no plan: they take too many tiles, as many as two of them already cost too much.
        cost, several = tile_cost(core, halo_px), across > core[0] or down > core[1]
        if least and cost * (1 + several) >= least:
            continue
        plan = plan_tiles(frame_px, core, cells, multiple, fixed=True)
        if not least or len(plan) * cost < least:
            best, least = plan, len(plan) * cost
    return best


def tile_cost(core: Size, halo_px: int) -> int:
    """The cost of a tile in px: the area of its core plus half of the halo on every side.

    The network's layers shrink from the size of the tile to that of the core.
    """
    return (core[0] + halo_px) * (core[1] + halo_px)


def _stretch(marked: NDArray[np.bool_]) -> int:
    """Length of the shortest interval that contains all marked elements."""
    first, last = (int(i) for i in np.flatnonzero(marked)[[0, -1]])
    return last + 1 - first


def _pieces(
    height: int, width: int, fewest: tuple[int, int], at_least: int, smallest: int
) -> tuple[int, int]:
    """Number of tiles down and across: the ``fewest``, then more for ``at_least``."""
    down, across = fewest
    while down * across < at_least:
        if height * across >= width * down and height >= smallest * (down + 1):
            down += 1
        elif width >= smallest * (across + 1):
            across += 1
        elif height >= smallest * (down + 1):
            down += 1
        else:
            break
    return down, across


def _split(marked: NDArray[np.bool_], pieces: int, longest: int, step: int) -> tuple[list[int], int]:
    """Starts and common length of ``pieces`` intervals that cover the marked interval.

    The length is a multiple of ``step`` if that is neither above ``longest`` nor longer than the line.
    """
    first, last = (int(i) for i in np.flatnonzero(marked)[[0, -1]])
    size = min(-(-(last + 1 - first) // (pieces * step)) * step, longest, len(marked))
    return [max(min(first + i * size, last + 1 - size), 0) for i in range(pieces)], size


def _slide(marked: NDArray[np.bool_], length: int) -> tuple[list[int], int]:
    """Starts of the fewest intervals of a given length that cover the marked interval, and that length."""
    first, last = (int(i) for i in np.flatnonzero(marked)[[0, -1]])
    size = min(length, len(marked))
    pieces = -(-(last + 1 - first) // size)
    spare = pieces * size - (last + 1 - first)
    # The excess is distributed evenly on both sides, within the line.
    start = max(0, min(first - spare // 2, len(marked) - pieces * size))
    return [min(start + i * size, len(marked) - size) for i in range(pieces)], size
