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
from ..face.easing import eased_between
from ..pipeline.seen_face import SeenFace
from .correspondence import Correspondence, Floats, look_of_frame
from .register import LOOK_PX, face_cells

OTHER_LOOK = (7.0, 20.0)
"""Difference in code values, without low-frequency light, over which a pixel counts as changed, 0 to 1."""
ASK_SECONDS = 0.12
"""Longest time in s for which a change is reused."""
MOST_CHANGED = 0.002
"""Largest changed share of the face since the engine last ran."""
MOST_YEARS = 1.0


@dataclass(frozen=True, eq=False)
class FaceLook:
    """Appearance of a face in one picture.

    ``correspondence`` with the mean face; ``grey`` float32 [n, n]: the frame's lightness at low resolution;
    ``look`` float32 [LOOK_PX, LOOK_PX]: the lightness on the mean face. Both in code values.
    """

    correspondence: Correspondence
    grey: Floats
    look: Floats


class Looker:
    """Measures the appearance of one track's face per picture and decides when the engine runs."""

    def __init__(self, rate: float, kind: str = "face") -> None:
        """``rate`` is in pictures per second, ``kind`` the manifest's ``coordinates``."""
        self._every, self._kind = asks_every(rate), kind
        self._correspondence: tuple[NDArray[np.floating], Correspondence] | None = None
        self._asked: tuple[int, int, FaceAges, Floats] | None = None

    def look(self, rgb: NDArray[np.uint8], seen: SeenFace) -> FaceLook:
        """The appearance of a face in a picture, uint8 [H, W, 3]."""
        correspondence, grey = self._correspondence_of(seen), grey_frame(rgb, seen)
        return FaceLook(correspondence, grey, look_of_frame(grey, correspondence.knots))

    def asks(self, number: int, frame_px: int, wanted: FaceAges, seen: FaceLook) -> bool:
        """Whether the engine must run for picture ``number``. Call it in the order of the pictures.

        ``frame_px`` is the side of the face's frame, ``wanted`` are the requested ages.
        """
        if self._asked is not None:
            last, size, ages, look = self._asked
            is_near = 0 < number - last < self._every and size == frame_px
            if is_near and _years_apart(wanted, ages) <= MOST_YEARS and _is_alike(look, seen.look):
                return False
        self._asked = number, frame_px, wanted, seen.look
        return True

    def forget(self) -> None:
        """Run the engine for the next picture, whatever came before."""
        self._asked = self._correspondence = None

    def _correspondence_of(self, seen: SeenFace) -> Correspondence:
        """The face's correspondence; reused while the landmarks are the same array."""
        if self._correspondence is None or self._correspondence[0] is not seen.landmarks:
            self._correspondence = seen.landmarks, Correspondence.of(seen, self._kind)
        return self._correspondence[1]


def asks_every(rate: float) -> int:
    """The engine runs for one in this many pictures while a face looks the same; ``rate`` is in pictures per
    second.
    """
    return max(round(ASK_SECONDS * rate), 1)


def grey_frame(rgb: NDArray[np.uint8], seen: SeenFace) -> Floats:
    """Lightness of a face's frame at low resolution, float32 [n, n] in code values."""
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
    """Where a face's appearance changed, 0..1, from the difference of two looks in code values."""
    low, high = OTHER_LOOK
    apart = apart - np.median(apart[face_cells()])
    apart = np.abs(apart - cv2.GaussianBlur(np.clip(apart, -low, low), (0, 0), LOOK_PX / 8))
    return np.asarray(eased_between(apart, low, high), np.float32)


def _is_alike(one: Floats, other: Floats) -> bool:
    return float(changed_look(other - one)[face_cells()].mean()) <= MOST_CHANGED


def _years_apart(one: FaceAges, other: FaceAges) -> float:
    """The largest difference in years between the ages of two faces."""
    parts = (abs(years - other.parts[name]) for name, years in one.parts.items())
    return max(abs(one.base - other.base), *parts)
