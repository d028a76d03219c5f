"""The rest of a cover, such as a hand, of which the head parser is only sure of a part.

Next to a large part that it is sure of, what it doubts is likely to belong to it: three quarters of what it
misses of hands are cells of less than two thirds of skin, as are only a few of a hundred bare ones.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_SURE = 0.2
"""Cells with less skin belong to a cover for certain."""
_LEAST_CELLS, _MOST_HAIR = 150, 0.3
"""Smaller parts are often shadows, and fringes have edges of their own."""
_BROWS = 0.42
"""Of the frame's height: what lies above is often a hat, which casts a shadow below it."""
_REACHED = (0.4, 0.6)

Shares = NDArray[np.float32]


def find_rest(skin: Shares, hair: Shares, face: Shares) -> NDArray[np.bool_]:
    """The cells [n, n] of doubtful skin that hang together with a certain cover, and its own.

    ``skin`` and ``hair`` [n, n] 0..1 are the parser's probabilities, ``face`` [n, n] 0..1 the mesh's mask.
    """
    rest = np.zeros(skin.shape, bool)
    inside = face > 0.5
    hidden = (skin < _SURE) & inside
    hidden[: round(_BROWS * len(skin))] = False
    if hidden.sum() < _LEAST_CELLS:
        return rest
    numbers, sizes = _pieces(hidden)
    hairs = np.bincount(numbers.ravel(), weights=hair.ravel(), minlength=len(sizes)) / sizes
    sure = (sizes >= _LEAST_CELLS) & (hairs < _MOST_HAIR)
    sure[0] = False
    if not sure.any():
        return rest
    covers = sure[numbers]
    numbers, sizes = _pieces((skin < _REACHED[1]) & inside)
    reached = np.zeros(len(sizes), bool)
    reached[numbers[covers]] = True
    return np.asarray(reached[numbers] & inside, np.bool_)


def rest_of_skin(skin: Shares) -> Shares:
    """The visibility, 0..1, of cells with the share ``skin`` that `find_rest` found."""
    low, high = _REACHED
    return np.asarray(np.clip((skin - low) / (high - low), 0.0, 1.0), np.float32)


def _pieces(cells: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The number of the piece of every cell [n, n], and the pieces' sizes; piece 0 is the other cells."""
    numbers, boxes = cv2.connectedComponentsWithStats(cells.astype(np.uint8), connectivity=4)[1:3]
    return np.asarray(numbers, np.int32), np.maximum(np.asarray(boxes[:, cv2.CC_STAT_AREA], np.int32), 1)
