"""A field fitted on made faces is the one that they were made with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.made_faces import SIDE, blob, carried_faces

from amgan.pairs.carrying import CarriedFace
from amgan.pairs.conditioning import conditioned, filled
from amgan.pairs.face_space import FaceSpace
from amgan.pairs.field_fit import FieldFit, age_basis, fit_field
from amgan.pairs.groups import find_groups
from amgan.pairs.recipe import PatternRecipe
from amgan.runtime.errors import UsageError

SPACE = FaceSpace(SIDE)
CHEEK = blob(0.62, 0.36, 0.03)
FOREHEAD = blob(0.3, 0.42, 0.03)
STEP = -0.06 * CHEEK


@pytest.fixture(scope="module")
def faces() -> list[CarriedFace]:
    return carried_faces(90, STEP)


@pytest.fixture(scope="module")
def fitted(faces: list[CarriedFace]) -> FieldFit:
    """The field of the faces; do not change it."""
    return fit_field(faces, SPACE)


def between(planes: np.ndarray, older: float, younger: float) -> np.ndarray:
    return np.tensordot(age_basis(older) - age_basis(younger), planes[..., 0], 1)


def test_a_known_field_is_recovered(faces: list[CarriedFace], fitted: FieldFit) -> None:
    fit = fitted
    found, wanted = between(fit.age, 70.0, 25.0), (4.5 * STEP)[SPACE.box]
    skin = SPACE.skin[SPACE.box] > 0.7
    assert np.corrcoef(found[skin], wanted[skin])[0, 1] > 0.93
    marked = skin & (CHEEK[SPACE.box] > 0.8)
    assert found[marked].mean() - found[skin].mean() == pytest.approx(
        wanted[marked].mean() - wanted[skin].mean(), rel=0.25
    )
    assert np.abs(fit.certainty[marked]).mean() > 4 * np.abs(fit.certainty[skin & (wanted > -0.01)]).mean()
    assert sum(fit.faces_by_band) == len(faces) and fit.shape.shape == (3, 468, 2)


def test_the_fit_is_repeatable_and_stands_a_few_wrong_faces(
    faces: list[CarriedFace], fitted: FieldFit
) -> None:
    first, second = fitted, fit_field(faces, SPACE)
    assert np.array_equal(first.age, second.age)
    wrong = [
        replace(face, residual=(face.residual + np.float16(1.0)).astype(np.float16)) if i % 20 == 7 else face
        for i, face in enumerate(faces)
    ]
    skin = SPACE.skin[SPACE.box] > 0.7
    moved = between(fit_field(wrong, SPACE).age, 70.0, 25.0) - between(first.age, 70.0, 25.0)
    assert np.abs(moved[skin]).mean() < 0.03


def test_a_field_made_fit_for_use(fitted: FieldFit) -> None:
    """Mirror symmetric, without anything outside the face, and without broad shading."""
    field, products, certainty = conditioned(fitted, SPACE)
    assert field.shape == products.shape == (3, SIDE, SIDE, 4)
    light = field[..., 0]
    assert np.abs(light - light[:, :, ::-1]).max() < 0.15 * np.abs(light).max()
    assert np.abs(field[:, ~SPACE.inside]).max() < 0.02
    assert certainty.min() >= 0 and certainty.max() <= 1
    change = between(field, 70.0, 25.0)
    assert np.unravel_index(change.argmin(), change.shape)[0] == pytest.approx(0.62 * SIDE, abs=5)


def test_holes_are_filled_from_around() -> None:
    plane = np.full((64, 64), 3.0, np.float32)
    hole = np.zeros((64, 64), bool)
    hole[16:48, 16:48] = True
    plane[hole] = 100.0
    whole = filled(plane, hole, np.ones_like(hole), 4.0)
    assert np.abs(whole[28:36, 28:36] - 3.0).max() < 1.0
    assert np.abs(whole[:4] - 3.0).max() < 0.1


def two_kinds() -> tuple[list[CarriedFace], list[str], list[str]]:
    """Old faces of which every other one has a dark forehead, and the others dark cheeks."""
    faces = [face for face in carried_faces(160, STEP, seed=4) if face.age > 57]
    marks = [(0.2 * mark)[SPACE.box].astype(np.float16) for mark in (FOREHEAD, CHEEK)]
    made = []
    for number, face in enumerate(faces):
        residual = face.residual.copy()
        residual[..., 0] -= marks[number % 2]
        made.append(replace(face, residual=residual))
    names = [face.name for face in made]
    return made, names[::2], names[1::2]


def test_groups_are_found_and_go_with_the_pattern_of_their_donors() -> None:
    faces, foreheads, cheeks = two_kinds()
    recipes = [
        PatternRecipe("cheeks", {"folds": (cheeks[0], cheeks[3])}, {}),
        PatternRecipe("forehead", {"forehead": (foreheads[1],)}, {}),
    ]
    found = find_groups(faces, SPACE, recipes)
    assert set(found.members[0]) == set(cheeks) and set(found.members[1]) == set(foreheads)
    again = find_groups(faces, SPACE, recipes[::-1])
    assert again.members == found.members[::-1]
    assert np.array_equal(again.deviations, found.deviations[::-1])
    skin = SPACE.skin > 0.7
    dark = [deviation[skin & (FOREHEAD > 0.6)].mean() for deviation in found.deviations]
    assert dark[0] > 0.005 and dark[1] < -0.005


def test_too_few_old_faces_make_no_groups(faces: list[CarriedFace]) -> None:
    recipes = [PatternRecipe(f"{i}", {"chin": ("a",)}, {}) for i in range(4)]
    with pytest.raises(UsageError, match=r"0 faces of 57 years or more are too few for 4 patterns"):
        find_groups(faces[:20], SPACE, recipes)
