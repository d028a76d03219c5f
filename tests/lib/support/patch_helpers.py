"""Patches of small sets, and what reads their places."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from amgan.data.batches import PairBatch, PatchOptions, RealBatch
from amgan.data.dataset import Dataset
from amgan.data.patches import PatchSampler

PATCH = 32


CHANGES = ("changes", "change_faces", "change_ages", "change_patterns")


OPTIONS = PatchOptions(patch_px=PATCH, frame_px=(40.0, 90.0), grain=0.0)


EVEN_LIGHT = replace(OPTIONS, brightness=0.0, saturation=0.0)


def sampler(dataset: Dataset, seed: int = 1, **changes: object) -> PatchSampler:
    return PatchSampler(dataset, replace(EVEN_LIGHT, **changes), seed, "frame")


def origins(batch: PairBatch | RealBatch) -> np.ndarray:
    """Where patches lie, [N, 3]: x0, y0 and the frame's side in px, from coordinates of the kind "frame"."""
    planes = batch.coordinates.astype(np.float64)
    side = 512 * 2 ** planes[:, 3, 0, 0]
    corners = [(planes[:, axis, 0, 0] + 1) / 2 * side - 2 for axis in (0, 1)]
    return np.stack([*corners, side], axis=1).round(3)


def same(a: PairBatch | RealBatch, b: PairBatch | RealBatch) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(vars(a).values(), vars(b).values(), strict=True))


def codes(pictures: np.ndarray) -> np.ndarray:
    """Pictures in -1..1 as code values."""
    return (pictures + 1) * 127.5


def places(origin: np.ndarray, cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Frame coordinates (0..1) of the centres of a patch's pixels (or cells), as the engine computes them."""
    along = (np.arange(cells) + 0.5) * PATCH / cells
    return (origin[0] + along) / origin[2], (origin[1] + along) / origin[2]
