"""Reads the properties of a video: size, times, colours, rotation."""

from __future__ import annotations

import math
import stat
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..errors import UsageError, VideoError
from .layout import layout_of_frame, planar_name
from .library import load_av, reading

MAX_SIDE_PX = 16384
MAX_PIXELS = 16384 * 8704
USUAL_RATE = Fraction(25)


@dataclass(frozen=True)
class Colours:
    """Colour range, primaries, transfer and matrix in FFmpeg's numbers; 2 (range: 0) is unknown."""

    range: int
    primaries: int
    transfer: int
    matrix: int


@dataclass(frozen=True)
class VideoInfo:
    """The picture track of a video file.

    ``width`` and ``height`` are in px as stored; ``quarter_turns`` is the counter-clockwise rotation to
    upright, and ``display`` the full matrix (9 integers of FFmpeg, or None). ``time_base`` is in seconds,
    ``rate`` in frames per second (the mean of a variable one), ``seconds`` the duration, 0 if unknown.
    ``pixel_aspect`` is width to height of a pixel. ``first_pts`` is the time of the first picture in the time
    base.
    """

    path: Path
    container: str
    codec: str
    width: int
    height: int
    pix_fmt: str
    bits: int
    time_base: Fraction
    rate: Fraction
    seconds: float
    pixel_aspect: Fraction
    colours: Colours
    display: tuple[int, ...] | None
    quarter_turns: int
    first_pts: int = 0


def probe_video(path: Path) -> VideoInfo:
    """Read a video's properties, its first picture included; raises VideoError, UsageError for a folder."""
    av = load_av(path)
    with reading(path):
        if path.is_dir():
            raise UsageError(f"'{path}' is a folder: give a video, or a folder of numbered frames")
        if not stat.S_ISREG(path.stat().st_mode):
            raise VideoError(f"'{path}' is no regular file: give a video file")
        with av.open(str(path), metadata_errors="replace") as container:
            stream = picture_stream(container, path)
            stream.thread_type = "AUTO"
            frame = next(container.decode(stream), None)
            if frame is None:
                raise VideoError(f"'{path}' holds no picture that can be read: give another file")
            return _describe(path, container, stream, frame)


def picture_stream(container: Any, path: Path) -> Any:
    """The video track of an opened file, not a cover picture; raises VideoError if there is none."""
    still = load_av(path).stream.Disposition.attached_pic
    for stream in container.streams.video:
        if not stream.disposition & still:
            if stream.codec_context is None:
                raise VideoError(f"'{path}' has a video codec that FFmpeg does not know: convert it first")
            return stream
    raise VideoError(f"'{path}' holds no video: give a file with moving pictures")


def _describe(path: Path, container: Any, stream: Any, frame: Any) -> VideoInfo:
    if frame.width > MAX_SIDE_PX or frame.height > MAX_SIDE_PX or frame.width * frame.height > MAX_PIXELS:
        raise VideoError(
            f"'{path}' has {frame.width}x{frame.height} px, more than {MAX_SIDE_PX} px: make it smaller first"
        )
    try:
        planar_name(frame.format.name)
    except VideoError as error:
        raise VideoError(f"'{path}': {error}") from error
    rate = stream.average_rate or stream.guessed_rate or USUAL_RATE
    if not 0 < rate < 1000:
        rate = USUAL_RATE
    display = _display_matrix(frame)
    length = stream.duration * stream.time_base if stream.duration else None
    if length is None and container.duration:
        length = Fraction(container.duration, 1_000_000)
    context = stream.codec_context
    colours = Colours(
        int(frame.color_range),
        int(frame.color_primaries),
        int(frame.color_trc),
        int(frame.colorspace),
    )
    return VideoInfo(
        path,
        container.format.name,
        context.name,
        frame.width,
        frame.height,
        frame.format.name,
        layout_of_frame(frame).bits,
        stream.time_base or 1 / rate,
        Fraction(rate),
        max(float(length), 0.0) if length is not None else 0.0,
        stream.sample_aspect_ratio or Fraction(1),
        colours,
        display,
        round(int(frame.rotation) / 90) % 4,
        int(frame.pts or 0),
    )


def _display_matrix(frame: Any) -> tuple[int, ...] | None:
    """FFmpeg's 3x3 display matrix of a picture, or None if it is stored upright."""
    import numpy as np

    for data in frame.side_data:
        if "DISPLAYMATRIX" in str(data.type):
            return tuple(int(v) for v in np.frombuffer(bytes(data), np.int32))
    return None


def say_time(seconds: float) -> str:
    """Format a time in seconds, such as 1:02.50."""
    whole = math.floor(max(seconds, 0.0) * 100 + 0.5)
    minutes, rest = divmod(whole, 6000)
    hours, minutes = divmod(minutes, 60)
    begin = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{begin}:{rest // 100:02d}.{rest % 100:02d}"
