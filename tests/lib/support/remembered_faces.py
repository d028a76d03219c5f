"""A finder that searches the same photo once a process, as hundreds of tests age the same few photos."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from amgan.runtime.face.finder import FaceFinder, Found
from amgan.runtime.face.networks import FaceNetworks


class RememberingFinder(FaceFinder):
    """Finds what `FaceFinder` finds; a photo that it has seen with the same layout is not searched again.

    Nobody can change what it remembers. Tests of the search itself open a finder of their own; others that
    need every search, such as for memory, set ``remembers`` to False.
    """

    remembers = True

    def __init__(self, networks: FaceNetworks) -> None:
        super().__init__(networks=networks)
        self._seen: dict[tuple[object, ...], Found] = {}

    def look(self, rgb: NDArray[np.uint8], min_face_px: float | None = None) -> Found:
        if not self.remembers:
            return super().look(rgb, min_face_px)
        pixels = hashlib.sha256(np.ascontiguousarray(rgb)).digest()
        key = (pixels, rgb.shape, rgb.strides, rgb.flags.writeable, min_face_px)
        found = self._seen.get(key)
        if found is None:
            found = super().look(rgb, min_face_px)
            for face in found.faces:
                face.landmarks.setflags(write=False)
            self._seen[key] = found
        return found
