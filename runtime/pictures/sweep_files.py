"""Files of sweeps: a labelled strip (PNG), an animation (GIF) or a video (MP4)."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..errors import MissingDependencyError, PhotoError, UsageError
from ..files import whole_file
from ..pipeline.sweep import SweepFrame
from .drawing import font

SUFFIXES = (".png", ".gif", ".mp4")
STRIP_PX = 256
STRIP_COLUMNS = 8
LABEL_PX = 28
_GIF_COLOURS = 256


def check_target(path: Path) -> None:
    """Raise UsageError for a file name with an unsupported extension."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"'{path}' cannot hold a sweep: name it .png (strip), .gif (animation) or .mp4 (video)"
        )


def write_sweep(
    frames: Iterable[SweepFrame],
    path: Path,
    box: tuple[int, int, int, int],
    frames_per_second: float = 8.0,
    side_px: int = 720,
) -> None:
    """Write a sweep atomically, in the format that the file's name says.

    A strip shows the part ``box`` (x0, y0, x1, y1) of each photo at STRIP_PX with its age in years below;
    animations show whole photos, reduced to at most ``side_px`` px on the longer side, forwards and
    backwards. Raises PhotoError if the file cannot be written, and removes it then.
    """
    check_target(path)
    suffix = path.suffix.lower()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PhotoError(f"'{path}' cannot be written: {error.strerror or error}") from error
    # Not directly into the file: neither Pillow nor FFmpeg notices when a full disk takes only part of it.
    content = io.BytesIO()
    if suffix == ".png":
        _strip([(f.years, _cut(f.pixels, box)) for f in frames]).save(content, "PNG")
    else:
        if suffix == ".mp4":
            load_video_writer(path)
        pictures = [_shrunk(f.pixels, side_px) for f in frames]
        _WRITERS[suffix](content, pictures + pictures[-2:0:-1], frames_per_second)
    try:
        with whole_file(path, suffix) as temporary, temporary.open("xb") as stream:
            stream.write(content.getbuffer())
    except OSError as error:
        raise PhotoError(f"'{path}' cannot be written: {error.strerror or error}") from error


def _strip(cells: Sequence[tuple[float, Image.Image]]) -> Image.Image:
    """Pictures side by side, STRIP_COLUMNS a row, each above its age."""
    columns = min(len(cells), STRIP_COLUMNS)
    rows = -(-len(cells) // columns)
    height = cells[0][1].height + LABEL_PX
    sheet = Image.new("RGB", (columns * STRIP_PX, rows * height), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (years, picture) in enumerate(cells):
        x, y = number % columns * STRIP_PX, number // columns * height
        sheet.paste(picture, (x, y))
        middle = (x + STRIP_PX // 2, y + picture.height + LABEL_PX // 2)
        draw.text(middle, f"{years:g}", fill="black", font=font(18), anchor="mm")
    return sheet


def _cut(pixels: NDArray[np.uint8], box: tuple[int, int, int, int]) -> Image.Image:
    picture = Image.fromarray(pixels).crop(box)
    height = max(1, round(picture.height * STRIP_PX / picture.width))
    return picture.resize((STRIP_PX, height), Image.Resampling.LANCZOS, reducing_gap=3.0)


def _shrunk(pixels: NDArray[np.uint8], side_px: int) -> Image.Image:
    """The photo reduced to sides of at most ``side_px`` px, even as videos require."""
    picture = Image.fromarray(pixels)
    scale = min(1.0, side_px / max(picture.size))
    size = (max(2, round(picture.width * scale) // 2 * 2), max(2, round(picture.height * scale) // 2 * 2))
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _write_gif(stream: BinaryIO, pictures: Sequence[Image.Image], rate: float) -> None:
    # One palette for all frames; separate ones make skin flicker.
    width, height = pictures[0].size
    sheet = Image.new("RGB", (width, 3 * height))
    for row, number in enumerate((0, len(pictures) // 4, len(pictures) // 2)):
        sheet.paste(pictures[number], (0, row * height))
    palette = sheet.quantize(_GIF_COLOURS)
    indexed = [p.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for p in pictures]
    indexed[0].save(
        stream, "GIF", save_all=True, append_images=indexed[1:], duration=round(1000 / rate), loop=0
    )


def load_video_writer(path: Path) -> Any:
    """Import PyAV; raises MissingDependencyError, naming the video, if it is not installed."""
    try:
        import av
    except ImportError as error:
        raise MissingDependencyError(
            f"'{path}' needs PyAV: pip install 'amgan[video]', or name it .gif"
        ) from error
    return av


def _write_mp4(stream: BinaryIO, pictures: Sequence[Image.Image], rate: float) -> None:
    """Write H.264 that browsers and phones play; raises PhotoError if frames are missing afterwards."""
    import av

    with av.open(stream, "w", format="mp4") as video:
        track = video.add_stream("libx264", rate=Fraction(rate).limit_denominator(1000))
        track.width, track.height = pictures[0].size
        track.pix_fmt = "yuv420p"
        for picture in pictures:
            video.mux(track.encode(av.VideoFrame.from_ndarray(np.asarray(picture), "rgb24")))
        video.mux(track.encode())
    stream.seek(0)
    with av.open(stream, "r", format="mp4") as video:
        found = sum(1 for _ in video.decode(video=0))
    if found != len(pictures):
        raise PhotoError(f"the video has {found} of {len(pictures)} pictures: name it .gif instead")


_WRITERS: dict[str, Callable[[BinaryIO, Sequence[Image.Image], float], None]] = {
    ".gif": _write_gif,
    ".mp4": _write_mp4,
}
