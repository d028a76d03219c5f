"""A canonical frame on its way through an engine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .tiles import Tile


@dataclass(frozen=True, eq=False)
class FrameWork:
    """One canonical frame of S x S px to age, tile by tile.

    ``image`` uint8 [S + 2h, S + 2h, 3] RGB with the halo h of real pixels around it; ``aging_map`` float32
    [(S + 2h) / 4, (S + 2h) / 4] years; ``tiles`` the cores to compute, all of one size, in px of the frame;
    ``label`` names photo and face in error messages.
    """

    image: NDArray[np.uint8]
    aging_map: NDArray[np.float32]
    tiles: tuple[Tile, ...]
    label: str = "frame"

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        return self.image.nbytes + self.aging_map.nbytes

    def frame_px(self, halo_px: int) -> int:
        """Side S of the frame without its halo, in px."""
        return self.image.shape[0] - 2 * halo_px
