"""Which pixels around a face show its own skin, and which its hair: a small network over its frame."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..engines.openvino_network import choose_precision, compile_network, last_line
from ..errors import EngineError
from .alignment import Frame
from .easing import eased
from .region_masks import make_face_mask
from .warp import sample_affine

PARSER_PX = 128
HAIR_WIDTH = 1.8
"""How many times as wide as the frame the window is in which hair is looked for."""
_MODEL = Path(__file__).parent / "models" / "head_parser.onnx"
_SURE_OF_SKIN = (0.2, 0.5)

Shares = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class HeadShares:
    """How surely every cell of a square window shows the face's own ``skin`` (beard, brows, lips and eyes
    included) and the head's ``hair``: float32 [PARSER_PX, PARSER_PX], 0..1. ``image`` uint8 [PARSER_PX,
    PARSER_PX, 3] is what was looked at.
    """

    skin: Shares
    hair: Shares
    image: NDArray[np.uint8]


class HeadParser:
    """Reads the surroundings of faces; holds the compiled network and is safe to share between threads."""

    def __init__(self, streams: int | None = None) -> None:
        """Compile the network, in bf16 where the CPU has it; raises EngineError where that fails."""
        self._model = compile_network(
            _MODEL, choose_precision(None), inputs=("image", "face"), streams=streams, threads=streams or 1
        )
        self._local = threading.local()

    def read_frame(self, rgb: NDArray[np.uint8], frame: Frame, face_mask: Shares) -> HeadShares:
        """Parse the canonical ``frame`` of a photo, uint8 [H, W, 3].

        ``face_mask`` [n, n] 0..1 says where in the frame the mesh sees the face. Raises EngineError.
        """
        return self._read(rgb, frame, _resized(face_mask, PARSER_PX))

    def read_aligned(self, picture: NDArray[np.uint8], landmarks_unit: NDArray[np.floating]) -> HeadShares:
        """Parse a frame that is a picture by itself, uint8 [S, S, 3]; landmarks [468, 2] in its units."""
        middle = len(picture) / 2
        face_mask = make_face_mask(landmarks_unit, PARSER_PX)
        return self.read_frame(picture, Frame((middle, middle), (middle, 0.0)), face_mask)

    def read_window(self, rgb: NDArray[np.uint8], frame: Frame, face_mask: Shares) -> HeadShares:
        """Parse the window HAIR_WIDTH times as wide as ``frame`` around it; see `read_frame`."""
        inner = round(PARSER_PX / HAIR_WIDTH)
        start = (PARSER_PX - inner) // 2
        wide = np.zeros((PARSER_PX, PARSER_PX), np.float32)
        wide[start : start + inner, start : start + inner] = _resized(face_mask, inner)
        return self._read(rgb, hair_window(frame), wide)

    def _read(self, rgb: NDArray[np.uint8], frame: Frame, face_mask: Shares) -> HeadShares:
        image = sample_affine(rgb, frame.to_photo(PARSER_PX), (PARSER_PX, PARSER_PX))
        if not hasattr(self._local, "request"):
            self._local.request = self._model.create_infer_request()
        try:
            self._local.request.infer(
                {"image": image[None], "face": np.ascontiguousarray(face_mask)[None, None]}
            )
            shares = np.array(self._local.request.get_output_tensor(0).data, np.float32)[0]
        except RuntimeError as error:
            raise EngineError(f"OpenVINO failed on the head parser: {last_line(error)}") from error
        return HeadShares(shares[0], shares[1], image)


def hair_window(frame: Frame) -> Frame:
    """The square around a canonical frame in which hair is looked for."""
    return Frame(frame.centre, (frame.right[0] * HAIR_WIDTH, frame.right[1] * HAIR_WIDTH))


def own_skin(shares: HeadShares) -> Shares:
    """Where a change may go as far as covers are concerned, float32 [PARSER_PX, PARSER_PX], 0..1.

    Exactly 1 where the parser rather thinks that the face itself is seen, exactly 0 where it rather does not.
    """
    low, high = _SURE_OF_SKIN
    share = np.clip((shares.skin - low) / (high - low), 0.0, 1.0)
    return np.asarray(eased(share), np.float32)


def skin_at(skin: Shares, side_px: int) -> Shares:
    """What `own_skin` says, for a frame of ``side_px``: float32 [side_px, side_px]."""
    return np.asarray(cv2.resize(skin, (side_px, side_px), interpolation=cv2.INTER_LINEAR), np.float32)


def _resized(plane: Shares, size: int) -> Shares:
    if plane.shape[0] == size:
        return plane
    return np.asarray(cv2.resize(plane, (size, size), interpolation=cv2.INTER_AREA), np.float32)
