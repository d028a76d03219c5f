"""The changed blocks of a sequential JPEG and their coefficient changes, in scan order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..machine import load_extension
from .jpeg_recode import ZIGZAG_COLUMNS, ZIGZAG_ROWS, Layout

BLOCK_PX = 8
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue in Y (JFIF 1.02)."""
_MOST_SIDE = 2
"""The most blocks of a unit down and across that the extension supports."""


@dataclass(eq=False)
class Changes:
    """The changed blocks of a JPEG: their numbers in scan order, and their coefficient changes."""

    layout: Layout
    indices: list[NDArray[np.uint32]] = field(default_factory=list)
    deltas: list[NDArray[np.int16]] = field(default_factory=list)

    def add(self, number: int, rows: slice, columns: slice, steps: NDArray[np.int16]) -> NDArray[np.bool_]:
        """Add ``steps``, [8, 8, rows, columns], to blocks of a component; returns which of them change."""
        is_new: NDArray[np.bool_] = np.asarray(steps.any(axis=(0, 1)))
        high, wide = self.layout.stored(number)
        row, column = np.nonzero(is_new[: high - rows.start, : wide - columns.start])
        self.deltas.append(steps[ZIGZAG_ROWS, ZIGZAG_COLUMNS][:, row, column].T)
        one = self.layout.components[number]
        before = sum(other.down * other.across for other in self.layout.components[:number])
        unit_row, row = np.divmod(row + rows.start, one.down)
        unit_column, column = np.divmod(column + columns.start, one.across)
        size = sum(other.down * other.across for other in self.layout.components)
        unit = unit_row * self.layout.units[1] + unit_column
        self.indices.append((unit * size + before + row * one.across + column).astype(np.uint32))
        return is_new

    @property
    def ordered(self) -> tuple[bytes | memoryview, bytes | memoryview]:
        """Block numbers in ascending order, uint32, and the change of each block, int16 [64]."""
        indices = np.concatenate(self.indices or [np.zeros(0, np.uint32)])
        deltas = np.concatenate(self.deltas or [np.zeros((0, 64), np.int16)])
        order = np.argsort(indices)
        return np.ascontiguousarray(indices[order]).data, np.ascontiguousarray(deltas[order]).data


def find_changes(
    layout: Layout, before: NDArray[np.uint8], after: NDArray[np.uint8], cosines: NDArray[np.float32]
) -> tuple[tuple[bytes, bytes], NDArray[np.bool_]] | None:
    """The changes of a JPEG as `Changes.ordered` gives them, and the units they are in, bool [down, across].

    ``before`` and ``after`` are pictures in the stored orientation, ``cosines`` float32 [8, 8] the transform
    matrix. None if the C extension was not built or does not support this sampling.
    """
    extension = _blocks()
    sampling = [side for one in layout.components for side in (one.down, one.across)]
    if extension is None or len(layout.components) not in (1, 3) or max(sampling) > _MOST_SIDE:
        return None
    if any(most % side for most, side in zip(layout.unit * len(layout.components), sampling, strict=True)):
        return None
    tables = np.stack([layout.table(number) for number in range(len(layout.components))])
    constants = cosines.astype(np.float64).tobytes() + LUMA.tobytes()
    zigzag = bytes((ZIGZAG_ROWS * BLOCK_PX + ZIGZAG_COLUMNS).tolist())
    touched = np.zeros(layout.units, bool)
    pictures = (np.ascontiguousarray(before), np.ascontiguousarray(after))
    found = extension.changes(
        *pictures, bytes(sampling), tables.astype(np.float32).tobytes(), constants, zigzag, touched.data
    )
    return found, touched


def _blocks() -> Any:
    """The C extension that finds changes; None if it is not available."""
    return load_extension(f"{__package__}._blocks")
