"""Pixels carried as cells of 2×2: every layer over cells gives what the layer over pixels gives."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amgan.export.simplify.space_to_depth import (
    cell_down,
    cell_head,
    cell_stem,
    phase_convolution,
    to_cells,
    to_pixels,
)

SIZES = ((8, 12), (14, 6))


def picture(channels: int, size: tuple[int, int]) -> Tensor:
    torch.manual_seed(size[0])
    return torch.randn(2, channels, *size)


def close(found: Tensor, wanted: Tensor) -> None:
    assert found.shape == wanted.shape
    assert wanted.abs().max() > 0.5  # there is something to get wrong
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_cells_and_pixels(size: tuple[int, int]) -> None:
    pixels = picture(5, size)
    cells = to_cells(pixels)
    assert cells.shape == (2, 20, size[0] // 2, size[1] // 2)
    assert torch.equal(to_pixels(cells), pixels)
    # Channels go row by row through the cell: here channel 3 of the pixel at the lower left.
    assert torch.equal(cells[:, 2 * 5 + 3], pixels[:, 3, 1::2, 0::2])


@pytest.mark.parametrize("size", SIZES)
def test_phases_with_padding_and_without(size: tuple[int, int]) -> None:
    layer, x = nn.Conv2d(5, 3, 3, padding=1), picture(5, size)
    with torch.inference_mode():
        wanted = layer(F.interpolate(x, scale_factor=2, mode="nearest"))
        upsample = phase_convolution(layer)
        close(upsample(x), wanted)
        upsample.convolution.padding = (0, 0)
        close(upsample(x), wanted[:, :, 1:-1, 1:-1])


@pytest.mark.parametrize("size", SIZES)
def test_stem(size: tuple[int, int]) -> None:
    layer, x = nn.Conv2d(3, 4, 3), picture(3, size)
    with torch.inference_mode():
        close(to_pixels(cell_stem(layer)(x)), layer(x))


@pytest.mark.parametrize("size", SIZES)
def test_down(size: tuple[int, int]) -> None:
    layer, x = nn.Conv2d(4, 7, 4, stride=2), picture(4, size)
    with torch.inference_mode():
        close(cell_down(layer)(to_cells(x)), layer(x))


@pytest.mark.parametrize("size", SIZES)
def test_head(size: tuple[int, int]) -> None:
    layer, x = nn.Conv2d(6, 4, 3), picture(6, size)
    with torch.inference_mode():
        found, wanted = cell_head(layer, 3)(to_cells(x)), layer(x)
        assert found.shape[1] == 24
        close(to_pixels(found[:, :12]), wanted[:, :3])
        close(to_pixels(found[:, 12:]), wanted[:, 3:].expand(-1, 3, -1, -1))
