"""Results of the pipeline: aged faces, aged photos, and photos in flight."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..ages.maps import FaceAges
from ..ages.request import Request
from ..face.finder import Face, Found
from .face_filter import LeftFace
from .face_plan import FaceWork


@dataclass(frozen=True)
class AgedFace:
    """One aged face: present and wanted ages in years, and the side of its frame in px.

    ``covered``: covered share, 0..1, of each part that is covered at all.
    """

    face: Face
    now: FaceAges
    wanted: FaceAges
    frame_px: int
    covered: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class AgedPhoto:
    """The result for one photo: ``pixels`` uint8 [H, W, 3], and the faces, largest first.

    ``left``: faces that were not aged, with reasons. ``found``: extent of the search for faces (None: none).
    """

    pixels: NDArray[np.uint8]
    faces: tuple[AgedFace, ...]
    left: tuple[LeftFace, ...] = ()
    found: Found | None = None


@dataclass(frozen=True, eq=False)
class StartedPhoto:
    """A photo whose faces are on the engine; pass it to `Pipeline.finish`."""

    pixels: NDArray[np.uint8]
    request: Request
    works: tuple[FaceWork, ...]
    frames: tuple[Future[NDArray[np.uint8]], ...]
    left: tuple[LeftFace, ...] = ()
    found: Found | None = None

    def cancel(self) -> None:
        """Cancel the faces that the engine has not started; `finish` then fails."""
        for frame in self.frames:
            frame.cancel()
