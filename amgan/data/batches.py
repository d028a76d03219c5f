"""Options of training patches, and the batches that are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True)
class PatchOptions:
    """Patch side in px, the range of frame sizes in px, and the range of patch centres (frame units).

    ``frame_px`` are the smallest and largest frame sizes; the scale in between is drawn log-uniformly. Real
    patches are enlarged by at most ``real_enlargement``, so that the critic does not learn that large faces
    are blurred. Enlarged pairs get up to ``grain`` code values of noise, the same in both pictures.

    ``extreme_share`` of the pairs have the full change, ``forward_share`` of these start at the unchanged
    face; of the other pairs ``untouched_share`` start there.

    A small change of years has little visible effect, so older pairs show a share ``f (1 + early (1 - f))``
    of the change at a share ``f`` of the years.
    """

    patch_px: int = 144
    frame_px: tuple[float, float] = (224.0, 2048.0)
    centre_x: tuple[float, float] = (0.3, 0.7)
    centre_y: tuple[float, float] = (0.32, 0.85)
    older_share: float = 0.7
    whole_face_share: float = 0.5
    extreme_share: float = 0.5
    forward_share: float = 0.75
    untouched_share: float = 0.5
    overshoot: float = 1.15
    early: float = 0.0
    brightness: float = 0.2
    saturation: float = 0.2
    real_enlargement: float = 1.25
    grain: float = 5.0


@dataclass(frozen=True, eq=False)
class PairBatch:
    """The same patches at two ages. Pictures are float32 [N, 3, P, P] in -1..1, maps [N, 1, P/4, P/4] years.

    ``coordinates`` [N, 4, P/4, P/4] are u, v, inside and scale, ``pattern`` [N, K] the mixing weights of the
    patterns that the older picture shows, times line strength; ``face`` [N, 1, P/4, P/4] is the mask.
    """

    before: Array
    after: Array
    map_before: Array
    map_after: Array
    coordinates: Array
    pattern: Array
    face: Array


@dataclass(frozen=True, eq=False)
class RealBatch:
    """Unchanged patches with their present map and a wanted one; shapes as in PairBatch.

    ``pattern`` is the wanted one, and ``position`` [N, 2] are u and v of the patches' centres.
    """

    image: Array
    map_now: Array
    map_wanted: Array
    coordinates: Array
    pattern: Array
    position: Array
    face: Array
