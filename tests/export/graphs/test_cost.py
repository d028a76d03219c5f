"""What the graph that ships costs: an export that adds operators, copies or traffic is seen."""

from __future__ import annotations

import copy

import onnx
import pytest
from onnx import TensorProto, helper
from support.graph_cost import GraphCost, graph_cost

from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.bundle.precision import Precision
from amgan.runtime.engines.cuda.program import generator_tensors
from amgan.runtime.errors import EngineError

CORE = (256, 320)
MOST = GraphCost(operators=166, copies=54, bytes=745_000_000)
"""Of one tile in fp32, with the shipped network; lower them with the graph."""
Shapes = dict[str, tuple[int, ...]]


@pytest.fixture(scope="module")
def shipped() -> tuple[onnx.ModelProto, Shapes]:
    bundle = Bundle.open()
    manifest = bundle.manifest
    inputs, _ = generator_tensors(CORE, manifest.halo_px, manifest.patterns)
    model = onnx.load(bundle.file("generator", Precision.FP32))
    return model, {name: (1, *tensor.shape) for name, tensor in inputs.items()}


def test_the_graph_that_ships_costs_no_more_than_before(shipped: tuple[onnx.ModelProto, Shapes]) -> None:
    found = graph_cost(*shipped)
    assert found.operators <= MOST.operators
    assert found.copies <= MOST.copies
    assert 0.9 * MOST.bytes < found.bytes <= MOST.bytes


@pytest.mark.parametrize("kind", ["Identity", "Transpose", "Sigmoid"])
def test_one_operator_more_is_seen(shipped: tuple[onnx.ModelProto, Shapes], kind: str) -> None:
    model, shapes = copy.deepcopy(shipped[0]), shipped[1]
    at = next(i for i, node in enumerate(model.graph.node) if node.op_type == "Relu")
    value = model.graph.node[at].output[0]
    for node in model.graph.node:
        node.input[:] = ["more" if name == value else name for name in node.input]
    extra = {"perm": [0, 1, 2, 3]} if kind == "Transpose" else {}
    model.graph.node.insert(at + 1, helper.make_node(kind, [value], ["more"], **extra))
    before, found = graph_cost(*shipped), graph_cost(model, shapes)
    assert found.operators == before.operators + 1
    assert found.copies == before.copies + (kind != "Sigmoid")
    assert found.bytes > before.bytes


def small() -> onnx.ModelProto:
    """x [n, 4] times a constant."""
    constant = helper.make_tensor("c", TensorProto.FLOAT, [1], [2.0])
    graph = helper.make_graph(
        [helper.make_node("Neg", ["c"], ["d"]), helper.make_node("Mul", ["x", "d"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])],
        [constant],
    )
    return helper.make_model(graph)


def test_the_numbers_by_hand() -> None:
    """What is made of constants costs nothing; x goes in and y comes out, 2 x 4 floats each."""
    assert graph_cost(small(), {"x": (2, 4)}) == GraphCost(1, 0, 2 * 2 * 4 * 4)


def test_a_size_that_is_left_open_is_an_error() -> None:
    with pytest.raises(EngineError, match="the shape of 'x' cannot be told"):
        graph_cost(small(), {})
