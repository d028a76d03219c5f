"""The generator's weights as the extension `_avx2` reads them, found in the graph of its ONNX file.

Only graphs that are exactly those of `amgan export` are accepted: every operator between the first
convolution and the heads is followed and checked.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..machine import load_extension
from .compiled_cache import kept_or_made
from .graph_search import OtherGraphError, constant, only, other_input, reader, readers
from .openvino_cells import CHANNELS, GROUP_PX, PIXELS
from .openvino_cut import Conditioning, find_atlas, find_conditioning, find_stem, over_cells

FORMAT = 1
"""The version of `GeneratorWeights.to_bytes`."""
_LANES = 8
_SEEN = 48  # channels of a cell, with padding
_Array = NDArray[np.float32]
_Convolution = tuple[_Array, _Array]


@dataclass(frozen=True, eq=False)
class GeneratorWeights:
    """A generator for the extension `_avx2`.

    ``table`` is int32 [n, 3], taps, inputs and outputs of its convolutions, ``packed`` their weights and
    biases, float32 [m]; ``fine`` and ``coarse`` are the atlas, float32 [rows + 1, columns + 1, 4], the last
    row and column repeated; ``gain`` [K, 8] and ``bias`` [8] give the gains of its channels for a pattern;
    ``span`` is the number of units of its years in a year.
    """

    table: NDArray[np.int32]
    packed: _Array
    fine: _Array
    coarse: _Array
    gain: _Array
    bias: _Array
    span: float

    @property
    def halo_px(self) -> int:
        """The border of a tile that its core lacks, px."""
        layers = int((self.table[:, 0] == 3).sum())
        return 4 * (layers + 3)

    def gains(self, pattern: _Array) -> _Array:
        """The gains of the atlas for a pattern [K], float32 [8]; added in its order, as libamgan does."""
        gains = self.bias.copy()
        for weight, one in zip(pattern, self.gain, strict=True):
            gains += weight * one
        return gains

    def are_computed(self) -> bool:
        """Whether the extension computes this generator: not with too many layers or channels."""
        side = 2 * self.halo_px + GROUP_PX**2
        try:
            return bool(extension().count_floats(self.table, self.packed, side, side, 1))
        except ValueError:
            return False

    def to_bytes(self) -> bytes:
        """All parts as .npy files, one after the other."""
        stream = io.BytesIO()
        parts = (self.table, self.packed, self.fine, self.coarse, self.gain, self.bias, np.float64(self.span))
        for one in parts:
            np.save(stream, one, allow_pickle=False)
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> GeneratorWeights:
        """The parts that `to_bytes` gave; raises ValueError or EOFError for other content."""
        stream = io.BytesIO(content)
        parts = [np.load(stream, allow_pickle=False) for _ in range(7)]
        table, packed, fine, coarse, gain, bias, span = parts
        return cls(table, packed, fine, coarse, gain, bias, float(span))


def extension() -> Any:
    """The module `_avx2`; None if it is not available."""
    return load_extension(f"{__package__}._avx2")


def read_weights(openvino: Any, file: Path, digest: str | None = None) -> GeneratorWeights | None:
    """The weights in a generator's file; None if its graph differs, or if the extension is not available.

    They are cached as compiled networks are; ``digest`` is the SHA-256 of the file in hex if it is known.
    """
    if extension() is None:
        return None
    make = partial(_find_weights, openvino, file)
    return kept_or_made(openvino, file, digest, {"avx2": FORMAT}, GeneratorWeights, make)


def _find_weights(openvino: Any, file: Path) -> GeneratorWeights | None:
    """`read_weights`, without the cache."""
    try:
        return find_weights(openvino.Core().read_model(file))
    except (RuntimeError, ValueError, OtherGraphError):
        return None


def find_weights(model: Any) -> GeneratorWeights:
    """The weights of a generator, an openvino.Model; raises OtherGraphError for another graph."""
    atlas = find_atlas(model)
    table, packed = [], []
    for weights, bias in _convolutions(model):
        outputs, inputs, taps = weights.shape[:3]
        if outputs % _LANES or inputs % _LANES:
            raise OtherGraphError(f"a convolution has {inputs} inputs and {outputs} outputs")
        points = {1: 1, 2: 16, 3: 36}[taps]
        one = np.empty(points * inputs * outputs, np.float32)
        extension().pack(np.ascontiguousarray(weights).reshape(outputs, -1), taps, one)
        table.append((taps, inputs, outputs))
        packed += [one, bias]
    return GeneratorWeights(
        np.array(table, np.int32),
        np.concatenate(packed, dtype=np.float32),
        _as_texels(atlas.fine),
        _as_texels(atlas.coarse),
        atlas.gain,
        atlas.bias,
        atlas.span,
    )


def _as_texels(texture: _Array) -> _Array:
    """Convert a texture [1, 4, rows, columns] to [rows + 1, columns + 1, 4]; edges repeat."""
    return np.pad(texture[0].transpose(1, 2, 0), ((0, 1), (0, 1), (0, 0)), mode="edge")


def _convolutions(model: Any) -> Iterator[_Convolution]:
    """Weights and biases of all convolutions, in the order of `read_generator` of _generator.h."""
    stem, conditioning = find_stem(model), find_conditioning(model)
    seen = over_cells(stem.weights)
    padding = ((0, 0), (0, _SEEN - PIXELS * CHANNELS), (0, 0), (0, 0))
    yield np.pad(seen, padding), stem.bias
    fine = reader(stem.sum, "Relu")
    node, down1 = _convolution_after(fine, 2)
    yield down1
    middle = reader(node, "Relu")
    x, down2 = _convolution_after(middle, 4, stride=2)
    yield over_cells(down2[0]), down2[1]
    layers = 0
    while _modulation(x) is not None:
        before = x
        for _ in range(2):
            x, convolutions = _layer(x, conditioning, layers)
            yield from convolutions
            layers += 1
        total = reader(x, "Add")
        _require_crop(other_input(total, x).get_node(), before, 2)
        x = total
    yield from _ends(x, fine, middle, layers)


def _ends(x: Any, fine: Any, middle: Any, layers: int) -> Iterator[_Convolution]:
    """The convolutions after the ``layers`` of SPADE."""
    node, up1 = _convolution_after(reader(x, "Relu"), 2)
    yield up1
    pixels = reader(node, "DepthToSpace")
    how = pixels.get_attributes()
    if (how["mode"], how["block_size"]) != ("blocks_first", GROUP_PX):
        raise OtherGraphError("pixels are ordered otherwise")
    node, up2 = _convolution_after(_skipped(pixels, middle, 2 * layers + 2), 2)
    yield up2
    node, heads = _convolution_after(_skipped(node, fine, 2 * layers + 3), 2)
    only(one for one in readers(node) if one.get_type_name() == "Tanh")
    yield heads


def _skipped(x: Any, other: Any, margin: int) -> Any:
    """The ReLU of the sum of a node and of another one without a margin."""
    total = reader(x, "Add")
    _require_crop(other_input(total, x).get_node(), other, margin)
    return reader(total, "Relu")


def _modulation(x: Any) -> Any:
    """The product of SPADE that reads a node; None if there is none."""
    found = [one for one in readers(x) if one.get_type_name() == "Multiply"]
    return only(found)[0] if found else None


def _layer(x: Any, conditioning: Conditioning, number: int) -> tuple[Any, list[_Convolution]]:
    """The output of a layer of SPADE, and its convolutions: hidden, scale, shift, and what follows."""
    product = _modulation(x)
    if product is None:
        raise OtherGraphError("a block has one layer of SPADE")
    scale, total = other_input(product, x).get_node(), reader(product, "Add")
    shift = other_input(total, product).get_node()
    hidden, scale_weights = _read_convolution(scale)
    same, shift_weights = _read_convolution(shift)
    (found,) = only(one for one in conditioning.slices if _is(one[0], hidden))
    _, start, stop, margin = found
    if margin != number or not _is(same, hidden):
        raise OtherGraphError("a layer of SPADE reads other channels")
    weights = conditioning.all_weights[start:stop, :, None, None], conditioning.bias[start:stop]
    made, after = _convolution_after(reader(total, "Relu"), 3)
    return made, [weights, scale_weights, shift_weights, after]


def _convolution_after(x: Any, taps: int, stride: int = 1) -> tuple[Any, _Convolution]:
    """The convolution that reads a node: the addition of its bias, its weights and its bias."""
    total = reader(reader(x, "Convolution"), "Add")
    _, made = _read_convolution(total, stride)
    if made[0].shape[2:] != (taps, taps):
        raise OtherGraphError(f"a convolution is not one of {taps} x {taps}")
    return total, made


def _read_convolution(total: Any, stride: int = 1) -> tuple[Any, _Convolution]:
    """A convolution by the addition of its bias: the node that it reads, its weights and its bias."""
    (node,) = only(
        one.get_node() for one in total.input_values() if one.get_node().get_type_name() == "Convolution"
    )
    how = node.get_attributes()
    plain = list(how["strides"]) == [stride] * 2 and list(how["dilations"]) == [1, 1]
    if not plain or any(how["pads_begin"]) or any(how["pads_end"]):
        raise OtherGraphError("a convolution has another stride, or padding")
    weights, bias = constant(node.input_value(1)), constant(other_input(total, node)).ravel()
    if len(bias) != len(weights):
        raise OtherGraphError("a bias has another length")
    return node.input_value(0).get_node(), (weights, bias)


def _require_crop(node: Any, source: Any, margin: int) -> None:
    """Raise OtherGraphError unless ``node`` is ``source`` without ``margin`` rows and columns on a side."""
    if node.get_type_name() != "Slice" or not _is(node.input_value(0).get_node(), source):
        raise OtherGraphError("what is added is not a part of what it should be")
    starts, stops, axes = (constant(node.input_value(i)).astype(int).tolist() for i in (1, 2, 4))
    if (axes, starts, stops) != ([2, 3], [margin] * 2, [-margin] * 2):
        raise OtherGraphError("a part has other edges")


def _is(node: Any, other: Any) -> bool:
    return bool(node.get_friendly_name() == other.get_friendly_name())
