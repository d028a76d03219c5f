"""Makes the pictures of README and docs/training.md that need a training set.

    python docs/make_set_pictures.py data/set640

`held_out.jpg`: held-out adults, selected evenly by age, unchanged and at five ages. `pairs.jpg`: training
faces, also selected evenly by age, with their older versions. No face is selected by its appearance.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amgan.data.dataset import Dataset, load_dataset
from amgan.runtime import Pipeline
from amgan.runtime.pipeline.sweep import sweep

IMAGES = Path(__file__).parent / "images"
AGES = (25, 40, 50, 60, 75)
ADULT = 22.0
CELL_PX = 256
PAIR_PX = 320
PAIR_ROWS = slice(40, 290)

Picture = NDArray[np.uint8]


def evenly(numbers: Sequence[int], ages: NDArray[np.float32], count: int) -> list[int]:
    """Select ``count`` of the adults among ``numbers`` evenly in their order of age."""
    adults = sorted((i for i in numbers if ages[i] >= ADULT), key=lambda i: (float(ages[i]), i))
    return [adults[k] for k in np.linspace(0, len(adults) - 1, count).astype(int)]


def reduced(picture: Picture, side_px: int) -> Picture:
    """Reduce a square picture."""
    return np.asarray(cv2.resize(picture, (side_px, side_px), interpolation=cv2.INTER_AREA), np.uint8)


def aged_rows(pipeline: Pipeline, dataset: Dataset, count: int) -> Picture:
    """Rows of held-out faces: unchanged, then at AGES; faces that are not detected are skipped."""
    rows: list[Picture] = []
    for number in evenly(list(dataset.faces("held-out")), dataset.ages, 3 * count)[1::3]:
        frame = np.array(dataset.frames[number])
        seen = pipeline.see(frame, "largest")
        if seen:
            versions = [frame, *(one.pixels for one in sweep(pipeline, frame, AGES, seen=seen))]
            rows.append(np.hstack([reduced(one, CELL_PX) for one in versions]))
    return np.vstack(rows)


def pair_rows(dataset: Dataset, count: int) -> Picture:
    """Training faces with their older versions, two pairs per row."""
    shown = set(dataset.faces("train"))  # faces of another split, as those of real people, are not shown
    older = {
        int(face): row
        for row, face in enumerate(dataset.change_faces)
        if int(face) in shown and dataset.change_ages[row] > dataset.ages[face]
    }
    pairs = []
    for number in evenly(list(older), dataset.ages, count):
        frame = np.array(dataset.frames[number])
        changed = frame.astype(np.int16) + dataset.changes[older[number]]
        both = (frame, np.clip(changed, 0, 255).astype(np.uint8))
        pairs.append(np.hstack([reduced(one, PAIR_PX)[PAIR_ROWS] for one in both]))
    return np.vstack([np.hstack(pairs[k : k + 2]) for k in range(0, count, 2)])


def main() -> None:
    """Write both pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path, help="prepared set (amgan prepare)")
    dataset = load_dataset(parser.parse_args().dataset)
    Image.fromarray(pair_rows(dataset, 6)).save(IMAGES / "pairs.jpg", quality=88)
    with Pipeline() as pipeline:
        Image.fromarray(aged_rows(pipeline, dataset, 6)).save(IMAGES / "held_out.jpg", quality=88)


if __name__ == "__main__":
    main()
