"""Every pass, on random weights: the same function, and what the report says of it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
import torch
from support.helpers import ROOT
from support.tile_inputs import mixtures, smooth_positions
from support.tiny_networks import random_generator

from amgan.export.graphs.deploy import DeployGenerator
from amgan.export.graphs.files import pass_line
from amgan.export.simplify import PASSES, ExportGenerator, PassReport, passes, report_passes, simplify
from amgan.export.simplify.passes import Pass, measure
from amgan.networks import Generator, GeneratorConfig

BLOCKS = (1, 2, 3)
MAX_FLOAT = 1e-4  # of a range of -1..1
CODES_PER_UNIT = 127.5
NAMES = [step.__name__ for step in PASSES]
# What a pass needs to have been done before it.
NEEDS: dict[str, tuple[str, ...]] = {
    "merge_first_convolutions": ("fold_norm",),
    "drop_padding": ("fold_norm", "merge_first_convolutions", "phase_upsampling"),
    "group_pixels": (
        "fold_norm", "merge_first_convolutions", "join_output_heads", "phase_upsampling", "fold_scaling",
        "drop_padding",
    ),
    "separate_conditioning": ("fold_norm", "merge_first_convolutions", "phase_upsampling", "drop_padding"),
}  # fmt: skip
LESS_WORK = {"phase_upsampling", "drop_padding", "separate_conditioning"}
MORE_WORK = {"group_pixels"}
FEWER_OPERATIONS = {"fold_norm", "merge_first_convolutions", "fold_scaling"}


@cache
def generator(blocks: int) -> Generator:
    config = GeneratorConfig(
        widths=(4, 6, 8), blocks=blocks, spade_hidden=5, atlas_channels=4, atlas_px=(20, 18), patterns=3
    )
    return random_generator(config, seed=blocks)


def named(names: Sequence[str]) -> tuple[Pass, ...]:
    return tuple(step for step in PASSES if step.__name__ in names)


def inputs(halo: int) -> tuple[torch.Tensor, ...]:
    rng = np.random.default_rng(halo)
    height, width = 24 + 2 * halo, 36 + 2 * halo
    image = rng.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    ages = rng.uniform(15, 90, (2, 1, height // 4, width // 4)).astype(np.float32)
    arrays = (image, ages, smooth_positions(2, height // 4, width // 4), mixtures(2, 3))
    return tuple(torch.from_numpy(array) for array in arrays)


def check_same(network: ExportGenerator, source: Generator) -> None:
    """Float core and code values are those of the generator itself."""
    halo = source.config.halo_px
    image, *others = inputs(halo)
    with torch.inference_mode():
        scaled = image.permute(0, 3, 1, 2).float() / CODES_PER_UNIT - 1.0
        core = source(scaled, *others)[:, :, halo:-halo, halo:-halo]
        wanted = DeployGenerator(source)(image, *others)
        found_core, found = network.core(image, *others), network(image, *others)
    change = (core - scaled[:, :, halo:-halo, halo:-halo]).abs().mean()
    assert change > 0.01  # there is something to get wrong
    assert found_core.shape == core.shape
    assert (found_core / CODES_PER_UNIT - 1.0 - core).abs().max() <= MAX_FLOAT
    assert found.dtype == torch.uint8 and found.shape == wanted.shape
    assert (found.int() - wanted.int()).abs().max() <= 1


@pytest.mark.parametrize("blocks", BLOCKS)
def test_taken_apart_it_is_the_same(blocks: int) -> None:
    check_same(ExportGenerator(generator(blocks)), generator(blocks))


@pytest.mark.parametrize("blocks", BLOCKS)
@pytest.mark.parametrize("name", NAMES)
def test_each_pass_alone(name: str, blocks: int) -> None:
    """With nothing before it but what it needs."""
    network = simplify(generator(blocks), named((*NEEDS.get(name, ()), name)))
    check_same(network, generator(blocks))


@pytest.mark.parametrize("count", range(1, len(PASSES) + 1))
def test_each_pass_after_all_before_it(count: int) -> None:
    check_same(simplify(generator(2), PASSES[:count]), generator(2))


def test_passes_are_reported_as_far_as_they_ran() -> None:
    assert [r.name for r in report_passes(generator(2), PASSES[:2])] == ["plain", *NAMES[:2]]


def test_a_pass_leaves_its_input_alone() -> None:
    network = ExportGenerator(generator(1))
    for step in PASSES:
        before = {k: v.clone() for k, v in network.state_dict().items()}
        after = step(network)
        assert after is not network
        assert network.state_dict().keys() == before.keys()
        assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
        network = after


def test_weights_of_the_generator_stay_as_they_were() -> None:
    source = generator(3)
    before = {k: v.clone() for k, v in source.state_dict().items()}
    simplify(source)
    assert all(torch.equal(v, before[k]) for k, v in source.state_dict().items())


@pytest.fixture(scope="module")
def reports() -> dict[str, tuple[PassReport, PassReport]]:
    """Each pass with what there was before and after it, for the default sizes."""
    found = report_passes(Generator(GeneratorConfig()).eval())
    return {after.name: (before, after) for before, after in itertools.pairwise(found)}


def test_what_each_pass_does_to_the_counts(reports: dict[str, tuple[PassReport, PassReport]]) -> None:
    assert list(reports) == NAMES
    for name, (before, after) in reports.items():
        if name in LESS_WORK:
            assert after.gflop < before.gflop
        elif name in MORE_WORK:
            assert before.gflop < after.gflop < 1.04 * before.gflop
        else:
            assert after.gflop == pytest.approx(before.gflop, rel=1e-9)
        if name in FEWER_OPERATIONS:
            assert after.operations < before.operations


def test_counts_do_not_depend_on_gradients() -> None:
    config = GeneratorConfig(widths=(4, 6, 8), blocks=1, spade_hidden=5, atlas_px=(20, 18))
    assert report_passes(Generator(config).eval()) == report_passes(random_generator(config))


def test_how_much_it_falls(reports: dict[str, tuple[PassReport, PassReport]]) -> None:
    """4/9 of the upsampling convolutions, but for the padding; the rest as docs/export.md has it."""
    side, up1, up2 = 1024 + 88, 96 * 48, 48 * 16
    nine = 2 * 9 * (up1 * (side / 2) ** 2 + up2 * side**2)
    four = 2 * 4 * 4 * (up1 * (side / 4 + 1) ** 2 + up2 * (side / 2 + 1) ** 2)
    before, after = reports["phase_upsampling"]
    assert before.gflop - after.gflop == pytest.approx((nine - four) / 1e9)
    assert before.gflop == pytest.approx(178.4, abs=0.05)
    assert reports[NAMES[-1]][1].gflop == pytest.approx(146.0, abs=0.05)


def test_what_cells_cost(reports: dict[str, tuple[PassReport, PassReport]]) -> None:
    """Zeros in the kernels: 16 taps for 9 in the stem, and in the heads, where α is made for each colour."""
    stem = 2 * (16 - 9) * 11 * 16 * (1024 + 78) ** 2
    heads = 2 * (16 * 6 - 9 * 4) * 16 * 1024**2
    before, after = reports["group_pixels"]
    assert after.gflop - before.gflop == pytest.approx((stem + heads) / 1e9)


def test_arithmetic_by_hand() -> None:
    """The first convolution of a generator that is counted: 2 · 9 · 3 · 4 a pixel."""
    small = measure("x", ExportGenerator(generator(1)))
    large = measure("x", ExportGenerator(generator(3)))
    halo = [generator(n).config.halo_px for n in (1, 3)]
    px = [(1024 + 2 * h) ** 2 for h in halo]
    block = 2 * (2 * 28 * 5 + 2 * 2 * 5 * 8 + 2 * 9 * 8 * 8) / 16  # first convolution, γ and β, convolution
    fixed = [s.gflop * 1e9 / p - n * block for s, p, n in zip((small, large), px, (1, 3), strict=True)]
    assert fixed[0] == pytest.approx(fixed[1])


def test_what_is_said_of_a_pass() -> None:
    line = pass_line(PassReport("plain", 196, 252.85), PassReport("fold_norm", 160, 200.04))
    assert line == "fold_norm: 196 -> 160 operations, 252.8 -> 200.0 GFLOP"


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (("fold_norm", "fold_norm"), "the norms are folded already"),
        (("merge_first_convolutions",), "run fold_norm first"),
        (("fold_norm", "merge_first_convolutions", "merge_first_convolutions"), "merged already"),
        (("join_output_heads", "join_output_heads"), "the heads are joined already"),
        (("phase_upsampling", "phase_upsampling"), "are phases already"),
        (("fold_scaling", "fold_scaling"), "the scaling is folded already"),
        (("drop_padding",), "run fold_norm first"),
        (("fold_norm", "drop_padding"), "run merge_first_convolutions first"),
        (("fold_norm", "merge_first_convolutions", "drop_padding"), "run phase_upsampling first"),
        (
            ("fold_norm", "merge_first_convolutions", "phase_upsampling", "drop_padding") * 2,
            "the norms are folded already",
        ),
        (("group_pixels",), "run drop_padding first"),
        (
            ("fold_norm", "merge_first_convolutions", "phase_upsampling", "drop_padding", "group_pixels"),
            "run join_output_heads first",
        ),
        (
            (
                "fold_norm",
                "merge_first_convolutions",
                "join_output_heads",
                "phase_upsampling",
                "drop_padding",
                "group_pixels",
            ),
            "run fold_scaling first",
        ),
        (("separate_conditioning",), "run merge_first_convolutions and drop_padding first"),
        ([*NAMES, "drop_padding"], "the padding is dropped already"),
        ([*NAMES, "group_pixels"], "the pixels are grouped already"),
        ([*NAMES, "separate_conditioning"], "run merge_first_convolutions and drop_padding first"),
    ],
)
def test_a_wrong_order_is_refused(order: Sequence[str], message: str) -> None:
    steps = tuple(getattr(passes, name) for name in order)
    with pytest.raises(ValueError, match=message):
        simplify(generator(1), steps)


def test_the_table_of_the_documentation(reports: dict[str, tuple[PassReport, PassReport]]) -> None:
    text = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
    for name, (_, after) in reports.items():
        assert f"| `{name}` | {after.operations} | {after.gflop:.1f} |" in text
