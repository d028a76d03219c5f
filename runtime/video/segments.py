"""Encoded segments of a video, each in its own file, from which an interrupted run resumes.

A file holds the encoder's packets in order: a header, then for each packet its pts, duration, size and
whether it is a key frame. It is written atomically.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import VideoError
from ..files import whole_file
from .codecs import Encoding, add_picture_track
from .library import load_av, reason
from .probe import VideoInfo

MAGIC = b"AMGANSEG1\n"
_HEAD = struct.Struct("<q?q")


@dataclass(frozen=True, eq=False)
class Packet:
    """One encoded picture: ``pts`` in the time base of the video's track."""

    pts: int
    is_key: bool
    data: bytes


def segment_path(folder: Path, number: int) -> Path:
    """Path of a segment by number."""
    return folder / f"{number:06d}.segment"


def write_segment(
    path: Path, info: VideoInfo, encoding: Encoding, frames: Iterator[tuple[int, Any]], suffix: str
) -> int:
    """Encode frames (pts, frame of PyAV) into the file of a segment; returns their number.

    ``suffix`` is that of the output file. Raises VideoError if the encoder fails, OSError if the file cannot
    be written.
    """
    av = load_av(path)
    count = 0
    with whole_file(path) as temporary, temporary.open("xb") as stream:
        stream.write(MAGIC)
        with av.open(io.BytesIO(), "w", format=container_format(suffix)) as container:
            track = add_picture_track(container, info, encoding)
            for pts, frame in frames:
                _keep(stream, _encode(av, track, _prepared(frame, pts, info, encoding), info))
                count += 1
            _keep(stream, _encode(av, track, None, info))
    return count


def read_segment(path: Path) -> Iterator[Packet]:
    """The packets of a segment's file in decoding order; raises VideoError if it is damaged."""
    with path.open("rb") as stream:
        if stream.read(len(MAGIC)) != MAGIC:
            raise VideoError(f"'{path}' is no segment of a video: delete its folder and run again")
        while head := stream.read(_HEAD.size):
            pts, is_key, size = _HEAD.unpack(head)
            yield Packet(pts, is_key, stream.read(size))


def container_format(suffix: str) -> str:
    """FFmpeg's name of the container for a file suffix."""
    return {".mkv": "matroska", ".m4v": "mp4"}.get(suffix, suffix[1:])


def times_of(paths: Sequence[Path]) -> tuple[list[int], int]:
    """The times of all packets in presentation order, and the reordering delay in packets."""
    coded = [packet.pts for path in paths for packet in read_segment(path)]
    shown = sorted(coded)
    ranks = {pts: rank for rank, pts in enumerate(shown)}
    return shown, max((n - ranks[pts] for n, pts in enumerate(coded)), default=0)


def _prepared(frame: Any, pts: int, info: VideoInfo, encoding: Encoding) -> Any:
    """A frame in the encoder's pixel format, without a forced picture type."""
    if frame.format.name != encoding.pix_fmt:
        frame = converted(frame, encoding.pix_fmt)
    frame.pts, frame.time_base, frame.pict_type = pts, info.time_base, 0
    return frame


def converted(frame: Any, pix_fmt: str) -> Any:
    """Convert a frame to another pixel format with the same matrix and range."""
    matrix, full = int(frame.colorspace), int(frame.color_range)
    if frame.format.name.startswith("yuvj"):
        full = 2
    given = {"src_color_range": full, "dst_color_range": full} if full else {}
    if matrix not in (0, 2) and not pix_fmt.startswith(("gb", "bgr", "rgb")):
        given |= {"src_colorspace": matrix, "dst_colorspace": matrix}
    return frame.reformat(format=pix_fmt, **given)


def open_encoder(track: Any, info: VideoInfo) -> None:
    """Open the encoder of a video track; raises VideoError if it fails."""
    av = load_av(info.path)
    try:
        track.codec_context.open()
    except (av.error.FFmpegError, ValueError) as error:
        raise _refused(track, info, error) from error


def _encode(av: Any, track: Any, frame: Any, info: VideoInfo) -> list[Any]:
    try:
        return list(track.encode(frame))
    except (av.error.FFmpegError, ValueError) as error:
        raise _refused(track, info, error) from error


def _refused(track: Any, info: VideoInfo, error: Exception) -> VideoError:
    name = track.codec_context.name
    return VideoError(f"'{info.path}' cannot be encoded by {name} ({reason(error)}): choose another `codec`")


def _keep(stream: BinaryIO, packets: Sequence[Any]) -> None:
    for packet in packets:
        data = bytes(packet)
        stream.write(_HEAD.pack(packet.pts, packet.is_keyframe, len(data)))
        stream.write(data)
