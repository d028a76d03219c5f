"""Beards and shadows on the lower face, which the head parser sometimes takes for occlusions.

A beard is as dark as what surrounds it and has its colour. Other skin that is hidden by mistake has the
colour of what surrounds it, too, and no edge; a cover has one, even a hand in the face's own tone.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .percentile import median

_LOWER_FACE, _UNDER_THE_MOUTH = 0.62, 0.72
"""Of the frame's height: patches that begin higher are not looked at, and are no beards."""
_HIDDEN, _OWN = 0.4, 0.5
_DARK = 0.7
"""Of the lightness of the face's own skin."""
_STEPS = np.array([25.0, 12.0, 12.0])
"""Smaller differences of beards from what surrounds them, in codes of OpenCV's Lab of bytes, are none."""
_SKIN_STEPS = np.array([16.0, 4.0, 4.0])
"""The same of skin."""
_NO_EDGE = 6.0
"""Smaller slopes, in codes per cell, are no edge; on dark skin slopes are smaller."""
_LEAST_CELLS = 20


def find_mistakes(
    skin: NDArray[np.float32], face: NDArray[np.float32], image: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    """The cells [n, n] of dark beards and of skin on the lower face that are hidden by mistake.

    ``skin`` [n, n] 0..1 is the parser's probability of the face's own skin, ``face`` [n, n] 0..1 the mask of
    the mesh, ``image`` uint8 [n, n, 3] the canonical frame in RGB.
    """
    own_after_all = np.zeros(skin.shape, bool)
    inside = face > 0.5
    hidden, own = (skin < _HIDDEN) & inside, (skin > _OWN) & inside
    first = round(_LOWER_FACE * len(skin))
    if not hidden[first:].any() or not own.any():
        return own_after_all
    lab = cv2.cvtColor(cv2.GaussianBlur(image, (0, 0), 1.0), cv2.COLOR_RGB2LAB).astype(np.float32)
    usual = float(median(lab[own][:, 0]))
    count, numbers, boxes, _ = cv2.connectedComponentsWithStats(hidden.astype(np.uint8), connectivity=4)
    for number in range(1, count):
        if boxes[number, cv2.CC_STAT_TOP] < first or boxes[number, cv2.CC_STAT_AREA] < _LEAST_CELLS:
            continue
        patch = numbers == number
        around = (_grown(patch, 4) & ~_grown(patch, 1)) & own
        if not around.any():
            continue
        colour, other = (median(lab[cells]) for cells in (patch, around))
        apart = np.abs(colour - other)
        low = boxes[number, cv2.CC_STAT_TOP] >= round(_UNDER_THE_MOUTH * len(skin))
        beard = low and max(colour[0], other[0]) < _DARK * usual and (apart < _STEPS).all()
        slope = _NO_EDGE * min(float(colour[0]) / usual, 1.0)
        if beard or ((apart < _SKIN_STEPS).all() and _slope_at_edge(lab, patch, face) < slope):
            own_after_all |= patch
    return own_after_all


def _slope_at_edge(lab: NDArray[np.float32], patch: NDArray[np.bool_], face: NDArray[np.float32]) -> float:
    """The median slope of colour, chroma counting double, along the edge of a patch within the face."""
    edge = _grown(patch, 2) & _grown(~patch, 2) & (face > 0.8)
    if not edge.any():
        return 0.0
    steps = (cv2.Sobel(lab, cv2.CV_32F, *axes, scale=0.125) for axes in ((1, 0), (0, 1)))
    squares = sum(step[edge] ** 2 for step in steps)
    return float(median(np.sqrt(squares @ np.array([1.0, 4.0, 4.0]))))


def _grown(cells: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """Cells and those within ``by`` of them."""
    square = np.ones((2 * by + 1, 2 * by + 1), np.uint8)
    return np.asarray(cv2.dilate(cells.astype(np.uint8), square) > 0)
