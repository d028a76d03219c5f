"""Sources of pictures: a video file or a part of it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from ..errors import UsageError
from .folder import USUAL_RATE, FolderSource, list_frames
from .join import Span
from .layout import planar_name
from .picture import Picture, VideoPicture
from .probe import VideoInfo, probe_video, say_time
from .reader import Decoded


class Source(Protocol):
    """Pictures in order, each with a key.

    ``rate`` is in pictures per second, ``estimate`` their approximate number (0: unknown), ``picture_bytes``
    the size of one in memory. ``seekable`` says, after a full pass, whether `pictures` can begin at a key.
    """

    @property
    def rate(self) -> float:
        """Pictures a second."""

    @property
    def estimate(self) -> int:
        """Approximate number of pictures, 0 if unknown."""

    @property
    def picture_bytes(self) -> int:
        """Size of one picture in memory in bytes."""

    @property
    def seekable(self) -> bool:
        """Whether pictures can be found by key."""

    def pictures(self, first: int | None = None) -> Iterator[tuple[int, Picture]]:
        """Yield the pictures with their keys, from the one of key ``first`` on; raises VideoError."""

    def seconds(self, key: int) -> float:
        """The time of a picture, from the first one that is taken."""

    def last_length(self) -> int:
        """How long the last picture is shown, in the units of the keys."""


def open_source(
    path: Path, start: float | None = None, end: float | None = None, rate: float = USUAL_RATE
) -> Source:
    """Open a video, or a folder of frames with a rate, between two times in seconds.

    Raises VideoError, UsageError.
    """
    check_times(start, end)
    if path.is_dir():
        return FolderSource(list_frames(path), rate, start, end)
    return VideoSource(probe_video(path), start, end)


def check_times(start: float | None, end: float | None) -> None:
    """Raise UsageError for an empty interval of times."""
    if start is not None and start < 0:
        raise UsageError(f"a video does not start at {start:g} s: give 0 or more")
    if end is not None and end <= (start or 0.0):
        raise UsageError(f"nothing lies between {start or 0.0:g} s and {end:g} s: let `end` be later")


class VideoSource:
    """The pictures of a video file from ``start`` until before ``end``, in seconds of its own time.

    ``pix_fmt`` is their planar pixel format; None is that of the file.
    """

    def __init__(
        self,
        info: VideoInfo,
        start: float | None = None,
        end: float | None = None,
        pix_fmt: str | None = None,
    ) -> None:
        self.info = info
        self._pix_fmt = pix_fmt or planar_name(info.pix_fmt)
        base = info.time_base
        self._from = None if start is None else info.first_pts + round(Fraction(start) / base)
        self._until = None if end is None else info.first_pts + round(Fraction(end) / base)
        self._start, self._end = start, end
        self._first: int | None = None
        self._last_length = 0
        self._seekable = True

    @property
    def rate(self) -> float:
        """Pictures a second."""
        return float(self.info.rate)

    @property
    def estimate(self) -> int:
        """Approximate number of pictures."""
        end = self.info.seconds if self._end is None else min(self._end, self.info.seconds or self._end)
        return max(round((end - (self._start or 0.0)) * self.rate), 0)

    @property
    def picture_bytes(self) -> int:
        """Approximate size of one picture in memory in bytes."""
        return self.info.width * self.info.height * 3 * (2 if self.info.bits > 8 else 1) // 2

    @property
    def seekable(self) -> bool:
        """Whether the file's times increase, so that pictures can be found by them."""
        return self._seekable

    def pictures(self, first: int | None = None) -> Iterator[tuple[int, Picture]]:
        """Yield pictures with their times in the file's time base from ``first`` on; raises VideoError."""
        from .segments import converted

        decoded = Decoded(self.info)
        begin = self._from if first is None else first
        seen = False
        for pts, frame in decoded.from_pts(begin):
            if self._until is not None and pts >= self._until:
                break
            seen = True
            self._first = pts if self._first is None else self._first
            self._last_length = int(frame.duration or 0) or self._step()
            same = frame.format.name == self._pix_fmt
            yield pts, VideoPicture(frame if same else converted(frame, self._pix_fmt))
        self._seekable = self._seekable and decoded.ending.seekable
        if not seen and first is None:
            raise UsageError(self._nothing())

    def seconds(self, key: int) -> float:
        """The time of a picture, from the first one that is taken."""
        first = self.info.first_pts if self._first is None else self._first
        return float((key - first) * self.info.time_base)

    def span(self, first_key: int) -> Span:
        """The selected part of the file, whose first picture has this key."""
        base = self.info.time_base
        return Span(
            None if self._start is None else first_key * base,
            None if self._until is None else self._until * base,
        )

    def last_length(self) -> int:
        """How long the last picture is shown, in the time base."""
        return self._last_length

    def _step(self) -> int:
        return max(round(1 / (self.info.rate * self.info.time_base)), 1)

    def _nothing(self) -> str:
        start = say_time(self._start or 0.0)
        length = f", which is {say_time(self.info.seconds)} long" if self.info.seconds else ""
        return f"'{self.info.path}'{length}, has no picture from {start} on: give other times"
