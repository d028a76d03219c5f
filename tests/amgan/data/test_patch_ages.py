"""Patches: their ages, changes and light."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.patch_helpers import CHANGES, EVEN_LIGHT, OPTIONS, PATCH, codes, origins, places, sampler
from support.tiny_set import AGES, HELD_OUT, SIDE, write_set

from amgan.data.batches import PairBatch
from amgan.data.dataset import Dataset, load_dataset
from amgan.data.patches import PatchSampler
from amgan.runtime.ages.maps import NEUTRAL_AGE


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
    planes = tuple(np.full(dataset.region_masks.shape[2:], a, np.float32) for a in amounts)
    monkeypatch.setattr(sample, "_draw_amounts", lambda rng, masks: planes)
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
    planes = tuple(np.full(dataset.region_masks.shape[2:], a, np.float32) for a in (0.5, 1.0))
    monkeypatch.setattr(sample, "_draw_amounts", lambda rng, masks: planes)
    plain = sampler(dataset, older_share=older)
    monkeypatch.setattr(plain, "_draw_amounts", lambda rng, masks: planes)
    early, even = sample.pairs(4, 16), plain.pairs(4, 16)
    assert np.array_equal(early.map_before, even.map_before)
    np.testing.assert_allclose(early.after, even.after, atol=1e-6)
    full = np.full_like(planes[0], 0.0), planes[1]
    monkeypatch.setattr(plain, "_draw_amounts", lambda rng, masks: full)
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
    assert np.array_equal(a.map_after, b.map_after) and np.array_equal(a.coordinates, b.coordinates)
    assert not np.allclose(a.before, b.before)
    unchanged = np.isclose(b.before, b.after).all(axis=(1, 2, 3))
    assert np.allclose(a.before[unchanged], a.after[unchanged])


def test_a_set_without_younger_changes(tmp_path: Path, dataset: Dataset) -> None:
    older = np.flatnonzero(dataset.change_ages > 50)
    arrays = {name: getattr(dataset, name)[older] for name in CHANGES}
    only = load_dataset(write_set(tmp_path / "older", **arrays))
    pairs = sampler(only, older_share=0.0).pairs(0, 6)
    assert pairs.before.shape[0] == 6


def test_zones_have_their_own_ages(tmp_path: Path, ramps: Dataset) -> None:
    """A part's age shows where the part is, and a relative change starts from it."""
    ages = np.repeat(ramps.ages[:, None], 26, axis=1)
    ages[:, 0] += 20
    masks = np.zeros(ramps.region_masks.shape, np.uint8)
    masks[:, 0] = 255
    masks[:, 1, :, SIDE // 8 :] = 255
    data = load_dataset(write_set(tmp_path / "zones", region_masks=masks, part_ages=ages))
    gaps = []
    reals = sampler(data).reals(0, 40)
    for now, origin in zip(reals.map_now, origins(reals), strict=True):
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
    sides = origins(sampler(ramps, frame_px=(224.0, 1152.0)).reals(0, 60))[:, 2]
    assert sides.max() <= 500.5
    assert sides.max() > 400
