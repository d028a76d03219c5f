"""The recipe of patterns, and which versions a face gets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from amgan.pairs.plan import plan_versions
from amgan.pairs.recipe import read_recipe
from amgan.runtime.errors import UsageError

SHIPPED = Path(__file__).parents[3] / "amgan" / "weights" / "patterns.toml"
GOOD = '[rms]\nchin = 0.02\n[[pattern]]\nname = "one"\n[pattern.donors]\nchin = ["a.jpg"]\n'


def test_the_shipped_recipe() -> None:
    recipe = read_recipe(SHIPPED)
    assert [pattern.name for pattern in recipe.patterns] == ["hollow", "soft", "fine", "deep"]
    assert all(set(pattern.donors) == set(recipe.rms) for pattern in recipe.patterns)
    assert set(recipe.texture) <= set(recipe.donors) and len(recipe.donors) == 20


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "the recipe of patterns '.*' does not exist"),
        ("][", "is no TOML"),
        ("", "must list 1 to 8 patterns"),
        (GOOD.replace('name = "one"', ""), "a pattern without a name"),
        (GOOD.replace('["a.jpg"]', "[]"), "pattern one: donors must list file names"),
        (GOOD.replace("chin = 0.02", ""), "pattern one: rms says nothing of chin"),
        (GOOD.replace("chin", "nose"), "there is no group of zones 'nose', use forehead"),
        (GOOD.replace("0.02", '"much"'), "rms: give numbers from 0 to 100"),
        (GOOD.replace("0.02", "-1"), "rms: give numbers from 0 to 100"),
        (GOOD + "[texture]\na = true\n", "texture: give numbers"),
    ],
)
def test_recipes_that_cannot_be_used(tmp_path: Path, text: str | None, message: str) -> None:
    file = tmp_path / "recipe.toml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UsageError, match=message):
        read_recipe(file)


@pytest.mark.parametrize(
    ("age", "wanted"),
    [
        (20.0, [80.0, 44.0]),
        (31.9, [80.0, 55.9]),
        (45.0, [80.0, 62.0, 25.0]),
        (55.0, [82.0, 82.0, 25.0]),
        (70.0, [88.0, 25.0]),
        (84.0, [25.0]),
    ],
)
def test_which_ages_a_face_gets(age: float, wanted: list[float]) -> None:
    versions = plan_versions("a.jpg", age, 4)
    assert [version.age for version in versions] == pytest.approx(wanted)
    for version in versions:
        assert version.pattern.sum() == pytest.approx(1.0 if version.age > age else 0.0)
        assert (version.pattern >= 0).all()


def test_patterns_are_drawn_by_name() -> None:
    first, again, other = (plan_versions(name, 30.0, 4)[0].pattern for name in ("a", "a", "b"))
    assert np.array_equal(first, again) and not np.allclose(first, other)
    drawn = np.stack([plan_versions(f"{i}", 30.0, 4)[0].pattern for i in range(400)])
    leads = np.bincount(drawn[np.isclose(drawn.max(axis=1), 0.88)].argmax(axis=1), minlength=4)
    assert 150 < leads.sum() < 250 and leads.min() > 25
    assert plan_versions("a", 30.0, 1)[0].pattern == pytest.approx([1.0])
