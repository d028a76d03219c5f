"""Patches: where they are cut, what is mirrored, coordinates and patterns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from support.patch_helpers import EVEN_LIGHT, OPTIONS, PATCH, codes, origins, places, same, sampler
from support.tiny_set import AGES, SIDE, write_set

from amgan.data.dataset import Dataset, load_dataset
from amgan.data.patches import PatchSampler


def test_pixels_lie_where_the_origin_says(ramps: Dataset) -> None:
    batch = sampler(ramps).reals(0, 60)
    mirrored = []
    for image, face, origin in zip(batch.image, batch.face, origins(batch), strict=True):
        x, y = places(origin, PATCH)
        inside = ((x > 0.05) & (x < 0.95))[None, :] & ((y > 0.05) & (y < 0.95))[:, None]
        assert inside.sum() > 200
        red, green, _ = codes(image) / 255
        errors = [float(np.abs(red - side)[inside].max()) for side in (x[None, :], 1 - x[None, :])]
        mirrored.append(bool(errors[1] < errors[0]))
        assert min(errors) < 0.012
        assert np.abs(green - y[:, None])[inside].max() < 0.012
        # the mask is mirrored with the picture
        cell_x, cell_y = places(origin, PATCH // 4)
        middle = ((cell_x > 0.1) & (cell_x < 0.9))[None, :] & ((cell_y > 0.1) & (cell_y < 0.9))[:, None]
        expected = (1 - cell_x if mirrored[-1] else cell_x)[None, :]
        assert np.abs(face[0] - expected)[middle].max() < 0.02
    assert 10 < sum(mirrored) < 50


def test_maps_and_changes_are_mirrored_with_the_picture(tmp_path: Path, ramps: Dataset) -> None:
    """The change is 100 of blue in the right half of the frame, where the ages are higher as well."""
    changes = np.zeros(ramps.changes.shape, np.int8)
    changes[:, :, SIDE // 2 :, 2] = 100
    part = np.zeros(ramps.region_masks.shape, np.uint8)
    part[:, 0] = 255
    part[:, 1, :, SIDE // 8 :] = 255
    frames = np.zeros(ramps.frames.shape, np.uint8)
    folder = write_set(tmp_path / "halves", frames=frames, changes=changes, region_masks=part)
    pairs = sampler(load_dataset(folder), whole_face_share=1.0, older_share=1.0).pairs(3, 60)
    seen = set()
    for after, aged, origin in zip(codes(pairs.after), pairs.map_after, origins(pairs), strict=True):
        x, _ = places(origin, PATCH)
        right, left = x > 0.55, x < 0.45
        level = after[2].max()
        if level < 10 or not right.any() or not left.any():
            continue
        mirrored = after[2][:, left].mean() > after[2][:, right].mean()
        seen.add(bool(mirrored))
        assert after[2][:, right if mirrored else left].max() < 1
        assert after[2][:, left if mirrored else right].min() > 0.85 * level  # cubic interpolation overshoots
        assert aged.min() > 15
    assert seen == {True, False}


def test_positions_are_the_patches_centres(ramps: Dataset) -> None:
    batch = sampler(ramps).reals(1, 40)
    for origin, position in zip(origins(batch), batch.position, strict=True):
        x, y = places(origin, PATCH)
        np.testing.assert_allclose(position, [2 * x.mean() - 1, 2 * y.mean() - 1], atol=1e-4)
    # centres are drawn from 0.3..0.7 and 0.32..0.85 of the frame, then rounded to whole pixels
    assert np.abs(batch.position[:, 0]).max() < 0.45
    assert batch.position[:, 1].min() > -0.4 and batch.position[:, 1].max() < 0.75


def test_origins_are_whole_pixels_and_scales_in_range(dataset: Dataset) -> None:
    origin = origins(sampler(dataset).pairs(0, 50))
    assert np.allclose(origin[:, :2], np.rint(origin[:, :2]), atol=0.01)
    assert origin[:, 2].min() >= 40 and origin[:, 2].max() <= 90
    assert origin[:, 2].std() > 5


def test_every_place_of_the_skin_keeps_its_coordinates(tmp_path: Path, ramps: Dataset) -> None:
    """In this set u is x and v is y of the frame, and so are red and green of the picture."""
    cells = SIDE // 4
    along = ((np.arange(cells) + 0.5) / cells * 2 - 1).astype(np.float16)
    u, v = np.meshgrid(along, along)
    planes = np.tile(np.stack([u, v, np.full_like(u, 0.5)]), (len(AGES), 1, 1, 1))
    data = load_dataset(write_set(tmp_path / "uv", coordinates=planes, frames=np.array(ramps.frames)))
    batch = PatchSampler(data, EVEN_LIGHT, 1).reals(0, 60)
    mirrored = 0
    for image, places_, position in zip(batch.image, batch.coordinates, batch.position, strict=True):
        u, v, inside, scale = places_
        red, green = (codes(image)[i].reshape(8, 4, 8, 4).mean(axis=(1, 3)) / 127.5 - 1 for i in (0, 1))
        whole = (np.abs(u) < 0.85) & (np.abs(v) < 0.85)
        assert np.abs(u - red)[whole].max() < 0.03 and np.abs(v - green)[whole].max() < 0.03
        mirrored += bool(u[4, 4] < u[4, 3])
        np.testing.assert_allclose(position, [u[3:5, 3:5].mean(), v[3:5, 3:5].mean()], atol=1e-6)
        np.testing.assert_allclose(inside[whole], 0.5, atol=1e-3)
        assert (scale == scale[0, 0]).all() and np.log2(40 / 512) <= scale[0, 0] <= np.log2(90 / 512)
    assert 10 < mirrored < 50


def test_inside_ends_with_the_frame(dataset: Dataset) -> None:
    batch = PatchSampler(dataset, EVEN_LIGHT, 1).reals(0, 60)
    assert np.abs(batch.coordinates[:, 2] - batch.face[:, 0]).max() < 0.01


def test_frame_coordinates_are_inside_everywhere(dataset: Dataset) -> None:
    assert (sampler(dataset).pairs(0, 5).coordinates[:, 2] == 1).all()


def test_pairs_come_with_the_pattern_of_their_change(tmp_path: Path, ramps: Dataset) -> None:
    """Change number n adds n + 1 of blue, and shows pattern n alone."""
    count = len(ramps.change_faces)
    changes = np.zeros(ramps.changes.shape, np.int8)
    changes[..., 2] = 10 * (np.arange(count) + 1)[:, None, None]
    black, patterns = np.zeros(ramps.frames.shape, np.uint8), np.eye(count, dtype=np.float32)
    folder = write_set(tmp_path / "p", frames=black, changes=changes, change_patterns=patterns)
    full = sampler(load_dataset(folder), extreme_share=1.0, forward_share=1.0, whole_face_share=1.0)
    pairs = full.pairs(0, 30)
    blue = codes(pairs.after)[:, 2].max(axis=(1, 2))
    assert np.array_equal(np.rint(blue / 10).astype(int) - 1, pairs.pattern.argmax(axis=1))
    assert len(set(pairs.pattern.argmax(axis=1).tolist())) > 4


def test_real_patches_ask_for_single_patterns_and_mixtures(dataset: Dataset) -> None:
    pattern = sampler(dataset).reals(0, 160).pattern
    pattern = pattern[pattern.sum(axis=1) > 0]
    alone = np.isclose(pattern.max(axis=1), pattern.sum(axis=1))
    assert 20 < alone.sum() < len(pattern) - 20
    assert set(pattern[alone].argmax(axis=1).tolist()) == {0, 1, 2, 3}


def test_real_patches_ask_for_lines_as_their_skin_allows_and_none_where_it_gets_younger(
    dataset: Dataset,
) -> None:
    batch = sampler(dataset).reals(0, 80)
    older = (batch.map_wanted - batch.map_now).max(axis=(1, 2, 3)) > 0.5
    younger = (batch.map_wanted - batch.map_now).min(axis=(1, 2, 3)) < -0.5
    strength = batch.pattern.sum(axis=1)
    known = dataset.line_strengths[dataset.faces("train")]
    assert older.sum() > 5 and younger.sum() > 5
    assert all(np.isclose(one, known, atol=1e-5).any() for one in strength[older])
    assert not strength[younger & ~older].any()


def test_a_batch_depends_on_seed_and_step_alone(dataset: Dataset, set_folder: Path) -> None:
    first, second = PatchSampler(dataset, OPTIONS, 5), PatchSampler(load_dataset(set_folder), OPTIONS, 5)
    second.pairs(2, 3)
    second.reals(9, 1)
    assert same(first.pairs(7, 4), second.pairs(7, 4))
    assert same(first.reals(7, 4), second.reals(7, 4))
    assert not same(first.pairs(7, 4), first.pairs(8, 4))
    assert not same(first.reals(7, 4), first.reals(8, 4))
    assert not same(first.pairs(7, 4), PatchSampler(dataset, OPTIONS, 6).pairs(7, 4))


def test_shapes_types_and_ranges(dataset: Dataset) -> None:
    sample = PatchSampler(dataset, OPTIONS, 1)
    pairs, reals = sample.pairs(0, 5), sample.reals(0, 3)
    cells = PATCH // 4
    for batch, n, images, maps in (
        (pairs, 5, ("before", "after"), ("map_before", "map_after", "face")),
        (reals, 3, ("image",), ("map_now", "map_wanted", "face")),
    ):
        assert all(array.dtype == np.float32 and np.isfinite(array).all() for array in vars(batch).values())
        assert batch.coordinates.shape == (n, 4, cells, cells)
        assert batch.pattern.shape == (n, 4)
        assert (batch.pattern >= 0).all() and (batch.pattern.sum(axis=1) < 1.5).all()
        for name in images:
            image = getattr(batch, name)
            assert image.shape == (n, 3, PATCH, PATCH)
            assert image.min() >= -1 and image.max() <= 1
        for name in maps:
            assert getattr(batch, name).shape == (n, 1, cells, cells)
        assert batch.face.min() >= 0 and batch.face.max() <= 1
    assert reals.position.shape == (3, 2)
