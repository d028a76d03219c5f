"""Engines that are built where they run: by the real TensorRT for RTX as far as that needs no GPU."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.fake_cuda import FakeCuda

from amgan.runtime.engines import network, tensorrt_here
from amgan.runtime.engines.compiled_cache import SUFFIX
from amgan.runtime.engines.cuda.program import Tensor
from amgan.runtime.engines.network import open_gpu_network
from amgan.runtime.engines.tensorrt_here import build_plan, open_here
from amgan.runtime.engines.tensorrt_library import Library
from amgan.runtime.engines.tensorrt_session import building, parse
from amgan.runtime.errors import EngineError, MissingDependencyError
from amgan.runtime.face.networks import DETECTOR, MESH, PARSER, NetworkFile

HEAD = {"image": (128, 128, 3), "face": (1, 128, 128)}
INPUTS = {"image": Tensor((8, 8, 3), np.dtype(np.float32))}
FLAVOUR = "tensorrt_rtx"


@pytest.fixture(scope="module")
def library() -> Library:
    trt = pytest.importorskip(FLAVOUR)
    return Library(FLAVOUR, str(trt.__version__), trt)


def test_rtx_builds_a_network_and_refuses_gpus_it_does_not_know(library: Library) -> None:
    assert len(build_plan(library, PARSER.onnx, HEAD, 16, "sm89")) > 100_000
    with pytest.raises(EngineError, match=r"TensorRT for RTX .* does not build for sm33"):
        build_plan(library, PARSER.onnx, HEAD, 16, "sm33")


@pytest.mark.parametrize(("file", "side"), [(DETECTOR, 96), (DETECTOR, 448), (MESH, 192)])
def test_rtx_takes_every_face_network(library: Library, file: NetworkFile, side: int) -> None:
    with building(library) as session:
        parse(session, file.onnx)
        tensorrt_here._profile(session, {"image": (side, side, 3)}, 16)
        outputs = [session.network.get_output(i) for i in range(session.network.num_outputs)]
        shapes = {tensor.name: tuple(tensor.shape)[1:] for tensor in outputs}
        del outputs
    assert set(shapes) == set(file.outputs)
    if file is DETECTOR:
        assert shapes == {"boxes": (side // 4, side // 4, 16), "scores": (side // 4, side // 4, 1)}


class FakePrograms:
    """Stands in for TensorRtProgram and the builder."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.built: list[tuple[Any, ...]] = []
        self.opened: list[bytes] = []
        self.refused: set[bytes] = set()
        self.fault: EngineError | None = None
        self.cuda: Any = FakeCuda()
        self.gpu: Any = SimpleNamespace(name="Fake", compute=89, number=0)
        self.path = folder / "net.onnx"
        self.path.write_bytes(b"a network")
        monkeypatch.setenv("AMGAN_CACHE", str(folder / "cache"))
        monkeypatch.setitem(sys.modules, FLAVOUR, SimpleNamespace(__version__="1.7"))  # type: ignore[arg-type]
        monkeypatch.setattr(tensorrt_here, "build_plan", self.build)
        monkeypatch.setattr(tensorrt_here, "TensorRtProgram", self.program)

    def build(self, library: Library, path: Path, sizes: object, most: int, target: str) -> bytes:
        if self.fault is not None:
            raise self.fault
        self.built.append((str(library), sizes, most, target))
        return f"plan {len(self.built)}".encode()

    def program(self, cuda: object, path: Path, entry: Any, *, gpu: object, plan: bytes) -> object:
        assert entry.build.flavour == FLAVOUR
        assert entry.build.profile.inputs == {"image": (8, 8, 3)}
        if plan in self.refused:
            raise EngineError("of another driver")
        self.opened.append(plan)
        return SimpleNamespace(plan=plan)

    def open(self, most: int = 4) -> None:
        open_here(self.cuda, self.gpu, FLAVOUR, self.path, INPUTS, most)


def test_an_engine_is_built_once_for_each_gpu_and_batch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = FakePrograms(monkeypatch, tmp_path)
    fake.open()
    fake.open()
    assert fake.built == [("TensorRT for RTX 1.7", {"image": (8, 8, 3)}, 4, "sm89")]
    assert fake.opened == [b"plan 1", b"plan 1"]
    fake.open(most=8)
    fake.gpu.name = "Other"
    fake.open()
    fake.path.write_bytes(b"another network")
    fake.open()
    assert fake.opened[2:] == [b"plan 2", b"plan 3", b"plan 4"]


def test_a_kept_engine_that_is_refused_is_built_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = FakePrograms(monkeypatch, tmp_path)
    fake.open()
    fake.refused.add(b"plan 1")
    fake.open()
    fake.open()
    assert fake.opened == [b"plan 1", b"plan 2", b"plan 2"]


def test_nothing_is_kept_of_a_failed_build_or_where_the_cache_is_off(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = FakePrograms(monkeypatch, tmp_path)
    fake.fault = EngineError("it could not")
    with pytest.raises(EngineError, match="it could not"):
        fake.open()
    assert list(tmp_path.rglob(f"*{SUFFIX}")) == []
    fake.fault = None
    monkeypatch.setenv("AMGAN_CACHE", "off")
    fake.open()
    fake.open()
    assert fake.opened == [b"plan 1", b"plan 2"]


@pytest.mark.parametrize("engine", ["TensorRT for RTX", "PyTorch CUDA"])
def test_a_network_runs_in_the_library_of_the_generator(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, engine: str
) -> None:
    fake = FakePrograms(monkeypatch, tmp_path)
    monkeypatch.setattr(network, "load_cuda", lambda: fake.cuda)
    monkeypatch.setattr(network.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(network, "ArrayRunner", lambda cuda, gpu, program: SimpleNamespace(program=program))
    monkeypatch.setattr(fake, "program", lambda *_, **__: SimpleNamespace(name="Fake RTX"))
    monkeypatch.setattr(tensorrt_here, "TensorRtProgram", fake.program)
    if engine == "TensorRT for RTX":
        assert open_gpu_network(engine, "cuda:0", fake.path, INPUTS).name == "Fake RTX"
        assert len(fake.built) == 1
    else:
        with pytest.raises((EngineError, MissingDependencyError), match="PyTorch"):
            open_gpu_network(engine, "cuda:0", fake.path, INPUTS)
        assert fake.built == []
