"""The prepared training set: canonical frames, ages, masks and changes as plain .npy files.

Layout of the folder (N faces, M changes, S = frame_px, C = S // 4 map cells):

======================  =====================  ==========================================================
frames.npy              uint8 [N, S, S, 3]     canonical frames, RGB
landmarks.npy           float32 [N, 468, 2]    landmarks in frame units
ages.npy                float32 [N]            apparent age of the face, years
part_ages.npy           float32 [N, P]         apparent age of every part, years, as in zones.PART_NAMES
sides.npy               float32 [N]            pixels of the photo that the frame's side spans
line_strengths.npy      float32 [N]            strength of new lines that suits the skin of the face
region_masks.npy        uint8 [N, 1+P, C, C]   mask of the face, then the parts' (0..255)
coordinates.npy         float16 [N, 3, C, C]   u, v and inside, as in amgan.runtime.face.coordinates
changes.npy             int8 [M, S, S, 3]      code values to add for the same face at ``change_ages``
change_faces.npy        int32 [M]              which face each change belongs to
change_ages.npy         float32 [M]            the age that the whole change leads to, years
change_patterns.npy     float32 [M, K]         mixing weights of the patterns shown, times line strength
index.json              –                      names, splits, options, counts of skipped photos by reason
======================  =====================  ==========================================================

Changes exist for training faces only. Nothing is pickled.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amgan.runtime.errors import UsageError

SCHEMA = 4
_FACES = (
    "frames",
    "landmarks",
    "ages",
    "part_ages",
    "sides",
    "line_strengths",
    "region_masks",
    "coordinates",
)
ARRAYS = (*_FACES, "changes", "change_faces", "change_ages", "change_patterns")


@dataclass(frozen=True, eq=False)
class Dataset:
    """A prepared training set with memory-mapped arrays (shapes: see the module)."""

    frames: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    ages: NDArray[np.float32]
    part_ages: NDArray[np.float32]
    sides: NDArray[np.float32]
    line_strengths: NDArray[np.float32]
    region_masks: NDArray[np.uint8]
    coordinates: NDArray[np.float16]
    changes: NDArray[np.int8]
    change_faces: NDArray[np.int32]
    change_ages: NDArray[np.float32]
    change_patterns: NDArray[np.float32]
    index: dict[str, Any]

    @property
    def frame_px(self) -> int:
        """Side of the frames in pixels."""
        return int(self.frames.shape[1])

    @property
    def patterns(self) -> int:
        """The number of patterns."""
        return int(self.change_patterns.shape[1])

    @property
    def names(self) -> list[str]:
        """File name of every face."""
        return [row["name"] for row in self.index["faces"]]

    def faces(self, split: str) -> NDArray[np.int64]:
        """Indices of the faces of one split: ``"train"`` or ``"held-out"``."""
        return np.array([i for i, row in enumerate(self.index["faces"]) if row["split"] == split], np.int64)


def load_dataset(folder: Path) -> Dataset:
    """Open a prepared training set; raises UsageError if it is missing or has another schema."""
    index_file = folder / "index.json"
    if not index_file.is_file():
        raise UsageError(
            f"{folder} is no prepared training set (no index.json); make one with 'amgan prepare'"
        )
    try:
        index = json.loads(index_file.read_text())
    except ValueError as error:
        raise UsageError(f"{index_file} is damaged, it is no JSON; prepare the training set again") from error
    if index.get("schema") != SCHEMA:
        raise UsageError(
            f"{folder} has schema {index.get('schema')}, this version reads {SCHEMA}; prepare it again"
        )
    try:
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in ARRAYS}
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder} is damaged ({error}); prepare the training set again") from error
    return Dataset(**arrays, index=index)
