"""Fixtures of the training side: a synthetic prepared set, and two real aligned faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from support.tiny_set import write_set

from amgan.data.dataset import Dataset, load_dataset
from amgan.runtime.face.alignment import apply_affine
from amgan.runtime.face.finder import FaceFinder
from amgan.runtime.face.warp import sample_affine

# A busy machine must not make a test fail.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


@pytest.fixture(scope="session")
def set_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the synthetic set; do not change it."""
    return write_set(tmp_path_factory.mktemp("sets") / "plain")


@pytest.fixture(scope="session")
def dataset(set_folder: Path) -> Dataset:
    return load_dataset(set_folder)


@pytest.fixture(scope="session")
def aligned(hopper: np.ndarray, collins: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Frame [192, 192, 3] and landmarks [468, 2] in frame units of two real faces."""
    finder = FaceFinder(threads=1)
    faces = [(photo, finder.find(photo)[0]) for photo in (hopper, collins)]
    return [
        (sample_affine(p, f.frame.to_photo(192), (192, 192)), apply_affine(f.frame.to_frame(1), f.landmarks))
        for p, f in faces
    ]
