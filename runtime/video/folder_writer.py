"""Aged frames of a folder, each written whole under its own name, in its own format and depth."""

from __future__ import annotations

from pathlib import Path

from ..errors import PhotoError, VideoError
from .ageing import Ager
from .analysis import Progress
from .folder import FolderPicture, FolderSource
from .kept import keep_averages, take_averages
from .overlap import aged_pictures


def write_frames(source: FolderSource, ager: Ager, output: Path, folder: Path, progress: Progress) -> int:
    """Age and write the frames that are not done; returns how many were.

    ``folder`` keeps what the run would go on from.
    Raises VideoError where a frame cannot be read or written, OSError where nothing can be.
    """
    from ..photo.write import write_photo

    done_file, kept = folder / "done", folder / "averages.npz"
    output.mkdir(parents=True, exist_ok=True)
    named = set(done_file.read_text(encoding="utf-8").splitlines()) if done_file.exists() else set()
    done = {path.name for path in source.paths if path.name in named and (output / path.name).exists()}
    take_averages(kept, ager)
    waiting = ((number, number, picture) for number, picture in source.pictures(skip=frozenset(done)))
    total = len(source.paths) - len(done)
    with done_file.open("a", encoding="utf-8") as record:
        for count, (_, _, picture) in enumerate(aged_pictures(waiting, ager, source.seconds), start=1):
            assert isinstance(picture, FolderPicture)
            target = output / picture.photo.path.name
            try:
                write_photo(picture.photo, picture.pixels, target)
            except PhotoError as error:
                raise VideoError(str(error)) from error
            record.write(f"{target.name}\n")
            record.flush()
            keep_averages(kept, ager)
            progress(count, total, "ageing")
    return len(done)
