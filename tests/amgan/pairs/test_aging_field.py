"""The file of an aging field, and the mixtures of patterns in it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from amgan.pairs.aging_field import AgingField, load_field
from amgan.pairs.face_space import FaceSpace
from amgan.pairs.line_filter import LineOptions, only_lines
from amgan.pairs.patterns import Donor, mix_lines, zone_weight
from amgan.pairs.recipe import PatternRecipe, Recipe
from amgan.runtime.errors import UsageError

SPACE = FaceSpace(512)


def test_the_shipped_field(field: AgingField) -> None:
    """Older is darker in folds, mirror symmetric, and nothing lies outside the face."""
    assert len(field.pattern_names) == len(field.lines) == len(field.deviations) == 4
    change = field.difference(70.0, 25.0)
    skin = field.space.skin > 0.5
    assert np.percentile(change[skin][:, 0], 1) < -0.02
    assert np.abs(change[..., 0] - change[:, ::-1, 0]).max() < 0.1 * np.abs(change[..., 0]).max() + 0.01
    assert np.abs(change[~field.space.inside]).max() < 0.05


def test_smile_and_tone_are_bounded(field: AgingField) -> None:
    wide = field.mean.copy()
    wide[[61, 291], 0] += (-0.5, 0.5)
    assert field.smile_of(wide) == 2.0
    assert abs(field.smile_of(field.mean)) < 1.0
    assert (field.tone_of(-9.0), field.tone_of(99.0)) == (-2.0, 2.0)
    assert field.tone_of(field.tone_mean) == pytest.approx(0.0, abs=1e-6)


def test_a_field_comes_back(field: AgingField, tmp_path: Path) -> None:
    file = tmp_path / "field.npz"
    field.save(file)
    again = load_field(file)
    for name in ("field", "products", "certainty", "shape", "mean"):
        assert np.array_equal(getattr(field, name), getattr(again, name)), name
    for name in ("lines", "texture", "mottling", "deviations"):
        before = getattr(field, name)
        assert np.abs(before - getattr(again, name)).max() <= np.abs(before).max() / 127, name
    assert again.pattern_names == field.pattern_names and again.report == field.report
    assert (again.tone_mean, again.tone_spread) == (field.tone_mean, field.tone_spread)
    assert [path.name for path in tmp_path.iterdir()] == ["field.npz"]


def test_files_that_are_no_field(field: AgingField, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none.npz does not exist; make one with 'amgan fit-field'"):
        load_field(tmp_path / "none.npz")
    bad = tmp_path / "bad.npz"
    bad.write_bytes(b"no zip at all")
    with pytest.raises(UsageError, match=r"bad.npz is no aging field or damaged"):
        load_field(bad)
    np.savez(bad, about=np.array(json.dumps({"schema": 1})))
    with pytest.raises(UsageError, match=r"is no aging field or damaged"):
        load_field(bad)
    np.savez(bad, about=np.array(json.dumps({"schema": 99})))
    with pytest.raises(UsageError, match=r"bad.npz has schema 99, this version reads 1; fit it again"):
        load_field(bad)
    field.save(bad)
    bad.write_bytes(bad.read_bytes()[:4000])
    with pytest.raises(UsageError, match=r"is no aging field or damaged"):
        load_field(bad)


def test_zones_lie_where_they_should() -> None:
    forehead, chin = (zone_weight(SPACE, (name,)) for name in ("forehead", "chin"))
    rows = np.mgrid[: SPACE.size_px, : SPACE.size_px][0] / SPACE.size_px
    high, low = ((rows * w).sum() / w.sum() for w in (forehead, chin))
    brows, lips = SPACE.mean[[105, 334], 1].mean(), SPACE.mean[17, 1]
    assert high < brows and low > lips
    assert (forehead * chin).max() < 0.05 and forehead.max() > 0.9 and forehead.min() >= 0


def made_donor(seed: int) -> Donor:
    noise = np.random.default_rng(seed).normal(0, 0.08, (SPACE.size_px,) * 2).astype(np.float32)
    lines = only_lines(noise, LineOptions(least=1.0, sure=1.1))
    log = np.full((*lines.shape, 3), 5.0, np.float32)
    return Donor(log, np.ones_like(lines), lines)


def test_lines_get_the_strength_of_the_recipe() -> None:
    donors = {name: made_donor(seed) for seed, name in enumerate("abc")}
    groups = {"forehead": ("a", "b"), "chin": ("c",)}
    patterns = (PatternRecipe("plain", groups, {}), PatternRecipe("mild", groups, {"forehead": 0.5}))
    recipe = Recipe(patterns, {"forehead": 0.004, "chin": 0.004}, {}, {})
    plain, mild = (mix_lines(SPACE, donors, recipe, number) for number in (0, 1))
    forehead = zone_weight(SPACE, ("forehead",)) * SPACE.skin > 0.8
    chin = zone_weight(SPACE, ("chin",)) * SPACE.skin > 0.8
    strength = float(np.sqrt((plain[forehead] ** 2).mean()))
    assert 0.002 < strength < 0.005
    assert float(np.sqrt((mild[forehead] ** 2).mean())) == pytest.approx(strength / 2, rel=0.1)
    assert mild[chin] == pytest.approx(plain[chin], abs=1e-6)
    cheek = zone_weight(SPACE, ("cheek-pores",)) > 0.9
    assert np.abs(plain[cheek]).max() < 0.3 * np.abs(plain[forehead]).max()
