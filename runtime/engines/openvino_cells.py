"""The CPU engine's own way to the generator's first convolution, and from its heads to pixels.

OpenVINO needs a third of a tile's time for what is no convolution: a pass over memory for every operator that
converts, transposes, interpolates, samples the atlas, joins and blends. A small C extension (`_cells.c`) does
all of that in two passes. The network is cut there: it gets the input of its first convolution, in cells of 2
x 2 px, instead of the picture, and gives what its heads give. Only networks whose ends are exactly those that
`amgan export` writes are cut.
"""

from __future__ import annotations

import functools
import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .contract import CELL_PX, TileBatch

SEEN = "seen"
"""Name of the cut network's input that replaces ``image``."""
GROUP_PX = 2  # px of a cell at full resolution
_PIXELS = GROUP_PX**2
_COLOURS, _SAMPLED = 3, 8
_CHANNELS = _COLOURS + _SAMPLED
HEADS = 2 * _PIXELS * _COLOURS
_REACH = 4  # px that the first convolution reads across


@dataclass(frozen=True, eq=False)
class PixelCells:
    """What was cut off a network: textures of the atlas as bf16, [rows + 1, columns + 1, 4], and its gains.

    ``gain`` float32 [K, 8] and ``bias`` [8] give the channels' gains for a pattern; ``span`` is the number of
    units of the atlas's years in a year.
    """

    fine: NDArray[np.uint16]
    coarse: NDArray[np.uint16]
    gain: NDArray[np.float32]
    bias: NDArray[np.float32]
    span: float

    def gather(self, batch: TileBatch) -> NDArray[np.uint16]:
        """The cut network's input ``seen`` for a batch: bf16 as uint16 [N, 44, H/2 - 4, W/2 - 4]."""
        n, height, width = batch.image.shape[:3]
        down, across = ((side - 2 * CELL_PX) // GROUP_PX for side in (height, width))
        seen = np.empty((n, _PIXELS * _CHANNELS, down, across), np.uint16)
        gains = batch.pattern @ self.gain + self.bias
        for i in range(n):
            u, v = batch.coordinates[i, :2]
            spans = batch.aging_map[i, 0] * np.float32(self.span)
            out = seen[i].reshape(len(seen[i]), -1)
            _extension().gather(batch.image[i], u, v, spans, self.fine, self.coarse, gains[i], out)
        return seen

    def blend(self, batch: TileBatch, change: NDArray[np.float32]) -> NDArray[np.uint8]:
        """The aged cores, uint8 [N, h, w, 3], for the cut network's output, float32 [N, 24, h/2, w/2]."""
        n, down, across = change.shape[0], *change.shape[2:]
        height, width = GROUP_PX * down, GROUP_PX * across
        top, left = (batch.image.shape[1] - height) // 2, (batch.image.shape[2] - width) // 2
        aged = np.empty((n, height, width, _COLOURS), np.uint8)
        for i in range(n):
            core = batch.image[i, top : top + height, left : left + width]
            _extension().blend(core, change[i].reshape(HEADS, -1), aged[i])
        return aged


def read_cells(openvino: Any, file: Path) -> PixelCells | None:
    """What `without_pixels` cuts off a generator's file.

    None if its ends are others, if it cannot be read, or if the extension cannot be used here.
    """
    if not can_cut():
        return None
    try:
        ends = _find_ends(openvino.Core().read_model(file))
    except RuntimeError:
        return None
    return None if ends is None else ends.cells()


def without_pixels(openvino: Any, model: Any) -> Any:
    """Cut a generator, an openvino.Model of which `read_cells` has found the ends; raises RuntimeError."""
    ends = _find_ends(model)
    if ends is None:
        raise RuntimeError("the generator has other ends than before")
    return ends.cut(openvino)


def can_cut() -> bool:
    """Whether the extension was built and this CPU has what it needs."""
    try:
        return bool(_extension().usable())
    except ImportError:
        return False


@dataclass(frozen=True, eq=False)
class _Ends:
    """The operators of a generator at which it is cut, and the constants of what is cut off."""

    model: Any
    stem: Any
    stem_sum: Any
    tanh: Any
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    textures: tuple[NDArray[np.float32], ...]
    gain: NDArray[np.float32]
    gain_bias: NDArray[np.float32]
    span: float

    def cells(self) -> PixelCells:
        """The constants in the layout of the extension."""
        fine, coarse = (_as_texels(one) for one in self.textures)
        return PixelCells(fine, coarse, self.gain, self.gain_bias, self.span)

    def cut(self, openvino: Any) -> Any:
        """The network between the ends, as another openvino.Model."""
        opset, outputs = openvino.opset13, len(self.weights)
        shape = self.stem.input(0).get_partial_shape()
        cells = [
            openvino.Dimension(-(-side.get_min_length() // GROUP_PX), -1)
            if side.is_dynamic
            else side.get_length() // GROUP_PX
            for side in (shape[2], shape[3])
        ]
        seen = opset.parameter(
            openvino.PartialShape([shape[0], _PIXELS * _CHANNELS, *cells]), openvino.Type.bf16, name=SEEN
        )
        seen.output(0).set_names({SEEN})
        # A 4 x 4 convolution of stride 2 over pixels is one of 2 x 2 over cells.
        split = self.weights.reshape(outputs, _CHANNELS, GROUP_PX, GROUP_PX, GROUP_PX, GROUP_PX)
        weights = np.ascontiguousarray(split.transpose(0, 3, 5, 1, 2, 4)).reshape(
            outputs, -1, GROUP_PX, GROUP_PX
        )
        made = opset.convolution(opset.convert(seen, "f32"), weights, [1, 1], [0, 0], [0, 0], [1, 1])
        self.stem_sum.output(0).replace(opset.add(made, self.bias.reshape(1, -1, 1, 1)).output(0))
        change = opset.result(self.tanh.output(0))
        kept = [one for one in self.model.get_parameters() if "image" not in one.output(0).get_names()]
        return openvino.Model([change], [seen, *kept])


def _find_ends(model: Any) -> _Ends | None:
    """The ends of a generator as `amgan export` writes them; None for any other."""
    nodes = model.get_ordered_ops()
    by_kind: dict[str, list[Any]] = {}
    for node in nodes:
        by_kind.setdefault(node.get_type_name(), []).append(node)
    try:
        (tanh,), samples = by_kind["Tanh"], by_kind["GridSample"]
        textures = tuple(_constant_behind(one.input_value(0)) for one in samples)
        (stem,) = (
            one for one in by_kind["Convolution"]
            if tuple(one.input(1).get_shape())[1:] == (_CHANNELS, _REACH, _REACH)
        )  # fmt: skip
        stem_sum, weights = _reader(stem, "Add"), _constant_behind(stem.input_value(1))
        bias = _constant_behind(_other_input(stem_sum, stem))
        (product,) = (
            one for one in by_kind["MatMul"] if tuple(one.output(0).get_partial_shape())[-1] == _SAMPLED
        )
        gain_sum = _reader(product, "Add")
        gain, gain_bias = (
            _constant_behind(product.input_value(1)),
            _constant_behind(_other_input(gain_sum, product)),
        )
        years = next(one for one in model.get_parameters() if "aging_map" in one.output(0).get_names())
        times = _reader(years, "Multiply")
        span = _constant_behind(_other_input(times, years))
        heads = tanh.output(0).get_partial_shape()
    except (KeyError, ValueError, StopIteration):
        return None
    fits = (
        len(textures) == 2
        and all(one.ndim == 4 and one.shape[:2] == (1, _SAMPLED // 2) for one in textures)
        and np.prod(textures[0].shape) > np.prod(textures[1].shape)
        and list(stem.get_attributes()["strides"]) == [GROUP_PX, GROUP_PX]
        and gain.shape[-1:] == (_SAMPLED,)
        and gain_bias.size == _SAMPLED
        and span.size == 1
        and len(heads) == 4
        and heads[1] == HEADS
    )
    if not fits:
        return None
    constants = (weights, bias.ravel(), textures, gain, gain_bias.ravel(), float(span.ravel()[0]))
    return _Ends(model, stem, stem_sum, tanh, *constants)


def _reader(node: Any, kind: str) -> Any:
    """The only operator of a kind that reads a node; raises ValueError."""
    readers = [one.get_node() for one in node.output(0).get_target_inputs()]
    (found,) = (one for one in readers if one.get_type_name() == kind)
    return found


def _other_input(node: Any, than: Any) -> Any:
    """The input of a binary operator that is not the output of ``than``."""
    name = than.get_friendly_name()
    return next(one for one in node.input_values() if one.get_node().get_friendly_name() != name)


def _constant_behind(value: Any) -> NDArray[np.float32]:
    """The constant that a value is, or is a reshaped or repeated copy of; raises ValueError."""
    node = value.get_node()
    while node.get_type_name() in ("Reshape", "Broadcast", "Multiply", "Convert"):
        sources = [one.get_node() for one in node.input_values()]
        node = next((one for one in sources if one.get_element_type().is_real()), sources[0])
    if node.get_type_name() != "Constant":
        raise ValueError(f"{node.get_friendly_name()} is not a constant")
    return np.array(node.get_data(), np.float32)


def _as_texels(texture: NDArray[np.float32]) -> NDArray[np.uint16]:
    """A texture, float32 [1, 4, rows, columns], as bf16 [rows + 1, columns + 1, 4]; its ends are repeated."""
    texels = np.pad(texture[0].transpose(1, 2, 0), ((0, 1), (0, 1), (0, 0)), mode="edge")
    bits = np.ascontiguousarray(texels, np.float32).view(np.uint32)
    rounded: NDArray[np.uint16] = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return rounded


@functools.cache
def _extension() -> Any:
    return importlib.import_module("._cells", __package__)
