"""The numbers of an exported bundle against PyTorch, tile by tile."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.exported import Exported
from support.stitching import stitch
from support.tile_inputs import mixtures, smooth_positions
from support.tiny_networks import TINY_MODEL

from amgan.export.graphs.deploy import DeployEstimator, DeployGenerator
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.engines.contract import TileBatch
from amgan.runtime.engines.openvino import OpenVinoEngine
from amgan.runtime.engines.tiles import Tile, plan_tiles
from amgan.runtime.pipeline.estimator import Estimator

HALO = TINY_MODEL.generator.halo_px
FRAME = 192


@pytest.fixture(scope="session")
def engine(exported: Exported) -> OpenVinoEngine:
    return OpenVinoEngine(Bundle.open(exported.bundle), "f32")


def run(engine: OpenVinoEngine, *arrays: np.ndarray) -> np.ndarray:
    return engine.wait(engine.submit(TileBatch(*arrays)))


def reference(exported: Exported, *arrays: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return DeployGenerator(exported.generator)(*map(torch.from_numpy, arrays)).numpy()


def difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    assert a.shape == b.shape
    return np.abs(a.astype(np.int16) - b)


@pytest.mark.parametrize(("n", "height", "width"), [(1, 4, 4), (1, 64, 64), (3, 24, 100), (2, 132, 60)])
def test_every_tile_size_and_batch(
    exported: Exported, engine: OpenVinoEngine, n: int, height: int, width: int
) -> None:
    rng = np.random.default_rng(height)
    image = rng.integers(0, 256, (n, height + 2 * HALO, width + 2 * HALO, 3), dtype=np.uint8)
    ages = rng.uniform(15, 90, (n, 1, image.shape[1] // 4, image.shape[2] // 4)).astype(np.float32)
    places = smooth_positions(n, *ages.shape[2:]), mixtures(n)
    found, wanted = run(engine, image, ages, *places), reference(exported, image, ages, *places)
    assert found.shape == (n, height, width, 3)
    assert difference(found, wanted).max() <= 1
    assert difference(wanted, image[:, HALO:-HALO, HALO:-HALO]).mean() > 3  # it does change something


def test_zeros_in_any_input_are_values_like_any_other(engine: OpenVinoEngine) -> None:
    """What docs/export.md says of clients that leave an input out: no error, and with no places no lines."""
    side = 2 * HALO + 32
    image = np.full((1, side, side, 3), 120, np.uint8)
    ages = np.full((1, 1, side // 4, side // 4), 40, np.float32)
    places, pattern = smooth_positions(1, side // 4, side // 4), mixtures(1)
    filled = (image, ages, places, pattern)
    spread = np.ptp(run(engine, *filled).reshape(-1, 3), axis=0).max()
    assert spread > 3
    for number, array in enumerate(filled):
        arrays = [*filled[:number], np.zeros_like(array), *filled[number + 1 :]]
        assert run(engine, *arrays).shape == (1, 32, 32, 3)
    flat = run(engine, image, ages, np.zeros_like(places), pattern).reshape(-1, 3)
    assert np.ptp(flat, axis=0).max() <= 1
    assert (run(engine, image, ages, places, np.zeros_like(pattern)) != run(engine, *filled)).any()


def test_deployed_arithmetic_by_hand(exported: Exported) -> None:
    """Scaling, halo and rounding around the network are what the contract says."""
    from amgan.networks import Generator

    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (1, 2 * HALO + 8, 2 * HALO + 8, 3), dtype=np.uint8)
    cells = image.shape[1] // 4
    ages = np.full((1, 1, cells, cells), 60, np.float32)
    places = smooth_positions(1, cells, cells), mixtures(1)
    tensors = [torch.from_numpy(a) for a in (image, ages, *places)]
    untrained = Generator(TINY_MODEL.generator).eval()
    torch.nn.init.zeros_(untrained.colour.weight)
    with torch.no_grad():
        same = DeployGenerator(untrained)(*tensors).numpy()
        aged = exported.generator(tensors[0].permute(0, 3, 1, 2) / 127.5 - 1, *tensors[1:])
    assert np.array_equal(same, image[:, HALO:-HALO, HALO:-HALO])  # every code value survives
    codes = ((aged[0].permute(1, 2, 0) + 1) * 127.5).numpy()[HALO:-HALO, HALO:-HALO]
    found = reference(exported, image, ages, *places)[0]
    assert np.abs(np.clip(codes, 0, 255) - found).max() < 0.51
    assert codes.min() < 0 or codes.max() > 255  # so clipping was needed


@pytest.mark.parametrize(
    ("core", "marked"), [(FRAME, False), (64, False), (100, False), (36, True), (4, True)]
)
def test_tiles_give_the_pixels_of_the_whole_frame(engine: OpenVinoEngine, core: int, marked: bool) -> None:
    rng = np.random.default_rng(2)
    image = rng.integers(0, 256, (FRAME + 2 * HALO, FRAME + 2 * HALO, 3), dtype=np.uint8)
    ages = rng.uniform(15, 90, (image.shape[0] // 4, image.shape[1] // 4)).astype(np.float32)
    places = smooth_positions(1, *ages.shape)[0]

    def aged(tile: Tile) -> np.ndarray:
        part = tile.padded(HALO, 4)
        arrays = (image[tile.padded(HALO)], ages[part][None], places[:, *part])
        return run(engine, *(array[None].copy() for array in arrays), mixtures(1))[0]

    whole = aged(Tile(0, 0, FRAME, FRAME))
    cells = None
    if marked:  # a ring, as a face with holes
        cells = np.zeros((FRAME // 4, FRAME // 4), bool)
        cells[8:20, 8:24] = True
        cells[11:16, 12:18] = False
    tiles = plan_tiles(FRAME, core, cells)
    assert len(tiles) > 1 or core == FRAME
    stitched = stitch(whole, ((tile, aged(tile)) for tile in tiles))
    apart = difference(stitched, whole)
    # Where this was written not one value differed. An engine may sum in another order for another shape,
    # so that a value on the edge between two codes tips over: hence the small allowance.
    assert apart.max() <= 1, f"{apart.max()} code values apart"
    assert (apart > 0).mean() < 1e-4, f"{(apart > 0).sum()} of {apart.size} values differ"


def test_the_estimator(exported: Exported, hopper: np.ndarray) -> None:
    from PIL import Image

    from amgan.runtime.face.finder import FaceFinder

    estimator = Estimator(Bundle.open(exported.bundle))
    (face,) = FaceFinder(threads=1).find(hopper)
    found = estimator.read(hopper, face)
    assert np.isfinite([found.base, *found.parts.values()]).all()
    frame = np.asarray(Image.fromarray(hopper).resize((64, 64)))[None]
    with torch.no_grad():
        ages = DeployEstimator(exported.discriminator)(torch.from_numpy(frame.copy())).numpy()
    assert ages.shape == (1, 1, 4, 4) and ages.dtype == np.float32
