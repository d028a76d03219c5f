"""Ages the frames of a folder and writes each atomically with its own name, format and depth."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from concurrent.futures import Executor
from contextlib import closing
from itertools import islice
from pathlib import Path

from .aging import Ager
from .analysis import Progress
from .folder import FolderSource
from .kept import end_segment, keep_averages, take_averages
from .overlap import aged_pictures, pictures_ahead

FRAMES_SECONDS = 2.0
"""Duration of the stretches that are recorded as done. With shorter ones less is lost with a killed run, and
the averages are written more often."""


def write_frames(
    source: FolderSource, ager: Ager, output: Path, folder: Path, count: int, thread: Executor,
    progress: Progress,
) -> int:  # fmt: skip
    """Age and write the frames in stretches of ``count``, without finished ones.

    ``folder`` keeps the state for resuming, ``thread`` is that of `beginner`. Returns the number of frames
    that were finished before. Raises VideoError if a frame cannot be read or written, OSError if the state
    cannot be written.
    """
    done_file = folder / "done"
    output.mkdir(parents=True, exist_ok=True)
    named = set(done_file.read_text(encoding="utf-8").splitlines()) if done_file.exists() else set()
    done, total = 0, len(source.paths)
    for stretch, first in enumerate(range(0, total, count)):
        names = [path.name for path in source.paths[first : first + count]]
        if all(name in named and (output / name).exists() for name in names):
            done += len(names)
            take_averages(folder, stretch, ager)
            continue
        ager.forget_geometry()
        with closing(_write_stretch(source, ager, output, first, len(names), thread)) as written:
            for number in written:
                progress(number + 1 - done, total - done, "ageing")
        keep_averages(folder, stretch, ager)
        _note(done_file, names)
        end_segment(folder, stretch)
    return done


def _write_stretch(
    source: FolderSource, ager: Ager, output: Path, first: int, count: int, thread: Executor
) -> Generator[int, None, None]:
    """Age and write a number of frames from one on; yields their numbers."""
    pictures = ((number, number, picture) for number, picture in islice(source.pictures(first), count))
    ahead = pictures_ahead(ager.capabilities, source.rate, source.picture_bytes)
    with closing(aged_pictures(pictures, ager, source.seconds, ahead, thread)) as aged:
        for number, _, picture in aged:
            picture.write(output / picture.path.name)
            yield number


def _note(done_file: Path, names: Sequence[str]) -> None:
    with done_file.open("a", encoding="utf-8") as record:
        record.writelines(f"{name}\n" for name in names)
