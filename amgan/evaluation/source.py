"""Sources of the evaluated faces: a split of a prepared set, photos, and portraits with known ages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amgan.data.dataset import Dataset, load_dataset
from amgan.faces.known_ages import KnownAge, read_known_ages
from amgan.faces.splits import is_held_out
from amgan.runtime.errors import UsageError
from amgan.runtime.photo.read import read_photo

SPLITS = ("held-out", "train", "all")
UNKNOWN = KnownAge(float("nan"), true=False, real=False)
PHOTOS = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")


@dataclass(frozen=True, eq=False)
class Source:
    """A picture, uint8 [H, W, 3], of which the largest face is evaluated.

    ``kind``: a split of a prepared set, "photos", or "real" or "synthetic" for portraits of a table.
    ``known``: the table's entry on the age.
    """

    name: str
    kind: str
    pixels: NDArray[np.uint8]
    known: KnownAge = UNKNOWN


@dataclass(frozen=True, eq=False)
class Sources:
    """The pictures to evaluate; iteration reads one at a time."""

    dataset: Dataset | None
    numbers: tuple[int, ...]
    split: str
    photos: tuple[Path, ...]
    portraits: tuple[tuple[Path, KnownAge], ...] = ()

    def __len__(self) -> int:
        return len(self.numbers) + len(self.photos) + len(self.portraits)

    def __iter__(self) -> Iterator[Source]:
        if self.dataset is not None:
            for number in self.numbers:
                frame = np.array(self.dataset.frames[number])
                yield Source(self.dataset.names[number], self.split, frame)
        for photo in self.photos:
            yield Source(photo.name, "photos", read_photo(photo).pixels)
        for portrait, known in self.portraits:
            kind = "real" if known.real else "synthetic"
            yield Source(portrait.name, kind, read_photo(portrait).pixels, known)


def find_sources(
    folder: Path | None,
    split: str = "held-out",
    count: int | None = None,
    photos: Path | None = None,
    portraits: tuple[Path, Path] | None = None,
) -> Sources:
    """The pictures of a prepared set's split, of a folder of photos, and of portraits with known ages.

    ``folder``: the prepared set, of which ``count`` faces are taken, spread evenly.
    ``photos``: a folder of which all photos are taken.
    ``portraits``: a folder and its table of known ages, of which up to ``count`` of the split are taken.
    Raises UsageError where nothing is found.
    """
    if folder is None and photos is None and portraits is None:
        raise UsageError(
            "there is nothing to judge: name a prepared set, or photos with --photos FOLDER, or portraits"
        )
    dataset, chosen = None, np.zeros(0, np.int64)
    if folder is not None:
        dataset = load_dataset(folder)
        chosen = np.arange(len(dataset.names)) if split == "all" else dataset.faces(split)
        if not len(chosen):
            raise UsageError(f"'{folder}' has no faces of the split {split}: prepare a larger set")
        chosen = chosen[_spread(len(chosen), count)]
    known = () if portraits is None else _portraits(*portraits, split)
    return Sources(
        dataset,
        tuple(map(int, chosen)),
        split,
        () if photos is None else _photos(photos),
        tuple(known[k] for k in _spread(len(known), count)),
    )


def _spread(found: int, count: int | None) -> NDArray[np.int64]:
    """``count`` indices below ``found``, spread evenly; all where ``found`` is not larger."""
    if count is None or count >= found:
        return np.arange(found)
    return np.linspace(0, found - 1, count).astype(np.int64)


def _portraits(folder: Path, table: Path, split: str) -> tuple[tuple[Path, KnownAge], ...]:
    """The pictures of a split that are in both the table and the folder."""
    if not folder.is_dir():
        raise UsageError(f"'{folder}' is no folder: give one with portraits to --portraits")
    found = tuple(
        (folder / name, known)
        for name, known in sorted(read_known_ages(table).items())
        if (folder / name).is_file() and (split == "all" or is_held_out(name) == (split == "held-out"))
    )
    if not found:
        raise UsageError(
            f"'{folder}' has no {split} portrait that '{table}' names: check both, or give --split all"
        )
    return found


def _photos(folder: Path) -> tuple[Path, ...]:
    if not folder.is_dir():
        raise UsageError(f"'{folder}' is no folder: give one with photos to --photos")
    found = tuple(sorted(one for one in folder.iterdir() if one.suffix.lower() in PHOTOS))
    if not found:
        raise UsageError(f"'{folder}' holds no photos ({', '.join(PHOTOS)}): give another folder to --photos")
    return found


def describe(sources: Sources) -> str:
    """The sources as text."""
    parts = []
    if sources.dataset is not None:
        parts.append(f"{len(sources.numbers)} {sources.split} faces of a prepared set")
    if sources.photos:
        parts.append(f"{len(sources.photos)} photos")
    if sources.portraits:
        real = sum(known.real for _, known in sources.portraits)
        parts.append(f"{len(sources.portraits)} {sources.split} portraits, {real} of them of real people")
    return " and ".join(parts)
