"""Shared fixtures of the suites: sizes, the bundle and its frame, and timing in turn with the reference.

Every benchmark takes turns with PyTorch eager (or with the plain graph, if a suite says so): the reference
runs and is timed before each timed run. ``extra_info`` keeps the median ratio of these pairs, and the parity;
without it a speed is marked as unverified.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from amgan.benchmarking import engines, machine, photos, portrait, short_set
from amgan.benchmarking.parity import judge, tolerances_of
from amgan.checkpoint import load_model
from amgan.export.graphs.deploy import DeployGenerator
from amgan.export.verify import find_checkpoint
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.machine import count_cores

PACKAGES = (*short_set.PACKAGES, "pytest-benchmark")


@dataclass(frozen=True)
class Size:
    """Side of the face's frame in px, timed turns per benchmark, photos per folder."""

    frame_px: int
    rounds: int
    photos: int


SIZES = {"short": Size(128, 1, 2), "medium": Size(512, 7, 8), "full": Size(1024, 11, 16)}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--amgan-size",
        choices=sorted(SIZES),
        default="full",
        help="full (default): faces of 1024 px, 11 turns; medium: 512 px, 7 turns; "
        "short: 128 px, 1 turn, to see that all works",
    )
    parser.addoption("--amgan-model", type=Path, help="bundle to measure (default: the shipped one)")
    parser.addoption("--amgan-checkpoint", type=Path, help="its weights (default: the shipped ones)")


def pytest_benchmark_update_json(config: pytest.Config, benchmarks: Any, output_json: dict[str, Any]) -> None:
    """Give the result the standard heading, and drop the one of pytest-benchmark."""
    bundle = Bundle.open(config.getoption("--amgan-model"))
    command = machine.typed("pytest", sys.argv[1:])
    size = config.getoption("--amgan-size")
    what = f"suites of pytest-benchmark, size {size}"
    head = machine.heading(what, command, machine.hardware(count_cores()), *PACKAGES)
    output_json["amgan"] = head | {"size": vars(SIZES[size]), "model": engines.describe(bundle)}
    for name in ("machine_info", "commit_info"):
        output_json.pop(name, None)


@pytest.fixture(scope="session")
def size(pytestconfig: pytest.Config) -> Size:
    return SIZES[pytestconfig.getoption("--amgan-size")]


@pytest.fixture(scope="session")
def bundle(pytestconfig: pytest.Config) -> Bundle:
    short_set.quiet_torch()
    torch.set_num_threads(count_cores())
    return Bundle.open(pytestconfig.getoption("--amgan-model"))


@pytest.fixture(scope="session")
def generator(pytestconfig: pytest.Config, bundle: Bundle) -> Any:
    """The weights that the bundle was made of."""
    return load_model(find_checkpoint(bundle, pytestconfig.getoption("--amgan-checkpoint")))[0]


@pytest.fixture(scope="session")
def arrays(size: Size, bundle: Bundle) -> engines.Arrays:
    """A whole frame with its halo."""
    return portrait.whole_frame(size.frame_px, bundle.manifest.halo_px, bundle.manifest.patterns)


@pytest.fixture(scope="session")
def eager(generator: Any, arrays: engines.Arrays) -> engines.Age:
    return partial(engines.in_pytorch, DeployGenerator(generator).eval(), arrays)


@pytest.fixture(scope="session")
def wanted(eager: engines.Age) -> np.ndarray:
    """PyTorch's result for the frame in fp32."""
    return eager()


@pytest.fixture
def in_turn(
    benchmark: Any, size: Size, eager: engines.Age, bundle: Bundle, wanted: np.ndarray
) -> Callable[..., Any]:
    """Time a function in turn with a reference (PyTorch eager), and keep ratio and parity with the times.

    ``precision`` is that of the pixels which ``way`` returns, None if it returns none; then ``parity`` can
    say how they were checked elsewhere.
    """

    def measure(
        way: Callable[[], Any],
        precision: str | None = None,
        reference: Callable[[], Any] | None = None,
        parity: dict[str, Any] | None = None,
        units: int = 1,
    ) -> Any:
        beside = eager if reference is None else reference
        found = way()
        if precision is not None:
            parity = judge(found, wanted, precision, tolerances_of(bundle.manifest))
        theirs: list[float] = []

        def their_turn() -> None:
            start = time.perf_counter()
            beside()
            theirs.append(time.perf_counter() - start)

        benchmark.pedantic(way, setup=their_turn, rounds=size.rounds, warmup_rounds=int(size.rounds > 1))
        kept = theirs[-size.rounds :]
        ours = list(benchmark.stats.stats.data)
        pairs = [their * units / our for our, their in zip(ours, kept, strict=True)]
        benchmark.extra_info.update(
            times_faster=statistics.median(pairs),
            reference="PyTorch eager" if reference is None else "plain graph",
            reference_seconds=kept,
            units=units,
            parity=parity,
            verified=bool(parity and parity["verified"]),
        )
        if parity is not None:
            assert parity["verified"], f"a speed without parity means nothing: {parity}"
        return found

    return measure


@pytest.fixture(scope="session")
def photo(
    bundle: Bundle, size: Size, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[photos.StagedPhoto]:
    """A photo after all stages have run once."""
    folder = tmp_path_factory.mktemp("photo")
    source = portrait.write_portrait(folder / "portrait.jpg", size.frame_px)
    with photos.StagedPhoto(bundle, source, folder / "aged.jpg") as staged:
        staged.run()
        yield staged


@pytest.fixture(scope="session")
def photo_parity(bundle: Bundle, generator: Any, photo: photos.StagedPhoto) -> dict[str, Any]:
    """Parity of the engine with PyTorch on the frame of the photo's face."""
    return short_set.photo_parity(bundle, generator, photo)


@pytest.fixture(scope="session")
def portraits(size: Size, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of photos of one face each."""
    folder = tmp_path_factory.mktemp("portraits")
    for number in range(size.photos):
        portrait.write_portrait(folder / f"{number}.jpg", size.frame_px)
    return folder
