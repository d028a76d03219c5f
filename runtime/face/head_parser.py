"""A small segmentation network for a face's own skin and hair."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .alignment import Frame, whole_frame
from .beard import find_mistakes
from .cover_reach import find_rest, rest_of_skin
from .easing import eased
from .networks import PARSER_PX, FaceNetworks
from .region_masks import make_face_mask
from .warp import sample_affine

HAIR_WIDTH = 1.8
"""Width of the window in which hair is searched for, relative to the frame."""
_SURE_OF_SKIN = (0.1, 0.34)
_HAIR = 0.06
"""Where hair is certain, skin must be more certain by this: strands over skin are thin."""

Shares = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class HeadShares:
    """Probabilities of the face's own ``skin`` (beard, brows, lips and eyes included), of ``hair`` and of the
    bare skin of neck and ears, ``body``, in every cell of a square window: float32 [PARSER_PX, PARSER_PX],
    0..1. ``image`` uint8 [PARSER_PX, PARSER_PX, 3] and ``face``, the mask of the mesh [PARSER_PX, PARSER_PX]
    0..1, are the network's inputs.
    """

    skin: Shares
    hair: Shares
    image: NDArray[np.uint8]
    face: Shares | None = None
    body: Shares | None = None


class HeadParser:
    """Segments faces and their surroundings; holds the network and is thread-safe."""

    def __init__(self, streams: int | None = None, networks: FaceNetworks | None = None) -> None:
        """Open the network, by default on the CPU; raises EngineError."""
        self._network = (networks or FaceNetworks()).parser(streams)

    def read_frame(self, rgb: NDArray[np.uint8], frame: Frame, face_mask: Shares) -> HeadShares:
        """Parse the canonical ``frame`` of a photo, uint8 [H, W, 3].

        ``face_mask`` [n, n] 0..1 is the mask of the mesh in the frame. Raises EngineError.
        """
        return self._read(rgb, frame, _resized(face_mask, PARSER_PX))

    def read_aligned(self, picture: NDArray[np.uint8], landmarks_unit: NDArray[np.floating]) -> HeadShares:
        """Parse a canonical frame given as a picture, uint8 [S, S, 3]; landmarks [468, 2] in its units."""
        face_mask = make_face_mask(landmarks_unit, PARSER_PX)
        return self.read_frame(picture, whole_frame(len(picture)), face_mask)

    def read_window(self, rgb: NDArray[np.uint8], frame: Frame, face_mask: Shares) -> HeadShares:
        """Parse the window HAIR_WIDTH times as wide as ``frame`` around it; see `read_frame`."""
        inner = round(PARSER_PX / HAIR_WIDTH)
        start = (PARSER_PX - inner) // 2
        wide = np.zeros((PARSER_PX, PARSER_PX), np.float32)
        wide[start : start + inner, start : start + inner] = _resized(face_mask, inner)
        return self._read(rgb, hair_window(frame), wide)

    def _read(self, rgb: NDArray[np.uint8], frame: Frame, face_mask: Shares) -> HeadShares:
        image = sample_affine(rgb, frame.to_photo(PARSER_PX), (PARSER_PX, PARSER_PX))
        (shares,) = self._network(image[None], np.ascontiguousarray(face_mask)[None, None])
        shares = np.array(shares[0], np.float32)
        return HeadShares(shares[0], shares[1], image, face_mask, shares[2])


def hair_window(frame: Frame) -> Frame:
    """The square around a canonical frame in which hair is searched for."""
    return Frame(frame.centre, (frame.right[0] * HAIR_WIDTH, frame.right[1] * HAIR_WIDTH))


def window_points(landmarks_unit: NDArray[np.floating]) -> NDArray[np.float64]:
    """Landmarks [468, 2 or more] in units of a canonical frame as points [468, 2] in units of its window."""
    return (np.asarray(landmarks_unit, np.float64)[:, :2] - 0.5) / HAIR_WIDTH + 0.5


def own_skin(shares: HeadShares) -> Shares:
    """Where a change may be pasted, considering occlusions: float32 [PARSER_PX, PARSER_PX], 0..1.

    Exactly 1 where the face itself is likely visible, exactly 0 where it is likely hidden.
    """
    low, high = _SURE_OF_SKIN
    skin = shares.skin
    if shares.face is not None:
        skin = np.where(find_mistakes(skin, shares.face, shares.image), np.float32(1.0), skin)
    share = np.clip((skin - _HAIR * shares.hair - low) / (high - low), 0.0, 1.0)
    if shares.face is not None:
        rest = find_rest(skin, shares.hair, shares.face)
        share[rest] = rest_of_skin(skin[rest])
    return np.asarray(eased(share), np.float32)


def skin_at(skin: Shares, side_px: int) -> Shares:
    """`own_skin` resized to a frame: float32 [side_px, side_px]."""
    return np.asarray(cv2.resize(skin, (side_px, side_px), interpolation=cv2.INTER_LINEAR), np.float32)


def _resized(plane: Shares, size: int) -> Shares:
    if plane.shape[0] == size:
        return plane
    return np.asarray(cv2.resize(plane, (size, size), interpolation=cv2.INTER_AREA), np.float32)
