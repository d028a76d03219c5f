"""Joins encoded segments and copies the other tracks into the finished file."""

from __future__ import annotations

import heapq
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from ..errors import UsageError, VideoError
from ..files import whole_file
from .codecs import Encoding, add_picture_track
from .library import load_av, reading, told
from .probe import VideoInfo, picture_stream
from .segments import container_format, open_encoder, read_segment, times_of
from .timecode import chapters_within, later_timecode

FIRST_PACKETS = 32
"""Number of audio packets that contain one of each track if they are interleaved."""
_OF_THE_FILE = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration"}


@dataclass(frozen=True)
class Span:
    """The part of a video that is kept, in seconds of its own time; ``end`` None is its end."""

    start: Fraction | None = None
    end: Fraction | None = None

    @property
    def shift(self) -> Fraction:
        """Seconds by which all times are moved forward."""
        return self.start or Fraction(0)


@dataclass
class Joined:
    """A finished file: its number of pictures, and the kinds of tracks that were left out."""

    pictures: int = 0
    left_out: list[str] = field(default_factory=list)


def join(
    info: VideoInfo, encoding: Encoding, segments: Sequence[Path], output: Path, span: Span, length: int
) -> Joined:
    """Write the video ``output`` from encoded segments and the other tracks of the input, atomically.

    ``length`` is the duration of the last picture in the time base of the track. Raises VideoError if a track
    cannot be kept in this kind of file, OSError if the file cannot be written.
    """
    av = load_av(output)
    suffix = output.suffix.lower()
    joined = Joined()
    with (
        whole_file(output) as temporary,
        temporary.open("x+b") as raw,
        av.open(str(info.path), metadata_errors="replace") as source,
    ):
        checked = CheckedFile(raw)
        try:
            with av.open(
                checked, "w", format=container_format(suffix), options=_options(suffix)
            ) as container:
                _fill(container, source, info, encoding, segments, output, span, length, joined)
        except (av.error.FFmpegError, ValueError) as error:
            if checked.error is None:
                raise _cannot_be(output, error) from error
        if checked.error is not None:
            raise checked.error
    return joined


def check_output(info: VideoInfo, encoding: Encoding, output: Path) -> None:
    """Raise the errors of `join` for tracks that this kind of file cannot hold, before any picture is aged.

    It writes a file with the first audio packets into memory.
    """
    av, suffix, joined = load_av(output), output.suffix.lower(), Joined()
    with reading(info.path):
        source = av.open(str(info.path), metadata_errors="replace")
    with source:
        try:
            with av.open(
                io.BytesIO(), "w", format=container_format(suffix), options=_options(suffix)
            ) as container:
                _, tracks = _begin(container, source, info, encoding, output, Span(), joined)
                sound = {index: one for index, one in tracks.items() if one.type == "audio"}
                for _, packet in islice(_others(source, sound, Span(), info), FIRST_PACKETS):
                    container.mux_one(packet)
        except (av.error.FFmpegError, ValueError) as error:
            raise _cannot_be(output, error) from error


def _cannot_be(output: Path, error: Exception) -> VideoError:
    return VideoError(f"'{output}' cannot be written ({told(error)}): name it .mkv, which holds most")


class CheckedFile(io.RawIOBase):
    """A file that stores the first write error, as FFmpeg does not always report it."""

    def __init__(self, raw: Any) -> None:
        super().__init__()
        self._raw = raw
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all bytes; after an error, do nothing."""
        if self.error is None:
            try:
                self._raw.write(data)
            except OSError as error:
                self.error = error
                raise
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Seek to a position."""
        return int(self._raw.seek(offset, whence))

    def tell(self) -> int:
        """The position."""
        return int(self._raw.tell())

    def seekable(self) -> bool:
        """It is."""
        return True

    def writable(self) -> bool:
        """It is."""
        return True


def _options(suffix: str) -> dict[str, str]:
    return {"movflags": "use_metadata_tags"} if suffix in (".mp4", ".m4v", ".mov") else {}


def _fill(
    container: Any, source: Any, info: VideoInfo, encoding: Encoding, segments: Sequence[Path],
    output: Path, span: Span, length: int, joined: Joined,
) -> None:  # fmt: skip
    track, tracks = _begin(container, source, info, encoding, output, span, joined)
    pictures = _pictures(segments, info, track, span, length, joined)
    others = _others(source, tracks, span, info)
    for _, packet in heapq.merge(pictures, others, key=lambda pair: pair[0]):
        container.mux_one(packet)


