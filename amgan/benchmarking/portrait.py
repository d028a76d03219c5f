"""The picture for benchmarks: a photographed face included in the package."""

from __future__ import annotations

from importlib.resources import files
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amgan.export.cases import mean_face_coordinates

SIDE_PX = 368
FACE_FRAME_PX = 256
"""Side of the picture, and of the frame of its face, in px."""


def portrait(side_px: int) -> NDArray[np.uint8]:
    """The portrait, resized to uint8 [side, side, 3]."""
    content = files("amgan.export").joinpath("data", "collins_tile.png").read_bytes()
    picture = Image.open(BytesIO(content)).convert("RGB")
    return np.array(picture.resize((side_px, side_px), Image.Resampling.BICUBIC))


def write_portrait(path: Path, frame_px: int) -> Path:
    """Write a JPEG in which the frame of the face is ``frame_px`` wide, a multiple of 64."""
    side = round(SIDE_PX * (frame_px - 4) / FACE_FRAME_PX)
    Image.fromarray(portrait(side)).save(path, quality=92)
    return path


def whole_frame(
    frame_px: int, halo_px: int, patterns: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """A frame with its halo as one tile.

    It has a map from -30 to +30 years, the coordinates of the mean face, and a mixture of patterns.
    """
    side = frame_px + 2 * halo_px
    years = np.tile(np.linspace(-30, 30, side // 4, dtype=np.float32), (1, 1, side // 4, 1))
    coordinates = mean_face_coordinates((-halo_px, -halo_px), (side, side), frame_px)[None]
    return portrait(side)[None], years, coordinates, np.full((1, patterns), 1 / patterns, np.float32)
