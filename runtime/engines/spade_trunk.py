"""Finds the trunk of a generator in its ONNX graph: SPADE layers, convolutions and conditioning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class NotFusable(Exception):
    """A graph has an unsupported structure; the text is a clause that says where."""


@dataclass(frozen=True)
class Feature:
    """A feature of the first convolution: a plane (age, u, v, inside, scale) or a wave of it.

    ``wave`` is 0 for the plane itself, 1 for the sine and 2 for the cosine of ``factor`` times the plane;
    ``gated`` features are multiplied by `inside`.
    """

    plane: int
    wave: int = 0
    factor: float = 1.0
    gated: bool = False


@dataclass(frozen=True)
class Modulation:
    """One SPADE layer: its range of hidden channels, their crop in cells, and its constants' names."""

    start: int
    stop: int
    crop: int
    scale: tuple[str, str]
    shift: tuple[str, str]


@dataclass(frozen=True)
class EightBit:
    """Names of the constants of a convolution in fp8: the input's scale, and codes and scales of weights."""

    input_scale: str
    codes: str
    scales: str


@dataclass(frozen=True)
class TrunkConvolution:
    """A 3x3 convolution: names of weight, bias and the added value ("": none), and its crop in cells.

    ``eight`` is None unless its input and weights are quantised.
    """

    constants: tuple[str, str]
    made: str
    residual: str = ""
    crop: int = 0
    eight: EightBit | None = None


@dataclass(frozen=True)
class Trunk:
    """The trunk; values are names in the graph, ``mix`` is the matrix by which a pattern is multiplied."""

    x: str
    ages: str
    coordinates: str
    pattern: str
    out: str
    features: tuple[Feature, ...]
    first: tuple[str, str]
    mix: str
    modulations: tuple[Modulation, ...]
    convolutions: tuple[TrunkConvolution, ...]


def find_trunk(graph: Any, numbers: Mapping[str, Any]) -> Trunk:
    """Find the trunk of a graph (onnx.GraphProto); ``numbers`` are its constants as lists or numbers.

    Raises NotFusable for a graph of another structure.
    """
    return _Finder(graph, numbers).find()


