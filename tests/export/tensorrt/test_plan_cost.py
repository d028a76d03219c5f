"""What TensorRT for RTX makes of the network that ships: an export that adds kernels or copies is seen."""

from __future__ import annotations

import copy
from pathlib import Path

import onnx
import pytest
from onnx import helper

from amgan.checkpoint import SHIPPED, load_model
from amgan.export.graphs.emit import emit_generator
from amgan.export.graphs.precision import generator_in
from amgan.export.simplify import simplify
from amgan.export.tensorrt.build import build_engine
from amgan.export.tensorrt.engines import network_inputs
from amgan.export.tensorrt.options import BuildOptions
from amgan.export.tensorrt.plan_cost import PlanCost, plan_cost
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.errors import EngineError

CORE = (256, 304)
MOST = PlanCost(kernels=53, copies=15, bytes=195_000_000)
"""Of one tile in fp16 on sm89, by TensorRT for RTX 1.7.1; lower them with the graph."""


def build(model: onnx.ModelProto, folder: Path) -> PlanCost:
    trt = pytest.importorskip("tensorrt_rtx")
    if not str(trt.__version__).startswith("1.7."):
        pytest.skip(f"TensorRT for RTX {trt.__version__} may write another format")
    onnx.save(model, folder / "g.onnx")
    options = BuildOptions(
        inputs=network_inputs(Bundle.open().manifest, "generator", CORE), precision="fp16",
        flavour="tensorrt_rtx", targets=("sm89",), batch=(1, 1, 1),
    )  # fmt: skip
    build_engine(folder / "g.onnx", folder / "g.engine", options)
    return plan_cost((folder / "g.engine").read_bytes())


@pytest.fixture(scope="module")
def shipped() -> onnx.ModelProto:
    return emit_generator(generator_in(simplify(load_model(SHIPPED)[0]), "fp16"))


@pytest.fixture(scope="module")
def cost(shipped: onnx.ModelProto, tmp_path_factory: pytest.TempPathFactory) -> PlanCost:
    return build(shipped, tmp_path_factory.mktemp("plan"))


def test_the_network_that_ships_takes_no_more_kernels_and_traffic_than_before(cost: PlanCost) -> None:
    assert cost.kernels <= MOST.kernels
    assert cost.copies <= MOST.copies
    assert 0.9 * MOST.bytes < cost.bytes <= MOST.bytes


@pytest.mark.parametrize("kind", ["MaxPool", "Transpose"])
def test_one_kernel_more_is_seen(shipped: onnx.ModelProto, cost: PlanCost, tmp_path: Path, kind: str) -> None:
    model = copy.deepcopy(shipped)
    at = max(i for i, node in enumerate(model.graph.node) if node.op_type == "Relu")
    value = model.graph.node[at].output[0]
    for node in model.graph.node:
        node.input[:] = ["more" if name == value else name for name in node.input]
    if kind == "MaxPool":
        added = [helper.make_node(kind, [value], ["more"], kernel_shape=[3, 3], pads=[1, 1, 1, 1])]
    else:
        # Rows and columns change places, and back after something that cannot be computed the other way.
        added = [
            helper.make_node(kind, [value], ["turned"], perm=[0, 1, 3, 2]),
            helper.make_node("MaxPool", ["turned"], ["pooled"], kernel_shape=[3, 1], pads=[1, 0, 1, 0]),
            helper.make_node(kind, ["pooled"], ["more"], perm=[0, 1, 3, 2]),
        ]
    for node in reversed(added):
        model.graph.node.insert(at + 1, node)
    found = build(model, tmp_path)
    assert found.kernels > cost.kernels
    assert found.bytes > cost.bytes


PROGRAM = """...header {
  inputs={ "a.1" }
descriptors {
  tensor={ alignment=8 dims={ 1 4 2 } name="a.1" rank0=0 type=half }
  tensor={ alignment=8 dims={ 1 2 4 } name="b.1" rank0=0 type=float }
instructions {
  function={ name=__myl_SlicTran fqn=x args={ } input_args={ "a.1" } output_args={ "b.1" } stream=0 }
  signal={ name="s" stream=0 event=1 }
  function={ name=__myl_SlicMul fqn=y input_args={ "b.1^deref" "c" } output_args={ "b.1" } stream=1
[y]" }
  corrltn={ name="conv_1" output={"b.1" } input={"a.1" } stream=0 }
extern "C" __global__ void x() {}
header {
  function={ name=__myl_Slic input_args={ "a.1" } output_args={ "b.1" } stream=0 }
"""


def test_a_program_is_read_off_the_plan() -> None:
    assert plan_cost(PROGRAM.encode("latin-1")) == PlanCost(3, 1, (16 + 32) + 32 + (16 + 32))


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        (b"", "no program that can be read"),
        (b'header {\nextern "C"', "no program that can be read"),
        (PROGRAM.replace("type=half", "type=odd").encode(), "a tensor that cannot be read: alignment=8"),
    ],
)
def test_what_cannot_be_read_is_an_error(plan: bytes, says: str) -> None:
    with pytest.raises(EngineError, match=says):
        plan_cost(plan)
