"""Where a face's own skin is visible, finer than the head parser sees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .alignment import Frame
from .head_parser import HeadShares, own_skin, skin_at
from .rims import RIM_PX, find_rims

Shares = NDArray[np.float32]


def visible_skin(
    rgb: NDArray[np.uint8], frame: Frame, shares: HeadShares, landmarks_unit: NDArray[np.floating]
) -> Shares:
    """Where a change may be pasted, considering occlusions and rims of glasses: float32 [n, n], 0..1.

    ``rgb`` uint8 [H, W, 3] is the photo, ``shares`` are those of `HeadParser.read_frame` in its ``frame``,
    and landmarks [468, 2 or more] are in units of it. n is PARSER_PX, or RIM_PX with glasses.
    """
    skin = own_skin(shares)
    rims = find_rims(rgb, frame, landmarks_unit, shares.skin)
    if rims is None:
        return skin
    return np.asarray(skin_at(skin, RIM_PX) * (1.0 - rims), np.float32)
