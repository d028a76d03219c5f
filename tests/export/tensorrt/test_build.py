"""Real builds with TensorRT for RTX, which needs no GPU, and everything that can go wrong with one."""

from __future__ import annotations

import errno
import gc
import os
import weakref
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.engine_helpers import (
    GPUS,
    write_conv_estimator,
    write_conv_generator,
    write_uint8_transpose,
)

from amgan.export.tensorrt import build as tensorrt_build
from amgan.export.tensorrt import log as tensorrt_log
from amgan.export.tensorrt.build import BuildOptions, build_engine
from amgan.runtime.engines import tensorrt_session
from amgan.runtime.errors import AmganError, EngineError, UsageError
from amgan.runtime.files import file_sha256

trt = pytest.importorskip("tensorrt_rtx")

TILE = {"image": (48, 48, 3), "aging_map": (1, 12, 12), "coordinates": (4, 12, 12), "pattern": (3,)}
OPTIONS = BuildOptions(TILE, targets=GPUS, batch=(1, 2, 4))


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_conv_generator(tmp_path_factory.mktemp("onnx") / "half.onnx")


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same on machines with a GPU."""
    for module in ("build", "flavour", "network"):
        monkeypatch.setattr(f"amgan.export.tensorrt.{module}.current_target", lambda: None)


def refused(onnx: Path, output: Path, options: BuildOptions = OPTIONS) -> str:
    """The sentence of a build that fails; nothing may be left behind, and what was there must stay."""
    output.write_bytes(b"an older engine")
    before = sorted(output.parent.iterdir())
    with pytest.raises(AmganError) as caught:
        build_engine(onnx, output, options)
    assert output.read_bytes() == b"an older engine"
    assert sorted(output.parent.iterdir()) == before
    text = str(caught.value)
    assert "\n" not in text
    assert "cudaError 35" not in text
    return text


def test_engine_for_three_generations(half: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorrt_log, "EVERY_S", 1e9)
    said: list[str] = []
    build = build_engine(half, tmp_path / "a.engine", OPTIONS, said.append)
    assert (tmp_path / "a.engine").stat().st_size > 10_000
    assert list(tmp_path.iterdir()) == [tmp_path / "a.engine"]
    assert (build.flavour, build.version) == ("tensorrt_rtx", trt.__version__)
    assert build.targets == GPUS
    assert build.onnx_sha256 == file_sha256(half)
    assert build.profile.batch == (1, 2, 4)
    assert build.profile.inputs == TILE
    assert build.options["precision"] == "fp16"
    assert (build.half_share, build.checked) == (1.0, "network")
    assert said == [
        f"building a.engine for sm86, sm89, sm120 with TensorRT for RTX {trt.__version__} (100.0% half)"
    ]


@pytest.mark.parametrize("target", GPUS)
def test_engine_for_each_generation(half: Path, tmp_path: Path, target: str) -> None:
    build = build_engine(half, tmp_path / "a.engine", replace(OPTIONS, targets=(target,)))
    assert build.targets == (target,)
    assert (tmp_path / "a.engine").stat().st_size > 10_000


def test_progress_of_a_slow_build(half: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorrt_log, "EVERY_S", 0.0)
    said: list[str] = []
    build_engine(half, tmp_path / "a.engine", OPTIONS, said.append)
    assert any(line.startswith("a.engine: Building engine, 1 of ") for line in said)


def test_no_object_of_a_failed_build_is_left_to_the_garbage_collector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorRT would hang when one were freed while it logs."""
    gc.collect()
    gc.disable()
    try:
        kept = []
        fates: list[str] = []
        begin = tensorrt_session._start

        def start(flavour: Any) -> Any:
            session = begin(flavour)
            fates.append("begun")
            # The builder lives as long as anything that was made with it.
            weakref.finalize(session.builder, fates.append, "freed")
            return session

        monkeypatch.setattr(tensorrt_session, "_start", start)
        for name, kind in (("a", np.float32), ("b", np.float16)):
            onnx = write_conv_generator(tmp_path / f"{name}.onnx", kind)
            with pytest.raises(EngineError) as caught:
                build_engine(onnx, Path("/dev/null/a.engine"), OPTIONS)
            kept.append(caught)
        assert fates == ["begun", "freed", "begun", "freed"]
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_the_garbage_collector_rests_during_a_build(half: Path, tmp_path: Path) -> None:
    resting: list[bool] = []
    build_engine(half, tmp_path / "a.engine", OPTIONS, lambda _: resting.append(not gc.isenabled()))
    assert resting == [True]
    assert gc.isenabled()


