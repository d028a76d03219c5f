"""Fixtures of the runtime's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from hypothesis import settings
from support.object_store import new_bucket, put_photo, s3_server

from amgan.runtime import Pipeline
from amgan.runtime.face.alignment import apply_affine
from amgan.runtime.face.finder import Face, FaceFinder

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


@pytest.fixture(scope="module", params=["local", "memory", "s3"])
def system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The kinds of stores: files of this machine, memory, and an object store server of this machine.

    Modules about what only other machines have say so by a mark that parametrizes this fixture.
    """
    if request.param == "local":
        here = fsspec.filesystem("file", auto_mkdir=True)
        here.top = tmp_path_factory.mktemp("stores")
        yield here
    elif request.param == "memory":
        yield fsspec.filesystem("memory")
    else:
        with s3_server() as found:
            yield found


@pytest.fixture
def bucket(system: Any) -> str:
    """Photos a and b with a face, sub/c without, and two files that are none."""
    url = new_bucket(system)
    put_photo(system, f"{url}/in/a.png", 10)
    put_photo(system, f"{url}/in/sub/b.png", 20)
    put_photo(system, f"{url}/in/sub/c.png", 0)
    system.pipe_file(f"{url}/in/broken.png", b"no picture")
    system.pipe_file(f"{url}/in/notes.txt", b"")
    system.pipe_file(f"{url}/in/.hidden.png", b"")
    return url
