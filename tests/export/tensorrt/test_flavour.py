"""Which TensorRT is taken, what it is asked to build for, and what is said when there is none."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from amgan.export.tensorrt import flavour as tensorrt_flavour
from amgan.export.tensorrt.flavour import (
    Flavour,
    current_target,
    load_flavour,
    parse_targets,
    resolve_targets,
)
from amgan.export.tensorrt.log import first_reason, make_monitor
from amgan.export.tensorrt.network import building
from amgan.runtime.engines.cuda.api import CudaError, GpuInfo
from amgan.runtime.errors import EngineError, MissingDependencyError, UsageError


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorrt_flavour, "current_target", lambda: None)


def fake(name: str = "tensorrt", version: str = "11.1.0.1", *generations: str) -> Flavour:
    """A flavour that builds ahead of time for these generations."""
    config = SimpleNamespace(num_compute_capabilities=0) if generations else SimpleNamespace()
    members = {g: 0 for g in ("NONE", "CURRENT", *generations)}
    trt = SimpleNamespace(IBuilderConfig=config, ComputeCapability=SimpleNamespace(__members__=members))
    return Flavour(name, version, trt)


def install(monkeypatch: pytest.MonkeyPatch, name: str, version: str) -> None:
    module = ModuleType(name)
    module.__version__ = version  # type: ignore[attr-defined]
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("current", ("current",)),
        ("sm120, SM86,sm89,sm86", ("sm86", "sm89", "sm120")),
        ("sm86,", ("sm86",)),
    ],
)
def test_targets(text: str, targets: tuple[str, ...]) -> None:
    assert parse_targets(text) == targets


@pytest.mark.parametrize("text", ["", ",", "86", "ampere", "current,sm86", "sm8", "sm86;sm89"])
def test_targets_that_are_not_understood(text: str) -> None:
    with pytest.raises(UsageError, match="write current, or generations such as sm86,sm89,sm120"):
        parse_targets(text)


def test_tensorrt_for_rtx_builds_ahead() -> None:
    pytest.importorskip("tensorrt_rtx")
    flavour = load_flavour("tensorrt_rtx")
    assert {"sm75", "sm86", "sm89", "sm120"} <= set(flavour.ahead)
    assert not flavour.has_timing_cache
    assert str(flavour).startswith("TensorRT for RTX 1.")


def test_auto_prefers_tensorrt_for_the_gpu_here(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "tensorrt", "10.13.0")
    install(monkeypatch, "tensorrt_rtx", "1.7.1")
    assert load_flavour("auto", ("current",)).name == "tensorrt"
    assert load_flavour("auto", ("sm86",)).name == "tensorrt_rtx"
    assert load_flavour("tensorrt", ("sm86",)).version == "10.13.0"
    assert load_flavour("tensorrt").has_timing_cache


def test_unknown_flavour() -> None:
    with pytest.raises(UsageError, match="use auto, tensorrt or tensorrt_rtx"):
        load_flavour("tensorrt_lite")


@pytest.mark.parametrize(("name", "line"), [("tensorrt", "'tensorrt>=10"), ("tensorrt_rtx", r"amgan\[tens")])
def test_missing_library(monkeypatch: pytest.MonkeyPatch, name: str, line: str) -> None:
    def missing(module: str) -> Any:
        raise ModuleNotFoundError(f"No module named '{module}'", name=module)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(MissingDependencyError, match=f"needs the package {name}, which is not .*{line}"):
        load_flavour(name)


def test_library_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(module: str) -> Any:
        raise OSError("libcudart.so.13: cannot open\nshared object file")

    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(MissingDependencyError, match=r"cannot be loaded \(libcudart.so.13: cannot open"):
        load_flavour("tensorrt_rtx")


def test_library_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "tensorrt", "8.6.1")
    with pytest.raises(MissingDependencyError, match=r"tensorrt 10 or newer, not 8\.6\.1"):
        load_flavour("tensorrt")


@pytest.mark.usefixtures("no_gpu")
def test_current_without_a_gpu() -> None:
    with pytest.raises(EngineError, match="needs an NVIDIA GPU, and none can be reached here"):
        resolve_targets(fake(), ("current",))


def test_current_is_the_gpu_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorrt_flavour, "current_target", lambda: "sm90")
    assert resolve_targets(fake(), ("current",)) == ("sm90",)
    assert resolve_targets(fake(), ("sm90",)) == ("sm90",)
    with pytest.raises(UsageError, match=r"cannot build for sm90 here, it can for sm86: .*tensorrt$"):
        resolve_targets(fake("tensorrt_rtx", "1.7.1", "SM86"), ("current",))


@pytest.mark.usefixtures("no_gpu")
def test_generations_that_cannot_be_built_ahead() -> None:
    rtx = fake("tensorrt_rtx", "1.7.1", "SM86", "SM89")
    assert resolve_targets(rtx, ("sm89", "sm86")) == ("sm86", "sm89")
    with pytest.raises(UsageError, match="cannot build for sm70 here, it can for sm86, sm89"):
        resolve_targets(rtx, ("sm70", "sm86"))
    with pytest.raises(UsageError, match=r"only for the GPU it runs on: .*--flavour tensorrt_rtx"):
        resolve_targets(fake(), ("sm86",))


def test_gpu_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus = [GpuInfo(0, "NVIDIA L4", 89, 24 << 30), GpuInfo(1, "NVIDIA H200", 90, 141 << 30)]
    monkeypatch.setattr(tensorrt_flavour, "load_cuda", lambda: SimpleNamespace(gpus=lambda: gpus))
    assert current_target() == "sm89"
    gpus.clear()
    assert current_target() is None


@pytest.mark.parametrize(
    "error", [CudaError("CUDA's x failed", "cudaErrorNoDevice"), MissingDependencyError("no cuda-bindings")]
)
def test_no_gpu_driver_or_package(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def refuse() -> Any:
        raise error

    monkeypatch.setattr(tensorrt_flavour, "load_cuda", refuse)
    assert current_target() is None


def test_tensorrt_that_wants_a_gpu() -> None:
    class Logger:
        ERROR, INTERNAL_ERROR = 1, 0

    def builder(log: Any) -> Any:
        log.log(Logger.ERROR, "CUDA initialization failure with error: 100")
        raise TypeError("factory function returned nullptr")

    trt = SimpleNamespace(ILogger=type("ILogger", (Logger,), {}), Builder=builder)
    with (
        pytest.raises(EngineError, match=r"cannot start here, CUDA initialization failure .* needs an"),
        building(Flavour("tensorrt", "10.13.0", trt)),
    ):
        pass


def test_flavour_without_a_progress_monitor() -> None:
    assert make_monitor(SimpleNamespace(), "a", print) is None


def test_first_reason() -> None:
    assert first_reason([]) == "it gave no reason"
    lines = "[a.cpp::f::1] Error 1 (cudaError 35)\nModelImporter.cpp:140: bad. In f at /x/y.cpp:12"
    assert first_reason([lines]) == "bad"
    assert len(first_reason(["x" * 999])) == 300
