"""The pictures of a video in order, each with its time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..errors import VideoError
from .library import load_av, reading
from .probe import VideoInfo, picture_stream, say_time

EXACT_LENGTH = ("mov", "matroska", "avi")
"""Containers whose header states the duration."""
SHORT_BY_S = 0.5
STRICT = ("mjpeg",)
"""Codecs whose decoders ignore damage by default."""


@dataclass
class Ending:
    """How far a file was read: ``seconds`` of its last packet, and whether to its end."""

    seconds: float = 0.0
    whole: bool = False
    seekable: bool = True
    faults: int = field(default=0)


class Decoded:
    """The frames of a video file as PyAV decodes them, with increasing times.

    After reading, ``ending`` is how far the file was read.
    """

    def __init__(self, info: VideoInfo, threads: int = 0) -> None:
        self.info = info
        self.ending = Ending()
        self._threads = threads or os.cpu_count() or 1

    def frames(self, first_pts: int | None = None) -> Iterator[tuple[int, Any]]:
        """Yield (pts, frame) from the frame with ``first_pts`` on, in the track's time base.

        Raises VideoError if the file is damaged.
        """
        av = load_av(self.info.path)
        with reading(self.info.path, self._where()):
            container = av.open(str(self.info.path), metadata_errors="replace")
        with container:
            stream = picture_stream(container, self.info.path)
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = self._threads
            if stream.codec_context.name in STRICT:
                stream.codec_context.options = {"err_detect": "explode"}
            if first_pts is not None:
                with reading(self.info.path):
                    container.seek(first_pts, stream=stream)
            last: int | None = None
            for frame in self._decode(av, container, stream):
                pts = self._time(frame, last)
                if first_pts is not None and last is None and pts > first_pts:
                    raise _SeekError
                last = pts
                if first_pts is None or pts >= first_pts:
                    yield pts, frame

    def from_pts(self, first_pts: int | None) -> Iterator[tuple[int, Any]]:
        """`frames`, but decoded from the file's beginning if its index leads past the frame."""
        if first_pts is None:
            yield from self.frames()
            return
        try:
            yield from self.frames(first_pts)
        except _SeekError:
            yield from ((pts, frame) for pts, frame in self.frames() if pts >= first_pts)

    def _decode(self, av: Any, container: Any, stream: Any) -> Iterator[Any]:
        """Decode frames; all packets are read, to know where the file ends."""
        packets = container.demux()
        while True:
            with reading(self.info.path, self._where()):
                packet = next(packets, None)
                if packet is None:
                    break
                self._note(packet)
                if packet.stream.index != stream.index:
                    continue
                frames = packet.decode()
            for frame in frames:
                if frame.is_corrupt:
                    raise VideoError(
                        f"'{self.info.path}' is damaged{self._where()}: create it again with ffmpeg, or stop "
                        "before that with `end`"
                    )
                if (frame.width, frame.height) != (self.info.width, self.info.height):
                    raise VideoError(
                        f"'{self.info.path}' changes its size{self._where()}: cut it there, or scale it first"
                    )
                yield frame
        self.ending.whole = True
        self._check_length(container)

    def _note(self, packet: Any) -> None:
        at = packet.pts if packet.pts is not None else packet.dts
        if at is not None and packet.time_base:
            end = float((at + (packet.duration or 0)) * packet.time_base)
            self.ending.seconds = max(self.ending.seconds, end)

    def _check_length(self, container: Any) -> None:
        """Raise VideoError if a file ends before the duration in its header."""
        if not container.duration or not container.format.name.startswith(EXACT_LENGTH):
            return
        promised = (container.duration + (container.start_time or 0)) / 1e6
        if promised - self.ending.seconds > SHORT_BY_S:
            raise VideoError(
                f"'{self.info.path}' is cut short: it ends at {say_time(self.ending.seconds)} of "
                f"{say_time(promised)}; create it again with ffmpeg, or stop before that with `end`"
            )

    def _time(self, frame: Any, last: int | None) -> int:
        """A frame's pts, or the next one in sequence if it is missing or decreases."""
        step = max(round(1 / (self.info.rate * self.info.time_base)), 1)
        if frame.pts is None:
            self.ending.seekable = False
            return 0 if last is None else last + step
        if last is not None and frame.pts <= last:
            self.ending.seekable = False
            return last + 1
        return int(frame.pts)

    def _where(self) -> str:
        return f" at {say_time(self.ending.seconds)}" if self.ending.seconds else ""


class _SeekError(Exception):
    """The file's index led past the requested frame."""