def test_ctrl_c_ends_the_build(half: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorrt_log, "EVERY_S", 0.0)

    def progress(message: str) -> None:
        if " of " in message:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_engine(half, tmp_path / "a.engine", OPTIONS, progress)
    assert list(tmp_path.iterdir()) == []


def test_fp32_network_is_no_half_engine(tmp_path: Path) -> None:
    onnx = write_conv_generator(tmp_path / "full.onnx", np.float32)
    text = refused(onnx, tmp_path / "a.engine")
    assert "'full.onnx' is not fp16: 0.0% of its convolutions' arithmetic is" in text
    assert "is FLOAT" in text


def test_heavy_fp32_convolution_is_refused_and_light_one_is_not(tmp_path: Path) -> None:
    heavy = write_conv_generator(tmp_path / "heavy.onnx", np.float32, light=np.float16)
    assert "0.5% of its" in refused(heavy, tmp_path / "a.engine")
    light = write_conv_generator(tmp_path / "light.onnx", np.float16, light=np.float32)
    assert 0.99 < build_engine(light, tmp_path / "a.engine", OPTIONS).half_share < 1


def test_fp32_engine_where_asked_for(tmp_path: Path) -> None:
    onnx = write_conv_estimator(tmp_path / "e.onnx", np.float32)
    options = BuildOptions({"image": (64, 64, 3)}, targets=("sm86",), precision="fp32")
    assert build_engine(onnx, tmp_path / "a.engine", options).half_share == 0


def test_network_without_convolutions(tiny_bundle: Path, tmp_path: Path) -> None:
    options = replace(OPTIONS, inputs={"image": (64, 64, 3)})
    assert "has no convolution" in refused(tiny_bundle / "estimator.onnx", tmp_path / "a.engine", options)


def test_unsupported_operator(tmp_path: Path) -> None:
    onnx = write_conv_generator(tmp_path / "odd.onnx", extra="Det")
    text = refused(onnx, tmp_path / "a.engine")
    assert "does not support its operator Det" in text
    assert "odd.onnx" in text


def test_unsupported_use_of_an_operator(tmp_path: Path) -> None:
    onnx = write_uint8_transpose(tmp_path / "odd.onnx")
    text = refused(onnx, tmp_path / "a.engine", replace(OPTIONS, inputs={"image": (8, 8, 3)}))
    assert "does not support its operator Transpose" in text
    assert "type UInt8" in text


