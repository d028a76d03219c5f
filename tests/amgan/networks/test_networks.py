"""The networks: receptive field, conditioning, heads, cost."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import pytest
import torch
from tiny_networks import (
    TINY_DISCRIMINATOR,
    TINY_GENERATOR,
    TINY_MODEL,
    random_discriminator,
    random_generator,
)
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from amgan.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig, ModelConfig
from amgan.networks.conditioning import CHANNELS, WAVES, conditioning_planes
from amgan.runtime.ages.maps import NEUTRAL_AGE

Inputs = tuple[Tensor, Tensor, Tensor]


def inputs(height: int, width: int, n: int = 1, dtype: torch.dtype = torch.float64, seed: int = 0) -> Inputs:
    """Image, aging map and origin of a tile."""
    rng = torch.Generator().manual_seed(seed)
    image = torch.rand(n, 3, height, width, generator=rng, dtype=dtype) * 2 - 1
    ages = torch.rand(n, 1, height // 4, width // 4, generator=rng, dtype=dtype) * 75 + 15
    origin = torch.tensor([[-20.0, 36.0, 300.0]], dtype=dtype).expand(n, 3)
    return image, ages, origin


def test_the_untrained_generator_returns_its_input() -> None:
    torch.manual_seed(3)
    for generator in (Generator(TINY_GENERATOR), Generator(TINY_GENERATOR).eval()):
        batch = inputs(32, 48, 2, torch.float32)
        with torch.no_grad():
            assert torch.equal(generator(*batch), batch[0])
            _, attention = generator.change(*batch)
        assert attention.min() > 0.5  # open: gradients reach the change


def test_gradients_reach_the_change_from_the_start() -> None:
    generator = Generator(TINY_GENERATOR)
    batch = inputs(32, 32, 2, torch.float32)
    ((generator(*batch) - 0.3) ** 2).mean().backward()
    assert generator.colour.weight.grad is not None and generator.colour.weight.grad.abs().max() > 0


# ---- receptive field: one aligned 4x4 cell in the middle of a tile that is wider than the halo


class Cell:
    """What the change of an input does to the core cell of a tile with random weights, in float64."""

    def __init__(self, blocks: int, seed: int = 0) -> None:
        config = GeneratorConfig(widths=(4, 8, 8), blocks=blocks, spade_hidden=4)
        self.generator = random_generator(config, seed).double()
        self.halo = config.halo_px
        self.first = self.halo + 8  # of the cell; 8 px beyond the halo are left on every side
        self.side = 2 * self.first + 4
        self.inputs = inputs(self.side, self.side)
        self.before = self.core(self.inputs)

    def core(self, batch: Inputs) -> Tensor:
        with torch.no_grad():
            out = self.generator(*batch)
        return out[..., self.first : self.first + 4, self.first : self.first + 4]

    def moved(self, name: str, rows: slice, columns: slice) -> bool:
        """Whether the cell changes with the image's (or map's) pixels in some rows and columns."""
        image, ages, origin = (t.clone() for t in self.inputs)
        if name == "image":
            image[..., rows, columns] = -image[..., rows, columns] + 0.1
        else:
            ages[..., rows, columns] = 105 - ages[..., rows, columns]
        return not torch.equal(self.core((image, ages, origin)), self.before)


SIDES = ("top", "bottom", "left", "right")
EVERYTHING = slice(None)


def line(side: str, low: int, high: int, total: int) -> tuple[slice, slice]:
    """Rows and columns of a stripe, ``low`` to ``high`` steps from a side of ``total``."""
    stripe = slice(low, high) if side in ("top", "left") else slice(total - high, total - low)
    return (stripe, EVERYTHING) if side in ("top", "bottom") else (EVERYTHING, stripe)


@pytest.mark.parametrize("blocks", [1, 2, 3, 6])
def test_the_halo_is_exact(blocks: int) -> None:
    cell = Cell(blocks)
    assert cell.halo == 8 * blocks + 8
    for side in SIDES:
        assert not cell.moved("image", *line(side, 0, 8, cell.side)), side
        assert cell.moved("image", *line(side, 8, 9, cell.side)), side
        assert not cell.moved("aging_map", *line(side, 0, 2, cell.side // 4)), side
        assert cell.moved("aging_map", *line(side, 2, 3, cell.side // 4)), side


def test_single_pixels_at_the_edge_of_the_halo_count() -> None:
    cell = Cell(2)
    middle = cell.first + 1
    at_edge = [cell.moved("image", slice(8, 9), slice(c, c + 1)) for c in range(middle - 12, middle + 12)]
    assert any(at_edge)
    for column in range(middle - 12, middle + 12, 3):
        assert not cell.moved("image", slice(7, 8), slice(column, column + 1))
        assert not cell.moved("aging_map", slice(1, 2), slice(column // 4, column // 4 + 1))


def test_a_tile_with_its_halo_gives_the_pixels_of_the_whole() -> None:
    generator = random_generator().double()
    halo = TINY_GENERATOR.halo_px
    image, ages, origin = inputs(2 * halo + 64, 2 * halo + 48)
    with torch.no_grad():
        whole = generator(image, ages, origin)[..., halo:-halo, halo:-halo]
        for y, x, height, width in ((0, 0, 4, 4), (12, 20, 8, 28), (60, 44, 4, 4), (0, 16, 64, 32)):
            rows, columns = slice(y, y + height + 2 * halo), slice(x, x + width + 2 * halo)
            cells = (slice(rows.start // 4, rows.stop // 4), slice(columns.start // 4, columns.stop // 4))
            place = origin + torch.tensor([[x, y, 0.0]])
            part = generator(image[..., rows, columns], ages[..., cells[0], cells[1]], place)
            found = part[..., halo:-halo, halo:-halo]
            torch.testing.assert_close(found, whole[..., y : y + height, x : x + width], rtol=0, atol=1e-12)


def test_batches_are_independent_at_inference() -> None:
    generator = random_generator().double()
    image, ages, origin = inputs(40, 40, 3)
    origin = origin + torch.tensor([[0.0, 0, 0], [40, 8, 0], [4, 4, 212]])
    with torch.no_grad():
        together = generator(image, ages, origin)
        for i in range(3):
            alone = generator(image[i : i + 1], ages[i : i + 1], origin[i : i + 1])
            torch.testing.assert_close(alone, together[i : i + 1], rtol=0, atol=1e-13)


def test_place_scale_and_age_matter() -> None:
    generator = random_generator().double()
    image, ages, origin = inputs(40, 40)
    with torch.no_grad():
        before = generator(image, ages, origin)
        for shift in ([16.0, 0, 0], [0, 16, 0], [0, 0, 100]):
            assert not torch.allclose(generator(image, ages, origin + torch.tensor([shift])), before)
        assert not torch.allclose(generator(image, ages + 10, origin), before)


# ---- conditioning

X, Y = 2, 3 + 2 * len(WAVES)  # channels: age, scale, X with its waves, Y with its waves


def test_conditioning_planes_by_hand() -> None:
    ages = torch.full((1, 1, 3, 5), 70.0)
    planes = conditioning_planes(ages, torch.tensor([[-8.0, 16.0, 256.0]]), 512.0)
    assert planes.shape == (1, CHANNELS, 3, 5)
    age, scale, x, y = planes[0, 0], planes[0, 1], planes[0, X], planes[0, Y]
    assert (age == (70 - NEUTRAL_AGE) / 25).all()
    assert (scale == -1).all()
    assert (x[:, 2] == (-8 + 4 * 2.5) / 128 - 1).all()
    assert (y[1] == (16 + 4 * 1.5) / 128 - 1).all()
    for k, wave in enumerate(WAVES):
        for place, plane in ((X, x), (Y, y)):
            sine, cosine = planes[0, place + 1 + k], planes[0, place + 1 + len(WAVES) + k]
            torch.testing.assert_close(sine, torch.sin(math.pi * wave * plane))
            torch.testing.assert_close(cosine, torch.cos(math.pi * wave * plane))


def test_planes_of_a_tile_are_the_slice_of_the_whole_frames() -> None:
    """Bit for bit, in single precision: otherwise tiles would show."""
    ages = torch.rand(1, 1, 96, 96) * 60 + 20
    whole = conditioning_planes(ages, torch.tensor([[-16.0, -16.0, 352.0]]), 512.0)
    for row, column, size in ((0, 0, 4), (7, 31, 20), (60, 76, 20)):
        origin = torch.tensor([[4.0 * column - 16, 4.0 * row - 16, 352.0]])
        cells = (slice(row, row + size), slice(column, column + size))
        part = conditioning_planes(ages[..., cells[0], cells[1]], origin, 512.0)
        assert torch.equal(part, whole[..., cells[0], cells[1]])


def test_planes_run_from_minus_one_to_one_across_the_frame() -> None:
    planes = conditioning_planes(torch.zeros(1, 1, 64, 64), torch.tensor([[0.0, 0.0, 256.0]]), 512.0)[0]
    x, y = planes[X], planes[Y]
    assert x[0, 0] == y[0, 0] == -1 + 1 / 64
    assert x[0, -1] == y[-1, 0] == 1 - 1 / 64


# ---- discriminator


def test_discriminator_heads() -> None:
    discriminator = random_discriminator()
    image, ages, _ = inputs(64, 96, 3, torch.float32)
    verdict = discriminator(image, ages)
    assert verdict.critic.shape == (3,)
    assert verdict.position.shape == (3, 2)
    assert verdict.ages.shape == (3, 1, 4, 6)
    assert torch.equal(verdict.ages, discriminator.estimate(image))
    assert (verdict.ages - NEUTRAL_AGE).abs().max() < 25  # starts near the neutral age


def test_the_critic_judges_the_map_and_the_other_heads_do_not() -> None:
    discriminator = random_discriminator()
    image, ages, _ = inputs(64, 64, 2, torch.float32)
    first, second = discriminator(image, ages), discriminator(image, ages + 20)
    assert (first.critic != second.critic).all()
    assert torch.equal(first.ages, second.ages)
    assert torch.equal(first.position, second.position)


def test_the_projection_is_an_inner_product() -> None:
    """Without features the map does not count."""
    discriminator = random_discriminator()
    nothing = torch.zeros(1, TINY_DISCRIMINATOR.widths[3], 4, 4)
    young, old = (discriminator.critic_of(nothing, torch.full((1, 1, 16, 16), a)) for a in (20.0, 80.0))
    assert torch.equal(young, old)


# ---- cost and configuration


def test_cost_of_the_default_generator() -> None:
    """At most 400 GFLOP (two for a multiply-add) for a frame of 1024x1024 px."""
    with torch.device("meta"):
        generator = Generator(GeneratorConfig())
        batch = (torch.empty(1, 3, 1024, 1024), torch.empty(1, 1, 256, 256), torch.empty(1, 3))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        generator.eval()(*batch)
    giga = counter.get_total_flops() / 1e9
    assert 50 < giga <= 400, giga


def test_halo_of_the_default_generator() -> None:
    assert GeneratorConfig().halo_px == 56
    assert all(GeneratorConfig(blocks=b).halo_px % 4 == 0 for b in range(1, 9))


@pytest.mark.parametrize("config", [ModelConfig(), TINY_MODEL])
def test_configuration_round_trip(config: ModelConfig) -> None:
    assert ModelConfig.from_dict(asdict(config)) == config
    assert ModelConfig.from_dict(json.loads(json.dumps(asdict(config)))) == config


def test_a_newer_configuration_may_hold_more() -> None:
    assert ModelConfig.from_dict({**asdict(TINY_MODEL), "later": 1}) == TINY_MODEL
    assert ModelConfig.from_dict({}) == ModelConfig()


def test_default_networks_are_small() -> None:
    with torch.device("meta"):
        networks = (Generator(GeneratorConfig()), Discriminator(DiscriminatorConfig()))
    assert sum(p.numel() for n in networks for p in n.parameters()) < 6e6
