"""Tiles put together by hand, to hold against what a frame gives in one piece."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from amgan.runtime.engines.tiles import Tile


def stitch(frame: NDArray[np.uint8], cores: Iterable[tuple[Tile, NDArray[np.uint8]]]) -> NDArray[np.uint8]:
    """A copy of ``frame``, uint8 [S, S, 3], with the tiles' cores, uint8 [h, w, 3], put in their places."""
    out = frame.copy()
    for tile, pixels in cores:
        out[tile.core] = pixels
    return out
