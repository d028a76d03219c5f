"""The fused trunk, in Triton's interpreter on a CPU, against the operators that it replaces."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from support.fake_cuda import FakeCuda
from support.fake_torch_gpu import FakeGpu
from support.tiny_networks import TINY_GENERATOR, random_generator

from amgan.export.graphs.emit import emit_generator
from amgan.export.graphs.precision import generator_in
from amgan.export.simplify import simplify
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.bundle.precision import Precision
from amgan.runtime.engines import pytorch
from amgan.runtime.engines.onnx_graph import FUNCTION, OnnxNetwork
from amgan.runtime.engines.spade_fused import fuse, fused_or_not
from amgan.runtime.engines.spade_trunk import Feature, NotFusable, find_trunk
from amgan.runtime.errors import EngineError

pytest.importorskip("triton")
KERNEL = "amgan.runtime.engines.spade_kernel"


@pytest.fixture(autouse=True)
def interpreted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Triton asks when a kernel is defined whether it is to interpret it."""
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    sys.modules.pop(KERNEL, None)
    yield
    sys.modules.pop(KERNEL, None)


@pytest.fixture
def rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Triton's interpreter loses carries where it rounds to e4m3, so NumPy rounds for it, as a GPU does."""
    from triton import language
    from triton.runtime import interpreter

    convert = interpreter._convert_float

    def rounded(value: np.ndarray, source: Any, target: Any, mode: Any) -> Any:
        if target != language.float8e4nv:
            return convert(value, source, target, mode)
        assert source == language.float32
        return value.view(np.float32).astype(ml_dtypes.float8_e4m3fn).view(np.uint8)

    monkeypatch.setattr(interpreter, "_convert_float", rounded)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("fused")
    found = {}
    for precision in ("fp32", "fp16", "fp8"):
        found[precision] = folder / f"generator.{precision}.onnx"
        network = generator_in(simplify(random_generator()), precision)
        onnx.save(emit_generator(network), found[precision])
    return found


def inputs(many: int = 2) -> tuple[torch.Tensor, ...]:
    """A few small tiles; ages, coordinates and patterns differ from one to the next."""
    side = 2 * TINY_GENERATOR.halo_px + 4
    rng = np.random.default_rng(0)
    cells = side // 4
    arrays = (
        rng.integers(0, 256, (many, side, side, 3), dtype=np.uint8),
        rng.uniform(-40, 40, (many, 1, cells, cells)).astype(np.float32),
        rng.uniform(-1, 1, (many, 4, cells, cells)).astype(np.float32),
        rng.dirichlet(np.ones(TINY_GENERATOR.patterns), many).astype(np.float32),
    )
    return tuple(torch.from_numpy(a) for a in arrays)


def run(network: OnnxNetwork, tensors: tuple[torch.Tensor, ...]) -> torch.Tensor:
    with torch.inference_mode():
        return network(*tensors).int()


def kinds(network: OnnxNetwork) -> list[str]:
    return [step.kind for step in network._steps]


@pytest.mark.parametrize(
    ("file", "dtype", "codes"), [("fp32", None, 1), ("fp16", None, 3), ("fp32", torch.float16, 3)]
)
def test_the_fused_network_gives_the_same_pixels(
    files: dict[str, Path], file: str, dtype: torch.dtype | None, codes: int
) -> None:
    network = OnnxNetwork(files[file], convolutions=dtype)
    made = fuse(network)
    assert kinds(made).count(FUNCTION) == 1
    blocks = TINY_GENERATOR.blocks
    # A convolution of hidden channels, and three for every SPADE, are left out.
    assert kinds(made).count("Conv") == kinds(network).count("Conv") - 1 - 2 * blocks * 3
    assert not {"Sin", "Cos"} & set(kinds(made))
    tensors = inputs()
    wanted, found = run(network, tensors), run(made, tensors)
    assert (found - wanted).abs().max() <= codes
    # What conditions them is seen: another pattern, other ages and other coordinates give other pixels.
    for i in (1, 2, 3) if dtype is None and file == "fp32" else ():
        other = tuple(t.flip(0) if j == i else t for j, t in enumerate(tensors))
        assert (run(made, other) - run(network, other)).abs().max() <= codes
        assert (run(made, other) - found).abs().max() > codes


