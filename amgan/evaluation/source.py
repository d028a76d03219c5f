"""The faces that are judged: one split of a prepared set, and photos of the user's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amgan.data.dataset import Dataset, load_dataset
from amgan.runtime.errors import UsageError
from amgan.runtime.photo.read import read_photo

SPLITS = ("held-out", "train")
PHOTOS = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")


@dataclass(frozen=True, eq=False)
class Source:
    """A picture to judge the largest face of: ``pixels`` uint8 [H, W, 3]; ``kind`` is a split or "photos"."""

    name: str
    kind: str
    pixels: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Sources:
    """What is to be judged; pictures are read one at a time."""

    dataset: Dataset | None
    numbers: tuple[int, ...]
    split: str
    photos: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.numbers) + len(self.photos)

    def __iter__(self) -> Iterator[Source]:
        if self.dataset is not None:
            for number in self.numbers:
                frame = np.array(self.dataset.frames[number])
                yield Source(self.dataset.names[number], self.split, frame)
        for photo in self.photos:
            yield Source(photo.name, "photos", read_photo(photo).pixels)


def find_sources(
    folder: Path | None, split: str = "held-out", count: int | None = None, photos: Path | None = None
) -> Sources:
    """The faces of a prepared set's split, ``count`` of them spread evenly, and all photos of a folder.

    Raises UsageError where there is nothing to judge.
    """
    if folder is None and photos is None:
        raise UsageError("there is nothing to judge: name a prepared set, or photos with --photos FOLDER")
    dataset, chosen = None, np.zeros(0, np.int64)
    if folder is not None:
        dataset = load_dataset(folder)
        chosen = dataset.faces(split)
        if not len(chosen):
            raise UsageError(f"'{folder}' has no faces of the split {split}: prepare a larger set")
        if count is not None and count < len(chosen):
            chosen = chosen[np.linspace(0, len(chosen) - 1, count).astype(int)]
    return Sources(dataset, tuple(map(int, chosen)), split, () if photos is None else _photos(photos))


def _photos(folder: Path) -> tuple[Path, ...]:
    if not folder.is_dir():
        raise UsageError(f"'{folder}' is no folder: give one with photos to --photos")
    found = tuple(sorted(one for one in folder.iterdir() if one.suffix.lower() in PHOTOS))
    if not found:
        raise UsageError(f"'{folder}' holds no photos ({', '.join(PHOTOS)}): give another folder to --photos")
    return found


def describe(sources: Sources) -> str:
    """What is judged, in words."""
    parts = []
    if sources.dataset is not None:
        parts.append(f"{len(sources.numbers)} {sources.split} faces of a prepared set")
    if sources.photos:
        parts.append(f"{len(sources.photos)} photos")
    return " and ".join(parts)
