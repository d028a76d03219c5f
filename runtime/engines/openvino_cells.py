"""The generator's operations before the first convolutions and after the heads, for the CPU engine.

OpenVINO needs a third of a tile's time for operators other than convolutions, each of which is a pass over
memory: conversion, transposition, interpolation, sampling of the atlas, joining and blending. A small C
extension (`_cells.c`) does this in three passes; `openvino_cut.py` leaves the network between them.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..machine import load_extension
from .contract import CELL_PX, TileBatch

SEEN, PLANES = "seen", "planes"
"""Names of the cut network's inputs: for the first convolution over pixels, and for SPADE's conditioning."""
GROUP_PX = 2
"""Side of a cell at full resolution in px."""
PIXELS, COLOURS, SAMPLED = GROUP_PX**2, 3, 8
CHANNELS = COLOURS + SAMPLED
HEADS = 2 * PIXELS * COLOURS
CONDITIONS, MOST_CONDITIONS = 25, 32
"""Planes of years, positions and their waves; and the number with padding to one block of AMX."""
MARGIN_CELLS = 2
"""Cells around a tile whose planes are not used."""

CELLS_FORMAT = 1
"""The version of `PixelCells.to_bytes`."""

Halves = NDArray[np.uint16]
"""Numbers in bf16."""


class Memory:
    """Memory that batch after batch uses again: new pages would cost a tenth of what is written into them."""

    def __init__(self) -> None:
        self._held: dict[str, Halves] = {}

    def halves(self, name: str, shape: tuple[int, ...]) -> Halves:
        """An array of any content, the same memory for the same ``name``."""
        size = math.prod(shape)
        if name not in self._held or self._held[name].size < size:
            self._held[name] = np.empty(size, np.uint16)
        return self._held[name][:size].reshape(shape)


@dataclass(frozen=True, eq=False)
class PixelCells:
    """The removed parts of a network: atlas textures in bf16, [rows + 1, columns + 1, 4], and its gains.

    ``gain`` float32 [K, 8] and ``bias`` [8] give the channels' gains for a pattern; ``span`` is the number of
    units of the atlas's years in a year.
    """

    fine: Halves
    coarse: Halves
    gain: NDArray[np.float32]
    bias: NDArray[np.float32]
    span: float

    def to_bytes(self) -> bytes:
        """All parts as .npy files, one after the other."""
        stream = io.BytesIO()
        for one in (self.fine, self.coarse, self.gain, self.bias, np.float64(self.span)):
            np.save(stream, one, allow_pickle=False)
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> PixelCells:
        """The parts that `to_bytes` gave; raises ValueError or EOFError for other content."""
        stream = io.BytesIO(content)
        fine, coarse, gain, bias, span = (np.load(stream, allow_pickle=False) for _ in range(5))
        return cls(fine, coarse, gain, bias, float(span))

    def gather(self, batch: TileBatch, memory: Memory) -> Halves:
        """The cut network's input ``seen`` for a batch: bf16 [N, 44, H/2 - 4, W/2 - 4]."""
        n, height, width = batch.image.shape[:3]
        down, across = ((side - 2 * CELL_PX) // GROUP_PX for side in (height, width))
        seen = memory.halves(SEEN, (n, PIXELS * CHANNELS, down, across))
        gains = self._gains(batch.pattern)
        for i in range(len(seen)):
            u, v = batch.coordinates[i, :2]
            spans = batch.aging_map[i, 0] * np.float32(self.span)
            out = seen[i].reshape(len(seen[i]), -1)
            extension().gather(batch.image[i], u, v, spans, self.fine, self.coarse, gains[i], out)
        return seen

    def _gains(self, pattern: NDArray[np.float32]) -> NDArray[np.float32]:
        """The gains, float32 [N, 8]; added in the order of the patterns, as libamgan does."""
        gains = np.repeat(self.bias[None], len(pattern), axis=0)
        for weights, one in zip(pattern.T, self.gain, strict=True):
            gains += weights[:, None] * one
        return gains

    def condition(self, batch: TileBatch, memory: Memory) -> Halves:
        """The cut network's input ``planes`` for a batch: bf16 [N, 32, H/4 - 4, W/4 - 4]."""
        n, _, down, across = batch.aging_map.shape
        down, across = down - 2 * MARGIN_CELLS, across - 2 * MARGIN_CELLS
        planes = memory.halves(PLANES, (n, MOST_CONDITIONS, down, across))
        planes[:, CONDITIONS:] = 0
        patterns = slice(CONDITIONS, CONDITIONS + batch.pattern.shape[1])
        planes[:, patterns] = in_bf16(batch.pattern)[:, :, None, None]
        for i in range(n):
            out = planes[i].reshape(MOST_CONDITIONS, -1)
            extension().condition(batch.aging_map[i, 0], *batch.coordinates[i], out)
        return planes

    def blend(self, batch: TileBatch, change: Halves) -> NDArray[np.uint8]:
        """The aged cores, uint8 [N, h, w, 3], for the cut network's output, bf16 [N, 24, h/2, w/2]."""
        n, height, width = len(change), GROUP_PX * change.shape[2], GROUP_PX * change.shape[3]
        top, left = (batch.image.shape[1] - height) // 2, (batch.image.shape[2] - width) // 2
        aged = np.empty((n, height, width, COLOURS), np.uint8)
        for i in range(n):
            core = batch.image[i, top : top + height, left : left + width]
            extension().blend(core, change[i].reshape(HEADS, -1), aged[i])
        return aged


def as_texels(texture: NDArray[np.float32]) -> Halves:
    """Convert a texture, float32 [1, 4, rows, columns], to bf16 [rows + 1, columns + 1, 4]; edges repeat."""
    return in_bf16(np.pad(texture[0].transpose(1, 2, 0), ((0, 1), (0, 1), (0, 0)), mode="edge"))


def in_bf16(values: NDArray[np.float32]) -> Halves:
    """Convert numbers to bf16, rounded half to even."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    rounded: Halves = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return rounded


def can_cut() -> bool:
    """Whether the extension is available."""
    return extension() is not None


def extension() -> Any:
    """The module `_cells`; None if it is not available."""
    return load_extension(f"{__package__}._cells")
