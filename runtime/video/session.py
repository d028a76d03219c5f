"""A whole run: from a video to the aged video.

A run has three parts. It looks at all pictures and follows the faces; it ages and encodes the pictures in
segments of a few seconds; it joins the segments and copies the other tracks. What is done lies in a hidden
folder beside the output, so that a run that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .. import errors
from ..errors import DiskFullError, UsageError, VideoError
from ..files import temporary_name
from ..pipeline.pipeline import Pipeline
from .ageing import Ager, Person, choose_people, know_people
from .analysis import ROWS, analyse, bridge_frames, pictures_with_numbers
from .codecs import Encoding, choose_encoding
from .join import join
from .overlap import aged_pictures
from .probe import VideoInfo, probe_video
from .segments import segment_path, write_segment
from .source import VideoSource, check_times
from .steady import Course
from .tracks import Analysis, face_of_row, read_rows
from .wish import VideoWish

SEGMENT_SECONDS = 10.0
FORMAT = 1
"""Of the files in the working folder."""

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class VideoResult:
    """What a run has done: pictures written, people in order, and kinds of tracks that were left out.

    ``resumed`` pictures were there from an earlier run, ``seconds`` is how long this one took.
    """

    output: Path
    pictures: int
    people: tuple[Person, ...]
    left_out: tuple[str, ...] = ()
    resumed: int = 0
    seconds: float = 0.0

    @property
    def aged(self) -> int:
        """How many people were aged."""
        return sum(not person.reason for person in self.people)


@dataclass(frozen=True)
class VideoSession:
    """One video to age: ``source`` and ``output`` files, and the wish.

    ``codec`` and ``quality`` are those of codecs.py (None: the input's codec, and what it is usually good
    for); ``start`` and ``end`` are seconds of the input. ``force`` forgets what an earlier run has done.
    """

    source: Path
    output: Path
    wish: VideoWish
    codec: str | None = None
    quality: int | None = None
    start: float | None = None
    end: float | None = None
    force: bool = False
    segment_seconds: float = field(default=SEGMENT_SECONDS, repr=False)

    def run(self, pipeline: Pipeline, progress: Progress = lambda done, total, what: None) -> VideoResult:
        """Age the video. ``progress`` is told pictures done, of how many, and what is being done.

        Raises VideoError, UsageError, EngineError, DiskFullError; then no output is written.
        """
        since = time.monotonic()
        self._check()
        self.wish.check(pipeline.manifest.age_range, pipeline.manifest.patterns)
        info = probe_video(self.source)
        encoding = choose_encoding(info, self.output, self.codec, self.quality)
        folder = working_folder(self.output)
        try:
            self.output.parent.mkdir(parents=True, exist_ok=True)
            if self.force:
                shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(exist_ok=True)
            result = self._run(pipeline, info, encoding, folder, progress)
        except (VideoError, UsageError):
            shutil.rmtree(folder, ignore_errors=True)
            raise
        except OSError as error:
            raise _cannot_write(self.output, error) from error
        shutil.rmtree(folder, ignore_errors=True)
        return replace(result, seconds=time.monotonic() - since)

    def _check(self) -> None:
        if self.source.resolve() == self.output.resolve():
            raise UsageError(
                f"'{self.output}' is the video itself: name another output, it is never overwritten"
            )
        check_times(self.start, self.end)

    def _run(
        self, pipeline: Pipeline, info: VideoInfo, encoding: Encoding, folder: Path, progress: Progress
    ) -> VideoResult:
        source = VideoSource(info, self.start, self.end, encoding.edited)
        analysis = self._analysis(pipeline, info, folder, progress)
        people, ager = self._people(pipeline, source, analysis, folder)
        key = self._key(info, encoding, pipeline)
        _keep_segments_of(folder, key)
        count = max(round(self.segment_seconds * source.rate), 1)
        total, resumed, segments = len(analysis.keys), 0, []
        for number, first in enumerate(range(0, total, count)):
            path, last = segment_path(folder, number), min(first + count, total)
            segments.append(path)
            if path.exists():
                resumed += last - first
                continue
            frames = self._aged(source, analysis, ager, first, last, resumed, progress)
            write_segment(path, info, encoding, frames, self.output.suffix.lower())
        progress(total, total, "joining")
        span = source.span(analysis.keys[0])
        joined = join(info, encoding, segments, self.output, span, analysis.length)
        if joined.pictures != total:
            raise VideoError(
                f"'{self.output}' got {joined.pictures} of {total} pictures: choose another --codec"
            )
        return VideoResult(self.output, total, tuple(people), tuple(joined.left_out), resumed)

    def _analysis(self, pipeline: Pipeline, info: VideoInfo, folder: Path, progress: Progress) -> Analysis:
        """What is known of the video from an earlier run, or a look at all of it."""
        key = _digest(_file_key(info), self.start, self.end, self.wish.base.min_face_px, FORMAT)
        path = folder / "analysis.npz"
        found = Analysis.load(path, key)
        if found is None:
            source = VideoSource(info, self.start, self.end)
            found = analyse(pipeline, source, folder, self.wish.base.min_face_px, progress)
            found.save(path, key)
        return found

    def _people(
        self, pipeline: Pipeline, source: VideoSource, analysis: Analysis, folder: Path
    ) -> tuple[list[Person], Ager]:
        rows = read_rows(folder / ROWS)
        people = know_people(analysis.tracks, analysis.people)
        places = [
            face_of_row(rows, person.tracks[0].rows[0], person.tracks[0].presences[0]) for person in people
        ]
        unknown = [number for number in self.wish.people if number > len(people)]
        if unknown:
            raise UsageError(
                f"there is no face {unknown[0]} in '{self.source}', which shows {len(people)}: "
                "see --list-faces"
            )
        people = choose_people(people, self.wish, places)
        bridge = bridge_frames(source.rate)
        courses = [
            (person, Course(track, rows, source.rate, bridge, pipeline.manifest))
            for person in people
            for track in person.tracks
            if not person.reason
        ]
        return people, Ager(pipeline, self.wish, courses)

    def _aged(
        self, source: VideoSource, analysis: Analysis, ager: Ager, first: int, last: int, resumed: int,
        progress: Progress,
    ) -> Iterator[tuple[int, Any]]:  # fmt: skip
        """(pts, frame) of the aged pictures of a segment."""
        base = analysis.keys[0]
        seconds = lambda key: float((key - base) * source.info.time_base)  # noqa: E731
        pictures = pictures_with_numbers(source, analysis, first, last)
        for number, key, picture in aged_pictures(pictures, ager, seconds):
            yield key, picture.frame  # type: ignore[attr-defined]
            progress(number + 1 - resumed, len(analysis.keys) - resumed, "ageing")

    def _key(self, info: VideoInfo, encoding: Encoding, pipeline: Pipeline) -> str:
        """Of all that the segments depend on."""
        likes = pipeline.capabilities
        model = (pipeline.manifest.to_dict(), likes.name, str(likes.precision))
        return _digest(
            _file_key(info), self.start, self.end, repr(self.wish), repr(encoding), model,
            self.segment_seconds, FORMAT,
        )  # fmt: skip


def working_folder(output: Path) -> Path:
    """The hidden folder beside an output in which its run keeps what is done."""
    return output.with_name(f".{output.name}.amgan-video")


def _keep_segments_of(folder: Path, key: str) -> None:
    """Forget segments that were made with other settings."""
    marker = folder / "settings"
    if not marker.exists() or marker.read_text(encoding="ascii") != key:
        for path in folder.glob("*.segment"):
            path.unlink()
        temporary = folder / temporary_name("settings")
        temporary.write_text(key, encoding="ascii")
        temporary.replace(marker)
    for path in folder.glob(".*.part"):
        path.unlink()


def _file_key(info: VideoInfo) -> tuple[str, int, int]:
    state = info.path.stat()
    return str(info.path.resolve()), state.st_size, state.st_mtime_ns


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, default=str, sort_keys=True).encode()).hexdigest()


def _cannot_write(output: Path, error: OSError) -> errors.AmganError:
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(
            f"no space is left for '{output}': make room and give the same command again, "
            "it goes on from there"
        )
    return VideoError(f"'{output}' cannot be written ({error.strerror or error}): check the folder")
