"""What ships: weights and bundle fit each other, tiles do not show, and faces age as promised.

Nothing here is skipped when a file is missing: a package without its model is broken.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.helpers import COLLINS, HOPPER
from support.stitching import stitch
from support.tile_inputs import mixtures, smooth_positions

from amgan.checkpoint import SHIPPED as WEIGHTS
from amgan.checkpoint import load_model
from amgan.export.graphs.deploy import DeployEstimator, DeployGenerator
from amgan.networks import Discriminator, Generator, ModelConfig
from amgan.runtime.ages.maps import build_map, edit_mask, make_region_masks
from amgan.runtime.ages.request import Request
from amgan.runtime.bundle.bundle import SHIPPED, Bundle
from amgan.runtime.engines.contract import TileBatch
from amgan.runtime.engines.openvino import OpenVinoEngine
from amgan.runtime.engines.tiles import Tile, mask_cells, plan_tiles
from amgan.runtime.errors import EngineError
from amgan.runtime.face.alignment import apply_affine
from amgan.runtime.face.coordinates import face_coordinates, scale_of
from amgan.runtime.face.finder import Face, FaceFinder
from amgan.runtime.face.line_strength import skin_pattern
from amgan.runtime.face.warp import sample_affine, sample_plane
from amgan.runtime.face.zones import PART_NAMES, ZONES, parts_of
from amgan.runtime.files import file_sha256
from amgan.runtime.pipeline.estimator import compile_estimator
from amgan.runtime.pipeline.pipeline import Pipeline
from amgan.runtime.pipeline.results import AgedFace, AgedPhoto
from amgan.runtime.pipeline.seen_face import frame_size

MAX_WEIGHT_BYTES = 14_000_000  # the networks with their atlas, and the aging field
MIN_BF16_DB = 45.0
PHOTOS = {"hopper": HOPPER, "collins": COLLINS}
Networks = tuple[Generator, Discriminator, ModelConfig]
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]


def read(name: str) -> np.ndarray:
    return np.asarray(Image.open(PHOTOS[name]).convert("RGB"))


def unit(face: Face) -> np.ndarray:
    return apply_affine(face.frame.to_frame(1), face.landmarks)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.open()


@pytest.fixture(scope="module")
def networks() -> Networks:
    return load_model()


@pytest.fixture(scope="module")
def exact(bundle: Bundle) -> Iterator[OpenVinoEngine]:
    engine = OpenVinoEngine(bundle, "f32")
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Pipeline]:
    with Pipeline(precision="f32") as opened:
        yield opened


@pytest.fixture(scope="module")
def faces() -> dict[str, Face]:
    finder = FaceFinder()
    return {name: finder.find(read(name))[0] for name in PHOTOS}


@pytest.fixture(scope="module")
def frames(bundle: Bundle, faces: dict[str, Face]) -> dict[str, Arrays]:
    """The sample faces as one tile each, asked to look 70: image with halo, map, coordinates, pattern."""
    manifest, found = bundle.manifest, {}
    halo = manifest.halo_px
    for name, face in faces.items():
        size = frame_size(face.frame.side_px, manifest)
        matrix = face.frame.to_photo(size)
        matrix[:, 2] -= matrix[:, :2] @ (halo, halo)
        image = sample_affine(read(name), matrix, (size + 2 * halo,) * 2)
        ages = build_map(make_region_masks(unit(face), size // 4, halo // 4), 70.0, {"forehead": 80.0})
        places = face_coordinates(unit(face), size // 4, halo // 4)
        places = np.concatenate([places, np.full_like(places[:1], scale_of(size))])
        pattern = skin_pattern(image[halo:-halo, halo:-halo], unit(face), manifest.patterns)
        found[name] = (image[None], ages[None, None], places[None], pattern[None])
    return found


@pytest.fixture(scope="module")
def aged(pipeline: Pipeline) -> dict[tuple[str, str], AgedPhoto]:
    """Both photos at the ages that the tests look at."""
    ages = ("+0", "20", "80")
    return {(n, a): pipeline.age(read(n), Request.parse(a)) for n in PHOTOS for a in ages}


def run(engine: OpenVinoEngine, arrays: Arrays) -> np.ndarray:
    return engine.wait(engine.submit(TileBatch(*arrays)))


def reference(networks: Networks, arrays: Arrays) -> np.ndarray:
    with torch.inference_mode():
        return DeployGenerator(networks[0])(*(torch.from_numpy(a.copy()) for a in arrays)).numpy()


def difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    assert a.shape == b.shape
    return np.abs(a.astype(np.int16) - b)


def face_mask(found: AgedFace, shape: tuple[int, ...]) -> np.ndarray:
    """The edit mask of a face, laid over its photo: [H, W] 0..1."""
    mask = edit_mask(unit(found.face), found.frame_px)
    return sample_plane(mask, found.face.frame.to_frame(found.frame_px), (shape[1], shape[0]), smooth=False)


# ---- the files


def test_the_shipped_bundle_opens(bundle: Bundle) -> None:
    manifest = bundle.manifest
    assert bundle.path == SHIPPED
    assert manifest.model == "amgan-base"
    assert manifest.neutral_age == 45 and manifest.age_range == (15, 90)
    assert {e.role for e in manifest.files.values()} >= {"generator", "estimator"}
    assert {p.name for p in bundle.path.iterdir()} == {"manifest.json", "amgan.h", *manifest.files}


def test_the_bundle_was_made_of_the_shipped_weights(bundle: Bundle, networks: Networks) -> None:
    assert bundle.manifest.checkpoint_sha256 == file_sha256(WEIGHTS)
    config = networks[2]
    assert bundle.manifest.halo_px == config.generator.halo_px
    assert bundle.manifest.min_frame_px == config.min_frame_px
    assert bundle.manifest.max_frame_px == config.max_frame_px
    assert bundle.manifest.estimator.frame_px == config.estimator_frame_px


def test_the_package_stays_small() -> None:
    assert sum(p.stat().st_size for p in WEIGHTS.parent.rglob("*") if p.is_file()) <= MAX_WEIGHT_BYTES


def test_weights_are_finite(networks: Networks) -> None:
    for network in networks[:2]:
        assert all(torch.isfinite(v.float()).all() for v in network.state_dict().values())


# ---- checkpoint and bundle agree


@pytest.mark.parametrize("name", PHOTOS)
def test_generator_agrees_on_faces(
    networks: Networks, exact: OpenVinoEngine, frames: dict[str, Arrays], name: str
) -> None:
    apart = difference(run(exact, frames[name]), reference(networks, frames[name]))
    assert apart.max() <= 1


def test_generator_agrees_on_noise(networks: Networks, exact: OpenVinoEngine, bundle: Bundle) -> None:
    rng, halo = np.random.default_rng(0), bundle.manifest.halo_px
    for n, height, width in ((1, 128, 96), (2, 40, 68)):
        image = rng.integers(0, 256, (n, height + 2 * halo, width + 2 * halo, 3), dtype=np.uint8)
        ages = rng.uniform(15, 90, (n, 1, image.shape[1] // 4, image.shape[2] // 4)).astype(np.float32)
        places = smooth_positions(n, *ages.shape[2:])
        arrays = (image, ages, places, mixtures(n, bundle.manifest.patterns))
        assert difference(run(exact, arrays), reference(networks, arrays)).max() <= 1


@pytest.mark.parametrize("name", PHOTOS)
def test_bf16_is_close(bundle: Bundle, networks: Networks, frames: dict[str, Arrays], name: str) -> None:
    try:
        engine = OpenVinoEngine(bundle, "bf16")
    except EngineError as error:
        pytest.skip(str(error))
    apart = difference(run(engine, frames[name]), reference(networks, frames[name])).astype(np.float64)
    decibel = 10 * np.log10(255**2 / max((apart**2).mean(), 1e-9))
    assert decibel >= MIN_BF16_DB, f"{decibel:.1f} dB, at most {apart.max():.0f} code values apart"


def test_estimator_agrees(bundle: Bundle, networks: Networks, faces: dict[str, Face]) -> None:
    size = bundle.manifest.estimator.frame_px
    model = compile_estimator(bundle.file("estimator"))
    for name, face in faces.items():
        frame = sample_affine(read(name), face.frame.to_photo(size), (size, size))[None]
        with torch.inference_mode():
            wanted = DeployEstimator(networks[1])(torch.from_numpy(frame.copy())).numpy()
        np.testing.assert_allclose(model({"image": frame})[0], wanted, atol=0.01)


# ---- tiles


@pytest.mark.parametrize("core", [256, 132])
def test_tiles_do_not_show(
    exact: OpenVinoEngine, frames: dict[str, Arrays], faces: dict[str, Face], bundle: Bundle, core: int
) -> None:
    """The whole frame in one piece, its tiles, and only the tiles that hold the face."""
    image, ages, places, pattern = frames["hopper"]
    halo = bundle.manifest.halo_px
    size = image.shape[1] - 2 * halo

    def part(tile: Tile) -> np.ndarray:
        rows, columns = tile.padded(halo)
        cells = (..., *tile.padded(halo, 4))
        return run(
            exact, (image[:, rows, columns].copy(), ages[cells].copy(), places[cells].copy(), pattern)
        )[0]

    whole = run(exact, frames["hopper"])[0]
    for marked in (None, mask_cells(edit_mask(unit(faces["hopper"]), size))):
        tiles = plan_tiles(size, core, marked)
        assert tiles
        apart = difference(stitch(whole, ((tile, part(tile)) for tile in tiles)), whole)
        assert apart.max() <= 1, f"{(apart > 1).sum()} values are more than one code value apart"
        assert (apart > 0).mean() < 1e-4, f"{(apart > 0).sum()} of {apart.size} values differ"


# ---- faces


def test_outside_the_face_nothing_changes(pipeline: Pipeline, tmp_path: Path) -> None:
    """Byte for byte, through PNG files."""
    target = tmp_path / "aged.png"
    result = pipeline.age_file(
        COLLINS, target, Request.parse("80", shape=False, features=False, hair=False, neck=False)
    )
    before, after = np.asarray(Image.open(COLLINS)), np.asarray(Image.open(target))
    assert before.shape == after.shape and before.dtype == after.dtype
    (found,) = result.faces
    outside = face_mask(found, before.shape) == 0
    assert outside.mean() > 0.4
    assert np.array_equal(after[outside], before[outside])
    assert not np.array_equal(after, before)


@pytest.mark.parametrize("name", PHOTOS)
def test_the_present_age_gives_nearly_the_same_picture(
    aged: dict[tuple[str, str], AgedPhoto], name: str
) -> None:
    result, photo = aged[name, "+0"], read(name)
    mask = face_mask(result.faces[0], photo.shape) > 0.5
    mean = difference(result.pixels, photo)[mask].mean()
    assert mean < 2, f"{mean:.2f} code values"


@pytest.mark.parametrize("name", PHOTOS)
def test_eighty_differs_from_twenty(aged: dict[tuple[str, str], AgedPhoto], name: str) -> None:
    old, young = aged[name, "80"], aged[name, "20"]
    mask = face_mask(old.faces[0], old.pixels.shape) > 0.5
    mean = difference(old.pixels, young.pixels)[mask].mean()
    assert mean > 1, f"{mean:.2f} code values"


@pytest.mark.parametrize("name", PHOTOS)
def test_estimates_are_ages(pipeline: Pipeline, name: str) -> None:
    ((_, ages),) = pipeline.estimate(read(name))
    assert 15 < ages.base < 90
    assert all(10 < years < 95 for years in ages.parts.values())


# ---- single zones


def part_mask(found: AgedFace, parts: tuple[str, ...], shape: tuple[int, ...]) -> np.ndarray:
    """Where parts of a face lie in its photo, bool [H, W]: soft edges included."""
    cells = 256
    masks = make_region_masks(unit(found.face), cells).parts
    plane = sum(masks[PART_NAMES.index(name)] for name in parts)
    return sample_plane(plane, found.face.frame.to_frame(cells), (shape[1], shape[0]), smooth=False) > 0.02


@pytest.mark.parametrize("zone", [zone.name for zone in ZONES])
def test_one_zone_asked_for_is_one_zone_changed(pipeline: Pipeline, zone: str) -> None:
    """At least 80 % of the absolute change is inside the zone's soft mask."""
    photo = read("hopper")
    aged = pipeline.age(photo, Request.parse(None, [f"{zone}=-40"]))
    change = difference(aged.pixels, photo).sum(axis=2)
    assert change.sum() > 0
    inside = part_mask(aged.faces[0], parts_of(zone), photo.shape)
    assert change[inside].sum() >= 0.8 * change.sum()


