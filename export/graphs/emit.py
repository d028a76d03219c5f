"""Simplified networks to ONNX, node for node: nothing in the graph that the simplification did not leave.

torch.onnx.export would trace the same network, but reasons for minutes about the sizes of convolutions
without padding, and adds nodes of its own; parity checks hold both to the same pixels.
"""

from __future__ import annotations

import copy
import math

import onnx
import torch
from torch import nn

from amgan.networks.conditioning import AGE_SPAN_YEARS, WAVES
from amgan.networks.config import DOWNSAMPLING
from amgan.networks.discriminator import DOWNSAMPLING as DOWNSAMPLING_OF_AGES
from amgan.networks.discriminator import Discriminator
from amgan.runtime.ages.maps import NEUTRAL_AGE

from ..simplify.conditioning import SeparateConditioning
from ..simplify.convolutions import CroppedBlock, OneHead
from ..simplify.modulation import FoldedSpade, JoinedSpade
from ..simplify.network import ExportGenerator
from ..simplify.space_to_depth import PIXELS, UpsampleCells
from .writer import GraphWriter


def emit_generator(network: ExportGenerator) -> onnx.ModelProto:
    """The ONNX model of a generator that all passes have been through, in its own precision."""
    if not isinstance(network.planes, SeparateConditioning) or network.cell_px != PIXELS:
        raise ValueError("only a fully simplified generator can be written; run all passes first")
    assert isinstance(network.up1, UpsampleCells) and isinstance(network.up2, nn.Conv2d)
    g = GraphWriter()
    work = network.stem.weight.dtype
    hidden = _conditioning(g, network.planes, work)
    codes = g.cast("image", work)
    fine = g.node("Relu", g.convolution(g.node("Transpose", codes, perm=[0, 3, 1, 2]), network.stem))
    middle = g.node("Relu", g.convolution(fine, network.down1))
    x = g.convolution(middle, network.down2)
    for block in cropped_blocks(network):
        y = _modulated(g, x, hidden, block.spade1, block.conv1)
        y = _modulated(g, y, hidden, block.spade2, block.conv2)
        x = g.node("Add", g.crop(x, 2), y)
    cells = g.convolution(g.node("Relu", x), network.up1.convolution)
    x = g.node("DepthToSpace", cells, blocksize=PIXELS, mode="DCR")
    x = g.node("Relu", g.node("Add", x, g.crop(middle, network.skip_margin("middle"))))
    x = g.convolution(x, network.up2)
    x = g.node("Relu", g.node("Add", x, g.crop(fine, network.skip_margin("fine"))))
    _blend(g, codes, x, network, work)
    halo = 2 * network.halo_px
    return g.model(
        {
            "image": (torch.uint8, ["N", "H", "W", 3]),
            "aging_map": (torch.float32, ["N", 1, "H/4", "W/4"]),
            "origin": (torch.float32, ["N", 3]),
        },
        {"aged": (torch.uint8, ["N", f"H-{halo}", f"W-{halo}", 3])},
    )


def emit_estimator(discriminator: Discriminator, frame_px: int, dtype: torch.dtype) -> onnx.ModelProto:
    """The ONNX model of the estimator for frames of ``frame_px``: convolutions in ``dtype``, ages in fp32."""
    typed = copy.deepcopy(discriminator).to(dtype)
    grid = frame_px // DOWNSAMPLING_OF_AGES
    g = GraphWriter()
    codes = g.node("Transpose", g.cast("image", dtype), perm=[0, 3, 1, 2])
    scale = g.constant(torch.tensor(1.0 / 127.5, dtype=dtype))
    x = g.node("Sub", g.node("Mul", codes, scale), g.constant(torch.tensor(1.0, dtype=dtype)))
    for layer in (*typed.trunk, typed.age_hidden):
        x = g.node("LeakyRelu", g.convolution(x, layer), alpha=0.2)
    ages = g.cast(g.convolution(x, typed.age), torch.float32)
    years = g.node("Mul", ages, g.constant(AGE_SPAN_YEARS))
    g.node("Add", years, g.constant(NEUTRAL_AGE), name="ages")
    return g.model(
        {"image": (torch.uint8, ["N", frame_px, frame_px, 3])},
        {"ages": (torch.float32, ["N", 1, grid, grid])},
    )


def cropped_blocks(network: ExportGenerator) -> list[CroppedBlock]:
    """The residual blocks of a network that all passes have been through."""
    blocks = [block for block in network.blocks if isinstance(block, CroppedBlock)]
    assert len(blocks) == len(network.blocks)
    return blocks


