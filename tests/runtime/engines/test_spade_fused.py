"""The fused trunk, in Triton's interpreter on a CPU, against the operators that it replaces."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

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

pytest.importorskip("triton")
KERNEL = "amgan.runtime.engines.spade_kernel"


@pytest.fixture(autouse=True)
def interpreted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Triton asks when a kernel is defined whether it is to interpret it."""
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    sys.modules.pop(KERNEL, None)
    yield
    sys.modules.pop(KERNEL, None)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("fused")
    found = {}
    for precision in ("fp32", "fp16"):
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
    ],
)
def test_graphs_of_another_shape_are_not_fused(files: dict[str, Path], broken: Any, why: str) -> None:
    network = OnnxNetwork(files["fp32"])
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
