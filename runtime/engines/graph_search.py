"""Search of a network's graph, an openvino.Model, for the operators that `amgan export` writes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class OtherGraphError(Exception):
    """The network has other operators."""


def all_of(model: Any, kind: str) -> list[Any]:
    """The operators of a kind, each after those that it reads."""
    return [one for one in model.get_ordered_ops() if one.get_type_name() == kind]


def only(nodes: Any) -> list[Any]:
    """A list of one; raises OtherGraphError."""
    found = list(nodes)
    if len(found) != 1:
        raise OtherGraphError(f"{len(found)} operators are like one")
    return found


def readers(node: Any) -> list[Any]:
    """The operators that read a node."""
    return [one.get_node() for one in node.output(0).get_target_inputs()]


def reader(node: Any, kind: str) -> Any:
    """The only operator of a kind that reads a node; raises OtherGraphError."""
    return only(one for one in readers(node) if one.get_type_name() == kind)[0]


def other_input(node: Any, than: Any) -> Any:
    """The input of a binary operator that is not the output of ``than``."""
    name = than.get_friendly_name()
    return only(one for one in node.input_values() if one.get_node().get_friendly_name() != name)[0]


def one_constant(node: Any) -> Any:
    """The input of an operator that is a constant."""
    return only(one for one in node.input_values() if one.get_node().get_type_name() == "Constant")[0]


def sides(node: Any, number: int) -> tuple[int, ...]:
    """The shape of an input of a node."""
    return tuple(node.input(number).get_shape())


def last_side(node: Any) -> Any:
    """The length of the last axis of a node's output."""
    return list(node.output(0).get_partial_shape())[-1]


def constant(value: Any) -> NDArray[np.float32]:
    """The constant that a value is, or is a reshaped or repeated copy of; raises OtherGraphError."""
    node = value.get_node()
    while node.get_type_name() in ("Reshape", "Broadcast", "Multiply", "Convert"):
        sources = [one.get_node() for one in node.input_values()]
        node = next((one for one in sources if one.get_element_type().is_real()), sources[0])
    if node.get_type_name() != "Constant":
        raise OtherGraphError(f"{node.get_friendly_name()} is not a constant")
    return np.array(node.get_data(), np.float32)
