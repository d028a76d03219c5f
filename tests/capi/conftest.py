"""libamgan, built once for all tests that need it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from amgan.runtime.alignment import apply_affine
from amgan.runtime.bundle import SHIPPED
from amgan.runtime.faces import Face, FaceFinder
from capi import Handle, Library, build, missing_tools


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a plain build."""
    missing = missing_tools()
    if missing:
        pytest.skip(f"the C library cannot be built without {', '.join(missing)}")
    return build(tmp_path_factory.mktemp("libamgan"))


@pytest.fixture(scope="session")
def library(built: Path) -> Library:
    return Library(built / "libamgan.so.0")


@pytest.fixture(scope="session")
def shipped(library: Library) -> Iterator[Handle]:
    """The shipped bundle in f32."""
    handle = library.open(SHIPPED, "cpu", "f32")
    yield handle
    handle.close()


@pytest.fixture(scope="session")
def faces(hopper: np.ndarray, collins: np.ndarray) -> list[tuple[np.ndarray, Face]]:
    """The sample portraits with their faces."""
    finder = FaceFinder(threads=1)
    return [(photo, finder.find(photo)[0]) for photo in (hopper, collins)]


@pytest.fixture(scope="session")
def landmarks(faces: list[tuple[np.ndarray, Face]]) -> np.ndarray:
    """Landmarks of a real face in frame units, [468, 2]."""
    face = faces[0][1]
    return apply_affine(face.frame.to_frame(1), face.landmarks)