def test_in_fp8_the_fused_network_gives_the_same_pixels(files: dict[str, Path], rounding: None) -> None:
    network = OnnxNetwork(files["fp8"])
    made, tensors = fuse(network), inputs()
    assert not {"QuantizeLinear", "DequantizeLinear"} & set(kinds(made))
    assert kinds(network).count("QuantizeLinear") == 2 * TINY_GENERATOR.blocks
    (trunk,) = [s.attributes["function"] for s in made._steps if s.kind == FUNCTION]
    assert {w.dtype for w in trunk._weights} == {torch.float8_e4m3fn}
    wanted, found = run(network, tensors), run(made, tensors)
    assert (found - wanted).abs().max() <= 2
    # Closer to the operators in fp8 than these are to fp16.
    half = run(OnnxNetwork(files["fp16"]), tensors)
    assert (found - wanted).abs().float().mean() < 0.5 * (half - wanted).abs().float().mean()


def test_in_fp8_values_beyond_the_calibration_saturate(files: dict[str, Path], rounding: None) -> None:
    network = OnnxNetwork(files["fp8"])
    for node in network.graph.node:
        if node.op_type == "QuantizeLinear":
            network._constants[node.input[1]] = torch.tensor(2.0**-9, dtype=torch.float16)
    wanted, found = (run(one, inputs(1)) for one in (network, fuse(network)))
    assert (found - wanted).abs().max() <= 2
    assert (wanted - run(OnnxNetwork(files["fp8"]), inputs(1))).abs().max() > 2


def test_the_trunk_of_the_bundle_that_ships_is_found() -> None:
    model = onnx.load(Bundle.open().file("generator", Precision.FP32))
    arrays = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    trunk = find_trunk(model.graph, {n: a.tolist() for n, a in arrays.items() if a.size < 16})
    assert (len(trunk.modulations), len(trunk.convolutions)) == (8, 8)
    assert [m.crop for m in trunk.modulations] == list(range(8))
    assert [(c.residual != "", c.crop) for c in trunk.convolutions] == [(False, 0), (True, 2)] * 4
    assert len(trunk.features) == arrays[trunk.first[0]].shape[1]
    assert trunk.features[0] == Feature(0)
    assert trunk.features[-1] == Feature(4)
    waves = {f.factor / np.pi for f in trunk.features if f.wave}
    assert sorted(waves) == pytest.approx([1, 2, 4, 8, 16])


def test_why_it_is_not_fused_is_said_and_the_operators_go_on(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    network, tensors = OnnxNetwork(files["fp32"]), inputs(1)
    assert FUNCTION in kinds(fused_or_not(network, tensors))
    assert caplog.text == ""
    assert fused_or_not(network, tensors, most_codes=-1) is network
    assert "SPADE is not fused, its pixels are 0 code values from those of its operators" in caplog.text
    monkeypatch.setitem(sys.modules, KERNEL, None)
    assert fused_or_not(network, tensors) is network
    assert "SPADE is not fused, ModuleNotFoundError: " in caplog.text


def change(kind: str, how: Any) -> Any:
    """Change the first nodes of a kind that ``how`` says yes to."""

    def changed(graph: Any) -> None:
        for node in graph.node:
            if node.op_type == kind and how(node):
                return
        raise AssertionError(f"no {kind} was changed")

    return changed


def kernel_3x3(node: Any) -> bool:
    """Give a 3x3 convolution padding."""
    for attribute in node.attribute:
        if attribute.name == "kernel_shape" and list(attribute.ints) == [3, 3]:
            (pads,) = [a for a in node.attribute if a.name == "pads"]
            pads.ints[:] = [1, 1, 1, 1]
            return True
    return False


def renamed(node: Any) -> bool:
    node.op_type = "Identity"
    return True


def weight_renamed(node: Any) -> bool:
    return any(a.name == "axis" for a in node.attribute) and renamed(node)


def without_bias(node: Any) -> bool:
    if len(node.input) == 3 and [1, 1] in [list(a.ints) for a in node.attribute]:
        del node.input[2]
        return True
    return False


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (change("Conv", kernel_3x3), "a convolution of its trunk is not 3x3 without padding"),
        (change("MatMul", renamed), "its conditioning is not one convolution"),
        (change("Sin", renamed), "a coordinate is neither a plane nor a wave of it"),
        (change("Conv", without_bias), "a convolution has no bias"),
        (change("DequantizeLinear", renamed), "the reader of a value's codes is not there once but 0 times"),
        (change("DequantizeLinear", weight_renamed), "has a quantised input, but not such weights"),
    ],
)
def test_graphs_of_another_shape_are_not_fused(files: dict[str, Path], broken: Any, why: str) -> None:
    network = OnnxNetwork(files["fp8"])
    network.graph = copy.deepcopy(network.graph)
    broken(network.graph)
    with pytest.raises(NotFusable, match=why):
        fuse(network)


