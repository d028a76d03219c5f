"""Writes the face detector and the face mesh, which are TensorFlow Lite files, as ONNX for GPUs.

    python -m amgan.export.face_networks

OpenVINO reads them; its operators are written one by one, with the weights in fp16 as in the files. The
detector is written without its last reshaping, so that it takes squares of any multiple of 32 px.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amgan.runtime.engines.openvino_network import load_openvino
from amgan.runtime.errors import EngineError
from amgan.runtime.face.networks import DETECTOR, MESH
from amgan.runtime.files import whole_file

OPSET = 17
_WEIGHTS: Mapping[str, Callable[..., NDArray[Any]]] = {
    "Convert": lambda value: value.astype(np.float32),
    "Unsqueeze": lambda value, axes: np.expand_dims(value, tuple(int(a) for a in np.atleast_1d(axes))),
    "Transpose": lambda value, order: value.transpose([int(axis) for axis in order]),
    # A size of 0 is that of the weights.
    "Reshape": lambda value, shape: value.reshape(
        [int(size) or value.shape[axis] for axis, size in enumerate(shape)]
    ),
}
"""Operators on weights, which are computed here."""


def main() -> None:
    """Write both networks beside their sources."""
    for network in (DETECTOR, MESH):
        model = to_onnx(network.file, network.inputs, network.outputs)
        with whole_file(network.onnx) as temporary:
            temporary.write_bytes(model)
        print(f"{network.onnx}: {len(model)} bytes")


def to_onnx(tflite: Path, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> bytes:
    """A TensorFlow Lite file as an ONNX file with names of its inputs and outputs, its batch open.

    Raises EngineError, which names the operator, if it has one that is not known here.
    """
    import onnx
    from onnx import TensorProto, helper

    model = load_openvino().Core().read_model(tflite)
    writer = _Writer(helper)
    for name, parameter in zip(inputs, model.get_parameters(), strict=True):
        writer.names[_key(parameter.output(0))] = name
    for node in model.get_ordered_ops():
        writer.add(node, tflite)
    ends = [_before_reshaping(result.input_value(0)) for result in model.get_results()]
    for name, end in zip(outputs, ends, strict=True):
        writer.nodes.append(helper.make_node("Identity", [writer.names[_key(end)]], [name]))
    shape = ["N", "H", "W", model.input(0).get_shape()[3]]
    graph = helper.make_graph(
        _needed(writer.nodes, outputs),
        tflite.stem,
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", None, None, None]) for name in outputs],
        writer.constants,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(made)
    content: bytes = made.SerializeToString()
    return content


class _Writer:
    """Nodes and constants of the ONNX graph; ``names`` are those of OpenVINO's outputs."""

    def __init__(self, helper: Any) -> None:
        self._helper = helper
        self.names: dict[tuple[str, int], str] = {}
        self.values: dict[tuple[str, int], NDArray[Any]] = {}
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, node: Any, source: Path) -> None:
        """Write a node of OpenVINO's model, or compute it if it only depends on constants."""
        kind, key = node.get_type_name(), _key(node.output(0))
        keys = [_key(value) for value in node.input_values()]
        if kind in ("Parameter", "Result"):
            return
        if kind == "Constant":
            self.values[key] = np.array(node.get_data())
        elif kind in _WEIGHTS and all(one in self.values for one in keys):
            self.values[key] = _WEIGHTS[kind](*(self.values[one] for one in keys))
        elif kind in _OPERATORS:
            self.names[key] = _OPERATORS[kind](self, node, keys)
        elif kind in ("Reshape", "Convert"):  # of an output, and of fp32 to fp32
            self.names[key] = self.names[keys[0]]
        else:
            raise EngineError(f"'{source}' has the operator {kind}, which is not known here: add it")

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Append a node; returns the name of its output."""
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(self._helper.make_node(kind, inputs, [name], **attributes))
        return name

    def name(self, key: tuple[str, int]) -> str:
        """The name of a value; weights are written in fp16, if that is exact, with a cast."""
        if key not in self.names:
            self.names[key] = self.weight(self.values[key])
        return self.names[key]

    def weight(self, value: NDArray[Any]) -> str:
        """Write a weight; returns its name as fp32."""
        half = value.astype(np.float16)
        exact = value.dtype == np.float32 and np.array_equal(half.astype(np.float32), value)
        name = self.constant(half if exact else value)
        return self.node("Cast", name, to=1) if exact else name

    def constant(self, value: NDArray[Any]) -> str:
        """Write a constant as it is; returns its name."""
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name


def _convolution(writer: _Writer, node: Any, keys: list[tuple[str, int]]) -> str:
    attributes, weights = node.get_attributes(), writer.values[keys[1]]
    group = 1
    if node.get_type_name() == "GroupConvolution":
        group = weights.shape[0]
        weights = weights.reshape(-1, *weights.shape[2:])
    pads = [*attributes["pads_begin"], *attributes["pads_end"]]
    return writer.node(
        "Conv", writer.name(keys[0]), writer.weight(weights), group=group, pads=pads,
        strides=list(attributes["strides"]), kernel_shape=list(weights.shape[2:]),
    )  # fmt: skip


def _max_pool(writer: _Writer, node: Any, keys: list[tuple[str, int]]) -> str:
    attributes = node.get_attributes()
    pads = [*attributes["pads_begin"], *attributes["pads_end"]]
    kernel, strides = list(attributes["kernel"]), list(attributes["strides"])
    return writer.node("MaxPool", writer.name(keys[0]), kernel_shape=kernel, strides=strides, pads=pads)


def _pad(writer: _Writer, node: Any, keys: list[tuple[str, int]]) -> str:
    pads = np.concatenate([writer.values[keys[1]], writer.values[keys[2]]]).astype(np.int64)
    return writer.node("Pad", writer.name(keys[0]), writer.constant(pads))


def _resize(writer: _Writer, node: Any, keys: list[tuple[str, int]]) -> str:
    """Bilinear enlargement by a whole factor, whatever the size."""
    sizes, axes = writer.values[keys[1]], writer.values[keys[2]]
    before = node.input_value(0).get_shape()
    scales = np.ones(len(before), np.float32)
    for size, axis in zip(sizes, axes, strict=True):
        scales[int(axis)] = size / before[int(axis)]
    x, last = writer.name(keys[0]), scales[3] == 1
    if last:  # channels go before rows and columns, as GPUs resize them
        x, scales = writer.node("Transpose", x, perm=[0, 3, 1, 2]), scales[[0, 3, 1, 2]]
    made = writer.node(
        "Resize", x, "", writer.constant(scales), mode="linear", coordinate_transformation_mode="half_pixel"
    )
    return writer.node("Transpose", made, perm=[0, 2, 3, 1]) if last else made


def _prelu(writer: _Writer, node: Any, keys: list[tuple[str, int]]) -> str:
    slope = writer.values[keys[1]]
    if slope.ndim == 1:
        slope = slope.reshape(-1, 1, 1)
    return writer.node("PRelu", writer.name(keys[0]), writer.weight(slope))


def _transpose(writer: _Writer, node: Any, keys: list[tuple[str, int]]) -> str:
    order = [int(axis) for axis in writer.values[keys[1]]]
    return writer.node("Transpose", writer.name(keys[0]), perm=order)


_OPERATORS: Mapping[str, Callable[[_Writer, Any, list[tuple[str, int]]], str]] = {
    "Convolution": _convolution,
    "GroupConvolution": _convolution,
    "MaxPool": _max_pool,
    "Pad": _pad,
    "Interpolate": _resize,
    "PRelu": _prelu,
    "Transpose": _transpose,
    "Relu": lambda writer, node, keys: writer.node("Relu", writer.name(keys[0])),
    "Add": lambda writer, node, keys: writer.node("Add", writer.name(keys[0]), writer.name(keys[1])),
}


def _key(output: Any) -> tuple[str, int]:
    """The identity of an output of OpenVINO's model."""
    return output.get_node().get_friendly_name(), output.get_index()


def _before_reshaping(output: Any) -> Any:
    node = output.get_node()
    return node.input_value(0) if node.get_type_name() == "Reshape" else output


def _needed(nodes: list[Any], outputs: tuple[str, ...]) -> list[Any]:
    """The nodes that the outputs depend on, in order."""
    needed, kept = set(outputs), []
    for node in reversed(nodes):
        if needed & set(node.output):
            kept.append(node)
            needed |= set(node.input)
    return kept[::-1]


if __name__ == "__main__":
    main()
