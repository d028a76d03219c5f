"""The engine for CPUs with AVX2: the pixels of OpenVINO's whole graph in fp32."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from support.tile_inputs import mixtures
from support.tiny_networks import TINY_GENERATOR, random_generator

from amgan.export.cases import mean_face_coordinates
from amgan.export.graphs.emit import emit_generator
from amgan.export.simplify import simplify
from amgan.runtime import machine
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.bundle.precision import Precision
from amgan.runtime.engines import avx2, avx2_weights, choose, openvino_network
from amgan.runtime.engines.avx2 import Avx2Engine
from amgan.runtime.engines.avx2_weights import extension
from amgan.runtime.engines.contract import Engine, TileBatch
from amgan.runtime.engines.openvino import OpenVinoEngine
from amgan.runtime.engines.scheduler.scheduler import open_scheduler
from amgan.runtime.errors import EngineError

needs_extension = pytest.mark.skipif(extension() is None, reason="not built, or the CPU has no AVX2")
#: Blocks of 24, 16 and 8 output channels, and both numbers of layers.
SMALL = replace(TINY_GENERATOR, widths=(8, 8, 16), blocks=1, spade_hidden=8, atlas_channels=8)
ODD = replace(TINY_GENERATOR, widths=(8, 16, 40), blocks=2, spade_hidden=16, atlas_channels=8)


def file_of(config: object, folder: Path) -> Path:
    """A generator with random weights as `amgan export` writes it."""
    file = folder / "generator.onnx"
    onnx.save(emit_generator(simplify(random_generator(config))), file)  # type: ignore[arg-type]
    return file


def tiles(height: int, width: int, halo: int, count: int = 1, patterns: int = 4) -> TileBatch:
    """Soft noise in a face with years of both signs; ``height`` and ``width`` are those of the core."""
    rng = np.random.default_rng(height * width)
    high, wide = height + 2 * halo, width + 2 * halo
    places = mean_face_coordinates((176, 176), (wide, high), 512)
    return TileBatch(
        rng.normal(140, 20, (count, high, wide, 3)).astype(np.uint8),
        rng.uniform(-20, 60, (count, 1, high // 4, wide // 4)).astype(np.float32),
        np.repeat(places[None], count, axis=0),
        mixtures(count, patterns),
        "tile 7",
    )


def run(engine: Engine, batch: TileBatch) -> np.ndarray:
    return engine.wait(engine.submit(batch))


def compare(found: np.ndarray, wanted: np.ndarray, batch: TileBatch, halo: int) -> None:
    apart = np.abs(found.astype(int) - wanted)
    assert apart.max() <= 1
    changed = np.abs(wanted.astype(int) - batch.image[:, halo:-halo, halo:-halo])
    assert changed.mean() > 0.1
    assert apart.mean() < 1e-3 * changed.mean()


@pytest.fixture(scope="module")
def shipped() -> Avx2Engine:
    engine = Avx2Engine.of_bundle(Bundle.open())
    assert engine is not None
    return engine


@needs_extension
@pytest.mark.parametrize(
    ("height", "width", "count"), [(4, 4, 1), (8, 76, 2), (60, 36, 1), (124, 212, 1), (204, 100, 3)]
)
def test_the_shipped_weights_give_the_pixels_of_the_whole_graph(
    shipped: Avx2Engine, height: int, width: int, count: int
) -> None:
    bundle = Bundle.open()
    halo = bundle.manifest.halo_px
    batch = tiles(height, width, halo, count, bundle.manifest.patterns)
    found, wanted = run(shipped, batch), run(OpenVinoEngine(bundle, "fp32"), batch)
    assert found.shape == wanted.shape == (count, height, width, 3)
    compare(found, wanted, batch, halo)


@needs_extension
@pytest.mark.parametrize("config", [SMALL, ODD])
def test_other_numbers_of_channels_and_layers(config: object, tmp_path: Path) -> None:
    file, halo = file_of(config, tmp_path), config.halo_px  # type: ignore[attr-defined]
    engine, whole = Avx2Engine.of_file(file, halo), OpenVinoEngine.of_file(file, halo, 4, "fp32")
    assert engine is not None
    for height, width in ((4, 8), (44, 120)):
        batch = tiles(height, width, halo)
        compare(run(engine, batch), run(whole, batch), batch, halo)


@needs_extension
def test_most_layers_and_one_block_more(tmp_path: Path) -> None:
    most = replace(SMALL, blocks=16)
    file, halo = file_of(most, tmp_path), most.halo_px
    engine = Avx2Engine.of_file(file, halo)
    assert engine is not None
    batch = tiles(8, 12, halo)
    compare(run(engine, batch), run(OpenVinoEngine.of_file(file, halo, 4, "fp32"), batch), batch, halo)
    more = replace(SMALL, blocks=17)
    assert Avx2Engine.of_file(file_of(more, tmp_path), more.halo_px) is None


@needs_extension
def test_threads_do_not_change_a_pixel(shipped: Avx2Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = tiles(76, 140, shipped._weights.halo_px)
    found = []
    for cores in (1, 2, 5, 64):
        monkeypatch.setattr(shipped, "_cores", cores)
        found.append(run(shipped, batch))
    assert all(np.array_equal(one, found[0]) for one in found)


@needs_extension
def test_memory_of_larger_tiles_is_used_for_smaller_ones(shipped: Avx2Engine) -> None:
    halo = shipped._weights.halo_px
    alone = run(shipped, tiles(8, 8, halo))
    run(shipped, tiles(120, 120, halo))
    assert np.array_equal(run(shipped, tiles(8, 8, halo)), alone)


@needs_extension
def test_memory_may_hold_anything(shipped: Avx2Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = tiles(20, 52, shipped._weights.halo_px)
    alone = run(shipped, batch)
    monkeypatch.setattr(shipped, "_memories", [np.full((30_000, 1024), np.nan, np.float32)])
    assert np.array_equal(run(shipped, batch), alone)


@needs_extension
def test_tickets_may_be_waited_for_in_any_order(shipped: Avx2Engine) -> None:
    batches = [tiles(16, 16 + 4 * k, shipped._weights.halo_px) for k in range(5)]
    alone = [run(shipped, one) for one in batches]
    tickets = [shipped.submit(one) for one in batches]
    for k in (3, 0, 4, 1, 2):
        assert np.array_equal(shipped.wait(tickets[k]), alone[k])
    with pytest.raises(EngineError, match="tile 7 is not in flight"):
        shipped.wait(tickets[0])


@needs_extension
def test_pictures_may_be_parts_of_others(shipped: Avx2Engine) -> None:
    batch = tiles(16, 24, shipped._weights.halo_px)
    wide = np.zeros((1, *batch.image.shape[1:2], batch.image.shape[2] + 9, 3), np.uint8)
    wide[:, :, 4:-5] = batch.image
    upside_down = np.ascontiguousarray(batch.image[:, ::-1])[:, ::-1]
    for image in (wide[:, :, 4:-5], upside_down):
        assert np.array_equal(run(shipped, replace(batch, image=image)), run(shipped, batch))


@needs_extension
def test_tiles_that_cannot_be_computed_are_errors_by_name(shipped: Avx2Engine) -> None:
    halo = shipped._weights.halo_px
    with pytest.raises(EngineError, match="tile 7: the pattern must have 4 weights, not 5"):
        shipped.submit(tiles(8, 8, halo, patterns=5))
    with pytest.raises(EngineError, match="tile 7: 12x12 px is too small or too large"):
        shipped.submit(tiles(12, 12, 0))
    with pytest.raises(EngineError, match=r"tile 7: .*must be uint8"):
        shipped.submit(replace(tiles(8, 8, halo), image=np.zeros((1, 96, 96, 3), np.float32)))


@needs_extension
def test_a_closed_engine_takes_no_tiles() -> None:
    engine = Avx2Engine.of_bundle(Bundle.open())
    assert engine is not None
    ticket = engine.submit(tiles(8, 8, engine._weights.halo_px))
    engine.close()
    assert engine.wait(ticket).shape == (1, 8, 8, 3)
    with pytest.raises(EngineError, match="came after the engine was closed"):
        engine.submit(tiles(8, 8, engine._weights.halo_px))


@needs_extension
def test_missing_memory_and_threads_are_errors_by_name(
    shipped: Avx2Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = tiles(8, 8, shipped._weights.halo_px)
    with monkeypatch.context() as patch:
        patch.setattr(shipped, "_age_tiles", lambda _: np.empty(2**60, np.float32))
        with pytest.raises(EngineError, match="AVX2 failed on tile 7: Unable to allocate"):
            run(shipped, batch)
    with monkeypatch.context() as patch:
        patch.setattr(shipped._pool, "submit", raise_no_thread)
        with pytest.raises(EngineError, match="AVX2 could not start on tile 7: can't start new thread"):
            shipped.submit(batch)
    assert run(shipped, batch).shape == (1, 8, 8, 3)


def raise_no_thread(*_: object) -> None:
    raise RuntimeError("can't start new thread")


@needs_extension
def test_capabilities(shipped: Avx2Engine) -> None:
    assert isinstance(shipped, Engine)
    assert shipped.capabilities.precision is Precision.FP32
    assert shipped.capabilities.min_tiles == 1  # the cut decides how sums are rounded


@pytest.mark.parametrize(
    ("best", "bf16", "precision", "name"),
    [
        (True, False, None, "AVX2"),
        (True, False, "fp32", "OpenVINO"),
        (False, False, None, "OpenVINO"),
        (True, True, "fp32", "OpenVINO"),
    ],
)
@needs_extension
def test_which_engine_the_cpu_gets(
    best: bool, bf16: bool, precision: str | None, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(avx2, "is_best", lambda: best)
    monkeypatch.setattr(openvino_network, "cpu_has_bf16", lambda: bf16)
    with open_scheduler(Bundle.open(), "cpu", precision) as scheduler:
        assert scheduler.capabilities.name == name


@needs_extension
def test_a_generator_that_it_cannot_compute_goes_to_openvino(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(avx2, "is_best", lambda: True)
    monkeypatch.setattr(openvino_network, "cpu_has_bf16", lambda: False)
    assert choose.choose_devices(Bundle.open(tiny_bundle), "cpu", None)[0].capabilities.name == "OpenVINO"


def test_without_the_extension_there_is_no_such_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(avx2_weights, "load_extension", lambda _: None)
    assert not avx2.is_best()
    assert Avx2Engine.of_bundle(Bundle.open()) is None
    assert machine.load_extension("amgan.runtime.engines._no_such") is None
