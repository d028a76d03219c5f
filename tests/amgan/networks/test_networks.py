"""The networks: receptive field, conditioning, heads, cost."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import pytest
import torch
from support.tile_inputs import mixtures, smooth_positions
from support.tiny_networks import (
    TINY_DISCRIMINATOR,
    TINY_GENERATOR,
    TINY_MODEL,
    random_discriminator,
    random_generator,
)
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from amgan.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig, ModelConfig
from amgan.networks.atlas import LearntAtlas, upsampled
from amgan.networks.conditioning import POSITION_CHANNELS, WAVES, condition_channels, conditioning_planes
from amgan.runtime.ages.maps import NEUTRAL_AGE

Inputs = tuple[Tensor, Tensor, Tensor, Tensor]
K = TINY_GENERATOR.patterns


def inputs(height: int, width: int, n: int = 1, dtype: torch.dtype = torch.float64, seed: int = 0) -> Inputs:
    """Image, aging map, coordinates and pattern of a tile."""
    rng = torch.Generator().manual_seed(seed)
    image = torch.rand(n, 3, height, width, generator=rng, dtype=dtype) * 2 - 1
    ages = torch.rand(n, 1, height // 4, width // 4, generator=rng, dtype=dtype) * 75 + 15
    places = torch.from_numpy(smooth_positions(n, height // 4, width // 4, seed)).to(dtype)
    places[:, 2].clamp_(min=0.1)  # nowhere off the face, where places do not count
    return image, ages, places, torch.from_numpy(mixtures(n, K, seed)).to(dtype)


def test_the_untrained_generator_nearly_returns_its_input() -> None:
    torch.manual_seed(3)
    for generator in (Generator(TINY_GENERATOR), Generator(TINY_GENERATOR).eval()):
        batch = inputs(32, 48, 2, torch.float32)
        with torch.no_grad():
            assert 0 < (generator(*batch) - batch[0]).abs().max() < 0.05
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
        config = GeneratorConfig(
            widths=(4, 8, 8), blocks=blocks, spade_hidden=4, atlas_channels=2, atlas_px=(40, 36)
        )
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
        image, ages, places, pattern = (t.clone() for t in self.inputs)
        if name == "image":
            image[..., rows, columns] = -image[..., rows, columns] + 0.1
        elif name == "aging_map":
            ages[..., rows, columns] += 20 - 2 * ages[..., rows, columns]
        else:
            places[:, :2, rows, columns] += 0.3
        return not torch.equal(self.core((image, ages, places, pattern)), self.before)


SIDES = ("top", "bottom", "left", "right")
EVERYTHING = slice(None)


def line(side: str, low: int, high: int, total: int) -> tuple[slice, slice]:
    """Rows and columns of a stripe, ``low`` to ``high`` steps from a side of ``total``."""
    stripe = slice(low, high) if side in ("top", "left") else slice(total - high, total - low)
    return (stripe, EVERYTHING) if side in ("top", "bottom") else (EVERYTHING, stripe)


@pytest.mark.parametrize("blocks", [1, 2, 3, 6])
def test_the_halo_is_exact(blocks: int) -> None:
    cell = Cell(blocks)
    assert cell.halo == 8 * blocks + 12
    for side in SIDES:
        assert not cell.moved("image", *line(side, 0, 12, cell.side)), side
        assert cell.moved("image", *line(side, 12, 13, cell.side)), side
        # Pixels at the edge of what the picture's halo is take place and years from one cell farther out.
        for name in ("aging_map", "coordinates"):
            assert not cell.moved(name, *line(side, 0, 2, cell.side // 4)), (name, side)
            assert cell.moved(name, *line(side, 2, 3, cell.side // 4)), (name, side)


def test_single_pixels_at_the_edge_of_the_halo_count() -> None:
    cell = Cell(2)
    middle = cell.first + 1
    at_edge = [cell.moved("image", slice(12, 13), slice(c, c + 1)) for c in range(middle - 12, middle + 12)]
    assert any(at_edge)
    for column in range(middle - 12, middle + 12, 3):
        assert not cell.moved("image", slice(11, 12), slice(column, column + 1))
        assert not cell.moved("aging_map", slice(1, 2), slice(column // 4, column // 4 + 1))


def test_a_tile_with_its_halo_gives_the_pixels_of_the_whole() -> None:
    generator = random_generator().double()
    halo = TINY_GENERATOR.halo_px
    image, ages, places, pattern = inputs(2 * halo + 64, 2 * halo + 48)
    with torch.no_grad():
        whole = generator(image, ages, places, pattern)[..., halo:-halo, halo:-halo]
        for y, x, height, width in ((0, 0, 4, 4), (12, 20, 8, 28), (60, 44, 4, 4), (0, 16, 64, 32)):
            rows, columns = slice(y, y + height + 2 * halo), slice(x, x + width + 2 * halo)
            cells = (slice(rows.start // 4, rows.stop // 4), slice(columns.start // 4, columns.stop // 4))
            part = generator(image[..., rows, columns], ages[..., *cells], places[..., *cells], pattern)
            found = part[..., halo:-halo, halo:-halo]
            torch.testing.assert_close(found, whole[..., y : y + height, x : x + width], rtol=0, atol=1e-12)


def test_batches_are_independent_at_inference() -> None:
    generator = random_generator().double()
    batch = inputs(40, 40, 3)
    with torch.no_grad():
        together = generator(*batch)
        for i in range(3):
            alone = generator(*(tensor[i : i + 1] for tensor in batch))
            torch.testing.assert_close(alone, together[i : i + 1], rtol=0, atol=1e-13)


def test_place_scale_age_and_pattern_matter() -> None:
    generator = random_generator().double()
    image, ages, places, pattern = inputs(40, 40)
    with torch.no_grad():
        before = generator(image, ages, places, pattern)
        for plane in range(4):
            moved = places.clone()
            moved[:, plane] *= 0.9
            assert not torch.allclose(generator(image, ages, moved, pattern), before), plane
        assert not torch.allclose(generator(image, ages + 10, places, pattern), before)
        for number in range(K):
            alone = torch.eye(K, dtype=pattern.dtype)[number : number + 1]
            assert not torch.allclose(generator(image, ages, places, alone), before)


def test_off_the_face_places_do_not_matter() -> None:
    """Where no years are asked for and the face is not, that is."""
    generator = random_generator().double()
    image, ages, places, pattern = inputs(40, 40)
    places[:, 2], ages[:] = 0, 0
    elsewhere = places.clone()
    elsewhere[:, :2] += 0.7
    with torch.no_grad():
        assert torch.equal(*(generator(image, ages, one, pattern) for one in (places, elsewhere)))


# ---- conditioning


def test_conditioning_planes_by_hand() -> None:
    ages, places = torch.full((1, 1, 3, 5), 70.0), torch.from_numpy(smooth_positions(1, 3, 5))
    u, v, inside, scale = places[0]
    pattern = torch.tensor([[0.5, 0.25, 0.25]])
    planes = conditioning_planes(ages, places, pattern)
    assert planes.shape == (1, condition_channels(3), 3, 5)
    age, *place = planes[0, : 1 + POSITION_CHANNELS]
    assert (age == 70 / 25).all()
    expected = [u, v]
    for function in (torch.sin, torch.cos):
        expected += [function(math.pi * wave * plane) for wave in WAVES for plane in (u, v)]
    torch.testing.assert_close(torch.stack(place), torch.stack(expected) * inside)
    assert torch.equal(planes[0, -5], inside) and torch.equal(planes[0, -4], scale)
    assert [plane.unique().tolist() for plane in planes[0, -3:]] == [[0.5], [0.25], [0.25]]


# ---- atlas


def test_upsampling_is_bilinear() -> None:
    planes = torch.from_numpy(smooth_positions(2, 7, 9))
    found = upsampled(torch.nn.functional.pad(planes, (1, 1, 1, 1), mode="replicate"))
    wanted = torch.nn.functional.interpolate(planes, scale_factor=4, mode="bilinear", align_corners=False)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)


def test_pixels_of_a_tile_are_the_slice_of_the_wholes() -> None:
    """Bit for bit, in single precision: otherwise tiles would show."""
    whole = upsampled(torch.from_numpy(smooth_positions(1, 30, 40)))
    part = upsampled(torch.from_numpy(smooth_positions(1, 30, 40))[..., 5:15, 8:20])
    assert torch.equal(part, whole[..., 20:52, 32:72])


def test_the_atlas_is_read_where_the_coordinates_say() -> None:
    """A texture that holds its own coordinates gives them back, times years and the pattern's gain."""
    config = GeneratorConfig(atlas_channels=4, atlas_px=(80, 60), patterns=2)
    atlas = LearntAtlas(config)
    with torch.no_grad():
        for texture in (atlas.fine, atlas.coarse):
            rows, columns = ((torch.arange(n) + 0.5) * 2 / n - 1 for n in texture.shape[2:])
            texture[0, 0], texture[0, 1] = (
                columns.expand_as(texture[0, 0]),
                rows[:, None].expand_as(texture[0, 0]),
            )
        atlas.gain.weight.copy_(torch.tensor([[1.0, 0], [0, 2], [1, 0], [0, 3]]))
        atlas.gain.bias.zero_()
    along = torch.linspace(-0.9, 0.9, 8)
    places = torch.stack(
        [along.expand(8, 8), along[:, None].expand(8, 8), torch.full((8, 8), 0.5), along.expand(8, 8)]
    )
    years = torch.full((1, 1, 8, 8), -12.5)
    found = atlas(years, places[None], torch.tensor([[0.25, 0.75]]))[0]
    pixels = torch.nn.functional.interpolate(places[None, :2], scale_factor=4, mode="bilinear")[0]
    for channel, (axis, gain) in enumerate(((0, 0.25), (1, 1.5), (0, 0.25), (1, 2.25))):
        torch.testing.assert_close(found[channel], -0.5 * gain * pixels[axis], rtol=0, atol=1e-5)


