"""Bundles in PyTorch: the same pixels as OpenVINO, on exported networks and operator by operator."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from support.tiny_networks import random_discriminator, random_generator
from torch.utils._python_dispatch import TorchDispatchMode

from amgan.export.cases import estimator_cases, generator_cases
from amgan.export.graphs.emit import emit_estimator, emit_generator
from amgan.export.graphs.precision import generator_in
from amgan.export.simplify import simplify
from amgan.runtime.engines.contract import GENERATOR_INPUTS
from amgan.runtime.engines.onnx_graph import OnnxNetwork
from amgan.runtime.engines.openvino_network import load_openvino
from amgan.runtime.errors import EngineError, MissingDependencyError

FLOAT = TensorProto.FLOAT


@pytest.fixture(scope="module")
def generator_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("torch") / "generator.onnx"
    onnx.save(emit_generator(simplify(random_generator())), path)
    return path


def openvino_says(path: Path, arrays: tuple[np.ndarray, ...]) -> np.ndarray:
    model = load_openvino().Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.array(model(arrays)[0])


def pytorch_says(network: OnnxNetwork, arrays: tuple[np.ndarray, ...]) -> np.ndarray:
    with torch.inference_mode():
        return network(*(torch.from_numpy(a) for a in arrays)).numpy()


def test_generator_gives_the_pixels_of_openvino(generator_file: Path) -> None:
    network = OnnxNetwork(generator_file)
    assert network.inputs == GENERATOR_INPUTS
    assert network.outputs == ("aged",)
    halo = random_generator().config.halo_px
    for case in generator_cases(0, halo)[:6]:
        found, wanted = pytorch_says(network, case.arrays), openvino_says(generator_file, case.arrays)
        assert found.dtype == np.uint8
        assert found.shape == wanted.shape
        assert np.abs(found.astype(int) - wanted).max() <= 1
        core = case.arrays[0][:, halo:-halo, halo:-halo]
        assert not np.array_equal(found, core)


@pytest.mark.parametrize(("precision", "codes"), [("fp16", 3), ("bf16", 24)])
def test_half_generators_stay_close(generator_file: Path, tmp_path: Path, precision: str, codes: int) -> None:
    """Both ways: a file that is half already, and the convolutions of an fp32 one."""
    typed = tmp_path / "typed.onnx"
    onnx.save(emit_generator(generator_in(simplify(random_generator()), precision)), typed)
    case = generator_cases(0, random_generator().config.halo_px)[0]
    wanted = openvino_says(generator_file, case.arrays).astype(int)
    dtype = {"fp16": torch.float16, "bf16": torch.bfloat16}[precision]
    for network in (OnnxNetwork(typed), OnnxNetwork(generator_file, convolutions=dtype)):
        assert np.abs(pytorch_says(network, case.arrays) - wanted).max() <= codes


def test_estimator_gives_the_ages_of_openvino(tmp_path: Path) -> None:
    path = tmp_path / "estimator.onnx"
    onnx.save(emit_estimator(random_discriminator(), 64, torch.float32), path)
    case = estimator_cases(0, 64)[0]
    found = pytorch_says(OnnxNetwork(path), case.arrays)
    assert found.shape == (3, 1, 4, 4)
    assert np.allclose(found, openvino_says(path, case.arrays), atol=0.01)


def test_memory_is_given_back_on_the_way(generator_file: Path) -> None:
    """All but a few values are gone when the last operator runs."""
    network = OnnxNetwork(generator_file)
    gone = {name for step in network._steps for name in step.done}
    made = {name for step in network._steps for name in step.outputs}
    assert made - gone == {"aged"}


class Small:
    """A network of one operator."""

    def __init__(self, path: Path, kind: str, constants: dict[str, Any], outputs: int = 1, **attributes: Any):
        initializers = [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items()]
        names = [f"y{i}" for i in range(outputs)]
        node = helper.make_node(kind, ["x", *constants], names, name="the_node", **attributes)
        graph = helper.make_graph(
            [node], "g",
            [helper.make_tensor_value_info("x", FLOAT, [1, 8, 6, 8])],
            [helper.make_tensor_value_info(n, FLOAT, None) for n in names], initializers,
        )  # fmt: skip
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
        self.path = path


OPERATORS: list[tuple[str, dict[str, Any], int, dict[str, Any]]] = [
    ("DepthToSpace", {}, 1, {"blocksize": 2, "mode": "DCR"}),
    ("DepthToSpace", {}, 1, {"blocksize": 2, "mode": "CRD"}),
    ("SpaceToDepth", {}, 1, {"blocksize": 2}),
    ("Split", {}, 2, {"axis": 1, "num_outputs": 2}),
    ("Split", {"s": np.array([3, 5])}, 2, {"axis": 1}),
    ("Slice", {"a": np.array([1, -5]), "b": np.array([-1, 99]), "c": np.array([1, 3])}, 1, {}),
    ("Slice", {"a": np.array([1]), "b": np.array([6]), "c": np.array([2]), "d": np.array([2])}, 1, {}),
    ("Conv", {"w": np.ones((4, 4, 3, 3), np.float32), "b": np.arange(4, dtype=np.float32)}, 1,
     {"pads": [1, 1, 1, 1], "strides": [2, 2], "group": 2}),
    ("Conv", {"w": np.ones((4, 8, 3, 3), np.float32)}, 1, {"dilations": [2, 2]}),
    ("ConvTranspose", {"w": np.ones((8, 3, 4, 4), np.float32), "b": np.arange(3, dtype=np.float32)}, 1,
     {"pads": [1, 1, 1, 1], "strides": [2, 2]}),
    ("ConvTranspose", {"w": np.ones((8, 3, 3, 3), np.float32)}, 1,
     {"strides": [2, 2], "output_padding": [1, 1]}),
    ("Unsqueeze", {"a": np.array([0, 2])}, 1, {}),
    ("Squeeze", {}, 1, {}),
    ("Squeeze", {"a": np.array([0])}, 1, {}),
    ("Reshape", {"s": np.array([1, -1])}, 1, {}),
    ("Concat", {"o": np.ones((1, 8, 1, 8), np.float32)}, 1, {"axis": 2}),
    ("Clip", {"a": np.float32(-0.5), "b": np.float32(0.5)}, 1, {}),
    ("LeakyRelu", {}, 1, {"alpha": 0.2}),
    ("Transpose", {}, 1, {"perm": [0, 2, 3, 1]}),
    ("Round", {}, 1, {}),
    ("Sigmoid", {}, 1, {}),
    ("Div", {"d": np.float32(3)}, 1, {}),
    ("Max", {"d": np.float32(0.2)}, 1, {}),
    ("Conv", {"w": np.ones((4, 8, 3, 3), np.float32)}, 1, {"pads": [0, 0, 1, 1], "strides": [2, 2]}),
    ("MaxPool", {}, 1, {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 0, 1, 1]}),
    ("Pad", {"p": np.array([0, 1, 0, 2, 0, 0, 3, 1])}, 1, {}),
    ("PRelu", {"a": np.linspace(-1, 1, 8, dtype=np.float32).reshape(8, 1, 1)}, 1, {}),
    ("Resize", {"r": np.zeros(0, np.float32), "s": np.float32([1, 1, 2, 3])}, 1, {"mode": "linear"}),
    ("ReduceMean", {"a": np.array([2, 3])}, 1, {}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "constants", "outputs", "attributes"), OPERATORS)
def test_operators(
    tmp_path: Path, kind: str, constants: dict[str, Any], outputs: int, attributes: dict[str, Any]
) -> None:
    path = Small(tmp_path / "one.onnx", kind, constants, outputs, **attributes).path
    x = np.random.default_rng(0).normal(0, 1, (1, 8, 6, 8)).astype(np.float32)
    wanted = openvino_says(path, (x,))
    assert np.allclose(pytorch_says(OnnxNetwork(path), (x,)), wanted, atol=1e-5)
    assert pytorch_says(OnnxNetwork(path), (x,)).shape == wanted.shape


def refused(path: Path) -> str:
    with pytest.raises(EngineError) as caught:
        OnnxNetwork(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert "is no ONNX network or is damaged" in refused(tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"no network at all")
    assert "is no ONNX network or is damaged" in refused(tmp_path / "bad.onnx")
    (tmp_path / "empty.onnx").write_bytes(b"")
    assert "is an empty ONNX network" in refused(tmp_path / "empty.onnx")


def test_operators_that_it_does_not_have(tmp_path: Path) -> None:
    text = refused(Small(tmp_path / "det.onnx", "Det", {}).path)
    assert "holds the operator Det (the_node), which the PyTorch engine does not have" in text


@pytest.mark.parametrize(
    ("kind", "constants", "attributes", "says"),
    [
        ("ConvTranspose", {"w": np.ones((8, 4, 3, 3), np.float32)}, {"pads": [0, 0, 1, 1]}, "uneven padding"),
        (
            "Resize",
            {"r": np.zeros(0, np.float32), "s": np.float32([1, 1, 2, 2])},
            {"mode": "nearest"},
            "resizing .* is not known",
        ),
        (
            "Resize",
            {"r": np.zeros(0, np.float32), "s": np.float32([1, 2, 2, 2])},
            {"mode": "linear"},
            "resizing .* is not known",
        ),
        ("Conv", {"w": np.ones((4, 9, 3, 3), np.float32)}, {}, "channels"),
        ("Cast", {}, {"to": TensorProto.STRING}, "type 8 is not known"),
    ],
)
def test_operators_that_fail_are_named(
    tmp_path: Path, kind: str, constants: dict[str, Any], attributes: dict[str, Any], says: str
) -> None:
    path = Small(tmp_path / "odd.onnx", kind, constants, **attributes).path
    with pytest.raises(EngineError, match=rf"odd\.onnx' cannot be run, its operator {kind} \(y0\).*{says}"):
        OnnxNetwork(path)(torch.ones(1, 8, 6, 8))


def test_onnx_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingDependencyError, match=r"needs the package onnx.*pip install 'onnx"):
        OnnxNetwork(tmp_path / "a.onnx")


def test_weights_are_cast_once_and_not_in_every_run(generator_file: Path) -> None:
    network = OnnxNetwork(generator_file, convolutions=torch.bfloat16)
    weights = [s.inputs[1:] for s in network._steps if s.kind == "Conv"]
    assert weights
    for name in {name for names in weights for name in names if name}:
        assert network._constants[name].dtype is torch.bfloat16
    assert torch.float32 in {value.dtype for value in network._constants.values()}


class _Casts(TorchDispatchMode):
    """Counts casts between types of floating point."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if func.overloadpacket in (torch.ops.aten._to_copy, torch.ops.aten.to):
            self.count += args[0].is_floating_point() and args[0].dtype != made.dtype
        return made


def test_an_fp32_file_in_half_casts_no_more_than_a_file_that_is_half(
    generator_file: Path, tmp_path: Path
) -> None:
    """What the pattern adds to hidden channels is half, too, so no convolution casts them anew."""
    typed = tmp_path / "typed.onnx"
    onnx.save(emit_generator(generator_in(simplify(random_generator()), "bf16")), typed)
    case = generator_cases(0, random_generator().config.halo_px)[0]
    counts, pixels = [], []
    for network in (OnnxNetwork(typed), OnnxNetwork(generator_file, convolutions=torch.bfloat16)):
        with _Casts() as casts:
            pixels.append(pytorch_says(network, case.arrays).astype(int))
        counts.append(casts.count)
    assert counts[0] > 0
    assert counts[1] <= counts[0] + 2
    assert np.abs(pixels[0] - pixels[1]).max() <= 2
