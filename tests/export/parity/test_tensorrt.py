"""Comparison of TensorRT engines, on a fake TensorRT and a fake GPU."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import numpy as np
import pytest
from support.engine_helpers import write_fake_engine_bundle
from support.fake_cuda import FakeCuda
from support.fake_tensorrt import make_tensorrt
from support.numpy_device import PATTERNS, age_tile

from amgan.export.parity import contender, on_gpu
from amgan.export.parity.contender import NotRun
from amgan.export.parity.on_gpu import open_tensorrt
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.bundle.manifest import FileEntry
from amgan.runtime.engines.contract import GENERATOR_INPUTS
from amgan.runtime.errors import EngineError, MissingDependencyError

Machine = tuple[FakeCuda, Path, FileEntry]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    folder = write_fake_engine_bundle(tmp_path / "bundle")
    entry = Bundle.open(folder).manifest.files["generator.engine"]
    path = folder / "generator.engine"
    path.write_bytes(b"good plan")
    cuda = FakeCuda()
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", make_tensorrt("tensorrt_rtx", cuda))
    monkeypatch.setattr(on_gpu, "current_target", lambda: "sm89")
    monkeypatch.setattr(on_gpu, "load_cuda", lambda: cuda)
    return cuda, path, entry


@pytest.mark.parametrize("size", [(24, 24), (44, 32), (16, 20)])
def test_pictures_of_any_size_are_compared(machine: Machine, size: tuple[int, int]) -> None:
    cuda, path, entry = machine
    run = open_tensorrt(path, entry)
    rng = np.random.default_rng(0)
    height, width = size
    image = rng.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    ages = rng.uniform(15, 90, (2, 1, height // 4, width // 4)).astype(np.float32)
    places = rng.integers(0, 40, (2, 4, height // 4, width // 4)).astype(np.float32)
    pattern = rng.integers(0, 40, (2, PATTERNS)).astype(np.float32)
    aged = run((image, ages, places, pattern))
    for i in range(2):
        assert np.array_equal(aged[i], age_tile(image[i], ages[i, 0], places[i], pattern[i]))
    del run
    gc.collect()
    assert cuda.leaks == []
    assert cuda.broken == []


def test_an_estimator_is_run_as_it_is(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake computes a generator, whose arrays go in and out unchanged here."""
    cuda, path, entry = machine
    object.__setattr__(entry, "role", "estimator")
    monkeypatch.setitem(contender.INPUTS, "estimator", GENERATOR_INPUTS)
    run = open_tensorrt(path, entry)
    image, ages = np.full((3, 24, 24, 3), 7, np.uint8), np.full((3, 1, 6, 6), 50, np.float32)
    places, pattern = np.ones((3, 4, 6, 6), np.float32), np.ones((3, PATTERNS), np.float32)
    aged = run((image, ages, places, pattern))
    assert np.array_equal(aged[2], age_tile(image[2], ages[2, 0], places[2], pattern[2]))
    with pytest.raises(EngineError, match="takes image as"):
        run((image[:, 4:], ages, places, pattern))
    del run
    gc.collect()
    assert cuda.leaks == []


def test_what_is_missing_is_said(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    _, path, entry = machine
    sys.modules["tensorrt_rtx"].__version__ = "1.8"
    with pytest.raises(NotRun, match=r"built by TensorRT for RTX 1\.7.*loads none but its own engines"):
        open_tensorrt(path, entry)

    def missing() -> None:
        raise MissingDependencyError("running on a GPU needs the package cuda-bindings")

    monkeypatch.setattr(on_gpu, "load_cuda", missing)
    with pytest.raises(NotRun, match="needs the package cuda-bindings"):
        open_tensorrt(path, entry)
    monkeypatch.setattr(on_gpu, "current_target", lambda: None)
    with pytest.raises(NotRun, match="no NVIDIA GPU"):
        open_tensorrt(path, entry)
