"""The networks that find faces, on the CPU and on GPUs that are fakes."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.fake_cuda import FakeCuda
from support.fake_torch_gpu import FakeGpu

from amgan.runtime.engines.cuda.arrays import ArrayRunner
from amgan.runtime.engines.cuda.program import Tensor
from amgan.runtime.engines.network import GpuNetwork, apart
from amgan.runtime.engines.torch_network import TorchNetwork
from amgan.runtime.errors import EngineError
from amgan.runtime.face import networks
from amgan.runtime.face.finder import FaceFinder
from amgan.runtime.face.head_parser import HeadParser
from amgan.runtime.face.networks import FaceNetworks, GpuFaceNetworks, open_face_networks

ENGINE = "PyTorch CUDA"


class FakeMachine:
    """Opens networks in PyTorch on the CPU, through the fake CUDA; ``opened`` are their files."""

    def __init__(self) -> None:
        self.cuda = FakeCuda()
        self.opened: list[str] = []
        self.launched: list[int] = []
        self.fault: Exception | None = None
        self.change = 0.0

    def open(self, engine: str, device: str, path: Path, inputs: Mapping[str, Tensor]) -> GpuNetwork:
        assert (engine, device) == (ENGINE, "cuda:1")
        if self.fault is not None:
            raise self.fault
        self.opened.append(path.name)
        gpu: Any = FakeGpu(self.cuda)
        program = TorchNetwork(gpu, path, inputs, 4)
        network = GpuNetwork(ArrayRunner(self.cuda, 0, program))
        run = network._runner.run

        def changed(arrays: Mapping[str, Any]) -> dict[str, Any]:
            self.launched.append(len(next(iter(arrays.values()))))
            return {name: array + self.change for name, array in run(arrays).items()}

        network._runner.run = changed  # type: ignore[method-assign]
        return network

    def networks(self) -> GpuFaceNetworks:
        return GpuFaceNetworks(ENGINE, "cuda:1", self.open)


def test_faces_and_heads_are_found_on_a_gpu_as_on_the_cpu(finder: FaceFinder, hopper: np.ndarray) -> None:
    machine = FakeMachine()
    opened = machine.networks()
    there = FaceFinder(networks=opened)
    (wanted,), (found,) = finder.find(hopper), there.find(hopper)
    assert np.abs(found.landmarks - wanted.landmarks).max() < 0.05
    assert found.score == pytest.approx(wanted.score, abs=1e-3)
    parsed = [
        HeadParser(networks=one).read_frame(hopper, found.frame, np.ones((128, 128), np.float32)).skin
        for one in (opened, None)
    ]
    assert 0 < np.abs(parsed[0] - parsed[1]).max() < 0.1
    assert {"face_detection.onnx", "face_landmark.onnx", "head_parser.onnx"} == set(machine.opened)
    opened.close()
    assert machine.cuda.broken == machine.cuda.leaks == []


def test_threads_share_the_batches_of_a_network() -> None:
    machine = FakeMachine()
    opened = machine.networks()
    mesh, alone = opened.mesh(), FaceNetworks(threads=1).mesh()
    pictures = np.random.default_rng(0).random((8, 1, 192, 192, 3), np.float32)
    machine.launched.clear()
    found: dict[int, tuple[np.ndarray, ...]] = {}

    def run(number: int) -> None:
        found[number] = mesh(pictures[number])

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(machine.launched) == 8
    assert all(0 <= apart(found[i], alone(pictures[i])) < 1e-4 for i in range(8))
    assert apart(found[0], alone(pictures[1])) > 1e-4
    opened.close()


def test_the_first_network_that_cannot_be_built_ends_it_with_one_warning(
    caplog: pytest.LogCaptureFixture, hopper: np.ndarray, finder: FaceFinder
) -> None:
    machine = FakeMachine()
    machine.fault = EngineError("the builder is ill")
    there = FaceFinder(networks=machine.networks())
    assert np.array_equal(there.find(hopper)[0].landmarks, finder.find(hopper)[0].landmarks)
    (record,) = caplog.records
    says = "faces are found on the CPU from the face mesh on: the builder is ill"
    assert (record.levelname, record.getMessage()) == ("WARNING", says)


@pytest.mark.parametrize("change", [0.5, float("nan")])
def test_a_network_that_differs_from_the_cpu_is_closed(
    caplog: pytest.LogCaptureFixture, change: float
) -> None:
    machine = FakeMachine()
    machine.change = change
    opened = machine.networks()
    opened.mesh()
    machine.change = 0.0
    opened.parser()
    assert machine.opened == ["face_landmark.onnx"]
    assert "faces are found on the CPU from the face mesh on: it differs by" in caplog.text
    assert machine.cuda.leaks == []


def test_a_network_that_fails_at_its_first_run_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    machine = FakeMachine()

    def ill(arrays: object) -> None:
        raise EngineError("the GPU is ill")

    def open_ill(*arguments: Any) -> GpuNetwork:
        network = machine.open(*arguments)
        network._runner.run = ill  # type: ignore[method-assign, assignment]
        return network

    GpuFaceNetworks(ENGINE, "cuda:1", open_ill).mesh()
    assert "faces are found on the CPU from the face mesh on: the GPU is ill" in caplog.text
    assert machine.cuda.leaks == []


def test_the_device_of_the_generator_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(open_face_networks("OpenVINO", "cpu")) is FaceNetworks
    made: list[tuple[str, ...]] = []
    monkeypatch.setattr(networks, "GpuFaceNetworks", lambda *arguments: made.append(arguments))
    open_face_networks("TensorRT", "cuda:2,cuda:3")
    assert made == [("TensorRT", "cuda:2")]


def test_outputs_are_compared_in_any_order() -> None:
    one, many = np.zeros((1, 1)), np.full((1, 2, 3), 50.0)
    assert apart((one, many), (many.reshape(6), one)) == 0.0
    assert apart((one + 0.25, many), (many, one)) == 0.25
    assert apart((one, many + 5), (many, one)) == pytest.approx(0.1)
    assert np.isnan(apart((one,), (many,)))
    assert np.isnan(apart((one * np.nan, many), (one, many)))
