"""Sets that tests of patches share."""

from __future__ import annotations

import numpy as np
import pytest
from support.tiny_set import AGES, SIDE, write_set

from amgan.data.dataset import Dataset, load_dataset


@pytest.fixture(scope="module")
def ramps(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Red is x, green is y (0..255 across the frame) in every frame, and the mask is x as well."""
    place = (np.arange(SIDE) + 0.5) / SIDE * 255
    frame = np.zeros((SIDE, SIDE, 3))
    frame[..., 0], frame[..., 1] = place[None, :], place[:, None]
    cells = SIDE // 4
    masks = np.zeros((len(AGES), 27, cells, cells), np.uint8)
    masks[:, 0] = np.rint((np.arange(cells) + 0.5) / cells * 255)[None, :]
    frames = np.tile(np.rint(frame).astype(np.uint8), (len(AGES), 1, 1, 1))
    folder = tmp_path_factory.mktemp("ramps") / "set"
    return load_dataset(write_set(folder, frames=frames, region_masks=masks))
