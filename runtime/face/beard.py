"""Dark beards under the mouth, which the head parser sometimes takes for occlusions.

In 270 faces without an object before them it hides a patch under the mouth of five, three of them bearded. A
beard is as dark as what surrounds it and has its colour; of 480 drawn masks, hands, cloths and held things
none does.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_UNDER_THE_MOUTH = 0.72
"""Of the frame's height: patches that begin higher are not looked at."""
_HIDDEN, _OWN = 0.4, 0.5
_DARK = 0.7
"""Of the lightness of the face's own skin."""
_STEPS = np.array([25.0, 12.0, 12.0])
"""Smaller differences from what surrounds a patch, in codes of OpenCV's Lab of bytes, are none."""
_LEAST_CELLS = 20


def find_beard(
    skin: NDArray[np.float32], face: NDArray[np.float32], image: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    """The cells [n, n] of dark beards that are hidden by mistake.

    ``skin`` [n, n] 0..1 is the parser's probability of the face's own skin, ``face`` [n, n] 0..1 the mask of
    the mesh, ``image`` uint8 [n, n, 3] the canonical frame in RGB.
    """
    beard = np.zeros(skin.shape, bool)
    inside = face > 0.5
    hidden, own = (skin < _HIDDEN) & inside, (skin > _OWN) & inside
    first = round(_UNDER_THE_MOUTH * len(skin))
    if not hidden[first:].any() or not own.any():
        return beard
    lab = cv2.cvtColor(cv2.GaussianBlur(image, (0, 0), 1.0), cv2.COLOR_RGB2LAB).astype(np.float64)
    darkest = _DARK * float(np.median(lab[own][:, 0]))
    count, numbers, boxes, _ = cv2.connectedComponentsWithStats(hidden.astype(np.uint8), connectivity=4)
    for number in range(1, count):
        if boxes[number, cv2.CC_STAT_TOP] < first or boxes[number, cv2.CC_STAT_AREA] < _LEAST_CELLS:
            continue
        patch = numbers == number
        around = (_grown(patch, 4) & ~_grown(patch, 1)) & own
        if not around.any():
            continue
        colour, other = (np.median(lab[cells], axis=0) for cells in (patch, around))
        if max(colour[0], other[0]) < darkest and (np.abs(colour - other) < _STEPS).all():
            beard |= patch
    return beard


def _grown(cells: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """Cells and those within ``by`` of them."""
    square = np.ones((2 * by + 1, 2 * by + 1), np.uint8)
    return np.asarray(cv2.dilate(cells.astype(np.uint8), square) > 0)
