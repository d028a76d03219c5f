"""Patches: where they are cut, what is mirrored, what they hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_set import AGES, HELD_OUT, SIDE, write_set

from amgan.data.dataset import Dataset, load_dataset
from amgan.data.patches import PairBatch, PatchOptions, PatchSampler, RealBatch
from amgan.runtime.ages.maps import NEUTRAL_AGE

PATCH = 32
OPTIONS = PatchOptions(patch_px=PATCH, frame_px=(40.0, 90.0), grain=0.0)
EVEN_LIGHT = replace(OPTIONS, brightness=0.0, saturation=0.0)


def sampler(dataset: Dataset, seed: int = 1, **changes: object) -> PatchSampler:
    return PatchSampler(dataset, replace(EVEN_LIGHT, **changes), seed)


def same(a: PairBatch | RealBatch, b: PairBatch | RealBatch) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(vars(a).values(), vars(b).values(), strict=True))


def codes(pictures: np.ndarray) -> np.ndarray:
    """Pictures in -1..1 as code values."""
    return (pictures + 1) * 127.5


# ---- a set whose pixels, footprints and changes tell where they are


@pytest.fixture(scope="module")
def ramps(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Red is x, green is y (0..255 across the frame) in every frame, and the footprint is x as well."""
    place = (np.arange(SIDE) + 0.5) / SIDE * 255
    frame = np.zeros((SIDE, SIDE, 3))
    frame[..., 0], frame[..., 1] = place[None, :], place[:, None]
    cells = SIDE // 4
    prints = np.zeros((len(AGES), 27, cells, cells), np.uint8)
    prints[:, 0] = np.rint((np.arange(cells) + 0.5) / cells * 255)[None, :]
    frames = np.tile(np.rint(frame).astype(np.uint8), (len(AGES), 1, 1, 1))
    folder = tmp_path_factory.mktemp("ramps") / "set"
    return load_dataset(write_set(folder, frames=frames, footprints=prints))


