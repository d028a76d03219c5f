"""The first pass over a video: tracks all faces."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from pathlib import Path

from ..pipeline.pipeline import Pipeline
from .cuts import CutFinder
from .follow import Follower
from .people import group_people
from .picture import Picture
from .source import Source
from .tracks import Analysis, LandmarkStore

SEARCH_SECONDS = 1.0
BRIDGE_SECONDS = 0.3
KEPT_BYTES = 192 << 20
"""Memory in bytes for past pictures, through which new faces are tracked back."""
ROWS = "landmarks.f32"

Progress = Callable[[int, int, str], None]


def analyse(
    pipeline: Pipeline, source: Source, folder: Path, min_face_px: float | None, progress: Progress
) -> Analysis:
    """Track all faces of a video; landmarks are written to a file in ``folder``.

    Raises VideoError if the video is damaged, EngineError, OSError if a file cannot be written.
    """
    store = LandmarkStore(folder / ROWS)
    cuts_at: list[int] = []
    keys = array("q")
    try:
        follower = Follower(pipeline, store, search_every(source), bridge_frames(source.rate), min_face_px)
        cuts = CutFinder()
        for key, picture in source.pictures():
            number = len(keys)
            is_cut = cuts.is_cut(picture.thumb())
            if is_cut:
                cuts_at.append(number)
            follower.feed(number, picture, is_cut)
            keys.append(key)
            progress(number + 1, max(source.estimate, number + 1), "looking for faces")
        tracks = follower.finish()
    finally:
        store.close()
    tracks = [track for track in tracks if track.readings]
    people = group_people(tracks)
    return Analysis(keys, source.last_length(), source.seekable, tracks, cuts_at, people)


def search_every(source: Source) -> int:
    """Number of pictures between two searches of the whole picture."""
    wanted = round(SEARCH_SECONDS * float(source.rate))
    return max(min(wanted, KEPT_BYTES // max(source.picture_bytes, 1)), 4)


def bridge_frames(rate: float) -> int:
    """Number of pictures for which a face may be lost."""
    return max(round(BRIDGE_SECONDS * float(rate)), 1)


def pictures_with_numbers(
    source: Source, analysis: Analysis, first: int, last: int
) -> Iterator[tuple[int, int, Picture]]:
    """Yield (number, key, picture) of the pictures ``first`` to ``last`` (exclusive) of an analysed video."""
    start = analysis.keys[first] if first and analysis.seekable else None
    numbers = {} if start is None else {analysis.keys[one]: one for one in range(first, last)}
    number = 0
    for key, picture in source.pictures(start):
        if start is not None:
            number = numbers.get(key, last)
        if number >= last:
            return
        if number >= first:
            yield number, key, picture
        number += 1
