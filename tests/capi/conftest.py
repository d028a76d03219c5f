"""libamgan, built once for all tests that need it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.capi import Handle, Library
from support.capi_build import build, missing_tools
from support.helpers import ROOT

from amgan.runtime.bundle.bundle import SHIPPED
from amgan.runtime.face.alignment import apply_affine
from amgan.runtime.face.finder import Face, FaceFinder


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a plain build, which quick and slow tests, all processes and later runs share."""
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


def left_column(path: Path, finder: FaceFinder) -> list[tuple[np.ndarray, Face]]:
    """The faces in the first column of a sheet of portraits: one of each person, as the camera saw them."""
    sheet = np.asarray(Image.open(path).convert("RGB"))
    found = finder.find(sheet)
    centres = [float(face.landmarks[:, 0].mean()) for face in found]
    edge = min(centres) + 0.4 * min(face.frame.side_px for face in found)
    return [(sheet, face) for face, x in zip(found, centres, strict=True) if x < edge]


@pytest.fixture(scope="session")
def ten_photos(faces: list[tuple[np.ndarray, Face]]) -> list[tuple[np.ndarray, Face]]:
    """Ten faces of ten people: the sample portraits, and those that the documentation shows."""
    finder = FaceFinder(threads=1)
    found = list(faces)
    for name in ("held_out.jpg", "pairs.jpg"):
        found += left_column(ROOT / "docs" / "images" / name, finder)
    assert len(found) >= 10, "the sheets of portraits in docs/images/ have fewer faces in their first columns"
    return found[:10]
