"""Removes the parts of a generator that `openvino_cells.py` computes, for OpenVINO.

The rest has the inputs of the first convolutions instead of those of the engine, and the outputs of the
heads. A slice of SPADE's hidden channels becomes a separate convolution over a slice of the planes, with
fewer channels; the pattern's contribution is a constant plane of each. Only networks whose ends are exactly
those that `amgan export` writes are cut.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .compiled_cache import kept_or_made
from .graph_search import (
    OtherGraphError,
    all_of,
    constant,
    last_side,
    one_constant,
    only,
    other_input,
    reader,
    readers,
    sides,
)
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
    make = partial(_read_ends, openvino, file)
    return kept_or_made(openvino, file, digest, {"cells": CELLS_FORMAT}, PixelCells, make)


def _read_ends(openvino: Any, file: Path) -> PixelCells | None:
    """`read_cells`, without the cache."""
    try:
        model = openvino.Core().read_model(file)
        find_stem(model), find_conditioning(model)
        return _as_cells(find_atlas(model))
    except (RuntimeError, OtherGraphError):
        return None


def without_pixels(openvino: Any, model: Any) -> Any:
    """Cut a generator, an openvino.Model that `read_cells` accepts; raises RuntimeError."""
    try:
        stem, conditioning = find_stem(model), find_conditioning(model)
        (tanh,) = all_of(model, "Tanh")
    except (ValueError, OtherGraphError) as error:
        raise RuntimeError(f"the generator has other ends than before: {error}") from error
    seen, planes = stem.replace(openvino), conditioning.replace(openvino)
    # OpenVINO brings fp32 into the order of an output number by number, bf16 in vectors.
    opset = openvino.opset13
    return openvino.Model([opset.result(opset.convert(tanh.output(0), "bf16"))], [seen, planes])


def over_cells(weights: _Array) -> _Array:
    """A 4 x 4 convolution of stride 2 over pixels as one of 2 x 2 over cells, pixel by pixel."""
    outputs, inputs = weights.shape[:2]
    split = weights.reshape(outputs, inputs, *(GROUP_PX,) * 4).transpose(0, 3, 5, 1, 2, 4)
    return np.ascontiguousarray(split).reshape(outputs, -1, GROUP_PX, GROUP_PX)


@dataclass(frozen=True, eq=False)
class Stem:
    """The first convolution: the operator and the addition of its bias, and both as arrays."""

    node: Any
    sum: Any
    weights: _Array
    bias: _Array

    def replace(self, openvino: Any) -> Any:
        """Replace it by a convolution over cells; returns its input of PIXELS * CHANNELS planes."""
        opset, shape = openvino.opset13, self.node.input(0).get_partial_shape()
        cells = [_part(openvino, side, lambda n: -(-n // GROUP_PX)) for side in (shape[2], shape[3])]
        seen = _input(openvino, SEEN, [shape[0], PIXELS * CHANNELS, *cells])
        weights = over_cells(self.weights)
        made = _convolution(opset, opset.convert(seen, "f32"), weights, self.bias)
        self.sum.output(0).replace(made.output(0))
        return seen


@dataclass(frozen=True, eq=False)
class Conditioning:
    """The convolution of all of SPADE's hidden channels, its weights, and the slices of its result.

    ``slices`` are operators with the first and the last channel, and the rows and columns that they cut off.
    """

    node: Any
    weights: _Array
    pattern: _Array
    bias: _Array
    slices: tuple[tuple[Any, int, int, int], ...]

    @property
    def all_weights(self) -> _Array:
        """The weights for planes, patterns and padding, float32 [hidden, MOST_CONDITIONS]."""
        weights = np.zeros((len(self.weights), MOST_CONDITIONS), np.float32)
        weights[:, : CONDITIONS + len(self.pattern)] = np.concatenate([self.weights, self.pattern.T], axis=1)
        return weights

    def replace(self, openvino: Any) -> Any:
        """Replace each slice by a convolution; returns their input of MOST_CONDITIONS planes."""
        opset, shape = openvino.opset13, self.node.input(0).get_partial_shape()
        planes = _input(openvino, PLANES, [shape[0], MOST_CONDITIONS, shape[2], shape[3]])
        wide, weights = opset.convert(planes, "f32"), self.all_weights
        for node, start, stop, margin in self.slices:
            given = wide
            if margin:
                ends = [margin] * 2, [-margin] * 2, [1, 1], [2, 3]
                given = opset.slice(wide, *(np.array(one, np.int64) for one in ends))
            mine = weights[start:stop, :, None, None]
            made = opset.relu(_convolution(opset, given, mine, self.bias[start:stop]))
            node.output(0).replace(made.output(0))
        return planes


def find_stem(model: Any) -> Stem:
    """The first convolution of a generator; raises OtherGraphError."""
    (node,) = only(
        one for one in all_of(model, "Convolution") if sides(one, 1)[1:] == (CHANNELS, _REACH, _REACH)
    )
    if list(node.get_attributes()["strides"]) != [GROUP_PX, GROUP_PX]:
        raise OtherGraphError("the first convolution has another stride")
    total = reader(node, "Add")
    return Stem(node, total, constant(node.input_value(1)), constant(other_input(total, node)).ravel())


def find_conditioning(model: Any) -> Conditioning:
    """The convolution of a generator's hidden channels; raises OtherGraphError."""
    (product,) = only(one for one in all_of(model, "MatMul") if last_side(one) != SAMPLED)
    both = reader(reader(product, "Unsqueeze"), "Add")
    total = other_input(both, reader(product, "Unsqueeze")).get_node()
    (node,) = only(
        one.get_node() for one in total.input_values() if one.get_node().get_type_name() == "Convolution"
    )
    weights, pattern = constant(node.input_value(1)), constant(product.input_value(1))
    hidden = len(weights)
    if weights.shape != (hidden, CONDITIONS, 1, 1) or pattern.shape[1:] != (hidden,):
        raise OtherGraphError("the conditioning has other planes")
    if len(pattern) > MOST_CONDITIONS - CONDITIONS:
        raise OtherGraphError("there are too many patterns")
    (sine,) = only(all_of(model, "Sin"))
    waves = [
        constant(one_constant(one.get_node())) / math.pi
        for one in sine.input_value(0).get_node().input_values()
    ]
    if not np.allclose(np.ravel(waves), _WAVES):
        raise OtherGraphError("positions have other waves")
    slices = tuple(_read_slice(one, hidden) for one in readers(reader(both, "Relu")))
    bias = constant(other_input(total, node)).ravel()
    return Conditioning(node, weights[:, :, 0, 0], pattern, bias, slices)