def places(origin: np.ndarray, cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Frame coordinates (0..1) of the centres of a patch's pixels (or cells), as the engine computes them."""
    along = (np.arange(cells) + 0.5) * PATCH / cells
    return (origin[0] + along) / origin[2], (origin[1] + along) / origin[2]


def test_pixels_lie_where_the_origin_says(ramps: Dataset) -> None:
    batch = sampler(ramps).reals(0, 60)
    mirrored = []
    for image, face, origin in zip(batch.image, batch.face, batch.origin, strict=True):
        x, y = places(origin, PATCH)
        inside = ((x > 0.05) & (x < 0.95))[None, :] & ((y > 0.05) & (y < 0.95))[:, None]
        assert inside.sum() > 200
        red, green, _ = codes(image) / 255
        errors = [float(np.abs(red - side)[inside].max()) for side in (x[None, :], 1 - x[None, :])]
        mirrored.append(bool(errors[1] < errors[0]))
        assert min(errors) < 0.012
        assert np.abs(green - y[:, None])[inside].max() < 0.012
        # the footprint is mirrored with the picture
        cell_x, cell_y = places(origin, PATCH // 4)
        middle = ((cell_x > 0.1) & (cell_x < 0.9))[None, :] & ((cell_y > 0.1) & (cell_y < 0.9))[:, None]
        expected = (1 - cell_x if mirrored[-1] else cell_x)[None, :]
        assert np.abs(face[0] - expected)[middle].max() < 0.02
    assert 10 < sum(mirrored) < 50


def test_maps_and_changes_are_mirrored_with_the_picture(tmp_path: Path, ramps: Dataset) -> None:
    """The change is 100 of blue in the right half of the frame, where the ages are higher as well."""
    changes = np.zeros(ramps.changes.shape, np.int8)
    changes[:, :, SIDE // 2 :, 2] = 100
    part = np.zeros(ramps.footprints.shape, np.uint8)
    part[:, 0] = 255
    part[:, 1, :, SIDE // 8 :] = 255
    frames = np.zeros(ramps.frames.shape, np.uint8)
    folder = write_set(tmp_path / "halves", frames=frames, changes=changes, footprints=part)
    pairs = sampler(load_dataset(folder), whole_face_share=1.0, older_share=1.0).pairs(3, 60)
    seen = set()
    for after, aged, origin in zip(codes(pairs.after), pairs.map_after, pairs.origin, strict=True):
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
    for origin, position in zip(batch.origin, batch.position, strict=True):
        x, y = places(origin, PATCH)
        np.testing.assert_allclose(position, [2 * x.mean() - 1, 2 * y.mean() - 1], atol=1e-5)
    # centres are drawn from 0.3..0.7 and 0.32..0.85 of the frame, then rounded to whole pixels
    assert np.abs(batch.position[:, 0]).max() < 0.45
    assert batch.position[:, 1].min() > -0.4 and batch.position[:, 1].max() < 0.75


def test_origins_are_whole_pixels_and_scales_in_range(dataset: Dataset) -> None:
    origin = sampler(dataset).pairs(0, 50).origin
    assert np.array_equal(origin[:, :2], np.rint(origin[:, :2]))
    assert origin[:, 2].min() >= 40 and origin[:, 2].max() <= 90
    assert origin[:, 2].std() > 5


# ---- what a batch is a function of


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
        assert batch.origin.shape == (n, 3)
        for name in images:
            image = getattr(batch, name)
            assert image.shape == (n, 3, PATCH, PATCH)
            assert image.min() >= -1 and image.max() <= 1
        for name in maps:
            assert getattr(batch, name).shape == (n, 1, cells, cells)
        assert batch.face.min() >= 0 and batch.face.max() <= 1
    assert reals.position.shape == (3, 2)


# ---- ages and changes


def test_nothing_changes_when_no_amount_is_applied(dataset: Dataset) -> None:
    still = replace(OPTIONS, overshoot=0.0, whole_face_share=1.0, extreme_share=0.0)
    pairs = PatchSampler(dataset, still, 1).pairs(0, 12)
    assert np.array_equal(pairs.before, pairs.after)
    assert np.array_equal(pairs.map_before, pairs.map_after)


@pytest.mark.parametrize("amounts", [(0.7, 0.7), (0.0, 1.0), (1.0, 0.0)])
def test_amounts_go_into_pictures_and_maps_alike(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, amounts: tuple[float, float]
) -> None:
    sample = sampler(dataset, older_share=1.0)
    planes = tuple(np.full(dataset.footprints.shape[2:], a, np.float32) for a in amounts)
    monkeypatch.setattr(sample, "_draw_amounts", lambda rng, prints: planes)
    pairs = sample.pairs(4, 16)
    if amounts[0] == amounts[1]:
        assert np.array_equal(pairs.before, pairs.after)
        assert np.array_equal(pairs.map_before, pairs.map_after)
        return
    for i in range(16):
        # the set's older changes add 40 of red where the face is
        added = (codes(pairs.after[i]) - codes(pairs.before[i]))[0].max() if amounts[1] else 0.0
        taken = (codes(pairs.before[i]) - codes(pairs.after[i]))[0].max() if amounts[0] else 0.0
        assert max(added, taken) == pytest.approx(40, abs=3)
        face = pairs.face[i, 0] > 0.999
        number = round((codes(pairs.before[i])[1].mean() - 80) / 10)
        for name, amount in zip(("map_before", "map_after"), amounts, strict=True):
            found = getattr(pairs, name)[i, 0]
            np.testing.assert_allclose(found[face], AGES[number] + amount * (75 - AGES[number]), atol=0.1)


@pytest.mark.parametrize(("older", "shown"), [(1.0, 0.5 * (1 + 0.4 * 0.5)), (0.0, 0.5)])
def test_older_pairs_show_more_than_their_share_of_the_years(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, older: float, shown: float
) -> None:
    sample = sampler(dataset, older_share=older, early=0.4)
    planes = tuple(np.full(dataset.footprints.shape[2:], a, np.float32) for a in (0.5, 1.0))
    monkeypatch.setattr(sample, "_draw_amounts", lambda rng, prints: planes)
    plain = sampler(dataset, older_share=older)
    monkeypatch.setattr(plain, "_draw_amounts", lambda rng, prints: planes)
    early, even = sample.pairs(4, 16), plain.pairs(4, 16)
    assert np.array_equal(early.map_before, even.map_before)
    np.testing.assert_allclose(early.after, even.after, atol=1e-6)
    full = np.full_like(planes[0], 0.0), planes[1]
    monkeypatch.setattr(plain, "_draw_amounts", lambda rng, prints: full)
    untouched = plain.pairs(4, 16).before
    # red is what the set's changes touch
    share = (early.before - untouched)[:, 0].sum() / (early.after - untouched)[:, 0].sum()
    assert share == pytest.approx(shown, abs=0.03)


def test_off_the_face_the_map_is_neutral(dataset: Dataset) -> None:
    pairs, reals = sampler(dataset).pairs(0, 30), sampler(dataset).reals(0, 30)
    for batch, names in ((pairs, ("map_after", "map_before")), (reals, ("map_now", "map_wanted"))):
        outside = batch.face == 0
        assert outside.any()
        for name in names:
            np.testing.assert_allclose(getattr(batch, name)[outside], NEUTRAL_AGE, atol=1e-3)


def test_zones_change_on_their_own(dataset: Dataset) -> None:
    """The two parts of the synthetic faces are the upper and the lower half."""
    whole = sampler(dataset, whole_face_share=1.0, older_share=1.0).pairs(0, 30)
    zoned = sampler(dataset, whole_face_share=0.0, older_share=1.0).pairs(0, 30)

    def spread(batch: PairBatch) -> list[float]:
        inside = [m[f > 0.999] for m, f in zip(batch.map_after, batch.face, strict=True)]
        return [float(np.ptp(ages)) for ages in inside if ages.size]

    assert max(spread(whole)) < 0.1
    assert np.mean(np.array(spread(zoned)) > 2) > 0.3


def test_held_out_faces_are_never_drawn(dataset: Dataset) -> None:
    sample = sampler(dataset)
    numbers = np.concatenate(
        [np.rint((codes(sample.reals(s, 20).image)[:, 1].mean(axis=(1, 2)) - 80) / 10) for s in range(6)]
    )
    assert set(numbers) == set(range(len(AGES))) - set(HELD_OUT)


def test_decades_are_balanced(dataset: Dataset) -> None:
    """Training ages are 22, 31, 35, 48, 61, 66: four decades."""
    sample = sampler(dataset)
    numbers = np.concatenate(
        [np.rint((codes(sample.reals(s, 50).image)[:, 1].mean(axis=(1, 2)) - 80) / 10) for s in range(6)]
    )
    shares = [np.mean(np.isin(numbers, group)) for group in ([0], [1, 2], [3], [4, 5])]
    assert min(shares) > 0.17 and max(shares) < 0.33


def test_older_and_younger_are_both_drawn(dataset: Dataset) -> None:
    for share, sign in ((1.0, 1), (0.0, -1)):
        pairs = sampler(dataset, older_share=share, whole_face_share=1.0).pairs(0, 20)
        rise = codes(pairs.after)[:, 0] - codes(pairs.before)[:, 0]
        older = (pairs.map_after - pairs.map_before).mean(axis=(1, 2, 3))
        changed = np.abs(older) > 1
        assert changed.sum() > 5
        assert (np.sign(rise.mean(axis=(1, 2)))[changed] == np.sign(older)[changed]).all()
        # the other pictures of the face are never on the wrong side of the untouched one
        for batch_ages in (pairs.map_before, pairs.map_after):
            number = np.rint((codes(pairs.before)[:, 1].mean(axis=(1, 2)) - 80) / 10).astype(int)
            own = np.array(AGES, np.float32)[number][:, None, None]
            full = pairs.face[:, 0] > 0.999
            assert (sign * (batch_ages[:, 0] - own) > -0.1)[full].all()


def test_light_changes_pictures_alike_and_maps_not(dataset: Dataset) -> None:
    lit, plain = PatchSampler(dataset, OPTIONS, 1), PatchSampler(dataset, EVEN_LIGHT, 1)
    a, b = lit.pairs(0, 10), plain.pairs(0, 10)
    assert np.array_equal(a.map_after, b.map_after) and np.array_equal(a.origin, b.origin)
    assert not np.allclose(a.before, b.before)
    unchanged = np.isclose(b.before, b.after).all(axis=(1, 2, 3))
    assert np.allclose(a.before[unchanged], a.after[unchanged])


def test_a_set_without_younger_changes(tmp_path: Path, dataset: Dataset) -> None:
    older = np.flatnonzero(dataset.change_ages > 50)
    arrays = {name: getattr(dataset, name)[older] for name in ("changes", "change_faces", "change_ages")}
    only = load_dataset(write_set(tmp_path / "older", **arrays))
    pairs = sampler(only, older_share=0.0).pairs(0, 6)
    assert pairs.before.shape[0] == 6


def test_zones_have_their_own_ages(tmp_path: Path, ramps: Dataset) -> None:
    """A part's age shows where the part is, and a relative change starts from it."""
    ages = np.repeat(ramps.ages[:, None], 26, axis=1)
    ages[:, 0] += 20
    prints = np.zeros(ramps.footprints.shape, np.uint8)
    prints[:, 0] = 255
    prints[:, 1, :, SIDE // 8 :] = 255
    data = load_dataset(write_set(tmp_path / "zones", footprints=prints, part_ages=ages))
    gaps = []
    reals = sampler(data).reals(0, 40)
    for now, origin in zip(reals.map_now, reals.origin, strict=True):
        x, _ = places(origin, PATCH // 4)
        low, high = now[0][:, x < 0.4], now[0][:, x > 0.6]
        if low.size and high.size:
            gaps.append(float(abs(high.mean() - low.mean())))
    assert len(gaps) > 10
    assert abs(np.median(gaps) - 20) < 0.1 and min(gaps) > 10  # cells on the edge are mixed


def test_enlarged_pairs_have_the_same_grain_in_both_pictures(ramps: Dataset) -> None:
    plain = sampler(ramps, frame_px=(900.0, 1000.0)).pairs(0, 6)
    grainy = sampler(ramps, frame_px=(900.0, 1000.0), grain=6.0).pairs(0, 6)
    small = sampler(ramps, frame_px=(100.0, 200.0), grain=6.0).pairs(0, 6)
    quiet = sampler(ramps, frame_px=(100.0, 200.0)).pairs(0, 6)
    assert np.array_equal(small.before, quiet.before)
    noise = codes(grainy.before) - codes(plain.before)
    assert 0.5 < noise.std() < 8
    assert np.corrcoef(noise.ravel(), (codes(grainy.after) - codes(plain.after)).ravel())[0, 1] > 0.9


def test_real_patches_are_hardly_enlarged(ramps: Dataset) -> None:
    """Their photos are 400 px wide: larger frames would be soft."""
    origins = sampler(ramps, frame_px=(224.0, 1152.0)).reals(0, 60).origin
    assert origins[:, 2].max() <= 500.5
    assert origins[:, 2].max() > 400