def test_left_and_right_are_asked_for_by_themselves(pipeline: Pipeline) -> None:
    photo = read("hopper")
    requests = (
        ["nasolabial-right=20"],
        ["nasolabial-left=20"],
        ["nasolabial-right=20", "nasolabial-left=20"],
    )
    right, left, both = (pipeline.age(photo, Request.parse(None, w)) for w in requests)
    sides = [part_mask(both.faces[0], (f"nasolabial-{s}",), photo.shape) for s in ("right", "left")]
    changes = [difference(aged.pixels, photo).sum(axis=2) for aged in (right, left)]
    for number, change in enumerate(changes):
        assert change[sides[number]].sum() > 50
        assert change[sides[1 - number]].sum() < 0.1 * change[sides[number]].sum()
    assert difference(both.pixels, photo).sum() >= 0.9 * (changes[0].sum() + changes[1].sum())


@pytest.mark.parametrize("width", [64, 100])
def test_photos_of_64_px_are_aged(pipeline: Pipeline, width: int) -> None:
    with Image.open(HOPPER) as picture:
        small = np.asarray(picture.convert("RGB").resize((width, round(width * 1.17)), Image.Resampling.BOX))
    aged = pipeline.age(small, Request.parse("80"))
    assert len(aged.faces) == 1 and aged.pixels.shape == small.shape
    assert 0 < difference(aged.pixels, small).max() < 128
