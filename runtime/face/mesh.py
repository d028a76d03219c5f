"""Names for groups of points of the 468-point MediaPipe face mesh.

"Right" and "left" are the person's own; in an upright photo the person's right is at the picture's left.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

N_POINTS = 468

FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
RIGHT_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
LEFT_BROW = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
LIPS_OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
LIPS_INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
MOUTH_CORNERS = (61, 291)
NOSE_TIP = 1
CHIN = 152
JAW_ANGLES = (172, 397)
JAW = (172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397)
CHEEKS = (50, 205, 280, 425)
NOSE = (6, 122, 351, 196, 419, 198, 420, 131, 360, 49, 279, 129, 358, 98, 327, 2, 1)

FOREHEAD_TOP, FOREHEAD_MIDDLE = 10, 9
HAIRLINE_REACH = {
    10: 0.40, 338: 0.40, 109: 0.40, 297: 0.36, 67: 0.36, 332: 0.26, 103: 0.26, 284: 0.12, 54: 0.12,
}  # fmt: skip
"""Extent of foreheads above the mesh, in units of the distance FOREHEAD_MIDDLE to FOREHEAD_TOP."""


def raise_hairline(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """Landmarks [468, 2 or more] with the mesh's upper edge moved to the usual hairline.

    The mesh ends in the middle of a high forehead. The points of HAIRLINE_REACH move along the line from the
    middle of the brows to the top. Returns [468, 2] in the same units.
    """
    points = np.array(np.asarray(landmarks)[:, :2], np.float64)
    up = points[FOREHEAD_TOP] - points[FOREHEAD_MIDDLE]
    for number, reach in HAIRLINE_REACH.items():
        points[number] += reach * up
    return points
