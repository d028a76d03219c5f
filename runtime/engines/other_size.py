"""Reshapes a fully convolutional network to another input size."""

from __future__ import annotations

from typing import Any


def for_squares(openvino: Any, model: Any, side_px: int) -> Any:
    """Reshape an openvino.Model with one input [1, S, S, C] to S = ``side_px``, a multiple of 32.

    Interpolations to a fixed size keep their factor, and flattened outputs keep their rows and columns: an
    output [1, n, C] of the model becomes [1, h, w, C].
    """
    made_for = model.input(0).get_shape()[1]
    outputs = []
    for result in model.get_results():
        last = result.input_value(0).get_node()
        outputs.append(last.input_value(0) if last.get_type_name() == "Reshape" else last.output(0))
    free = openvino.Model(outputs, model.get_parameters(), model.get_friendly_name())
    shape = openvino.PartialShape([1, -1, -1, model.input(0).get_shape()[3]])
    free.reshape({free.input(0): shape})
    for node in free.get_ordered_ops():
        if node.get_type_name() == "Interpolate":
            sizes = node.input_value(1).get_node().get_data()
            other = openvino.opset13.constant((sizes * side_px // made_for).astype(sizes.dtype))
            node.input(1).replace_source_output(other.output(0))
    shape[1] = shape[2] = side_px
    free.reshape({free.input(0): shape})
    return free
