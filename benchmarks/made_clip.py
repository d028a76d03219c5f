"""Clips of a portrait that moves in front of a flat background, written for the benchmarks of videos."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from common import PHOTO
from made_motion import read_portrait

RATE = Fraction(25)


def portrait() -> np.ndarray:
    """The portrait of the clips, uint8 [512, 512, 3]."""
    return read_portrait(PHOTO, 512)


def clip_pictures(
    size: tuple[int, int], face_height: float, landmarks: np.ndarray, count: int
) -> Iterator[np.ndarray]:
    """Pictures, uint8 [h, w, 3], of ``size`` (width, height) with a moving face of the given height in px.

    ``landmarks`` [n, 2] are those of `portrait`.
    """
    face, random = portrait(), np.random.default_rng(1)
    scale = face_height / float(np.ptp(landmarks[:, 1]))
    middle = landmarks.mean(axis=0)
    noise = [random.normal(0, 2, (size[1], size[0], 1)).astype(np.float32) for _ in range(4)]
    for number in range(count):
        turn = np.deg2rad(2.0 * np.sin(number / 17.0))
        axes = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        sway = 0.1 * face_height * np.array([np.sin(number / 11.0), np.sin(number / 8.0) / 2])
        place = np.array(size) / 2 + sway - axes @ middle
        picture = cv2.warpAffine(
            face, np.column_stack([axes, place]), size, flags=cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_CONSTANT, borderValue=(90, 90, 90),
        )  # fmt: skip
        yield np.clip(picture + noise[number % 4], 0, 255).astype(np.uint8)


def write_clip(path: Path, pictures: Iterator[np.ndarray]) -> None:
    """Encode pictures as H.264."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "18", "preset": "veryfast"})
        for number, picture in enumerate(pictures):
            if not number:
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = number, 1 / RATE
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
