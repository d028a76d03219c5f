"""Why no face was found at the most likely position: tiny, drawn, cut off, turned aside, or covered."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .alignment import apply_affine
from .covers import bare_share
from .detector import MIN_FACE_PX, Detection
from .found import MIN_PRESENCE, Doubt, Face, turn_of
from .head_parser import HeadParser
from .region_masks import make_face_mask

CUT_SHARE = 0.1
"""A face is cut off if its box exceeds the border of the photo by more than this share of its side."""
FLAT_SHARE = 0.7
"""In 96 regions of photos at most 0.3 of the pixels equal their neighbour; in drawings about 0.9 do."""
TURNED = 0.9
BARE_SHARE = 0.4
"""Covered faces show less bare skin than this; 90 % of the faces found in photos show more than 0.9."""
_PARSED_PX = 128
_FLAT_ROWS = 128
_NEARLY_BLACK, _NEARLY_WHITE = 24, 250


def examine(rgb: NDArray[np.uint8], at: Detection, mesh: Face, parser: HeadParser) -> Doubt:
    """Examine a position in a photo, uint8 [H, W, 3], where no face was found.

    ``mesh`` is the result of one fit there; its turn is only used if it is confident. Raises EngineError.
    """
    return Doubt(
        at,
        tiny=at.width_px < MIN_FACE_PX,
        drawn=flat_share(rgb, at.box) > FLAT_SHARE,
        borders=borders_crossed(at, rgb.shape[1], rgb.shape[0]),
        turned=mesh.presence >= MIN_PRESENCE and abs(turn_of(mesh.landmarks)) > TURNED,
        covered=_bare_share(rgb, mesh, parser) < BARE_SHARE,
    )


def flat_share(rgb: NDArray[np.uint8], box: tuple[float, float, float, float]) -> float:
    """The share of the pixels in a box x0, y0, x1, y1 with exactly the colour of their neighbour, 0..1."""
    return flat_shares(rgb, box)[0]


def flat_shares(rgb: NDArray[np.uint8], box: tuple[float, float, float, float]) -> tuple[float, float]:
    """`flat_share`, and the share of the pixels that are flat without being nearly black or white.

    The second is small in photos that are blown out or nearly black. The neighbour is the right one; counted
    in at most about _FLAT_ROWS rows.
    """
    x0, y0, x1, y1 = (max(0, round(edge)) for edge in box)
    part = rgb[y0 : y1 : max(1, (y1 - y0) // _FLAT_ROWS), x0:x1]
    if part.shape[0] < 1 or part.shape[1] < 2:
        return 0.0, 0.0
    # Channel by channel, which takes a tenth of the time of reductions over three of them.
    alike = part[:, 1:] == part[:, :-1]
    r, g, b = (part[:, 1:, channel] for channel in range(3))
    flat = alike[..., 0] & alike[..., 1] & alike[..., 2]
    between = np.maximum(np.maximum(r, g), b) > _NEARLY_BLACK
    between &= np.minimum(np.minimum(r, g), b) < _NEARLY_WHITE
    return float(flat.mean()), float((flat & between).mean())


def borders_crossed(at: Detection, width: int, height: int) -> tuple[str, ...]:
    """The borders of a photo, ``width`` x ``height`` px, that a box exceeds by CUT_SHARE or more."""
    x0, y0, x1, y1 = at.box
    beyond: Mapping[str, float] = {
        "left": -x0 / (x1 - x0),
        "right": (x1 - width) / (x1 - x0),
        "upper": -y0 / (y1 - y0),
        "lower": (y1 - height) / (y1 - y0),
    }
    return tuple(name for name, share in beyond.items() if share >= CUT_SHARE)


def _bare_share(rgb: NDArray[np.uint8], mesh: Face, parser: HeadParser) -> float:
    """The share of a face that looks like its own bare skin, 0..1."""
    landmarks = apply_affine(mesh.frame.to_frame(1), mesh.landmarks)
    face_mask = make_face_mask(landmarks, _PARSED_PX)
    return bare_share(parser.read_frame(rgb, mesh.frame, face_mask).skin, face_mask)
