"""An atlas that begins as the patterns of an aging field."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from amgan.networks import Generator, GeneratorConfig
from amgan.pairs.aging_field import load_field
from amgan.runtime.errors import UsageError
from amgan.runtime.face.mean_face import mean_face
from amgan.training.atlas_start import SPREAD, fill_atlas

WIDTHS = (4, 8, 8)


def test_every_pattern_gets_channels_of_its_own() -> None:
    field = load_field()
    generator = Generator(GeneratorConfig(widths=WIDTHS, blocks=1, atlas_px=(160, 144)))
    fill_atlas(generator, field)
    atlas = generator.atlas
    assert atlas is not None
    for number in range(4):
        gains = atlas.gain(torch.eye(4)[number : number + 1])[0]
        assert gains.tolist() == [float(k % 4 == number) for k in range(8)]
    assert float(atlas.fine.detach().square().mean().sqrt()) == pytest.approx(SPREAD, rel=0.1)


def test_the_atlas_shows_the_field_at_its_place() -> None:
    field = load_field()
    generator = Generator(GeneratorConfig(widths=WIDTHS, blocks=1, atlas_px=(640, 576)))
    fill_atlas(generator, field)
    assert generator.atlas is not None
    fine = generator.atlas.fine.detach().numpy()[0]
    left, top, right, bottom = mean_face().rectangle * field.lines.shape[1]
    draws = np.random.default_rng(0)
    rows, columns = draws.integers(40, 600, 400), draws.integers(40, 536, 400)
    y = ((rows + 0.5) / 640 * (bottom - top) + top).astype(int)
    x = ((columns + 0.5) / 576 * (right - left) + left).astype(int)
    for number in range(4):
        one, other = fine[number][rows, columns], field.lines[number][y, x]
        assert np.corrcoef(one, other)[0, 1] > 0.9


def test_channels_beyond_the_patterns_stay_as_drawn() -> None:
    generator = Generator(GeneratorConfig(widths=WIDTHS, blocks=1, atlas_channels=10, atlas_px=(64, 64)))
    assert generator.atlas is not None
    before = generator.atlas.fine.detach().clone()
    fill_atlas(generator, load_field())
    assert torch.equal(generator.atlas.fine[0, 4], before[0, 4])
    assert not torch.equal(generator.atlas.fine[0, 0], before[0, 0])


@pytest.mark.parametrize(("channels", "patterns"), [(0, 4), (6, 4), (8, 3)])
def test_an_atlas_that_has_no_room_is_refused(channels: int, patterns: int) -> None:
    config = GeneratorConfig(
        widths=WIDTHS, blocks=1, atlas_channels=channels, patterns=patterns, atlas_px=(64, 64)
    )
    with pytest.raises(UsageError, match="patterns = 4 and atlas_channels = 8"):
        fill_atlas(Generator(config), load_field())