@dataclass(frozen=True, eq=False)
class Atlas:
    """The learnt atlas: its textures, float32 [1, 4, rows, columns], and the gains of PixelCells."""

    fine: _Array
    coarse: _Array
    gain: _Array
    bias: _Array
    span: float


def _as_cells(atlas: Atlas) -> PixelCells:
    return PixelCells(as_texels(atlas.fine), as_texels(atlas.coarse), atlas.gain, atlas.bias, atlas.span)


def find_atlas(model: Any) -> Atlas:
    """The atlas of a generator; raises OtherGraphError."""
    samples = all_of(model, "GridSample")
    if len(samples) != 2:
        raise OtherGraphError("there is no atlas of two textures")
    fine, coarse = (constant(one.input_value(0)) for one in samples)
    (product,) = only(one for one in all_of(model, "MatMul") if last_side(one) == SAMPLED)
    gain = constant(product.input_value(1))
    bias = constant(other_input(reader(product, "Add"), product)).ravel()
    (years,) = only(one for one in model.get_parameters() if "aging_map" in one.output(0).get_names())
    span = constant(other_input(reader(years, "Multiply"), years))
    (heads,) = only(all_of(model, "Tanh"))
    fits = (
        all(one.ndim == 4 and one.shape[:2] == (1, SAMPLED // 2) for one in (fine, coarse))
        and fine.size > coarse.size
        and gain.shape[1:] == bias.shape == (SAMPLED,)
        and span.size == 1
        and heads.output(0).get_partial_shape()[1] == HEADS
    )
    if not fits:
        raise OtherGraphError("the atlas or the heads have other sizes")
    return Atlas(fine, coarse, gain, bias, float(span.ravel()[0]))


def _read_slice(node: Any, channels: int) -> tuple[Any, int, int, int]:
    """A slice of channels and of as many rows and columns on every side; see Conditioning."""
    if node.get_type_name() != "Slice":
        raise OtherGraphError("the hidden channels are not only sliced")
    starts, stops, axes = (constant(node.input_value(i)).astype(int).tolist() for i in (1, 2, 4))
    margin = starts[1] if len(starts) > 1 else 0
    if (axes, starts[1:], stops[1:]) not in (([1], [], []), ([1, 2, 3], [margin] * 2, [-margin] * 2)):
        raise OtherGraphError("the hidden channels are sliced otherwise")
    if not 0 <= starts[0] < stops[0] <= channels:
        raise OtherGraphError("a slice has other channels")
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
