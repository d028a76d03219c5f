"""A folder of numbered frames as a video: PNG, TIFF and the other formats of photos, and EXR."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..errors import PhotoError, UsageError, VideoError
from ..photo.formats import FORMAT_OF_SUFFIX
from .exr import ExrPicture, load_exr
from .picture import Picture, StillPicture

if TYPE_CHECKING:
    from ..photo.data import Photo

_NUMBER = re.compile(r"(.*?)(\d+)\.([^.]+)")
USUAL_RATE = 25.0
EXR = ".exr"


@dataclass(frozen=True)
class Frames:
    """The frames of a folder in order of their numbers, first to last."""

    folder: Path
    paths: tuple[Path, ...]


def list_frames(folder: Path) -> Frames:
    """List the numbered pictures of a folder.

    Raises UsageError if there are none or of two kinds, MissingDependencyError for EXR without its package.
    """
    found: dict[tuple[str, str], list[tuple[int, Path]]] = {}
    for path in sorted(folder.iterdir()):
        match = _NUMBER.fullmatch(path.name)
        if match and not path.name.startswith(".") and f".{match[3].lower()}" in {EXR, *FORMAT_OF_SUFFIX}:
            found.setdefault((match[1], match[3]), []).append((int(match[2]), path))
    if not found:
        raise UsageError(f"'{folder}' holds no numbered frames: name them such as frame_0001.png")
    if len(found) > 1:
        names = sorted(one[0][1].name for one in found.values())
        raise UsageError(
            f"'{folder}' holds frames of several kinds, such as '{names[0]}' and '{names[1]}': "
            "give each a folder of its own"
        )
    (numbered,) = found.values()
    if numbered[0][1].suffix.lower() == EXR:
        load_exr(numbered[0][1])
    return Frames(folder, tuple(path for _, path in sorted(numbered)))


class FolderPicture(Picture, Protocol):
    """A frame of a folder, with everything needed to write it back."""

    path: Path

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""

    def write(self, output: Path) -> None:
        """Write it with its changes, atomically and in its own format and depth; raises VideoError."""


class PhotoPicture(StillPicture):
    """A frame that is a photo."""

    def __init__(self, photo: Photo) -> None:
        super().__init__(photo.pixels)
        self.path, self._photo = photo.path, photo

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return int(self.pixels.nbytes)

    def write(self, output: Path) -> None:
        """Write it with its changes, atomically and in its own format and depth; raises VideoError."""
        from ..photo.write import write_photo

        try:
            write_photo(self._photo, self.pixels, output)
        except PhotoError as error:
            raise VideoError(str(error)) from error


def read_frame(path: Path) -> FolderPicture:
    """Read one frame; raises VideoError, and MissingDependencyError for EXR without its package."""
    from ..photo.read import read_photo

    if path.suffix.lower() == EXR:
        return ExrPicture(path)
    try:
        return PhotoPicture(read_photo(path))
    except PhotoError as error:
        raise VideoError(str(error)) from error


class FolderSource:
    """The frames of a folder between two times in seconds, at ``rate`` frames per second."""

    def __init__(
        self, frames: Frames, rate: float = USUAL_RATE, start: float | None = None, end: float | None = None
    ) -> None:
        self._rate = rate
        first = 0 if start is None else round(start * rate)
        last = len(frames.paths) if end is None else min(round(end * rate), len(frames.paths))
        self.paths: Sequence[Path] = frames.paths[first:last]
        if not self.paths:
            raise UsageError(f"'{frames.folder}' has no frame between these times: give other ones")
        self._bytes = 0

    @property
    def rate(self) -> float:
        """Pictures per second."""
        return self._rate

    @property
    def estimate(self) -> int:
        """Number of pictures."""
        return len(self.paths)

    @property
    def picture_bytes(self) -> int:
        """Size of one picture in memory in bytes, known from the first one."""
        if not self._bytes:
            self._bytes = read_frame(self.paths[0]).nbytes
        return self._bytes

    @property
    def seekable(self) -> bool:
        """True."""
        return True

    def pictures(self, first: int | None = None) -> Iterator[tuple[int, FolderPicture]]:
        """Yield the pictures with their index in the folder, from ``first`` on; raises VideoError."""
        size: tuple[int, int] | None = None
        for number in range(first or 0, len(self.paths)):
            picture = read_frame(self.paths[number])
            if size not in (None, (picture.width, picture.height)):
                raise VideoError(
                    f"'{self.paths[number]}' has another size than the frame before: scale it first"
                )
            size = picture.width, picture.height
            yield number, picture

    def seconds(self, key: int) -> float:
        """The time of a picture in seconds from the first one."""
        return key / self._rate

    def last_length(self) -> int:
        """Duration of the last picture, in pictures."""
        return 1
