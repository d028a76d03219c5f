"""From photos to aligned frames: which faces are fit for training, and why the others are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from amgan.runtime.face.alignment import apply_affine
from amgan.runtime.face.finder import FaceFinder
from amgan.runtime.face.warp import sample_affine

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class PrepareOptions:
    """What faces are fit for training, and how the changed versions are made (ages in years).

    ``zone_share`` is how far a part's age goes from the face's to that of its own label: single zones are
    noisy witnesses.
    """

    frame_px: int = 640
    min_side_px: float = 190.0
    max_turn: float = 0.4
    min_chroma: float = 4.0
    older_age: float = 70.0
    younger_age: float = 25.0
    oldest_to_age: float = 60.0
    youngest_to_rejuvenate: float = 32.0
    donor_min_age: float = 62.0
    donor_max_turn: float = 0.25
    donor_max_asymmetry: float = 0.5
    donor_count: int = 12
    zone_share: float = 0.5


@dataclass(frozen=True, eq=False)
class AlignedFace:
    """One usable face: its frame [S, S, 3] uint8, landmarks in frame units, and age in years.

    ``side_px`` is how many pixels of the photo the frame's side spans.
    """

    name: str
    frame: NDArray[np.uint8]
    landmarks: NDArray[np.float64]
    age: float
    turn: float
    side_px: float = 400.0


def align_all(
    folder: Path, ages: dict[str, float], options: PrepareOptions, progress: Progress
) -> tuple[list[AlignedFace], Counter[str]]:
    """Align the largest face of every photo in a table; also how many photos were left out, by reason."""
    finder = FaceFinder()
    aligned: list[AlignedFace] = []
    left_out: Counter[str] = Counter()
    for done, (name, age) in enumerate(sorted(ages.items())):
        progress(done, len(ages), "aligning")
        found = _align(finder, folder / name, age, options)
        if isinstance(found, str):
            left_out[found] += 1
        else:
            aligned.append(found)
    return aligned, left_out


def _align(finder: FaceFinder, path: Path, age: float, options: PrepareOptions) -> AlignedFace | str:
    """The photo's largest face, or why it is left out."""
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
    return AlignedFace(
        path.name,
        frame,
        apply_affine(face.frame.to_frame(1), face.landmarks),
        age,
        face.turn,
        face.frame.side_px,
    )
