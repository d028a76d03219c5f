"""Small videos for tests: a photo's face that moves over noise, with sound, in any codec."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

WIDTH, HEIGHT = 320, 240
RATE = Fraction(25)
Pixels = np.ndarray


def background(seed: int = 0) -> Pixels:
    """Soft noise without a face, uint8 [HEIGHT, WIDTH, 3]."""
    noise = np.random.default_rng(seed).integers(60, 190, (6, 8, 3)).astype(np.uint8)
    return cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)


def moving(photo: Pixels, count: int, step: float = 2.0, x: float = 60, height: int = 200) -> list[Pixels]:
    """``count`` pictures in which a photo moves to the right by ``step`` px each time."""
    scale = height / photo.shape[0]
    pictures = []
    for number in range(count):
        matrix = np.array([[scale, 0, x + step * number], [0, scale, 20.0]])
        picture = background()
        cv2.warpAffine(
            photo, matrix, (WIDTH, HEIGHT), picture, cv2.INTER_AREA, borderMode=cv2.BORDER_TRANSPARENT
        )
        pictures.append(picture)
    return pictures


@contextmanager
def scheduling_kept() -> Iterator[None]:
    """Give the thread its scheduling back afterwards.

    SVT-AV1's encoder makes the thread that opens it a real-time one where it may, as root. All threads that
    are started later inherit that, and those that spin then hold back all others for minutes.
    """
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)


def write_video(
    path: Path,
    pictures: Sequence[Pixels],
    codec: str = "ffv1",
    pix_fmt: str = "yuv420p",
    *,
    times: Sequence[int] | None = None,
    sound: bool = False,
    options: dict[str, str] | None = None,
    change: Callable[[Any], None] = lambda stream: None,
    format: str | None = None,
) -> Path:
    """Write pictures, uint8 [h, w, 3], as a video; ``times`` are in frames, ``change`` sees its track."""
    with scheduling_kept(), av.open(str(path), "w", format=format) as container:
        stream = container.add_stream(codec, rate=RATE, options=options or {})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pix_fmt
        stream.codec_context.color_range = 1
        stream.codec_context.colorspace = 1
        change(stream)
        noise = container.add_stream("aac", rate=48000, layout="stereo") if sound else None
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(
                format=pix_fmt, dst_colorspace=1, dst_color_range=1
            )
            frame.pts = number if times is None else times[number]
            frame.time_base = 1 / RATE
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if noise is not None:
            for packet in _sound(noise, len(pictures)):
                container.mux(packet)
    return path


def _sound(track: Any, pictures: int) -> Iterator[Any]:
    random = np.random.default_rng(1)
    for number in range(int(pictures / RATE * 48000 / 1024)):
        samples = random.normal(0, 0.1, (2, 1024)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, number * 1024, Fraction(1, 48000)
        yield from track.encode(frame)
    yield from track.encode()


def planes_of(path: Path) -> list[Pixels]:
    """The samples of all pictures as they are stored."""
    with av.open(str(path)) as container:
        frames = container.decode(video=0)
        return [f.to_ndarray(**({"format": "rgb24"} if f.format.name == "bgr0" else {})) for f in frames]


def times_of(path: Path) -> list[Fraction]:
    """The times of all pictures, in seconds."""
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


def sound_of(path: Path) -> list[bytes]:
    """The packets of the first track of sound."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]
