"""Aligns faces of photos to canonical frames, and filters those unsuitable for training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from amgan.runtime.face.alignment import apply_affine
from amgan.runtime.face.finder import FaceFinder
from amgan.runtime.face.warp import sample_affine

from .face_rows import FaceRow

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class AlignOptions:
    """Requirements of training faces: size in the photo (px), turn of the head, chroma (code values)."""

    frame_px: int = 512
    min_side_px: float = 170.0
    max_turn: float = 0.4
    min_chroma: float = 4.0


@dataclass(frozen=True, eq=False)
class AlignedFace:
    """One usable face: its frame [S, S, 3] uint8, landmarks [468, 2] in frame units, and age in years.

    ``side_px`` is how many pixels of the photo the frame's side spans; ``sex`` and ``source`` are as in
    FaceRow.
    """

    name: str
    frame: NDArray[np.uint8]
    landmarks: NDArray[np.float64]
    age: float
    turn: float
    side_px: float = 400.0
    sex: float = 0.0
    source: str = ""


def align_all(
    folders: Sequence[Path], rows: Sequence[FaceRow], options: AlignOptions, progress: Progress
) -> tuple[list[AlignedFace], Counter[str]]:
    """Align the largest face of every row's photo; also returns counts of skipped photos by reason."""
    left_out: Counter[str] = Counter()
    return list(align_each(folders, rows, options, left_out, progress)), left_out


def align_each(
    folders: Sequence[Path],
    rows: Sequence[FaceRow],
    options: AlignOptions,
    left_out: Counter[str],
    progress: Progress,
) -> Iterator[AlignedFace]:
    """Yield aligned faces in the order of file names; counts skipped photos in ``left_out`` by reason.

    A photo is taken from the first folder that has it.
    """
    finder = FaceFinder()
    for done, row in enumerate(sorted(rows, key=lambda row: row.file)):
        progress(done, len(rows), "aligning")
        path = next((f / row.file for f in folders if (f / row.file).is_file()), folders[0] / row.file)
        found = _align(finder, path, row, options)
        if isinstance(found, str):
            left_out[found] += 1
        else:
            yield found


def _align(finder: FaceFinder, path: Path, row: FaceRow, options: AlignOptions) -> AlignedFace | str:
    """The photo's largest face, or the reason why it is skipped."""
    try:
        with Image.open(path) as picture:
            rgb = np.asarray(picture.convert("RGB"))
    except (OSError, UnidentifiedImageError) as error:
        return "not there" if isinstance(error, FileNotFoundError) else "unreadable"
    found = finder.find(rgb)
    if not found:
        return "no face"
    face = found[0]
    if face.frame.side_px < options.min_side_px:
        return "tiny"
    if abs(face.turn) > options.max_turn:
        return "turned away"
    size = options.frame_px
    frame = sample_affine(rgb, face.frame.to_photo(size), (size, size))
    middle = frame[size // 3 : size * 5 // 6, size // 3 : size * 2 // 3].astype(np.float32)
    if float(np.abs(middle - middle.mean(axis=2, keepdims=True)).mean()) < options.min_chroma:
        return "grey"
    landmarks = apply_affine(face.frame.to_frame(1), face.landmarks)
    return AlignedFace(
        row.file, frame, landmarks, row.age, face.turn, face.frame.side_px, row.sex, row.source
    )
