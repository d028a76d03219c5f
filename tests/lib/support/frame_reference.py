"""Whole frames aged by the Python runtime, for tests that hold libamgan against it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from amgan.runtime.ages.maps import MAP_CELLS
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.engines.frame import FrameWork
from amgan.runtime.engines.scheduler.scheduler import open_scheduler
from amgan.runtime.engines.tiles import plan_tiles
from amgan.runtime.face.coordinates import face_coordinates
from amgan.runtime.face.mean_face import mean_face
from amgan.runtime.face.mesh import N_POINTS
from amgan.runtime.pipeline.engine_frame import TILE_STEP_PX, engine_positions
from amgan.runtime.pipeline.seen_face import map_margin


class Reference:
    """Frames aged by the Python runtime."""

    def __init__(self, precision: str | None, folder: Path | None = None) -> None:
        """Open the bundle in a folder, by default the shipped one."""
        bundle = Bundle.open(folder)
        self.manifest = bundle.manifest
        self.halo = self.manifest.halo_px
        self.scheduler = open_scheduler(bundle, "cpu", precision)

    def age(
        self,
        image: np.ndarray,
        years: np.ndarray,
        pattern: np.ndarray,
        landmarks: np.ndarray | None = None,
    ) -> np.ndarray:
        """Age a whole frame; image and map have their halo. Without landmarks the face is the mean face."""
        likes = self.scheduler.capabilities
        size = image.shape[0] - 2 * self.halo
        tiles = plan_tiles(size, likes.max_core_px, None, TILE_STEP_PX, at_least=likes.min_tiles)
        points = mean_face().points[:N_POINTS] if landmarks is None else landmarks
        margin = map_margin(size, self.halo)
        coordinates = face_coordinates(points, MAP_CELLS, margin)
        places = engine_positions(coordinates, margin, size, self.halo)
        return self.scheduler.submit(FrameWork(image, years, places, pattern, tuple(tiles))).result()
