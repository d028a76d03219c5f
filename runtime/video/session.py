"""Ages a whole video.

A run has three steps: it tracks the faces in all pictures; it ages and encodes the pictures in segments of
some seconds; it joins the segments and copies the other tracks. Finished segments are kept in a hidden folder
next to the output, from which an interrupted run resumes.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Generator
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import UsageError, VideoError
from ..pipeline.pipeline import Pipeline
from .aging import Ager, Person
from .analysis import Progress, pictures_with_numbers
from .codecs import Encoding, choose_encoding
from .folder import USUAL_RATE, FolderSource, list_frames
from .folder_writer import FRAMES_SECONDS, write_frames
from .join import check_output, join
from .kept import end_segment, forget_all, keep_averages, only_run, take_averages
from .overlap import aged_pictures, beginner, pictures_ahead
from .picture import VideoPicture
from .prepare import (
    FORMAT,
    cannot_write,
    digest,
    first_look,
    forget_other_settings,
    model_key,
    prepare_people,
    stamps,
    working_folder,
)
from .probe import VideoInfo, probe_video
from .request import VideoRequest
from .segments import segment_path, write_segment
from .source import VideoSource, check_times
from .tracks import Analysis

SEGMENT_SECONDS = 10.0


@dataclass(frozen=True)
class VideoResult:
    """Result of a run: pictures written, people in order, and kinds of tracks that were left out.

    ``resumed`` pictures were finished by an earlier run; ``seconds`` is the duration of this one.
    """

    output: Path
    pictures: int
    people: tuple[Person, ...]
    left_out: tuple[str, ...] = ()
    resumed: int = 0
    seconds: float = 0.0

    @property
    def aged(self) -> int:
        """Number of people who were aged."""
        return sum(not person.reason for person in self.people)


@dataclass(frozen=True)
class VideoSession:
    """One video to age: ``source`` and ``output``, files or folders of numbered frames, and the request.

    ``codec`` and ``quality`` are those of codecs.py (None: the input's codec, and its default quality);
    ``start`` and ``end`` are seconds of the input. ``force`` discards the state of an earlier run; ``rate``
    is that of a folder's frames, per second.
    """

    source: Path
    output: Path
    request: VideoRequest
    codec: str | None = None
    quality: int | None = None
    start: float | None = None
    end: float | None = None
    force: bool = False
    rate: float = USUAL_RATE
    segment_seconds: float = field(default=SEGMENT_SECONDS, repr=False)

    def run(self, pipeline: Pipeline, progress: Progress = lambda done, total, what: None) -> VideoResult:
        """Age the video. ``progress`` is called with pictures done, their total, and the current step.

        Raises VideoError, UsageError, EngineError, DiskFullError; then no output is written (in a folder, no
        partial frame).
        """
        since = time.monotonic()
        if self.source.resolve() == self.output.resolve():
            raise UsageError(
                f"'{self.output}' is the video itself: name another output, it is never overwritten"
            )
        check_times(self.start, self.end)
        self.request.check(pipeline.manifest.age_range, pipeline.manifest.patterns)
        run = self._folder_run if self.source.is_dir() else self._file_run
        work = run(pipeline, progress)
        folder = working_folder(self.output)
        with only_run(self.output), beginner() as thread:
            try:
                if self.force:
                    forget_all(folder)
                result = work(folder, thread)
            except (VideoError, UsageError):
                shutil.rmtree(folder, ignore_errors=True)
                raise
            except OSError as error:
                raise cannot_write(self.output, error) from error
            shutil.rmtree(folder, ignore_errors=True)
        return replace(result, seconds=time.monotonic() - since)

    def _file_run(self, pipeline: Pipeline, progress: Progress) -> Any:
        info = probe_video(self.source)
        encoding = choose_encoding(info, self.output, self.codec, self.quality)
        check_output(info, encoding, self.output)
        return lambda folder, thread: self._run_file(pipeline, info, encoding, folder, thread, progress)

    def _folder_run(self, pipeline: Pipeline, progress: Progress) -> Any:
        if self.codec is not None or self.quality is not None:
            raise UsageError("frames are written as they were read: leave `codec` and `quality` out")
        if self.output.exists() and not self.output.is_dir():
            raise UsageError(f"'{self.output}' is a file: name a folder for the frames")
        frames = FolderSource(list_frames(self.source), self.rate, self.start, self.end)
        return lambda folder, thread: self._run_folder(pipeline, frames, folder, thread, progress)

    def _run_file(
        self, pipeline: Pipeline, info: VideoInfo, encoding: Encoding, folder: Path, thread: Executor,
        progress: Progress,
    ) -> VideoResult:  # fmt: skip
        seen = (stamps(info.path), self.start, self.end, self.request.base.min_face_px, FORMAT)
        plain = VideoSource(info, self.start, self.end)
        analysis = first_look(pipeline, plain, folder, digest(*seen), self.request, progress)
        source = VideoSource(info, self.start, self.end, encoding.edited)
        people, ager = prepare_people(pipeline, source, analysis, folder, self.request)
        key = digest(*seen, repr(self.request), repr(encoding), model_key(pipeline), self.segment_seconds)
        forget_other_settings(folder, key, "*.segment")
        count = max(round(self.segment_seconds * source.rate), 1)
        total, resumed, segments = len(analysis.keys), 0, []
        suffix = self.output.suffix.lower()
        for number, first in enumerate(range(0, total, count)):
            path, last = segment_path(folder, number), min(first + count, total)
            segments.append(path)
            if path.exists():
                resumed += last - first
                take_averages(folder, number, ager)
                continue
            frames = self._aged(source, analysis, ager, first, last, resumed, thread, progress)
            with closing(self._keeping(frames, folder, number, ager)) as kept:
                write_segment(path, info, encoding, kept, suffix)
            end_segment(folder, number)
        progress(total, total, "joining")
        span = source.span(analysis.keys[0])
        joined = join(info, encoding, segments, self.output, span, analysis.length)
        if joined.pictures != total:
            raise VideoError(
                f"'{self.output}' got {joined.pictures} of {total} pictures: choose another `codec`"
            )
        return VideoResult(self.output, total, tuple(people), tuple(joined.left_out), resumed)

    def _run_folder(
        self, pipeline: Pipeline, source: FolderSource, folder: Path, thread: Executor, progress: Progress
    ) -> VideoResult:
        seen = (stamps(*source.paths), self.rate, self.request.base.min_face_px, FORMAT)
        analysis = first_look(pipeline, source, folder, digest(*seen), self.request, progress)
        people, ager = prepare_people(pipeline, source, analysis, folder, self.request)
        key = digest(*seen, repr(self.request), model_key(pipeline), str(self.output.resolve()))
        forget_other_settings(folder, key, "done")
        count = max(round(min(self.segment_seconds, FRAMES_SECONDS) * source.rate), 1)
        resumed = write_frames(source, ager, self.output, folder, count, thread, progress)
        return VideoResult(self.output, len(source.paths), tuple(people), (), resumed)

    def _aged(
        self, source: VideoSource, analysis: Analysis, ager: Ager, first: int, last: int, resumed: int,
        thread: Executor, progress: Progress,
    ) -> Generator[tuple[int, Any], None, None]:  # fmt: skip
        """Yield (pts, frame) of the aged pictures of a segment."""
        base, total = analysis.keys[0], len(analysis.keys)

        def seconds(key: int) -> float:
            return float((key - base) * source.info.time_base)

        pictures = pictures_with_numbers(source, analysis, first, last)
        ager.forget_geometry()
        ahead = pictures_ahead(ager.capabilities, source.rate, source.picture_bytes)
        with closing(aged_pictures(pictures, ager, seconds, ahead, thread)) as aged:
            for number, key, picture in aged:
                assert isinstance(picture, VideoPicture)
                yield key, picture.frame
                progress(number + 1 - resumed, total - resumed, "ageing")

    def _keeping(
        self, frames: Generator[tuple[int, Any], None, None], folder: Path, number: int, ager: Ager
    ) -> Generator[tuple[int, Any], None, None]:
        """Yield the frames of a segment, then store the state for the next one."""
        yield from frames
        keep_averages(folder, number, ager)
