"""The C extension around the CPU engine's network, and where the network is cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from amgan.export.cases import mean_face_coordinates
from amgan.networks.atlas import upsampled
from amgan.networks.conditioning import conditioning_planes
from amgan.networks.config import AGE_SPAN_YEARS
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.bundle.precision import Precision
from amgan.runtime.engines import openvino_cells, openvino_cut
from amgan.runtime.engines.compiled_cache import SUFFIX, write_entry
from amgan.runtime.engines.contract import TileBatch
from amgan.runtime.engines.openvino import OpenVinoEngine
from amgan.runtime.engines.openvino_cells import Memory, PixelCells, can_cut, in_bf16
from amgan.runtime.engines.openvino_cut import read_cells, without_pixels
from amgan.runtime.engines.openvino_network import cpu_has_bf16, load_openvino
from amgan.runtime.errors import EngineError
from amgan.runtime.files import file_sha256

HALO = 44
SAMPLES = Path(__file__).parents[3] / "samples"
needs_extension = pytest.mark.skipif(not can_cut(), reason="the extension was not built, or the CPU is old")


def tile(height: int, width: int, patterns: int = 4, count: int = 1) -> TileBatch:
    """Smooth coordinates that reach beyond the atlas on one side, and years of both signs."""
    rng = np.random.default_rng(height + width)
    down, across = height // 4, width // 4
    coordinates = rng.uniform(-0.2, 0.2, (count, 4, down, across)).astype(np.float32)
    coordinates[:, 0] += np.linspace(-1.2, 0.9, across, dtype=np.float32)
    coordinates[:, 1] += np.linspace(-0.8, 1.1, down, dtype=np.float32)[:, None]
    return TileBatch(
        rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8),
        rng.uniform(-30, 40, (count, 1, down, across)).astype(np.float32),
        coordinates,
        rng.uniform(0, 0.5, (count, patterns)).astype(np.float32),
    )


def portrait(side: int, patterns: int) -> TileBatch:
    """A sample photo as a whole frame, 30 years older."""
    padded = side + 2 * HALO
    photo = Image.open(SAMPLES / "eileen_collins.png").convert("RGB").resize((padded, padded))
    return TileBatch(
        np.asarray(photo)[None],
        np.full((1, 1, padded // 4, padded // 4), 30, np.float32),
        mean_face_coordinates((-HALO, -HALO), (padded, padded), side)[None],
        np.full((1, patterns), 1 / patterns, np.float32),
    )


def texels(texture: np.ndarray) -> np.ndarray:
    """Whole numbers up to 255 in the layout of the extension, exact in bf16."""
    padded = np.pad(texture[0].transpose(1, 2, 0), ((0, 1), (0, 1), (0, 0)), mode="edge")
    return (np.ascontiguousarray(padded).view(np.uint32) >> 16).astype(np.uint16)


def some_cells(fine: np.ndarray, coarse: np.ndarray) -> PixelCells:
    rng = np.random.default_rng(7)
    gain, bias = rng.normal(size=(4, 8)).astype(np.float32), rng.normal(size=8).astype(np.float32)
    return PixelCells(texels(fine), texels(coarse), gain, bias, 0.04)


def expected(batch: TileBatch, fine: np.ndarray, coarse: np.ndarray, cells: PixelCells) -> np.ndarray:
    """What `gather` should give, by PyTorch: float32 [N, 44, h, w]."""
    spans = torch.from_numpy(batch.aging_map) * cells.span
    coordinates = upsampled(torch.cat([torch.from_numpy(batch.coordinates[:, :2]), spans], dim=1))
    grid = coordinates[:, :2].permute(0, 2, 3, 1)
    both = torch.cat(
        [
            F.grid_sample(
                torch.from_numpy(one).expand(len(grid), -1, -1, -1),
                grid,
                padding_mode="border",
                align_corners=False,
            )
            for one in (fine, coarse)
        ],
        dim=1,
    )
    gains = torch.from_numpy(batch.pattern @ cells.gain + cells.bias)
    codes = torch.from_numpy(batch.image).permute(0, 3, 1, 2)[:, :, 4:-4, 4:-4].float()
    seen = torch.cat([codes, both * coordinates[:, 2:] * gains[:, :, None, None]], dim=1)
    return F.pixel_unshuffle(seen, 2).reshape(len(seen), 11, 4, *(n // 2 for n in seen.shape[2:])).transpose(
        1, 2
    ).reshape(len(seen), 44, *(n // 2 for n in seen.shape[2:])).numpy()  # fmt: skip


@needs_extension
@pytest.mark.parametrize("size", [(40, 48), (120, 124), (12, 132), (64, 60)])
def test_gathers_what_the_first_convolution_reads(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    fine = rng.integers(0, 256, (1, 4, 40, 36)).astype(np.float32)
    coarse = rng.integers(0, 256, (1, 4, 20, 18)).astype(np.float32)
    batch, cells = tile(*size, count=2), some_cells(fine, coarse)
    found = (cells.gather(batch, Memory()).astype(np.uint32) << 16).view(np.float32)
    wanted = expected(batch, fine, coarse, cells)
    assert found.shape == wanted.shape
    sampled = np.arange(44) % 11 >= 3
    assert np.array_equal(found[:, ~sampled], wanted[:, ~sampled])
    # bf16 has 8 bits; coordinates differ in the last bits of fp32, between texels that are up to 255 apart.
    assert np.allclose(found[:, sampled], wanted[:, sampled], rtol=1 / 256, atol=0.02)
    assert np.abs(wanted[:, sampled]).max() > 100


@needs_extension
@pytest.mark.parametrize("size", [(40, 48), (20, 124), (24, 84)])
def test_conditions_on_places_and_their_waves(size: tuple[int, int]) -> None:
    batch = tile(*size, count=2)
    nothing = np.zeros((1, 4, 2, 2), np.float32)
    found = (some_cells(nothing, nothing).condition(batch, Memory()).astype(np.uint32) << 16).view(np.float32)
    whole = (torch.from_numpy(one) for one in (batch.aging_map, batch.coordinates, batch.pattern))
    # The network's own planes have years as a share of an age span, and the pattern's behind.
    planes = conditioning_planes(*whole)[:, :, 2:-2, 2:-2].numpy()
    planes[:, 0] *= AGE_SPAN_YEARS
    assert found.shape == (2, 32, *planes.shape[2:])
    assert planes.shape[1] == 29
    assert np.allclose(found[:, :29], planes, rtol=1 / 256, atol=1e-5)
    assert not found[:, 29:].any()


@needs_extension
@pytest.mark.parametrize("size", [(32, 32), (20, 36), (8, 4)])
def test_blends_as_the_graph_does(size: tuple[int, int]) -> None:
    height, width = size
    batch = tile(height + 2 * HALO, width + 2 * HALO, count=2)
    rng = np.random.default_rng(3)
    halves = in_bf16(rng.uniform(-1, 1, (2, 24, height // 2, width // 2)).astype(np.float32))
    change = (halves.astype(np.uint32) << 16).view(np.float32)
    aged = some_cells(np.zeros((1, 4, 2, 2), np.float32), np.zeros((1, 4, 2, 2), np.float32)).blend(
        batch, halves
    )
    delta, attention = change[:, :12], change[:, 12:]
    cells = torch.from_numpy(delta * (attention * np.float32(63.75) + np.float32(63.75)))
    ordered = cells.reshape(2, 4, 3, *cells.shape[2:]).transpose(1, 2).reshape(2, 12, *cells.shape[2:])
    wide = F.pixel_shuffle(ordered, 2).permute(0, 2, 3, 1).numpy()
    core = batch.image[:, HALO:-HALO, HALO:-HALO].astype(np.float32)
    wanted = np.clip(np.rint(core + wide), 0, 255)
    near_half = np.abs((core + wide) % 1 - 0.5) < 1e-4  # rounded either way by a last bit
    assert np.array_equal(aged[~near_half], wanted[~near_half])
    assert near_half.mean() < 0.01
    assert (aged == 255).any() and (aged == 0).any() and (aged != core).any()


@needs_extension
def test_other_arrays_are_refused() -> None:
    from amgan.runtime.engines import _cells

    batch, plane = tile(40, 40), np.zeros((10, 10), np.float32)
    texture, gain, out = (
        np.zeros((3, 3, 4), np.uint16),
        np.zeros(8, np.float32),
        np.zeros((44, 256), np.uint16),
    )
    good = [batch.image[0], plane, plane, plane, texture, texture, gain, out]
    _cells.gather(*good)
    for at, other in (
        (0, batch.image[0, :39]),
        (1, plane[:9]),
        (3, plane.astype(np.float64)),
        (4, texture[:1]),
        (5, texture[:, ::2]),
        (6, gain[:7]),
        (7, out[:43]),
        (7, np.zeros((44, 255), np.uint16)),
    ):
        with pytest.raises(ValueError, match="array"):
            _cells.gather(*[other if i == at else one for i, one in enumerate(good)])
    planes = np.zeros((25, 36), np.uint16)
    _cells.condition(*[plane] * 5, planes)
    for many in (
        [plane] * 5 + [planes[:24]],
        [plane] * 4 + [plane[:9], planes],
        [plane] * 5 + [planes[:, :35]],
    ):
        with pytest.raises(ValueError, match="array"):
            _cells.condition(*many)
    core, change = np.zeros((4, 6, 3), np.uint8), np.zeros((24, 6), np.uint16)
    for given in (
        (core, change[:23], core.copy()),
        (core, change, core[:2].copy()),
        (core[:3], change, core[:3]),
    ):
        with pytest.raises(ValueError, match="arrays differ"):
            _cells.blend(*given)


@needs_extension
@pytest.mark.skipif(not cpu_has_bf16(), reason="this CPU has no bf16")
def test_the_cut_network_gives_the_pixels_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = Bundle.open()
    batch = portrait(128, bundle.manifest.patterns)
    cut = OpenVinoEngine(bundle, "bf16")
    assert cut._cells is not None
    found = cut.wait(cut.submit(batch))
    monkeypatch.setattr(openvino_cut, "can_cut", lambda: False)
    whole = OpenVinoEngine(bundle, "bf16")
    assert whole._cells is None
    wanted = whole.wait(whole.submit(batch))
    assert found.shape == wanted.shape == (1, 128, 128, 3)
    apart = np.abs(found.astype(int) - wanted)
    assert apart.max() <= 1
    assert (apart > 0).mean() < 0.05
    assert (found != batch.image[:, HALO:-HALO, HALO:-HALO]).mean() > 0.1


@needs_extension
def test_memory_is_used_again() -> None:
    memory = Memory()
    first = memory.halves("seen", (2, 3, 4))
    smaller, other = memory.halves("seen", (5, 1)), memory.halves("planes", (5, 1))
    assert smaller.shape == (5, 1)
    assert np.shares_memory(first, smaller) and not np.shares_memory(first, other)
    assert memory.halves("seen", (5, 5)).shape == (5, 5)


@needs_extension
@pytest.mark.skipif(not cpu_has_bf16(), reason="this CPU has no bf16")
def test_another_number_of_patterns_is_an_error() -> None:
    bundle = Bundle.open()
    engine = OpenVinoEngine(bundle, "bf16")
    batch = tile(8 + 2 * HALO, 8 + 2 * HALO, bundle.manifest.patterns + 1)
    with pytest.raises(EngineError, match="could not start on tile"):
        engine.submit(batch)


def test_fp32_is_computed_as_the_file_says() -> None:
    assert OpenVinoEngine(Bundle.open(), "fp32")._cells is None


@needs_extension
def test_only_what_export_writes_is_cut(tmp_path: Path) -> None:
    openvino = load_openvino()
    file = Bundle.open().file("generator", Precision.FP32)
    assert read_cells(openvino, file) is not None
    (tmp_path / "damaged.onnx").write_bytes(b"no network")
    assert read_cells(openvino, tmp_path / "damaged.onnx") is None
    estimator = Bundle.open().file("estimator", Precision.FP32)
    assert read_cells(openvino, estimator) is None
    with pytest.raises(RuntimeError, match="other ends"):
        without_pixels(openvino, openvino.Core().read_model(estimator))


def test_without_the_extension_nothing_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_cells, "extension", lambda: None)
    assert not can_cut()
    assert read_cells(load_openvino(), Bundle.open().file("generator", Precision.FP32)) is None


@needs_extension
def test_what_was_cut_off_is_kept_between_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMGAN_CACHE", str(tmp_path / "cache"))
    openvino, file = load_openvino(), Bundle.open().file("generator", Precision.FP32)
    first = read_cells(openvino, file)
    (entry,) = (tmp_path / "cache").iterdir()
    monkeypatch.setattr(openvino_cut, "_read_ends", lambda *_: pytest.fail("the file was read again"))
    second = read_cells(openvino, file, file_sha256(file))
    assert first is not None
    assert second is not None
    for name in ("fine", "coarse", "gain", "bias"):
        one, other = getattr(first, name), getattr(second, name)
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)
    assert first.span == second.span
    assert entry.suffix == SUFFIX


@needs_extension
@pytest.mark.parametrize("content", [b"", b"junk" * 99])
def test_an_entry_with_other_content_is_written_anew(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMGAN_CACHE", str(tmp_path / "cache"))
    openvino, file = load_openvino(), Bundle.open().file("generator", Precision.FP32)
    first = read_cells(openvino, file)
    (entry,) = (tmp_path / "cache").iterdir()
    whole = entry.read_bytes()
    write_entry(entry, content)
    second = read_cells(openvino, file)
    assert first is not None
    assert second is not None
    assert second.to_bytes() == first.to_bytes()
    assert entry.read_bytes() == whole


@needs_extension
def test_a_file_that_is_not_there_is_not_cut(tmp_path: Path) -> None:
    assert read_cells(load_openvino(), tmp_path / "none.onnx") is None
