"""Memory of the GPU before a build, and engines that CUDA graphs can be captured from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.engine_helpers import GPUS, write_conv_generator
from support.fake_cuda import FakeCuda

from amgan.export.tensorrt import build as tensorrt_build
from amgan.export.tensorrt import flavour as tensorrt_flavour
from amgan.export.tensorrt.build import BuildOptions, build_engine, gpu_memory, needed_memory
from amgan.runtime.engines.cuda.api import CudaError
from amgan.runtime.errors import EngineError

TILE = {"image": (48, 48, 3), "aging_map": (1, 12, 12), "coordinates": (4, 12, 12), "pattern": (3,)}
OPTIONS = BuildOptions(TILE, flavour="tensorrt", targets=("sm89",), batch=(1, 2, 4))
MIB = 1 << 20


class Reached(Exception):
    """The build itself began."""


@pytest.fixture
def onnx(tmp_path: Path) -> Path:
    return write_conv_generator(tmp_path / "half.onnx")


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorRT is installed, so to speak."""
    flavour = tensorrt_flavour.Flavour("tensorrt", "11.1", None)
    monkeypatch.setattr(tensorrt_build, "load_flavour", lambda *_: flavour)
    monkeypatch.setattr(tensorrt_build, "resolve_targets", lambda *_: ("sm89",))

    def begin(_: Any) -> None:
        raise Reached

    monkeypatch.setattr(tensorrt_build, "building", begin)


@pytest.mark.usefixtures("plan")
def test_too_little_memory_is_said_before_the_build(
    onnx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = needed_memory(onnx, OPTIONS)
    for free, begins in ((needed - 1, False), (needed, True), (None, True)):
        there = None if free is None else (free, 8 << 30)
        monkeypatch.setattr(tensorrt_build, "gpu_memory", lambda there=there: there)
        with pytest.raises(Reached if begins else EngineError) as caught:
            build_engine(onnx, tmp_path / "a.engine", OPTIONS)
        if not begins:
            assert str(caught.value).startswith("a.engine cannot be built, the GPU has ")
            assert f" MiB of 8192 MiB free and the build needs {needed // MIB} MiB: close" in str(
                caught.value
            )
            assert "\n" not in str(caught.value)
    assert list(tmp_path.glob("*.engine")) == []


def test_larger_builds_need_more_memory(onnx: Path) -> None:
    small = needed_memory(onnx, OPTIONS)
    for larger in (
        BuildOptions(TILE, batch=(1, 2, 8)),
        BuildOptions({**TILE, "image": (96, 96, 3)}, batch=OPTIONS.batch),
        BuildOptions(TILE, batch=OPTIONS.batch, workspace_mib=64),
        BuildOptions(TILE, batch=OPTIONS.batch, precision="fp32"),
    ):
        assert needed_memory(onnx, larger) > small
    assert small > onnx.stat().st_size


def test_the_memory_of_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = FakeCuda(free_bytes=5 * MIB)
    monkeypatch.setattr(tensorrt_build, "load_cuda", lambda: cuda)
    assert gpu_memory() == (5 * MIB, 5 * MIB)
    cuda.fail["memory"] = CudaError("CUDA is ill", "cudaErrorUnknown")
    assert gpu_memory() is None


def test_engines_for_rtx_can_be_captured(onnx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trt = pytest.importorskip("tensorrt_rtx")
    flags = []
    configure = tensorrt_build._allow_graphs

    def watch(session: Any, config: Any) -> None:
        configure(session, config)
        flags.append(config.get_flag(trt.BuilderFlag.REQUIRE_USER_ALLOCATION))

    monkeypatch.setattr(tensorrt_build, "_allow_graphs", watch)
    options = BuildOptions(TILE, flavour="tensorrt_rtx", targets=GPUS, batch=(1, 2, 4))
    build = build_engine(onnx, tmp_path / "a.engine", options)
    assert flags == [True]
    assert build.options["graphs"] is True
    assert (tmp_path / "a.engine").stat().st_size > 10_000
