"""The input of the scheduler: a canonical frame and its tiles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .tiles import Tile


@dataclass(frozen=True, eq=False)
class FrameWork:
    """One canonical frame of S x S px to age, tile by tile.

    ``image`` uint8 [S + 2h, S + 2h, 3] RGB, with a halo of h px of the photo; ``aging_map`` float32 [(S + 2h)
    / 4, (S + 2h) / 4] wanted minus present age of the cells, years; ``coordinates`` float32 [4, (S + 2h) / 4,
    (S + 2h) / 4] u, v, inside and scale of the cells; ``pattern`` float32 [K] mixing weights of the face;
    ``tiles`` cores to compute, all of one size, in px of the frame; ``label`` names photo and face in error
    messages.
    """

    image: NDArray[np.uint8]
    aging_map: NDArray[np.float32]
    coordinates: NDArray[np.float32]
    pattern: NDArray[np.float32]
    tiles: tuple[Tile, ...]
    label: str = "frame"

    @property
    def nbytes(self) -> int:
        """Total size of the arrays in bytes."""
        return self.image.nbytes + self.aging_map.nbytes + self.coordinates.nbytes

    def frame_px(self, halo_px: int) -> int:
        """Side S of the frame without its halo, in px."""
        return self.image.shape[0] - 2 * halo_px
