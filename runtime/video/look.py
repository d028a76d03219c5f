"""Decides for each picture whether a face is computed by the engine again.

Differences of the change between neighbouring pictures are mostly noise, and are averaged anyway. So while
a face's appearance stays the same, the engine computes only some pictures; for the others the last change is
warped by the mesh.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..ages.maps import FaceAges
from ..face.easing import eased
from ..pipeline.face_plan import SeenFace
from .mean_places import Floats, MeanPlaces, look_of_frame
from .register import LOOK_PX, face_cells

OTHER_LOOK = (7.0, 20.0)
"""By how many code values, broad light taken away, a place must differ to be looked at anew."""
ASK_SECONDS = 0.12
"""Longest time in s for which a change is reused."""
MOST_CHANGED = 0.002
"""Share of the face that may look another than it did when the engine was asked last."""
MOST_YEARS = 1.0


@dataclass(frozen=True, eq=False)
class FaceLook:
    """How a face looks: its ``places`` on the mean face, its lightness ``grey`` in the frame, small, and its
    ``look`` on the mean face, float32 [LOOK_PX, LOOK_PX] in code values.
    """

    places: MeanPlaces
    grey: Floats
    look: Floats


class Looker:
    """Looks at one track's face, picture by picture, and says when the engine is asked."""

    def __init__(self, rate: float, kind: str = "face") -> None:
        """``rate`` is pictures a second, ``kind`` that of the faces' coordinates, as a manifest names it."""
        self._every, self._kind = asks_every(rate), kind
        self._places: tuple[NDArray[np.floating], MeanPlaces] | None = None
        self._asked: tuple[int, int, FaceAges, Floats] | None = None

    def look(self, rgb: NDArray[np.uint8], seen: SeenFace) -> FaceLook:
        """How a face looks that was placed in a picture, uint8 [H, W, 3]."""
        places, grey = self._places_of(seen), grey_frame(rgb, seen)
        return FaceLook(places, grey, look_of_frame(grey, places.knots))

    def asks(self, number: int, frame_px: int, wanted: FaceAges, seen: FaceLook) -> bool:
        """Whether the engine is asked for a picture; give it the pictures in order.

        ``frame_px`` is the side of the face's frame, ``wanted`` are the ages asked for.
        """
        if self._asked is not None:
            last, size, ages, look = self._asked
            is_near = 0 < number - last < self._every and size == frame_px
            if is_near and _years_apart(wanted, ages) <= MOST_YEARS and _is_alike(look, seen.look):
                return False
        self._asked = number, frame_px, wanted, seen.look
        return True

    def forget(self) -> None:
        """Ask for the next picture, so that it does not matter which came before."""
        self._asked = self._places = None

    def _places_of(self, seen: SeenFace) -> MeanPlaces:
        """Where the face lies; as before where the very same landmarks are told."""
        if self._places is None or self._places[0] is not seen.landmarks:
            self._places = seen.landmarks, MeanPlaces.of(seen, self._kind)
        return self._places[1]


def asks_every(rate: float) -> int:
    """Of how many pictures the engine is asked for one, at ``rate`` pictures a second, while a face looks as
    it did.
    """
    return max(round(ASK_SECONDS * rate), 1)


def grey_frame(rgb: NDArray[np.uint8], seen: SeenFace) -> Floats:
    """The lightness of a face's frame, small: float32 [n, n] in code values."""
    size = min(2 * LOOK_PX, seen.frame_px)
    matrix, grey = seen.face.frame.to_photo(size), cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    factor = max(int(math.hypot(*matrix[:, 0]) + 1e-6), 1)
    if factor > 1:
        height, width = (side // factor for side in grey.shape)
        inner = np.ascontiguousarray(grey[: height * factor, : width * factor])
        grey, matrix = cv2.resize(inner, (width, height), interpolation=cv2.INTER_AREA), matrix / factor
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    small = cv2.warpAffine(grey, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(small, np.float32)


def changed_look(apart: Floats) -> Floats:
    """Where a face looks another than it did, 0..1, of the difference of two looks in code values."""
    low, high = OTHER_LOOK
    apart = apart - np.median(apart[face_cells()])
    apart = np.abs(apart - cv2.GaussianBlur(np.clip(apart, -low, low), (0, 0), LOOK_PX / 8))
    return np.asarray(eased(np.clip((apart - low) / (high - low), 0.0, 1.0)), np.float32)


def _is_alike(one: Floats, other: Floats) -> bool:
    return float(changed_look(other - one)[face_cells()].mean()) <= MOST_CHANGED


def _years_apart(one: FaceAges, other: FaceAges) -> float:
    """By how many years two faces differ where they differ most."""
    parts = (abs(years - other.parts[name]) for name, years in one.parts.items())
    return max(abs(one.base - other.base), *parts)
