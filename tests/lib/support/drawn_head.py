"""A drawn head under a cap of hair, and what a parser that is sure of it says."""

from __future__ import annotations

import numpy as np

from amgan.runtime.face.alignment import Frame
from amgan.runtime.face.head_parser import PARSER_PX, HeadShares

FRAME = Frame((150.0, 150.0), (75.0, 0.0))
SKIN, HAIR = (190, 150, 130), (50, 36, 28)

Colour = tuple[int, int, int]


def head(hair: Colour = HAIR, skin: Colour = SKIN, around: int = 245) -> tuple[np.ndarray, HeadShares]:
    """A photo, uint8 [300, 300, 3], of a disc of skin under a cap of hair, and its shares."""
    y, x = np.mgrid[:300, :300] + 0.5
    photo = np.full((300, 300, 3), around, np.uint8)
    cap = (np.hypot(x - 150, y - 150) < 80) & (y < 130)
    face = (np.hypot(x - 150, y - 155) < 62) & ~(cap & (y < 115))
    photo[cap] = np.clip(hair + 9 * np.sin(x[cap] * 1.3)[:, None], 0, 255)
    photo[face] = skin
    # else it would be a sepia photo
    photo[face & (x > 150)] = np.clip(np.add(skin, (10, -30, -5)), 0, 255)
    return photo, shares_of(photo, face, cap & ~face)


def shares_of(photo: np.ndarray, face: np.ndarray, hair: np.ndarray) -> HeadShares:
    """The shares of a parser that is sure of the masks ``face`` and ``hair``, bool [300, 300]."""
    window = np.linspace(15, 285, PARSER_PX, endpoint=False).astype(int)
    small = np.ix_(window, window)
    return HeadShares(face[small].astype(np.float32), hair[small].astype(np.float32), photo[small])
