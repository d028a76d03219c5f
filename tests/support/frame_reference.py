"""Whole frames aged by the Python runtime, for tests that hold libamgan against it."""

from __future__ import annotations

import numpy as np

from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.engines.frame import FrameWork
from amgan.runtime.engines.openvino import OpenVinoEngine
from amgan.runtime.engines.scheduler.host import HostTileDevice
from amgan.runtime.engines.scheduler.scheduler import FrameScheduler
from amgan.runtime.engines.tiles import plan_tiles
from amgan.runtime.pipeline.face_plan import TILE_STEP_PX


class Reference:
    """Frames aged by the Python runtime."""

    def __init__(self, precision: str | None) -> None:
        self.manifest = Bundle.open().manifest
        self.halo = self.manifest.halo_px
        engine = OpenVinoEngine(Bundle.open(), precision)
        self.scheduler = FrameScheduler(HostTileDevice(engine, self.halo), self.halo)

    def age(self, image: np.ndarray, years: np.ndarray) -> np.ndarray:
        """Age a whole frame; image and map have their halo."""
        likes = self.scheduler.capabilities
        size = image.shape[0] - 2 * self.halo
        tiles = plan_tiles(size, likes.max_core_px, None, TILE_STEP_PX, at_least=likes.pieces)
        trained = np.minimum(years, np.float32(self.manifest.oldest_trained_age))
        return self.scheduler.submit(FrameWork(image, trained, tuple(tiles))).result()
