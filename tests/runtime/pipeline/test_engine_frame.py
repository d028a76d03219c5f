"""The tiles of a face's mask."""

from __future__ import annotations

import numpy as np
import pytest

from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.bundle.precision import Precision
from amgan.runtime.engines.contract import Capabilities
from amgan.runtime.pipeline.engine_frame import TILE_STEP_PX, plan_mask


def face(size: int, width: int, height: int) -> np.ndarray:
    """A mask, float32 [size, size], of an oval in the middle."""
    y, x = (np.mgrid[:size, :size] - (size - 1) / 2) * 2
    return ((x / width) ** 2 + (y / height) ** 2 < 1).astype(np.float32)


def likes(tiles: int) -> Capabilities:
    return Capabilities("made up", "cpu", Precision.FP32, 640, 3, min_tiles=tiles)


@pytest.mark.parametrize(
    ("mask", "alone", "together"),
    [
        (face(1088, 600, 740), [(608, 752)], [(608, 384)] * 2),
        (face(1152, 660, 810), [(672, 816)], [(672, 416)] * 2),
        (face(512, 280, 300), [(288, 304)], [(288, 304)]),  # halves would be too small
        (face(1536, 900, 1200), [(464, 608)] * 4, [(464, 608)] * 4),
    ],
)
def test_a_face_is_one_tile_unless_cores_are_idle(
    mask: np.ndarray, alone: list[tuple[int, int]], together: list[tuple[int, int]]
) -> None:
    manifest = Bundle.open().manifest
    for tiles, sizes in ((1, alone), (2, together)):
        plan = plan_mask(mask, manifest, likes(tiles))
        assert [(tile.width, tile.height) for tile in plan] == sizes
        assert all(side % TILE_STEP_PX == 0 for size in sizes for side in size)
        covered = np.zeros_like(mask)
        for tile in plan:
            covered[tile.core] = 1
        assert (covered >= mask).all()