class _Finder:
    def __init__(self, graph: Any, numbers: Mapping[str, Any]) -> None:
        self._numbers = numbers
        self._made = {name: node for node in graph.node for name in node.output}
        self._nodes = list(graph.node)
        self._outputs = {o.name for o in graph.output}

    def find(self) -> Trunk:
        hidden, first, mix, pattern = self._hidden()
        mixed = self._maker(first.input[0])
        features, ages, coordinates = self._features(mixed)
        modulations: list[Modulation] = []
        convolutions: list[TrunkConvolution] = []
        x, carried = "", ""
        for node in self._nodes:
            found = self._modulation(node, hidden) if node.op_type == "Mul" else None
            if found is None:
                continue
            modulation, source, activated = found
            if carried not in ("", source):
                raise NotFusable("its SPADE do not follow each other")
            x = x or source
            modulations.append(modulation)
            convolutions.append(self._convolution(activated))
            carried = convolutions[-1].made
        known = {x, *(c.made for c in convolutions)}
        if not modulations or any(c.residual not in {"", *known} for c in convolutions):
            raise NotFusable("it has no SPADE, or adds what is not of its trunk")
        return Trunk(
            x, ages, coordinates, pattern, carried, features, _constants(first), mix, tuple(modulations),
            tuple(convolutions),
        )  # fmt: skip

    def _maker(self, name: str) -> Any:
        """The node that makes a value, skipping casts; None for inputs and constants."""
        node = self._made.get(name)
        while node is not None and node.op_type == "Cast":
            node = self._made.get(node.input[0])
        return node

    def _source(self, name: str) -> str:
        """The value before any casts."""
        node = self._made.get(name)
        while node is not None and node.op_type == "Cast":
            name = node.input[0]
            node = self._made.get(name)
        return name

    def _readers(self, name: str, kind: str) -> list[Any]:
        """The nodes of a kind that read a value, directly or through casts."""
        casts = [o for n in self._nodes if n.op_type == "Cast" and name in n.input for o in n.output]
        return [n for n in self._nodes if n.op_type == kind and {name, *casts} & set(n.input)]

    def _the(self, nodes: list[Any], what: str) -> Any:
        if len(nodes) != 1:
            raise NotFusable(f"{what} is not there once but {len(nodes)} times")
        return nodes[0]

    def _hidden(self) -> tuple[str, Any, str, str]:
        """Hidden channels of all SPADE layers, their convolution, and the matrix of the pattern."""
        for node in self._nodes:
            makers = [self._maker(name) for name in node.input] if node.op_type == "Add" else []
            kinds = [None if m is None else m.op_type for m in makers]
            if sorted(map(str, kinds)) != ["Conv", "Unsqueeze"]:
                continue
            convolution, wide = (makers[kinds.index(kind)] for kind in ("Conv", "Unsqueeze"))
            product = self._maker(wide.input[0])
            relu = self._readers(node.output[0], "Relu")
            if product is not None and product.op_type == "MatMul" and len(relu) == 1:
                pattern = self._source(product.input[0])
                return relu[0].output[0], convolution, product.input[1], pattern
        raise NotFusable("its conditioning is not one convolution to which a pattern adds")

    def _features(self, concat: Any) -> tuple[tuple[Feature, ...], str, str]:
        """The features of the first convolution in order, and the names of ages and coordinates."""
        if concat is None or concat.op_type != "Concat" or len(concat.input) != 3:
            raise NotFusable("the planes are not age, coordinates and the rest")
        ages, gated, rest = (self._source(name) for name in concat.input)
        product, tail = self._made.get(gated), self._made.get(rest)
        if product is None or product.op_type != "Mul" or tail is None or tail.op_type != "Slice":
            raise NotFusable("the coordinates are not gated by a plane")
        coordinates = tail.input[0]
        waves = self._maker(product.input[0])
        gate = self._maker(product.input[1])
        if waves is None or waves.op_type != "Concat" or self._channels(gate, coordinates) != [2]:
            raise NotFusable("the coordinates are not gated by the plane `inside`")
        found = [Feature(0)]
        for name in waves.input:
            found += self._waves(self._maker(name), coordinates)
        found += [Feature(1 + channel) for channel in self._channels(tail, coordinates)]
        return tuple(found), ages, coordinates

    def _waves(self, node: Any, coordinates: str) -> list[Feature]:
        """The features of u and v in one input of their concatenation."""
        kind = {"Slice": 0, "Sin": 1, "Cos": 2}.get("" if node is None else node.op_type)
        if kind is None:
            raise NotFusable("a coordinate is neither a plane nor a wave of it")
        if kind == 0:
            return [Feature(1 + channel, gated=True) for channel in self._channels(node, coordinates)]
        angles = self._maker(node.input[0])
        parts = [node.input[0]] if angles.op_type == "Mul" else list(angles.input)
        found = []
        for part in parts:
            times = self._maker(part)
            if times is None or times.op_type != "Mul" or times.input[1] not in self._numbers:
                raise NotFusable("an angle is not a coordinate times a number")
            factor = float(self._numbers[times.input[1]])
            channels = self._channels(self._maker(times.input[0]), coordinates)
            found += [Feature(1 + channel, kind, factor, gated=True) for channel in channels]
        return found

    def _channels(self, node: Any, coordinates: str) -> list[int]:
        """The channels of the coordinates that a slice selects."""
        if node is None or node.op_type != "Slice" or node.input[0] != coordinates:
            raise NotFusable("a plane is not cut out of the coordinates")
        start, stop, axes = ([*self._numbers[name]] for name in node.input[1:4])
        if axes != [1]:
            raise NotFusable("a plane is cut along other axes than its own")
        return list(range(start[0], stop[0]))

    def _modulation(self, product: Any, hidden: str) -> tuple[Modulation, str, str] | None:
        """The SPADE layer of a product with its scale; None if the product is none.

        Also returns the name of the modulated value and of the output after ReLU.
        """
        makers = [self._maker(name) for name in product.input]
        sides = [i for i, node in enumerate(makers) if self._reads(node, hidden)]
        if len(sides) != 1:
            return None
        scale = makers[sides[0]]
        cut = self._maker(scale.input[0])
        total = self._the(self._readers(product.output[0], "Add"), "the shift of a SPADE")
        (other,) = [name for name in total.input if self._source(name) != product.output[0]]
        shift = self._maker(other)
        if not self._reads(shift, hidden) or self._maker(shift.input[0]) is not cut:
            raise NotFusable("scale and shift read other hidden channels")
        relu = self._the(self._readers(total.output[0], "Relu"), "the ReLU of a SPADE")
        starts, stops, axes = ([*self._numbers[name]] for name in cut.input[1:4])
        at = dict(zip(axes, starts, strict=True))
        crop = at.get(2, 0)
        if at.get(3, 0) != crop or 1 not in at:
            raise NotFusable("hidden channels are not cut alike on all sides")
        modulation = Modulation(
            at[1], dict(zip(axes, stops, strict=True))[1], crop, _constants(scale), _constants(shift)
        )
        return modulation, self._source(product.input[1 - sides[0]]), relu.output[0]

    def _reads(self, node: Any, hidden: str) -> bool:
        """Whether a node is a 1x1 convolution of a range of the hidden channels."""
        if node is None or node.op_type != "Conv" or _attribute(node, "kernel_shape") != [1, 1]:
            return False
        cut = self._maker(node.input[0])
        return cut is not None and cut.op_type == "Slice" and self._source(cut.input[0]) == hidden

    def _convolution(self, activated: str) -> TrunkConvolution:
        """The convolution after a SPADE layer, and the sum after it."""
        activated, input_scale = self._quantised(activated)
        node = self._the(self._readers(activated, "Conv"), "the convolution after a SPADE")
        shape = tuple(_attribute(node, name) for name in ("kernel_shape", "pads", "strides"))
        if shape != ([3, 3], [0, 0, 0, 0], [1, 1]):
            raise NotFusable("a convolution of its trunk is not 3x3 without padding")
        made, eight = node.output[0], None
        if input_scale:
            weight = self._maker(node.input[1])
            if weight is None or weight.op_type != "DequantizeLinear":
                raise NotFusable("a convolution of its trunk has a quantised input, but not such weights")
            eight = EightBit(input_scale, *weight.input[:2])
        for total in self._readers(made, "Add"):
            (other,) = [name for name in total.input if self._source(name) != made]
            cut = self._maker(other)
            if cut is not None and cut.op_type == "Slice":
                starts = [*self._numbers[cut.input[1]]]
                return TrunkConvolution(
                    _constants(node), total.output[0], self._source(cut.input[0]), starts[0], eight
                )
        return TrunkConvolution(_constants(node), made, eight=eight)

    def _quantised(self, activated: str) -> tuple[str, str]:
        """The value after a pair of quantising operators that reads another, and their scale; else itself."""
        down = self._readers(activated, "QuantizeLinear")
        if not down:
            return activated, ""
        up = self._the(self._readers(down[0].output[0], "DequantizeLinear"), "the reader of a value's codes")
        return up.output[0], down[0].input[1]


def _constants(node: Any) -> tuple[str, str]:
    if len(node.input) != 3:
        raise NotFusable("a convolution has no bias")
    return node.input[1], node.input[2]


def _attribute(node: Any, name: str) -> list[int]:
    return [int(v) for a in node.attribute if a.name == name for v in a.ints]
