"""An ONNX interpreter in PyTorch for the networks of a bundle.

Supports the operators of the networks that AMGAN exports, and few more. Integer tensors (sizes, axes) stay on
the CPU, so that running a network never synchronises with the GPU, as CUDA graphs require.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import EngineError, MissingDependencyError
from .onnx_operators import BINARY, OPERATORS, TYPES, UNARY, WIDE, Attributes, dequantize, to_torch

FUNCTION = "a function"
"""The kind of a step that is a Python function instead of an ONNX operator."""


@dataclass(frozen=True)
class _Step:
    """One operator: its inputs and outputs, and the values that no later step reads."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Attributes
    done: tuple[str, ...] = ()


class OnnxNetwork:
    """An ONNX network as a function of tensors, for inference only."""

    def __init__(
        self, path: Path, device: torch.device | str = "cpu", convolutions: torch.dtype | None = None
    ) -> None:
        """Load a network onto a device.

        ``convolutions`` is the type in which convolutions are computed, such as torch.float16; None keeps
        that of the file. Raises EngineError, which names the file, if it is damaged or has an unsupported
        operator, and MissingDependencyError without the package onnx.
        """
        self.path = path
        self.device = torch.device(device)
        self.convolutions = convolutions
        graph = self.graph = _read(path).graph
        sizes = {node.input[2] for node in graph.node if node.op_type == "Resize" and len(node.input) > 2}
        self._constants = {
            name: value if name in sizes else self.place(value, name)
            for name, value in _constants_of(graph).items()
        }
        if convolutions is not None:
            self._constants |= _weights_in(convolutions, graph, self._constants)
        self.inputs = tuple(i.name for i in graph.input if i.name not in self._constants)
        self.outputs = tuple(o.name for o in graph.output)
        self._steps = self._plan(graph)

    def __call__(self, *tensors: Tensor) -> Tensor:
        """Run the network on its inputs, in order and on its device; returns its first output."""
        return self.run_all(*tensors)[0]

    def run_all(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Run the network on its inputs, in order and on its device; returns all outputs in order."""
        values: dict[str, Any] = {**self._constants, **dict(zip(self.inputs, tensors, strict=True)), "": None}
        for step in self._steps:
            arguments = [values[name] for name in step.inputs]
            try:
                made = self._run(step, arguments)
            except (RuntimeError, ValueError, IndexError, TypeError) as error:
                if isinstance(error, torch.OutOfMemoryError):
                    raise
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
                raise EngineError(
                    f"'{self.path}' cannot be run, its operator {step.kind} ({step.outputs[0]}) failed with "
                    f"{reason}: export it again"
                ) from error
            values.update(zip(step.outputs, made if len(step.outputs) > 1 else (made,), strict=True))
            for name in step.done:
                del values[name]
        return tuple(values[name] for name in self.outputs)

    def _run(self, step: _Step, arguments: list[Any]) -> Any:
        if step.kind == FUNCTION:
            return step.attributes["function"](*arguments)
        if step.kind in UNARY:
            x = arguments[0]
            return UNARY[step.kind](x.float() if step.kind in WIDE and x.is_floating_point() else x)
        if step.kind in BINARY:
            return BINARY[step.kind](*self._narrowed(arguments[0], arguments[1]))
        return OPERATORS[step.kind](self, step.attributes, arguments)

    def _plan(self, graph: Any) -> list[_Step]:
        """The operators in order, each with the values that can be freed after it."""
        from onnx import helper

        steps = []
        for node in graph.node:
            if node.output[0] in self._constants:
                continue
            if node.op_type not in {*UNARY, *BINARY, *OPERATORS} or node.domain not in {"", "ai.onnx"}:
                raise EngineError(
                    f"'{self.path}' holds the operator {node.op_type} ({node.name}), which the PyTorch "
                    "engine does not have: export it with this version"
                )
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            steps.append(_Step(node.op_type, tuple(node.input), tuple(node.output), attributes))
        return self._with_ends(steps)

    def _with_ends(self, steps: list[_Step]) -> list[_Step]:
        """The steps with the values that no later step reads."""
        last = {name: i for i, step in enumerate(steps) for name in step.inputs}
        kept = {*self._constants, *self.outputs, ""}
        ended = []
        for i, step in enumerate(steps):
            done = {n for n in step.inputs if last[n] == i} | {n for n in step.outputs if n not in last}
            ended.append(replace(step, done=tuple(done - kept)))
        return ended

    @property
    def constants(self) -> Mapping[str, Tensor]:
        """The network's constants by name."""
        return self._constants

    def with_step(self, function: Callable[..., Tensor], inputs: tuple[str, ...], made: str) -> OnnxNetwork:
        """The network with a function of ``inputs`` in place of all operators that only lead to ``made``."""
        at = next(i for i, step in enumerate(self._steps) if made in step.outputs)
        steps = list(self._steps)
        steps[at] = _Step(FUNCTION, inputs, (made,), {"function": function})
        needed = set(self.outputs)
        left = []
        for step in reversed(steps):
            if needed & set(step.outputs):
                left.append(step)
                needed |= set(step.inputs)
        changed = copy.copy(self)
        changed._steps = self._with_ends(left[::-1])
        return changed

    def place(self, value: Tensor, name: str) -> Tensor:
        """Move a constant: floating-point tensors to the device, integer tensors to the CPU."""
        if not value.is_floating_point():
            return value
        layout = torch.channels_last if value.dim() == 4 else torch.preserve_format
        return value.to(self.device, memory_format=layout)

    def _narrowed(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Cast an fp32 operand to half precision if the other one came from convolutions in half precision.

        Otherwise the result would be fp32, and every convolution that reads it would cast it again. Outputs
        of operators in WIDE stay fp32.
        """
        half = self.convolutions
        if half is None or {a.dtype, b.dtype} != {half, torch.float32} or not (a.dim() and b.dim()):
            return a, b
        return a.to(half), b.to(half)

    def matched(self, x: Tensor, *weights: Tensor | None) -> list[Tensor | None]:
        """Input and weights of a convolution, cast to the type in which it is computed."""
        dtype = self.convolutions or x.dtype
        return [None if t is None else t.to(dtype) for t in (x, *weights)]


def _constants_of(graph: Any) -> dict[str, Tensor]:
    """All constants of a graph by name: also of its operators, and constants that are cast or dequantised."""
    from onnx import helper

    constants = {t.name: to_torch(t) for t in graph.initializer}
    for node in graph.node:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Constant" and "value" in attributes:
            constants[node.output[0]] = to_torch(attributes["value"])
        elif node.op_type == "Cast" and node.input[0] in constants and attributes["to"] in TYPES:
            constants[node.output[0]] = constants[node.input[0]].to(TYPES[attributes["to"]])
        elif node.op_type == "DequantizeLinear" and node.input[0] in constants:
            codes, scale = (constants[name] for name in node.input[:2])
            constants[node.output[0]] = dequantize(codes, scale, attributes.get("axis", 1))
    return constants


def _weights_in(dtype: torch.dtype, graph: Any, constants: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Constants that only convolutions read, cast once to the type in which these are computed."""
    readers: dict[str, set[str]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, set()).add(node.op_type)
    only = {name for name, kinds in readers.items() if kinds <= {"Conv", "ConvTranspose"}}
    return {name: value.to(dtype) for name, value in constants.items() if name in only}


def _read(path: Path) -> Any:
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "running a bundle in PyTorch needs the package onnx, which is not installed: "
            "pip install 'onnx>=1.17,<2'"
        ) from error
    try:
        model = onnx.load(path)
    except Exception as error:  # protobuf's own errors, or the system's
        raise EngineError(f"'{path}' is no ONNX network or is damaged: copy the bundle again") from error
    if not model.graph.node:
        raise EngineError(f"'{path}' is an empty ONNX network: export the bundle again")
    return model
