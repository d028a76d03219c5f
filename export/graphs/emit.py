"""Writes simplified networks as ONNX, node by node.

torch.onnx.export can trace the same network, but takes minutes to infer the sizes of convolutions without
padding, and adds nodes. The parity check requires the same pixels of both.
"""

from __future__ import annotations

import copy
import math

import onnx
import torch
from torch import Tensor, nn

from amgan.networks.atlas import SHARES, LearntAtlas
from amgan.networks.conditioning import WAVES
from amgan.networks.config import AGE_SPAN_YEARS, DOWNSAMPLING
from amgan.networks.discriminator import DOWNSAMPLING as DOWNSAMPLING_OF_AGES
from amgan.networks.discriminator import Discriminator
from amgan.runtime.ages.maps import NEUTRAL_AGE

from ..simplify.conditioning import SeparateConditioning
from ..simplify.convolutions import OneHead, cropped_blocks
from ..simplify.modulation import FoldedSpade
from ..simplify.network import ExportGenerator
from ..simplify.space_to_depth import PIXELS, UpsampleCells
from .eight_bit import EightBitConvolution
from .writer import GraphWriter


def emit_generator(network: ExportGenerator) -> onnx.ModelProto:
    """The ONNX model of a fully simplified generator, in its own precision."""
    if not isinstance(network.planes, SeparateConditioning) or network.cell_px != PIXELS:
        raise ValueError("only a fully simplified generator can be written; run all passes first")
    assert isinstance(network.up1, UpsampleCells) and isinstance(network.up2, nn.Conv2d)
    g = GraphWriter()
    work = network.stem.weight.dtype
    hidden = _conditioning(g, network, network.planes, work)
    codes = g.cast("image", work)
    seen = g.crop(g.node("Transpose", codes, perm=[0, 3, 1, 2]), network.outer_px)
    if network.atlas is not None:
        seen = g.node("Concat", seen, _narrow(g, _atlas(g, network.atlas, work), work), axis=1)
    fine = g.node("Relu", g.convolution(seen, network.stem))
    middle = g.node("Relu", g.convolution(fine, network.down1))
    x = g.convolution(middle, network.down2)
    for block in cropped_blocks(network.blocks):
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
            "coordinates": (torch.float32, ["N", 4, "H/4", "W/4"]),
            "pattern": (torch.float32, ["N", network.patterns]),
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


def _conditioning(
    g: GraphWriter, network: ExportGenerator, part: SeparateConditioning, work: torch.dtype
) -> str:
    """Hidden channels of all SPADE layers from the conditioning inputs; positions stay in fp32."""
    cells = network.outer_px // DOWNSAMPLING + 1
    ages, positions = g.crop("aging_map", cells), g.crop("coordinates", cells)
    uv, inside = g.slice(positions, {1: (0, 2)}), g.slice(positions, {1: (2, 3)})
    angles = g.node("Concat", *(g.node("Mul", uv, g.constant(math.pi * wave)) for wave in WAVES), axis=1)
    features = g.node("Concat", uv, g.node("Sin", angles), g.node("Cos", angles), axis=1)
    features = g.node("Mul", features, inside)
    planes = g.node("Concat", ages, features, g.slice(positions, {1: (2, 4)}), axis=1)
    hidden = g.convolution(_narrow(g, planes, work), part.planes)
    weights = g.constant(part.pattern.weight.detach().float().T)
    constant = g.node("Unsqueeze", g.node("MatMul", "pattern", weights), g.constant([2, 3]))
    made: str = g.node("Relu", g.node("Add", hidden, _narrow(g, constant, work)))
    return made


def _atlas(g: GraphWriter, atlas: LearntAtlas, work: torch.dtype) -> str:
    """The atlas sampled at the pixels' coordinates, fp32 [N, C, H - 2 outer_px, W - 2 outer_px]."""
    spans = g.node("Mul", "aging_map", g.constant(1.0 / AGE_SPAN_YEARS))
    seen = g.node("Concat", g.slice("coordinates", {1: (0, 2)}), spans, axis=1)
    columns = g.node("Concat", *_phases(g, seen, 3), axis=1)
    cells = g.node("Concat", *_phases(g, columns, 2), axis=1)
    pixels = g.node("DepthToSpace", cells, blocksize=DOWNSAMPLING, mode="DCR")
    grid = g.node("Transpose", g.slice(pixels, {1: (0, 2)}), perm=[0, 2, 3, 1])
    batch = g.node("Concat", g.node("Shape", "pattern", start=0, end=1), g.constant([1, 1, 1]), axis=0)
    kind = "linear" if work == torch.bfloat16 else "bilinear"  # renamed in opset 20

    def sampled(texture: Tensor) -> str:
        textures = g.node("Expand", g.constant(texture.detach().float()), batch)
        made: str = g.node("GridSample", textures, grid, align_corners=0, mode=kind, padding_mode="border")
        return made

    both = g.node("Concat", sampled(atlas.fine), sampled(atlas.coarse), axis=1)
    gain = g.node("MatMul", "pattern", g.constant(atlas.gain.weight.detach().float().T))
    gain = g.node(
        "Unsqueeze", g.node("Add", gain, g.constant(atlas.gain.bias.detach().float())), g.constant([2, 3])
    )
    shares = g.node("Mul", g.slice(pixels, {1: (2, 3)}), gain)
    made: str = g.node("Mul", both, shares)
    return made


def _phases(g: GraphWriter, planes: str, axis: int) -> list[str]:
    """As amgan.networks.atlas.phases_along."""
    before, here, after = (g.slice(planes, {axis: ends}) for ends in ((0, -2), (1, -1), (2, 1 << 30)))
    made = []
    for other, shares in ((before, SHARES[:2]), (after, SHARES[2:])):
        way = g.node("Sub", other, here)
        made += [g.node("Add", here, g.node("Mul", way, g.constant(share))) for share in shares]
    return made


def _modulated(g: GraphWriter, x: str, hidden: str, spade: FoldedSpade, convolution: nn.Conv2d) -> str:
    """SPADE, ReLU and convolution."""
    assert spade.start is not None
    ranges = {1: (spade.start, spade.start + spade.hidden_channels)}
    if spade.crop:
        ranges |= {2: (spade.crop, -spade.crop), 3: (spade.crop, -spade.crop)}
    mine = g.slice(hidden, ranges)
    scale, shift = g.convolution(mine, spade.scale), g.convolution(mine, spade.shift)
    modulated = g.node("Relu", g.node("Add", shift, g.node("Mul", x, scale)))
    if isinstance(convolution, EightBitConvolution):
        scales = convolution.input_scale, convolution.weight_scales
        return g.convolution_in_codes(modulated, convolution, convolution.codes, scales)
    return g.convolution(modulated, convolution)


def _blend(g: GraphWriter, codes: str, x: str, network: ExportGenerator, work: torch.dtype) -> None:
    """Heads and lerp in code values, on cells and in fp32; the output's name is "aged"."""
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
