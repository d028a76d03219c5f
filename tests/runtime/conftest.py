"""Fixtures of the runtime's tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from amgan.runtime import Pipeline
from amgan.runtime.alignment import apply_affine
from amgan.runtime.faces import Face, FaceFinder
from hypothesis import settings

# A busy machine must not make a test fail.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


@pytest.fixture(scope="session")
def finder() -> FaceFinder:
    """One face finder for all tests: it is safe to share."""
    return FaceFinder(threads=1)


@pytest.fixture(scope="session")
def hopper_face(finder: FaceFinder, hopper: np.ndarray) -> Face:
    return finder.find(hopper)[0]


@pytest.fixture(scope="session")
def collins_face(finder: FaceFinder, collins: np.ndarray) -> Face:
    return finder.find(collins)[0]


@pytest.fixture(scope="session")
def unit(hopper_face: Face) -> np.ndarray:
    """Landmarks of a real face in frame units, [468, 2]."""
    return apply_affine(hopper_face.frame.to_frame(1), hopper_face.landmarks)


@pytest.fixture(scope="module")
def pipeline(tiny_bundle: Path) -> Pipeline:
    """A pipeline on the tiny bundle, in f32."""
    return Pipeline(tiny_bundle, "cpu", "f32")
