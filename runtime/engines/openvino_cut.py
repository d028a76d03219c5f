"""Removes the parts of a generator that `openvino_cells.py` computes, for OpenVINO.

The rest has the inputs of the first convolutions instead of those of the engine, and the outputs of the
heads. A slice of SPADE's hidden channels becomes a separate convolution over a slice of the planes, with
fewer channels; the pattern's contribution is a constant plane of each. Only networks whose ends are exactly
those that `amgan export` writes are cut.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files import file_sha256
from .compiled_cache import entry_path, read_entry, write_entry
from .openvino_cells import (
    CELLS_FORMAT,
    CHANNELS,
    CONDITIONS,
    GROUP_PX,
    HEADS,
    MOST_CONDITIONS,
    PIXELS,
    PLANES,
    SAMPLED,
    SEEN,
    PixelCells,
    as_texels,
    can_cut,
)

_REACH = 4  # px that the first convolution reads across
_WAVES = (1.0, 2.0, 4.0, 8.0, 16.0)
_Array = NDArray[np.float32]


def read_cells(openvino: Any, file: Path, digest: str | None = None) -> PixelCells | None:
    """The parts of a generator's file that `without_pixels` removes.

    None if its ends differ, if it cannot be read, or if the extension is not available. They are cached as
    compiled networks are; ``digest`` is the SHA-256 of the file in hex if it is known.
    """
    if not can_cut():
        return None
    try:
        path = entry_path(openvino, digest or file_sha256(file), {"cells": CELLS_FORMAT})
    except OSError:
        return None
    kept = None if path is None else read_entry(path)
    if kept is not None:
        return PixelCells.from_bytes(kept)
    found = _read_ends(openvino, file)
    if found is not None and path is not None:
        write_entry(path, found.to_bytes())
    return found


def _read_ends(openvino: Any, file: Path) -> PixelCells | None:
    """`read_cells`, without the cache."""
    try:
        model = openvino.Core().read_model(file)
        _find_stem(model), _find_conditioning(model)
        return _find_atlas(model)
    except (RuntimeError, _OtherEndsError):
        return None


def without_pixels(openvino: Any, model: Any) -> Any:
    """Cut a generator, an openvino.Model that `read_cells` accepts; raises RuntimeError."""
    try:
        stem, conditioning = _find_stem(model), _find_conditioning(model)
        (tanh,) = _all_of(model, "Tanh")
    except (ValueError, _OtherEndsError) as error:
        raise RuntimeError(f"the generator has other ends than before: {error}") from error
    seen, planes = stem.replace(openvino), conditioning.replace(openvino)
    # OpenVINO brings fp32 into the order of an output number by number, bf16 in vectors.
    opset = openvino.opset13
    return openvino.Model([opset.result(opset.convert(tanh.output(0), "bf16"))], [seen, planes])


class _OtherEndsError(Exception):
    """The network cannot be cut."""


@dataclass(frozen=True, eq=False)
class _Stem:
    """The first convolution: the operator and the addition of its bias, and both as arrays."""

    node: Any
    sum: Any
    weights: _Array
    bias: _Array

    def replace(self, openvino: Any) -> Any:
        """Replace it by a convolution over cells; returns its input of PIXELS * CHANNELS planes."""
        opset, outputs, shape = openvino.opset13, len(self.weights), self.node.input(0).get_partial_shape()
        cells = [_part(openvino, side, lambda n: -(-n // GROUP_PX)) for side in (shape[2], shape[3])]
        seen = _input(openvino, SEEN, [shape[0], PIXELS * CHANNELS, *cells])
        # A 4 x 4 convolution of stride 2 over pixels is one of 2 x 2 over cells.
        split = self.weights.reshape(outputs, CHANNELS, *(GROUP_PX,) * 4).transpose(0, 3, 5, 1, 2, 4)
        weights = np.ascontiguousarray(split).reshape(outputs, -1, GROUP_PX, GROUP_PX)
        made = _convolution(opset, opset.convert(seen, "f32"), weights, self.bias)
        self.sum.output(0).replace(made.output(0))
        return seen


@dataclass(frozen=True, eq=False)
class _Conditioning:
    """The convolution of all of SPADE's hidden channels, its weights, and the slices of its result.

    ``slices`` are operators with the first and the last channel, and the rows and columns that they cut off.
    """

    node: Any
    weights: _Array
    pattern: _Array
    bias: _Array
    slices: tuple[tuple[Any, int, int, int], ...]

    def replace(self, openvino: Any) -> Any:
        """Replace each slice by a convolution; returns their input of MOST_CONDITIONS planes."""
        opset, shape = openvino.opset13, self.node.input(0).get_partial_shape()
        planes = _input(openvino, PLANES, [shape[0], MOST_CONDITIONS, shape[2], shape[3]])
        wide, weights = (
            opset.convert(planes, "f32"),
            np.zeros((len(self.weights), MOST_CONDITIONS), np.float32),
        )
        weights[:, : CONDITIONS + len(self.pattern)] = np.concatenate([self.weights, self.pattern.T], axis=1)
        for node, start, stop, margin in self.slices:
            given = wide
            if margin:
                ends = [margin] * 2, [-margin] * 2, [1, 1], [2, 3]
                given = opset.slice(wide, *(np.array(one, np.int64) for one in ends))
            mine = weights[start:stop, :, None, None]
            made = opset.relu(_convolution(opset, given, mine, self.bias[start:stop]))
            node.output(0).replace(made.output(0))
        return planes


def _find_stem(model: Any) -> _Stem:
    (node,) = _only(
        one for one in _all_of(model, "Convolution") if _sides(one, 1)[1:] == (CHANNELS, _REACH, _REACH)
    )
    if list(node.get_attributes()["strides"]) != [GROUP_PX, GROUP_PX]:
        raise _OtherEndsError("the first convolution has another stride")
    total = _reader(node, "Add")
    return _Stem(node, total, _constant(node.input_value(1)), _constant(_other_input(total, node)).ravel())


def _find_conditioning(model: Any) -> _Conditioning:
    (product,) = _only(one for one in _all_of(model, "MatMul") if _last_side(one) != SAMPLED)
    both = _reader(_reader(product, "Unsqueeze"), "Add")
    total = _other_input(both, _reader(product, "Unsqueeze")).get_node()
    (node,) = _only(
        one.get_node() for one in total.input_values() if one.get_node().get_type_name() == "Convolution"
    )
    weights, pattern = _constant(node.input_value(1)), _constant(product.input_value(1))
    hidden = len(weights)
    if weights.shape != (hidden, CONDITIONS, 1, 1) or pattern.shape[1:] != (hidden,):
        raise _OtherEndsError("the conditioning has other planes")
    if len(pattern) > MOST_CONDITIONS - CONDITIONS:
        raise _OtherEndsError("there are too many patterns")
    (sine,) = _only(_all_of(model, "Sin"))
    waves = [
        _constant(_one_constant(one.get_node())) / math.pi
        for one in sine.input_value(0).get_node().input_values()
    ]
    if not np.allclose(np.ravel(waves), _WAVES):
        raise _OtherEndsError("positions have other waves")
    slices = tuple(_read_slice(one, hidden) for one in _readers(_reader(both, "Relu")))
    bias = _constant(_other_input(total, node)).ravel()
    return _Conditioning(node, weights[:, :, 0, 0], pattern, bias, slices)


def _find_atlas(model: Any) -> PixelCells:
    samples = _all_of(model, "GridSample")
    if len(samples) != 2:
        raise _OtherEndsError("there is no atlas of two textures")
    fine, coarse = (_constant(one.input_value(0)) for one in samples)
    (product,) = _only(one for one in _all_of(model, "MatMul") if _last_side(one) == SAMPLED)
    gain = _constant(product.input_value(1))
    bias = _constant(_other_input(_reader(product, "Add"), product)).ravel()
    (years,) = _only(one for one in model.get_parameters() if "aging_map" in one.output(0).get_names())
    span = _constant(_other_input(_reader(years, "Multiply"), years))
    (heads,) = _only(_all_of(model, "Tanh"))
    fits = (
        all(one.ndim == 4 and one.shape[:2] == (1, SAMPLED // 2) for one in (fine, coarse))
        and fine.size > coarse.size
        and gain.shape[1:] == bias.shape == (SAMPLED,)
        and span.size == 1
        and heads.output(0).get_partial_shape()[1] == HEADS
    )
    if not fits:
        raise _OtherEndsError("the atlas or the heads have other sizes")
    return PixelCells(as_texels(fine), as_texels(coarse), gain, bias, float(span.ravel()[0]))


def _read_slice(node: Any, channels: int) -> tuple[Any, int, int, int]:
    """A slice of channels and of as many rows and columns on every side; see _Conditioning."""
    if node.get_type_name() != "Slice":
        raise _OtherEndsError("the hidden channels are not only sliced")
    starts, stops, axes = (_constant(node.input_value(i)).astype(int).tolist() for i in (1, 2, 4))
    margin = starts[1] if len(starts) > 1 else 0
    if (axes, starts[1:], stops[1:]) not in (([1], [], []), ([1, 2, 3], [margin] * 2, [-margin] * 2)):
        raise _OtherEndsError("the hidden channels are sliced otherwise")
    if not 0 <= starts[0] < stops[0] <= channels:
        raise _OtherEndsError("a slice has other channels")
    return node, starts[0], stops[0], margin


def _input(openvino: Any, name: str, shape: list[Any]) -> Any:
    made = openvino.opset13.parameter(openvino.PartialShape(shape), openvino.Type.bf16, name=name)
    made.output(0).set_names({name})
    return made


def _part(openvino: Any, side: Any, of: Any) -> Any:
    """A side of another length, dynamic if the first one is."""
    return openvino.Dimension(of(side.get_min_length()), -1) if side.is_dynamic else of(side.get_length())


def _convolution(opset: Any, x: Any, weights: _Array, bias: _Array) -> Any:
    made = opset.convolution(x, np.ascontiguousarray(weights), [1, 1], [0, 0], [0, 0], [1, 1])
    return opset.add(made, bias.reshape(1, -1, 1, 1))


def _all_of(model: Any, kind: str) -> list[Any]:
    return [one for one in model.get_ordered_ops() if one.get_type_name() == kind]


def _only(nodes: Any) -> list[Any]:
    """A list of one; raises _OtherEndsError."""
    found = list(nodes)
    if len(found) != 1:
        raise _OtherEndsError(f"{len(found)} operators are like one")
    return found


def _readers(node: Any) -> list[Any]:
    return [one.get_node() for one in node.output(0).get_target_inputs()]


def _reader(node: Any, kind: str) -> Any:
    """The only operator of a kind that reads a node; raises _OtherEndsError."""
    return _only(one for one in _readers(node) if one.get_type_name() == kind)[0]


def _other_input(node: Any, than: Any) -> Any:
    """The input of a binary operator that is not the output of ``than``."""
    name = than.get_friendly_name()
    return _only(one for one in node.input_values() if one.get_node().get_friendly_name() != name)[0]


def _one_constant(node: Any) -> Any:
    """The input of an operator that is a constant."""
    return _only(one for one in node.input_values() if one.get_node().get_type_name() == "Constant")[0]


def _sides(node: Any, number: int) -> tuple[int, ...]:
    return tuple(node.input(number).get_shape())


def _last_side(node: Any) -> Any:
    return list(node.output(0).get_partial_shape())[-1]


def _constant(value: Any) -> _Array:
    """The constant that a value is, or is a reshaped or repeated copy of; raises _OtherEndsError."""
    node = value.get_node()
    while node.get_type_name() in ("Reshape", "Broadcast", "Multiply", "Convert"):
        sources = [one.get_node() for one in node.input_values()]
        node = next((one for one in sources if one.get_element_type().is_real()), sources[0])
    if node.get_type_name() != "Constant":
        raise _OtherEndsError(f"{node.get_friendly_name()} is not a constant")
    return np.array(node.get_data(), np.float32)