@pytest.mark.parametrize("content", [b"", b"no network", b"\x08\x07"])
def test_file_that_is_no_network(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.onnx").write_bytes(content)
    assert "bad.onnx' is no ONNX network or is damaged" in refused(
        tmp_path / "bad.onnx", tmp_path / "a.engine"
    )


def test_missing_file(tmp_path: Path) -> None:
    assert "none.onnx' does not exist" in refused(tmp_path / "none.onnx", tmp_path / "a.engine")


def test_network_of_another_contract(half: Path, tmp_path: Path) -> None:
    text = refused(half, tmp_path / "a.engine", replace(OPTIONS, inputs={"image": (48, 48, 3)}))
    assert "'half.onnx' takes image, aging_map, coordinates, pattern, not image" in text
    text = refused(half, tmp_path / "a.engine", replace(OPTIONS, inputs=TILE | {"image": (48, 48, 4)}))
    assert "the input image of 'half.onnx' has the shape (-1, -1, 3), not (48, 48, 4)" in text


def fail_to_build(monkeypatch: pytest.MonkeyPatch, *errors: str) -> None:
    """Let TensorRT log errors and build nothing."""
    logs: list[Any] = []
    make_log = tensorrt_log.make_log
    monkeypatch.setattr(
        "amgan.runtime.engines.tensorrt_session.make_log", lambda trt: logs.append(make_log(trt)) or logs[-1]
    )

    def build(*_: Any) -> None:
        for error in errors:
            logs[0].log(trt.ILogger.ERROR, error)

    monkeypatch.setattr(trt.Builder, "build_serialized_network", build)


@pytest.mark.parametrize(
    "error",
    [
        "[defaultAllocator.cpp::allocate::31] Error Code 1: Cuda Runtime (out of memory)",
        "IBuilder::buildSerializedNetwork: Error Code 2: OutOfMemory (Requested size was 123 bytes.)",
        "Error Code 10: Internal Error (std::bad_alloc)",
    ],
)
def test_out_of_memory(half: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str) -> None:
    fail_to_build(monkeypatch, error)
    text = refused(half, tmp_path / "a.engine")
    assert "memory ran out while a.engine was built and nothing was written" in text


def test_out_of_memory_in_python(half: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(trt.Builder, "build_serialized_network", build)
    assert "memory ran out" in refused(half, tmp_path / "a.engine")


def test_too_little_workspace(half: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_to_build(monkeypatch, "no tactics to implement the operation within workspace limit.")
    assert "give more workspace" in refused(half, tmp_path / "a.engine", replace(OPTIONS, workspace_mib=1))


def test_other_failure_shows_the_first_reason(
    half: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = "[checkMacros.cpp::catchCudaError::250] (cudaError 35: CUDA driver version is insufficient)"
    fail_to_build(monkeypatch, noise, "Error Code 4: it is\nnot possible", "a later error")
    text = refused(half, tmp_path / "a.engine")
    assert "could not build a.engine, Error Code 4: it is; nothing was written" in text


def test_fp16_network_is_no_bf16_engine(half: Path, tmp_path: Path) -> None:
    assert "is not bf16" in refused(half, tmp_path / "a.engine", replace(OPTIONS, precision="bf16"))


def test_full_disk(half: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def replace_(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", replace_)
    assert "cannot be written: No space left on device" in refused(half, tmp_path / "a.engine")


def test_folder_that_is_none(half: Path) -> None:
    with pytest.raises(EngineError, match="cannot be written: Not a directory"):
        build_engine(half, Path("/dev/null/a.engine"), OPTIONS)


@pytest.mark.parametrize(
    "wrong",
    [{"batch": (0, 1, 2)}, {"batch": (4, 2, 8)}, {"precision": "int8"}, {"level": 9}, {"workspace_mib": -1}],
)
def test_options_that_make_no_sense(half: Path, tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        build_engine(half, tmp_path / "a.engine", replace(OPTIONS, **wrong))


def test_engine_of_this_machines_gpu_is_inspected(
    half: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensorrt_build, "current_target", lambda: "sm86")
    fake = SimpleNamespace(deserialize_cuda_engine=lambda plan: object())
    monkeypatch.setattr(trt, "Runtime", lambda log: fake)
    monkeypatch.setattr(tensorrt_build, "inspect_engine", lambda *_: 2)
    assert build_engine(half, tmp_path / "a.engine", OPTIONS).checked == "network and engine"
    monkeypatch.setattr(tensorrt_build, "inspect_engine", lambda *_: 0)
    assert build_engine(half, tmp_path / "a.engine", OPTIONS).checked == "network"
    fake.deserialize_cuda_engine = lambda plan: None
    assert "was built but cannot be loaded" in refused(half, tmp_path / "a.engine")
