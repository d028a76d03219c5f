"""Cost of an ONNX graph: operators, copies among them, and bytes of memory traffic.

An upper bound that needs no GPU: the plan of an engine is exact, but exists only where it can be built.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass

import onnx
from onnx import helper

from amgan.runtime.errors import EngineError

COPIES = frozenset(
    {
        "Cast", "Concat", "DepthToSpace", "Expand", "Identity", "Pad", "Reshape", "Slice", "SpaceToDepth",
        "Split", "Squeeze", "Transpose", "Unsqueeze",
    }
)  # fmt: skip
"""Operators without arithmetic: an engine either fuses them or copies memory."""


@dataclass(frozen=True)
class GraphCost:
    """Number of operators, of those in COPIES, and bytes that all of them read and write.

    Assumes that nothing is fused. Constants, and operators on constants only, do not count.
    """

    operators: int
    copies: int
    bytes: int


def graph_cost(model: onnx.ModelProto, inputs: Mapping[str, tuple[int, ...]]) -> GraphCost:
    """The cost of a network for ``inputs``, shapes by name with the batch.

    Raises EngineError where the shape of a value cannot be inferred.
    """
    fixed = copy.deepcopy(model)
    for one in fixed.graph.input:
        for size, dim in zip(inputs.get(one.name, ()), one.type.tensor_type.shape.dim, strict=False):
            dim.dim_value = size
    for one in fixed.graph.output:
        one.type.tensor_type.ClearField("shape")
    graph = onnx.shape_inference.infer_shapes(fixed, strict_mode=True, data_prop=True).graph
    constants = {t.name for t in graph.initializer}
    known = {v.name: _bytes(v) for v in (*graph.input, *graph.value_info, *graph.output)}
    operators = copies = moved = 0
    for node in graph.node:
        values = [n for n in (*node.input, *node.output) if n and n not in constants]
        if set(node.input) <= constants:
            constants |= set(node.output)
            continue
        unknown = [name for name in values if not known.get(name)]
        if unknown:
            raise EngineError(f"the shape of '{unknown[0]}' cannot be told: export the bundle again")
        operators += 1
        copies += node.op_type in COPIES
        moved += sum(known[name] for name in values)
    return GraphCost(operators, copies, moved)


def _bytes(value: onnx.ValueInfoProto) -> int:
    """Bytes of a tensor; 0 where a size is not known."""
    kind = value.type.tensor_type
    if not kind.HasField("shape"):
        return 0
    sizes = [dim.dim_value for dim in kind.shape.dim]
    return math.prod(sizes) * helper.tensor_dtype_to_np_dtype(kind.elem_type).itemsize
