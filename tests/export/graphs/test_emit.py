"""The ONNX files that are written node for node, in every precision, against PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto
from support.tile_inputs import mixtures, smooth_positions
from support.tiny_networks import random_discriminator, random_generator

from amgan.export.cases import estimator_cases, generator_cases
from amgan.export.graphs.deploy import DeployEstimator, DeployGenerator
from amgan.export.graphs.emit import emit_estimator, emit_generator
from amgan.export.graphs.onnxsim_pass import shorten
from amgan.export.graphs.precision import KEPT_FP32, dtype_of, generator_in
from amgan.export.simplify import PASSES, simplify
from amgan.networks import GeneratorConfig
from amgan.runtime.engines.openvino_network import load_openvino
from amgan.runtime.errors import UsageError

FRAME = 64
PRECISIONS = ("fp32", "fp16", "bf16")
MAX_CODES = {"fp32": 1, "fp16": 2, "bf16": 4}
MAX_YEARS = {"fp32": 0.001, "fp16": 0.01, "bf16": 0.1}
KINDS = {"fp32": TensorProto.FLOAT, "fp16": TensorProto.FLOAT16, "bf16": TensorProto.BFLOAT16}
CONFIGS = {
    "two blocks": GeneratorConfig(
        widths=(4, 8, 8), blocks=2, spade_hidden=4, atlas_channels=4, atlas_px=(40, 36)
    ),
    "one block": GeneratorConfig(
        widths=(3, 5, 7), blocks=1, spade_hidden=3, atlas_channels=2, atlas_px=(21, 30), patterns=2
    ),
    "no atlas": GeneratorConfig(widths=(3, 5, 7), blocks=1, spade_hidden=3, atlas_channels=0, patterns=1),
}
SIZES = ((1, 4, 4), (1, 64, 64), (3, 24, 100), (2, 132, 60))
Run = Callable[..., np.ndarray]


def in_openvino(path: Path) -> Run:
    model = load_openvino().Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda *arrays: np.array(model(arrays)[0])


def in_onnx_runtime(path: Path) -> Run:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    return lambda *arrays: session.run(None, dict(zip(names, arrays, strict=True)))[0]


def pairs() -> list[tuple[str, Callable[[Path], Run]]]:
    """Precisions with the engines that know them (ONNX Runtime has no bf16 on CPUs)."""
    return [
        (p, e)
        for p in PRECISIONS
        for e in (in_openvino, in_onnx_runtime)
        if (p, e) != ("bf16", in_onnx_runtime)
    ]


@pytest.fixture(scope="module", params=CONFIGS)
def config(request: pytest.FixtureRequest) -> GeneratorConfig:
    return CONFIGS[request.param]


@pytest.mark.parametrize(("precision", "engine"), pairs())
def test_generator(
    config: GeneratorConfig, precision: str, engine: Callable[[Path], Run], tmp_path: Path
) -> None:
    source, halo = random_generator(config), config.halo_px
    onnx.save(emit_generator(generator_in(simplify(source), precision)), tmp_path / "g.onnx")
    run = engine(tmp_path / "g.onnx")
    for n, height, width in SIZES:
        rng = np.random.default_rng(height)
        image = rng.integers(0, 256, (n, height + 2 * halo, width + 2 * halo, 3), dtype=np.uint8)
        ages = rng.uniform(15, 90, (n, 1, image.shape[1] // 4, image.shape[2] // 4)).astype(np.float32)
        arrays = (image, ages, smooth_positions(n, *ages.shape[2:], seed=n), mixtures(n, config.patterns))
        with torch.inference_mode():
            wanted = DeployGenerator(source)(*map(torch.from_numpy, arrays)).numpy()
        found = run(*arrays)
        assert found.dtype == np.uint8 and found.shape == wanted.shape == (n, height, width, 3)
        assert np.abs(found.astype(int) - wanted).max() <= MAX_CODES[precision]
        assert np.abs(wanted.astype(int) - image[:, halo:-halo, halo:-halo]).mean() > 1


@pytest.mark.parametrize(("precision", "engine"), pairs())
def test_estimator(precision: str, engine: Callable[[Path], Run], tmp_path: Path) -> None:
    source = random_discriminator()
    onnx.save(emit_estimator(source, FRAME, dtype_of(precision)), tmp_path / "e.onnx")
    run = engine(tmp_path / "e.onnx")
    for n in (1, 3):
        image = np.random.default_rng(n).integers(0, 256, (n, FRAME, FRAME, 3), dtype=np.uint8)
        with torch.inference_mode():
            wanted = DeployEstimator(source)(torch.from_numpy(image)).numpy()
        found = run(image)
        assert found.dtype == np.float32 and found.shape == wanted.shape == (n, 1, 4, 4)
        assert np.abs(found - wanted).max() <= MAX_YEARS[precision]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_types_are_what_the_precision_says(precision: str) -> None:
    """All convolutions in it; what comes after the heads, and the coordinates, in fp32."""
    model = emit_generator(generator_in(simplify(random_generator()), precision))
    types = {
        v.name: v.type.tensor_type.elem_type
        for v in onnx.shape_inference.infer_shapes(model).graph.value_info
    }
    weights = {c.name: c.data_type for c in model.graph.initializer}
    nodes = model.graph.node
    convolutions = [n for n in nodes if n.op_type == "Conv"]
    assert len(convolutions) > 10
    for node in convolutions:
        assert {weights[name] for name in node.input[1:]} == {KINDS[precision]}
    for node in nodes:
        if node.op_type in ("Tanh", "Round", "Clip", "Sin", "Cos", "GridSample"):
            assert types[node.output[0]] == TensorProto.FLOAT
    assert [i.type.tensor_type.elem_type for i in model.graph.input] == [TensorProto.UINT8] + [
        TensorProto.FLOAT
    ] * 3
    assert all(reason for reason in KEPT_FP32.values())


def test_only_a_simplified_network_is_written() -> None:
    network = simplify(random_generator(), PASSES[:-1])
    with pytest.raises(ValueError, match="run all passes first"):
        emit_generator(network)


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(UsageError, match="no precision 'int8'; choose one of fp32, fp16, bf16, fp8"):
        dtype_of("int8")


def test_onnxsim_removes_what_does_nothing() -> None:
    model = emit_estimator(random_discriminator(), FRAME, torch.float32)
    case = estimator_cases(0, FRAME)[0]
    shorter, said = shorten(model, case.arrays)
    assert len(shorter.graph.node) < len(model.graph.node)
    assert said == f"onnxsim: {len(model.graph.node)} -> {len(shorter.graph.node)} nodes"


def test_onnxsim_has_nothing_to_do_on_the_generator() -> None:
    source = random_generator()
    model = emit_generator(simplify(source))
    same, said = shorten(model, generator_cases(0, source.config.halo_px)[2].arrays)
    assert same is model
    assert said == f"onnxsim found nothing to remove from {len(model.graph.node)} nodes"


def broken(model: onnx.ModelProto) -> tuple[onnx.ModelProto, bool]:
    """A graph that is shorter and wrong: one node's output is replaced by its input."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    node = next(n for n in made.graph.node if n.op_type == "LeakyRelu")
    for other in made.graph.node:
        for number, name in enumerate(other.input):
            if name == node.output[0]:
                other.input[number] = node.input[0]
    made.graph.node.remove(node)
    return made, True


def crash(model: onnx.ModelProto) -> tuple[onnx.ModelProto, bool]:
    raise RuntimeError("no such\nthing")


@pytest.mark.parametrize(
    ("simplifier", "said"),
    [
        (broken, "onnxsim changed the output, so its graph of 19 nodes was dropped"),
        (lambda model: (model, False), "onnxsim's own check failed, so its graph was dropped"),
        (crash, r"onnxsim failed and was left out \(no such thing\)"),
    ],
)
def test_onnxsim_is_not_trusted(
    monkeypatch: pytest.MonkeyPatch, simplifier: Callable[..., object], said: str
) -> None:
    monkeypatch.setattr("onnxsim.simplify", simplifier)
    model = emit_estimator(random_discriminator(), FRAME, torch.float32)
    same, found = shorten(model, estimator_cases(0, FRAME)[0].arrays)
    assert same is model
    assert found == said.replace("\\", "")