def _conditioning(g: GraphWriter, part: SeparateConditioning, work: torch.dtype) -> str:
    """Hidden channels of all SPADE from the inputs aging_map and origin; coordinates stay in fp32."""
    x0, y0, side = g.node("Split", "origin", outputs=3, axis=1, num_outputs=3)
    per_pixel = g.node("Div", g.constant(2.0), side)
    row = g.convolution(_axis(g, x0, per_pixel, 3, work), part.across)
    column = g.convolution(_axis(g, y0, per_pixel, 2, work), part.down)
    octaves = g.node("Log", g.node("Div", side, g.constant(part.reference_px)))
    octaves = g.node("Unsqueeze", octaves, g.constant([2, 3]))
    per_octave = g.constant(part.octave.detach().float() / math.log(2.0))
    constant = g.node("Add", g.node("Mul", octaves, per_octave), g.constant(part.offset.detach().float()))
    row = g.node("Add", row, _narrow(g, constant, work))
    age = g.convolution(_narrow(g, "aging_map", work), part.age)
    made: str = g.node("Relu", g.node("Add", g.node("Add", age, row), column))
    return made


def _axis(g: GraphWriter, start: str, per_pixel: str, axis: int, work: torch.dtype) -> str:
    """Coordinate, sines and cosines along one axis of the map: [N, planes, 1, w] or [N, planes, h, 1]."""
    count = g.node("Squeeze", g.node("Shape", "aging_map", start=axis, end=axis + 1))
    cells = g.cast(g.node("Range", g.constant(0), count, g.constant(1)), torch.float32)
    pixels = g.node(
        "Add", g.node("Mul", cells, g.constant(float(DOWNSAMPLING))), g.constant(0.5 * DOWNSAMPLING)
    )
    place = g.node("Sub", g.node("Mul", g.node("Add", pixels, start), per_pixel), g.constant(1.0))
    place = g.node("Unsqueeze", place, g.constant([1, 2] if axis == 3 else [1, 3]))
    waves = math.pi * torch.tensor(WAVES, dtype=torch.float32).reshape(1, -1, 1, 1)
    angles = g.node("Mul", place, g.constant(waves))
    planes = g.node("Concat", place, g.node("Sin", angles), g.node("Cos", angles), axis=1)
    return _narrow(g, planes, work)


def _modulated(
    g: GraphWriter, x: str, hidden: str, spade: FoldedSpade | JoinedSpade, convolution: nn.Conv2d
) -> str:
    """SPADE, ReLU and convolution."""
    assert spade.start is not None
    ranges = {1: (spade.start, spade.start + spade.hidden_channels)}
    if spade.crop:
        ranges |= {2: (spade.crop, -spade.crop), 3: (spade.crop, -spade.crop)}
    mine = g.slice(hidden, ranges)
    if isinstance(spade, JoinedSpade):
        both, half = g.convolution(mine, spade.modulation), spade.modulation.out_channels // 2
        scale, shift = g.slice(both, {1: (0, half)}), g.slice(both, {1: (half, 2 * half)})
    else:
        scale, shift = g.convolution(mine, spade.scale), g.convolution(mine, spade.shift)
    modulated = g.node("Add", shift, g.node("Mul", x, scale))
    return g.convolution(g.node("Relu", modulated), convolution)


def _blend(g: GraphWriter, codes: str, x: str, network: ExportGenerator, work: torch.dtype) -> None:
    """Heads and lerp in code values, on cells and in fp32; the output is called aged."""
    heads = network.heads
    assert isinstance(heads, OneHead)
    both = g.node("Tanh", _widen(g, g.convolution(x, heads.convolution), work))
    delta, attention = g.node("Split", both, outputs=2, axis=1, num_outputs=2)
    # The attention is ½ + ½·tanh, and Δ is in units of 127.5 code values.
    opened = g.node("Add", g.node("Mul", attention, g.constant(63.75)), g.constant(63.75))
    change = g.node("Mul", delta, opened)
    halo = network.halo_px
    core = _widen(g, g.slice(codes, {1: (halo, -halo), 2: (halo, -halo)}), work)
    cells = g.node("SpaceToDepth", g.node("Transpose", core, perm=[0, 3, 1, 2]), blocksize=PIXELS)
    rounded = g.node("Round", g.node("Add", cells, change))
    clipped = g.node("Clip", rounded, g.constant(0.0), g.constant(255.0))
    pixels = g.node("DepthToSpace", clipped, blocksize=PIXELS, mode="DCR")
    g.cast(g.node("Transpose", pixels, perm=[0, 2, 3, 1]), torch.uint8, name="aged")


def _widen(g: GraphWriter, x: str, work: torch.dtype) -> str:
    return x if work == torch.float32 else g.cast(x, torch.float32)


def _narrow(g: GraphWriter, x: str, work: torch.dtype) -> str:
    return x if work == torch.float32 else g.cast(x, work)