@pytest.mark.parametrize(("asked", "wanted"), [("fused", True), ("", False)])
def test_the_engine_takes_it_where_it_is_asked_for(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch, asked: str, wanted: bool
) -> None:
    cuda, made = FakeCuda(), []
    monkeypatch.setenv(pytorch.SPADE, asked)
    monkeypatch.setattr(pytorch, "load_torch", lambda: torch)
    monkeypatch.setattr(pytorch, "TorchCuda", lambda torch, gpu: FakeGpu(cuda))
    monkeypatch.setattr(pytorch, "choose_file", lambda bundle, used: (files["fp32"], True))
    monkeypatch.setattr(pytorch, "FUSED_PX", 4)

    def program(cuda: Any, network: OnnxNetwork, *_: Any, **__: Any) -> Any:
        made.append(network)
        return SimpleNamespace(sizes=list)

    monkeypatch.setattr(pytorch, "TorchProgram", program)
    manifest = SimpleNamespace(
        halo_px=TINY_GENERATOR.halo_px, patterns=TINY_GENERATOR.patterns, max_frame_px=1024
    )
    pytorch.open_torch(SimpleNamespace(manifest=manifest), 0, 90, Precision.FP32)  # type: ignore[arg-type]
    assert (FUNCTION in kinds(made[0])) is wanted


@pytest.mark.parametrize("way", ["asked for", "in the environment", "without a kernel"])
def test_fp8_is_fused_or_an_error(
    files: dict[str, Path], rounding: None, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    cuda, made = FakeCuda(), []
    monkeypatch.setattr(pytorch, "load_torch", lambda: torch)
    monkeypatch.setattr(pytorch, "TorchCuda", lambda torch, gpu: FakeGpu(cuda))
    monkeypatch.setattr(pytorch, "FUSED_PX", 4)
    monkeypatch.setenv(pytorch.SPADE, "fp8" if way == "in the environment" else "")

    def program(cuda: Any, network: OnnxNetwork, used: Precision, *_: Any, **__: Any) -> Any:
        made.append((used, network))
        return SimpleNamespace(sizes=list)

    monkeypatch.setattr(pytorch, "TorchProgram", program)
    manifest = SimpleNamespace(
        halo_px=TINY_GENERATOR.halo_px, patterns=TINY_GENERATOR.patterns, max_frame_px=1024
    )
    bundle: Any = SimpleNamespace(manifest=manifest, file=lambda role, precision: files[precision])
    monkeypatch.setattr(manifest, "files", {}, raising=False)
    asked = None if way == "in the environment" else Precision.FP8
    if way == "without a kernel":
        monkeypatch.setitem(sys.modules, KERNEL, None)
        with pytest.raises(EngineError, match=r"fp8.onnx' cannot be computed in fp8 here, .*precision fp16"):
            pytorch.open_torch(bundle, 0, 89, asked)
        return
    pytorch.open_torch(bundle, 0, 89, asked)
    ((used, network),) = made
    assert used is Precision.FP8
    assert FUNCTION in kinds(network)
