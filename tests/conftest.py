"""Fixtures that tests of every package share."""

from __future__ import annotations

import os

# Networks of tests are tiny: on several threads, in several processes, they would mostly wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Where PyTorch is given several threads nevertheless, those that wait take no time from the other processes.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# Hundreds of programs are started: without bytecode each would compile all it imports once more.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import functools
import gc
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.helpers import COLLINS, HOPPER, write_tiny_bundle
from support.kept import ROOT, kept_folder
from support.order import ordered, scope_of


@pytest.fixture(autouse=True)
def usual_scheduling() -> Iterator[None]:
    """No test leaves its thread with a real-time priority: later ones would wait for spinning threads."""
    yield
    if hasattr(os, "sched_getscheduler"):
        assert os.sched_getscheduler(0) in (os.SCHED_OTHER, os.SCHED_BATCH)


ALL_SLOW = re.compile(r"^pytestmark = pytest\.mark\.slow$", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Files none of whose tests are wanted are not even imported, where all tests are looked through."""
    if config.args_source is not pytest.Config.ArgsSource.TESTPATHS or collection_path.suffix != ".py":
        return None
    text = collection_path.read_text(encoding="utf-8")
    match config.option.markexpr:
        case "slow":
            unwanted = "mark.slow" not in text
        case "not slow":
            unwanted = ALL_SLOW.search(text) is not None
        case _:
            unwanted = False
    return unwanted or None


def pytest_collection_finish() -> None:
    """What was imported stays: no search for garbage looks through it again, which takes .2 s each time."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """The tests of a file stay in one process, and those of some folders; see support/order.py."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return scope_of(nodeid)

    config.option.loadscopereorder = False  # workers order them
    return ByFile(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of several processes none waits long for the last one; after those that are not wanted are left out."""
    if hasattr(config, "workerinput"):
        items[:] = [items[place] for place in ordered([item.nodeid for item in items])]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two to four processes for all tests; none where files are named, so that few tests start at once."""
    if config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return 0
    return max(2, min(4, os.cpu_count() or 1))


@pytest.fixture(scope="session", autouse=True)
def compiled_networks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for compiled networks, which all processes and later runs share: nothing in the user's.

    Engines change networks before they compile them: with other code they have another folder.
    """
    kept = kept_folder("networks", (ROOT / "runtime" / "engines").glob("*.py"))
    folder = kept or tmp_path_factory.mktemp("networks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AMGAN_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def shared_finder() -> Iterator[None]:
    """Pipelines of a process share what finds faces and hair: it is safe to share, and takes long to load."""
    from support.remembered_faces import RememberingFinder

    from amgan.runtime.face.networks import FaceNetworks
    from amgan.runtime.pipeline import opening

    on_the_cpu = FaceNetworks(threads=1)
    remembering = functools.cache(lambda: RememberingFinder(on_the_cpu))
    alone = functools.cache(opening.open_finder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "AheadNetworks", lambda networks, submit: on_the_cpu)
        patch.setattr(
            opening,
            "open_finder",
            lambda networks: remembering() if networks is on_the_cpu else alone(networks),
        )
        patch.setattr(opening, "open_parser", functools.cache(opening.open_parser))
        yield


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny bundle that keeps the contract; do not change it."""
    return write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture
def own_bundle(tmp_path: Path) -> Path:
    """A tiny bundle of the test's own, to damage."""
    return write_tiny_bundle(tmp_path / "own-bundle")


@pytest.fixture(scope="session")
def hopper() -> np.ndarray:
    """A photo of one face, uint8 [600, 512, 3]."""
    return np.asarray(Image.open(HOPPER).convert("RGB"))


@pytest.fixture(scope="session")
def collins() -> np.ndarray:
    """Another photo of one face, uint8 [512, 512, 3]."""
    return np.asarray(Image.open(COLLINS).convert("RGB"))
