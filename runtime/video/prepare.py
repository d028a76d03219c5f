"""The first steps of a run: analysis of the video, its people, and what can be resumed."""

from __future__ import annotations

import errno
import hashlib
import json
from pathlib import Path
from typing import Any

from ..errors import AmganError, DiskFullError, UsageError, VideoError
from ..files import is_temporary, temporary_name
from ..pipeline.pipeline import Pipeline
from .aging import Ager, Person, choose_people, know_people
from .analysis import ROWS, Progress, analyse, bridge_frames
from .request import VideoRequest
from .source import Source
from .steady import Course
from .tracks import Analysis, LandmarkRows, face_of_row

FORMAT = 2
"""Version of the files in the working folder."""


def working_folder(output: Path) -> Path:
    """The hidden folder, next to an output, with the state of its run."""
    return output.with_name(f".{output.name}.amgan-video")


def digest(*parts: Any) -> str:
    """A hash of all dependencies of a result."""
    return hashlib.sha256(json.dumps(parts, default=str, sort_keys=True).encode()).hexdigest()


def model_key(pipeline: Pipeline) -> tuple[Any, ...]:
    """The dependencies of the pictures on the model and its engine."""
    likes = pipeline.capabilities
    return pipeline.manifest.to_dict(), likes.name, str(likes.precision)


def stamps(*paths: Path) -> list[tuple[str, int, int]]:
    """Name, size and modification time of files, to recognize them; raises OSError."""
    found = []
    for path in paths:
        state = path.stat()
        found.append((str(path.resolve()), state.st_size, state.st_mtime_ns))
    return found


def first_look(
    pipeline: Pipeline, source: Source, folder: Path, key: str, request: VideoRequest, progress: Progress
) -> Analysis:
    """The analysis of a video: that of an earlier run with the same key, or a new one."""
    path = folder / "analysis.npz"
    found = Analysis.load(path, key)
    if found is None:
        found = analyse(pipeline, source, folder, request.base.min_face_px, progress)
        found.save(path, key)
    return found


def prepare_people(
    pipeline: Pipeline, source: Source, analysis: Analysis, folder: Path, request: VideoRequest
) -> tuple[list[Person], Ager]:
    """The people of a video, with reasons for those who are not aged, and their `Ager`.

    Raises UsageError for a request that names people who do not occur.
    """
    rows = LandmarkRows(folder / ROWS)
    people = know_people(analysis.tracks, analysis.people)
    faces = [face_of_row(rows, one.tracks[0].rows[0], one.tracks[0].presences[0]) for one in people]
    unknown = [number for number in request.people if number > len(people)]
    if unknown:
        raise UsageError(
            f"there is no face {unknown[0]}, the video shows {len(people)}: `list_people` finds them"
        )
    people = choose_people(people, request, faces)
    bridge = bridge_frames(source.rate)
    courses = [
        (person, Course(track, rows, source.rate, bridge, pipeline.manifest))
        for person in people
        for track in person.tracks
        if not person.reason
    ]
    return people, Ager(pipeline, request, courses, source.rate)


def forget_other_settings(folder: Path, key: str, pattern: str) -> None:
    """Remove files of other settings, and unfinished files of a killed run."""
    marker = folder / "settings"
    if not marker.exists() or marker.read_text(encoding="ascii") != key:
        for path in folder.glob(pattern):
            path.unlink()
        temporary = folder / temporary_name("settings")
        temporary.write_text(key, encoding="ascii")
        temporary.replace(marker)
    for path in folder.iterdir():
        if is_temporary(path.name):
            path.unlink()


def cannot_write(output: Path, error: OSError) -> AmganError:
    """The error for an output that cannot be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(
            f"no space is left for '{output}': free some space and run the same command again to resume"
        )
    if isinstance(error, FileExistsError):
        return VideoError(f"'{output}' cannot be written: '{error.filename}' is not a folder")
    return VideoError(f"'{output}' cannot be written ({error.strerror or error}): check the folder")
