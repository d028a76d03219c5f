"""Videos of known motion: a synthetic portrait that moves, turns and changes its light, with noise.

Every picture is a warp of one portrait. The head is modelled as half an ellipsoid in front of a flat
background, so that a turn moves the nose farther than the ears.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Motion:
    """Motion of a head.

    ``shift`` in px in x and y, ``turn`` and ``tilt`` in degrees, ``zoom`` and ``light`` as shares; each
    oscillates with its own period, in pictures. ``noise`` is in code values.
    """

    name: str
    shift: float
    turn: float
    tilt: float
    zoom: float
    light: float
    noise: float = 2.0
    speed: float = 1.0


MOTIONS = (
    Motion("still", 0.0, 0.0, 0.0, 0.0, 0.0),
    Motion("talking", 12.0, 8.0, 3.0, 0.03, 0.05),
    Motion("turning", 20.0, 22.0, 6.0, 0.05, 0.15),
    Motion("fast", 60.0, 15.0, 8.0, 0.10, 0.10, speed=2.5),
)


@dataclass(frozen=True, eq=False)
class MadeVideo:
    """Pictures uint8 [H, W, 3]; ``maps`` float32 [H, W, 2]: positions of the portrait's pixels in each."""

    pictures: list[NDArray[np.uint8]]
    maps: list[Floats]


def make_video(portrait: NDArray[np.uint8], box: tuple[float, ...], motion: Motion, count: int) -> MadeVideo:
    """Render a moving portrait, uint8 [H, W, 3], whose head is in the box x0, y0, x1, y1."""
    random = np.random.default_rng(7)
    pictures, maps = [], []
    for number in range(count):
        forward = _forward(portrait.shape[:2], box, motion, number)
        picture = cv2.remap(
            portrait.astype(np.float32), *cv2.split(_inverse(forward)), cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REFLECT,
        )  # fmt: skip
        x = np.linspace(-1, 1, portrait.shape[1], dtype=np.float32)[None, :, None]
        swing = np.sin(motion.speed * number / 11.0 + 1.0)
        picture *= np.float32(1.0) + np.float32(motion.light * swing) * (
            np.float32(0.6) + np.float32(0.4) * x
        )
        picture += random.normal(0, motion.noise, picture.shape).astype(np.float32)
        pictures.append(np.clip(np.rint(picture), 0, 255).astype(np.uint8))
        maps.append(forward)
    return MadeVideo(pictures, maps)


def read_portrait(path: Path, side: int) -> NDArray[np.uint8]:
    """Read a portrait, resized to the given longer side in px."""
    picture = Image.open(path).convert("RGB")
    scale = side / max(picture.size)
    size = (round(picture.width * scale), round(picture.height * scale))
    return np.asarray(picture.resize(size, Image.Resampling.LANCZOS))


def at_points(field: Floats, points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Values of a field [H, W, 2] at points [n, 2], by bilinear interpolation."""
    x, y = (np.asarray(points[:, i] - 0.5, np.float32)[:, None] for i in (0, 1))
    return np.asarray(cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0], float)


def _forward(shape: tuple[int, ...], box: tuple[float, ...], motion: Motion, number: int) -> Floats:
    """Forward map: position in the picture of every pixel of the portrait, [H, W, 2] in px."""
    height, width = shape
    x0, y0, x1, y1 = box
    cx, cy, a, b = (x0 + x1) / 2, (y0 + y1) / 2, 0.75 * (x1 - x0), 0.85 * (y1 - y0)
    y, x = (np.mgrid[:height, :width]).astype(np.float32)
    time = motion.speed * number
    across, down = (x - cx) / a, (y - cy) / b
    depth = np.sqrt(np.clip(1.0 - across**2 - down**2, 0.0, 1.0)) ** 1.5 * a
    turn = np.deg2rad(motion.turn * np.sin(time / 13.0))
    away = np.clip(1.6 - np.hypot(across, down), 0.0, 1.0)
    moved_x = cx + (x - cx) * (1 - away * (1 - np.cos(turn))) + depth * np.sin(turn)
    tilt = np.deg2rad(motion.tilt * np.sin(time / 17.0 + 0.5))
    zoom = 1.0 + motion.zoom * np.sin(time / 19.0 + 1.0)
    from_x, from_y = moved_x - cx, y - cy
    out_x = cx + zoom * (np.cos(tilt) * from_x - np.sin(tilt) * from_y) + motion.shift * np.sin(time / 9.0)
    out_y = (
        cy + zoom * (np.sin(tilt) * from_x + np.cos(tilt) * from_y) + motion.shift * 0.5 * np.sin(time / 7.0)
    )
    return np.stack([out_x, out_y], axis=-1).astype(np.float32)


def _inverse(forward: Floats) -> Floats:
    """Inverse map: position in the portrait of every pixel of the picture, by fixed-point iteration."""
    height, width = forward.shape[:2]
    y, x = (np.mgrid[:height, :width]).astype(np.float32)
    moved = forward - np.stack([x, y], axis=-1)
    at = np.stack([x, y], axis=-1)
    for _ in range(30):
        found = cv2.remap(moved, *cv2.split(at), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        at = np.stack([x, y], axis=-1) - found
    return at