def test_beyond_its_edge_the_atlas_goes_on() -> None:
    atlas = LearntAtlas(GeneratorConfig(atlas_channels=2, atlas_px=(20, 18)))
    far, edge = torch.ones(1, 4, 4, 4), torch.ones(1, 4, 4, 4)
    far[:, :2] = 5.0
    years, pattern = torch.full((1, 1, 4, 4), 25.0), torch.ones(1, 4)
    assert torch.allclose(atlas(years, far, pattern), atlas(years, edge, pattern), atol=1e-5)


def test_every_channel_is_learnt() -> None:
    generator = Generator(TINY_GENERATOR)
    batch = inputs(32, 32, 2, torch.float32)
    ((generator(*batch) - 0.3) ** 2).mean().backward()
    assert generator.atlas is not None
    for parameter in generator.atlas.parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"coordinates": "ear"}, "coordinates 'ear' are none of face, frame"),
        ({"patterns": 0}, "patterns = 0 is not within 1 to 8"),
        ({"patterns": 9}, "patterns = 9"),
        ({"atlas_channels": 3}, "atlas_channels must be even"),
        ({"atlas_channels": -2}, "atlas_channels must be even"),
        ({"atlas_px": (2, 90)}, "atlas_px 4 or more"),
    ],
)
def test_generators_that_cannot_be_built(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        GeneratorConfig(**change)  # type: ignore[arg-type]


# ---- discriminator


def test_discriminator_heads() -> None:
    discriminator = random_discriminator()
    image, ages, *_ = inputs(64, 96, 3, torch.float32)
    verdict = discriminator(image, ages)
    assert verdict.critic.shape == (3,)
    assert verdict.position.shape == (3, 2)
    assert verdict.ages.shape == (3, 1, 4, 6)
    assert torch.equal(verdict.ages, discriminator.estimate(image))
    assert (verdict.ages - NEUTRAL_AGE).abs().max() < 25  # starts near the neutral age


def test_the_critic_judges_the_map_and_the_other_heads_do_not() -> None:
    discriminator = random_discriminator()
    image, ages, *_ = inputs(64, 64, 2, torch.float32)
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
    """At most 160 GFLOP (two for a multiply-add) for a frame of 1024x1024 px."""
    with torch.device("meta"):
        generator = Generator(GeneratorConfig())
        batch = (
            torch.empty(1, 3, 1024, 1024), torch.empty(1, 1, 256, 256), torch.empty(1, 4, 256, 256),
            torch.empty(1, 4),
        )  # fmt: skip
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        generator.eval()(*batch)
    giga = counter.get_total_flops() / 1e9
    assert 140 < giga <= 160, giga


def test_halo_of_the_default_generator() -> None:
    assert GeneratorConfig().halo_px == 44
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
