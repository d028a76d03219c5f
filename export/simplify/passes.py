"""The exact simplification passes, in order.

Every pass takes an ExportGenerator and returns a new one that computes the same function on the core. It
raises ValueError when a pass that it depends on has not run, or when it has run before.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from amgan.networks import Generator
from amgan.networks.spade import Spade

from .conditioning import SeparateConditioning
from .convolutions import CodeBlend, CroppedBlock, OneHead, fold_input_scaling, join_heads
from .modulation import FirstConvolution, FoldedSpade, fold_spade, merge_first
from .network import ExportGenerator, Planes, ScaledInput, TwoHeads, UpsampleConvolution, spade_blocks
from .space_to_depth import (
    PIXELS,
    CellBlend,
    UpsampleCells,
    cell_down,
    cell_head,
    cell_stem,
    phase_convolution,
)

Pass = Callable[[ExportGenerator], ExportGenerator]
COUNT_CORE_PX = 1024


def fold_norm(network: ExportGenerator) -> ExportGenerator:
    """Fold every parameter-free norm into the SPADE modulation that follows it."""
    network = copy.deepcopy(network)
    for block in spade_blocks(network):
        _require(isinstance(block.spade1, Spade), "the norms are folded already")
        block.spade1, block.spade2 = fold_spade(block.spade1), fold_spade(block.spade2)  # type: ignore[assignment]
    return network


def merge_first_convolutions(network: ExportGenerator) -> ExportGenerator:
    """Compute the first convolutions of all SPADE layers, and their conditioning, once for all blocks."""
    network = copy.deepcopy(network)
    network.first = merge_first(_folded(network))
    return network


def join_output_heads(network: ExportGenerator) -> ExportGenerator:
    """Merge the colour and attention heads into one convolution."""
    network = copy.deepcopy(network)
    _require(isinstance(network.heads, TwoHeads), "the heads are joined already")
    network.heads = join_heads(network.heads.colour, network.heads.attention)  # type: ignore[arg-type]
    return network


def phase_upsampling(network: ExportGenerator) -> ExportGenerator:
    """Compute each phase of an upsampling with its convolution separately: 4/9 of the arithmetic."""
    network = copy.deepcopy(network)
    for name in ("up1", "up2"):
        upsample = getattr(network, name)
        _require(isinstance(upsample, UpsampleConvolution), "the upsampling convolutions are phases already")
        setattr(network, name, phase_convolution(upsample.convolution))
    return network


def fold_scaling(network: ExportGenerator) -> ExportGenerator:
    """Fold the scaling of code values into the stem, and blend in code values."""
    network = copy.deepcopy(network)
    _require(isinstance(network.scale_input, ScaledInput), "the scaling is folded already")
    network.stem = fold_input_scaling(network.stem)
    network.scale_input = nn.Identity()
    network.blend = CodeBlend()
    return network


def drop_padding(network: ExportGenerator) -> ExportGenerator:
    """Remove all padding, so that every layer shrinks the tile and only the core is computed."""
    network = copy.deepcopy(network)
    spades = _folded(network)
    _require(not network.is_valid, "the padding is dropped already")
    _require(isinstance(network.first, FirstConvolution), "run merge_first_convolutions first")
    _require(isinstance(network.up1, UpsampleCells), "run phase_upsampling first")
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.padding = (0, 0)
    for crop, spade in enumerate(spades):
        spade.crop = crop
    pairs = zip(spades[::2], spades[1::2], strict=True)
    network.blocks = nn.ModuleList(
        CroppedBlock(first, block.conv1, second, block.conv2)
        for block, (first, second) in zip(spade_blocks(network), pairs, strict=True)
    )
    return network


def group_pixels(network: ExportGenerator) -> ExportGenerator:
    """Compute full resolution in cells of 2×2 px (space to depth), so that no layer has few channels."""
    network = copy.deepcopy(network)
    _require(network.cell_px == 1, "the pixels are grouped already")
    _require(network.is_valid, "run drop_padding first")
    _require(isinstance(network.heads, OneHead), "run join_output_heads first")
    _require(isinstance(network.blend, CodeBlend), "run fold_scaling first")
    assert isinstance(network.up2, UpsampleCells) and isinstance(network.heads, OneHead)
    colours = network.heads.colours
    network.cell_px = PIXELS
    network.stem, network.down1 = cell_stem(network.stem), cell_down(network.down1)
    network.up2 = network.up2.convolution
    network.heads = OneHead(cell_head(network.heads.convolution, colours), PIXELS**2 * colours)
    network.blend = CellBlend()
    return network


def separate_conditioning(network: ExportGenerator) -> ExportGenerator:
    """Compute the pattern's part of the conditioning once per tile, and fold in the age's scaling."""
    network = copy.deepcopy(network)
    ready = network.is_valid and isinstance(network.first, FirstConvolution)
    _require(ready, "run merge_first_convolutions and drop_padding first, and separate_conditioning once")
    assert isinstance(network.first, FirstConvolution) and isinstance(network.planes, Planes)
    network.planes = SeparateConditioning(network.first)
    network.first = nn.Identity()
    return network


PASSES: tuple[Pass, ...] = (
    fold_norm,
    merge_first_convolutions,
    join_output_heads,
    phase_upsampling,
    fold_scaling,
    drop_padding,
    group_pixels,
    separate_conditioning,
)


@dataclass(frozen=True)
class PassReport:
    """A network after one pass: operations in its graph, and GFLOP for a core of COUNT_CORE_PX squared."""

    name: str
    operations: int
    gflop: float


def simplify(generator: Generator, passes: tuple[Pass, ...] = PASSES) -> ExportGenerator:
    """Run the passes on a generator. Raises ValueError if one depends on another that has not run."""
    network = ExportGenerator(generator)
    for step in passes:
        network = step(network)
    return network


def report_passes(generator: Generator, passes: tuple[Pass, ...] = PASSES) -> tuple[PassReport, ...]:
    """Reports of the network before ("plain") and after each pass; takes a second or two."""
    network = ExportGenerator(generator)
    reports = [measure("plain", network)]
    for step in passes:
        network = step(network)
        reports.append(measure(step.__name__, network))
    return tuple(reports)


def measure(name: str, network: ExportGenerator) -> PassReport:
    """Count a network's operations and arithmetic without running it."""
    hollow = copy.deepcopy(network).to("meta")
    side = COUNT_CORE_PX + 2 * network.halo_px
    inputs = (
        torch.empty(1, side, side, 3, dtype=torch.uint8, device="meta"),
        torch.empty(1, 1, side // 4, side // 4, device="meta"),
        torch.empty(1, 4, side // 4, side // 4, device="meta"),
        torch.empty(1, network.patterns, device="meta"),
    )
    with torch.no_grad(), FlopCounterMode(display=False) as flops, _OperationCounter() as operations:
        hollow(*inputs)
    return PassReport(name, operations.count, flops.get_total_flops() / 1e9)


class _OperationCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the tensor operations run inside it, except views."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += not func.is_view
        if func is torch.ops.aten.grid_sampler_2d.default:  # PyTorch needs 50 operations to find this shape
            image, grid = args[:2]
            return image.new_empty((*image.shape[:2], *grid.shape[1:3]))
        return func(*args, **(kwargs or {}))


def _require(ready: bool, message: str) -> None:
    """Raise ValueError, saying which pass is missing or was run twice."""
    if not ready:
        raise ValueError(message)


def _folded(network: ExportGenerator) -> list[FoldedSpade]:
    spades = [s for block in network.blocks for s in (block.spade1, block.spade2)]
    _require(all(isinstance(s, FoldedSpade) for s in spades), "run fold_norm first")
    return spades  # type: ignore[return-value]