def _begin(
    container: Any, source: Any, info: VideoInfo, encoding: Encoding, output: Path, span: Span,
    joined: Joined,
) -> tuple[Any, dict[int, Any]]:  # fmt: skip
    """Write the header; returns the video track, and the other tracks by the input's index."""
    kept = {k: v for k, v in source.metadata.items() if k.lower() not in _OF_THE_FILE}
    container.metadata.update(kept)
    picture = picture_stream(source, info.path)
    track = add_picture_track(container, info, encoding)
    open_encoder(track, info)
    _copy_words(picture, track)
    if span.start is not None:
        number = round((span.start - info.first_pts * info.time_base) * info.rate)
        _move_timecode(track, container, number, info)
    tracks = _other_tracks(container, source, picture, output, joined)
    chapters = chapters_within(source.chapters(), span.start, span.end)
    if chapters:
        container.set_chapters(chapters)
    container.start_encoding()
    return track, tracks


def _other_tracks(container: Any, source: Any, picture: Any, output: Path, joined: Joined) -> dict[int, Any]:
    """Add the output's tracks for the copied tracks of the input, by the input's index."""
    tracks: dict[int, Any] = {}
    for stream in source.streams:
        if stream.index == picture.index:
            continue
        if stream.type == "attachment" and output.suffix.lower() == ".mkv":
            container.add_attachment(stream.name or "attachment", stream.mimetype or "", stream.data)
            continue
        if stream.type == "data" and "timecode" in stream.metadata and "timecode" in picture.metadata:
            continue  # the video track has it and creates its own
        if stream.type not in ("audio", "subtitle"):
            joined.left_out.append(stream.type)
            continue
        try:
            tracks[stream.index] = container.add_stream_from_template(stream)
        except (ValueError, RuntimeError) as error:
            name = getattr(stream.codec_context, "name", "unknown")
            raise UsageError(
                f"'{output}' cannot hold the {stream.type} of the video ({name}): name it .mkv"
            ) from error
        _copy_words(stream, tracks[stream.index])
    return tracks


def _move_timecode(track: Any, container: Any, pictures: int, info: VideoInfo) -> None:
    """Move the start of an output's time code by a number of pictures."""
    for words in (track.metadata, container.metadata):
        for name in [name for name in words if name.lower() == "timecode"]:
            words[name] = later_timecode(words[name], pictures, info.rate)


def _copy_words(source: Any, target: Any) -> None:
    """Copy metadata such as language and title."""
    target.metadata.update({k: v for k, v in source.metadata.items() if k.lower() not in _OF_THE_FILE})
    target.disposition = source.disposition


def _pictures(
    segments: Sequence[Path], info: VideoInfo, track: Any, span: Span, length: int, joined: Joined
) -> Iterator[tuple[float, Any]]:
    """The encoded pictures with increasing decoding times across segments, each with its time in s."""
    av = load_av(info.path)
    shown, late = times_of(segments)
    shift = shown[0] if span.start is not None and shown else 0
    step = max(round(1 / (info.rate * info.time_base)), 1)
    lengths = {now: then - now for now, then in pairwise(shown)}
    number = 0
    for path in segments:
        for one in read_segment(path):
            packet = av.Packet(one.data)
            dts = shown[number - late] if number >= late else shown[0] - (late - number) * step
            packet.pts, packet.dts, packet.time_base = one.pts - shift, dts - shift, info.time_base
            packet.duration = lengths.get(one.pts, length)
            packet.is_keyframe = one.is_key
            packet.stream = track
            number += 1
            joined.pictures += 1
            yield float(packet.dts * info.time_base), packet


def _others(source: Any, tracks: dict[int, Any], span: Span, info: VideoInfo) -> Iterator[tuple[float, Any]]:
    """The packets of the other tracks within the span, each with its time in s."""
    if not tracks:
        return
    streams = [source.streams[index] for index in tracks]
    if span.start is not None:
        with reading(info.path):
            source.seek(int(span.start * 1_000_000))
    packets = source.demux(streams)
    while True:
        with reading(info.path, " in its sound or subtitles"):
            packet = next(packets, None)
        if packet is None:
            return
        at = packet.pts if packet.pts is not None else packet.dts
        if at is None or packet.dts is None:
            continue
        seconds = at * packet.time_base
        if span.end is not None and seconds >= span.end:
            continue
        if span.start is not None:
            if seconds + (packet.duration or 0) * packet.time_base <= span.start:
                continue
            shift = round(span.start / packet.time_base)
            packet.pts, packet.dts = at - shift, packet.dts - shift
        packet.stream = tracks[packet.stream.index]
        yield float(packet.dts * packet.time_base), packet
