"""Older versions on pale, smooth and vivid skin, below the hairline, and of smiles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from amgan.pairs.aging_field import AgingField
from amgan.pairs.face_layers import FaceLayers
from amgan.pairs.options import AgingOptions
from amgan.pairs.versions import version_change

EVEN = np.full(4, 0.25, np.float32)
HOLLOW = np.array([1.0, 0.0, 0.0, 0.0], np.float32)


def other_frame(layers: FaceLayers, field: AgingField, frame: np.ndarray) -> FaceLayers:
    return FaceLayers(replace(layers.face, frame=frame), field)


def pale(layers: FaceLayers, field: AgingField, tint: tuple[int, int, int]) -> FaceLayers:
    """The face as pale as any, in the hue of ``tint``."""
    grey = layers.face.frame.mean(axis=2, keepdims=True)
    lifted = (grey - np.median(grey[layers.core])) * 0.6 + np.array(tint, np.float32)
    return other_frame(layers, field, np.clip(lifted, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("tint", [(232, 190, 192), (230, 205, 170)], ids=["pink", "peach"])
def test_shadows_on_pale_skin_have_its_own_hue(
    layers: list[FaceLayers], field: AgingField, tint: tuple[int, int, int]
) -> None:
    one = pale(layers[1], field, tint)
    assert one.paleness > 0.9
    options = AgingOptions(colour_gain=0.0, mottling=0.0, paler=0.0)
    change = version_change(one, field, 75.0, EVEN, options)
    light = change.mean(axis=2)
    shade = (light < -0.04) & (one.visible > 0.9) & (one.lips < 0.01) & (one.brows < 0.01)
    assert shade.sum() > 50
    added = (change - light[..., None])[shade].mean(axis=0)
    own = one.skin_chroma
    assert added @ own / np.linalg.norm(added) / np.linalg.norm(own) > 0.9
    less = version_change(one, field, 75.0, EVEN, replace(options, pale_warmth=0.0))
    weaker = (less - less.mean(axis=2, keepdims=True))[shade].mean(axis=0)
    assert np.linalg.norm(added) > 1.15 * np.linalg.norm(weaker)


def test_vivid_skin_gets_less_colour(layers: list[FaceLayers], field: AgingField) -> None:
    one = layers[1]
    codes = one.face.frame.astype(np.float32)
    grey = codes.mean(axis=2, keepdims=True)
    vivid = other_frame(one, field, np.clip(grey + 3.2 * (codes - grey), 0, 255).astype(np.uint8))
    assert one.vivid < 0.5 < vivid.vivid
    options = AgingOptions(colour_gain=0.0, mottling=0.0, paler=0.0)
    bare = (vivid.visible > 0.9) & (vivid.lips < 0.01) & (vivid.brows < 0.01) & (vivid.beard < 0.01)

    def colour(calm: float) -> float:
        change = version_change(vivid, field, 75.0, EVEN, replace(options, vivid_calm=calm))[bare]
        return float(np.abs(change - change.mean(axis=1, keepdims=True)).mean())

    assert colour(0.5) == pytest.approx((1.0 - 0.5 * vivid.vivid) * colour(0.0), rel=0.1)


def test_a_smile_deepens_folds_more(layers: list[FaceLayers], field: AgingField) -> None:
    one = other_frame(layers[1], field, layers[1].face.frame)

    def folds(smile: float, gain: float) -> np.ndarray:
        one.smile = smile
        options = AgingOptions(lines=0.0, texture=0.0, field_gain=0.0, deviation_gain=0.0, smile_folds=gain)
        return version_change(one, field, 75.0, EVEN, options).mean(axis=2)

    assert np.abs(folds(1.0, 1.2)).mean() > 1.15 * np.abs(folds(1.0, 0.0)).mean()
    np.testing.assert_array_equal(folds(-0.5, 1.2), folds(-0.5, 0.0))


ONLY_DEVIATION = AgingOptions(
    field_gain=0.0,
    lines=0.0,
    texture=0.0,
    own_lines=0.0,
    own_fine=0.0,
    own_mid=0.0,
    own_folds=0.0,
    own_pores=0.0,
)


def test_a_pattern_draws_no_band_below_the_hairline(layers: list[FaceLayers], field: AgingField) -> None:
    one = layers[1]

    def folds(calm: float) -> np.ndarray:
        return version_change(one, field, 75.0, HOLLOW, replace(ONLY_DEVIATION, calm_hairline=calm))

    band, calmed = folds(0.0), folds(1.0)
    top = (one.hairline > 0.9) & (one.weight > 0.5)
    assert top.any()
    assert np.abs(calmed[top]).max() < 0.5 * np.abs(band[top]).max()
    below = one.hairline == 0.0
    np.testing.assert_allclose(calmed[below], band[below], atol=1e-6)


def test_the_top_of_the_forehead_is_above_the_brows(layers: list[FaceLayers]) -> None:
    one = layers[1]
    for number, found in ((10, 1.0), (9, 0.0)):
        x, y = np.round(one.face.landmarks[number, :2] * one.size_px).astype(int)
        assert one.hairline[y, x] == pytest.approx(found, abs=0.05)


@pytest.mark.parametrize(("light", "kept"), [(0.6, 1.0), (None, 0.5)], ids=["dark", "pale"])
def test_pale_skin_keeps_half_of_the_wide_folds(
    light: float | None, kept: float, layers: list[FaceLayers], field: AgingField
) -> None:
    one = layers[1]
    if light is None:
        one = pale(one, field, (238, 206, 196))
    else:
        one = other_frame(one, field, (one.face.frame * light).astype(np.uint8))
    options = replace(ONLY_DEVIATION, mottling=0.0, colour_gain=0.0)
    seen = (one.visible > 0.9) & (one.lips < 0.01) & (one.brows < 0.01) & (one.beard < 0.01)

    def size(share: float) -> float:
        change = version_change(one, field, 75.0, EVEN, replace(options, pale_deviation=share))
        return float(np.abs(change[seen]).mean())

    assert size(0.5) == pytest.approx(kept * size(1.0), rel=0.15)


def test_a_smile_has_more_lines(layers: list[FaceLayers], field: AgingField) -> None:
    one = other_frame(layers[1], field, layers[1].face.frame)
    seen = (one.visible > 0.9) & (one.weight > 0.9)

    def lines(smile: float, gain: float) -> float:
        one.smile = smile
        options = replace(ONLY_DEVIATION, deviation_gain=0.0, lines=1.0, mottling=0.0, smile_lines=gain)
        return float(version_change(one, field, 75.0, HOLLOW, options).mean(axis=2)[seen].std())

    assert lines(1.0, 0.4) > 1.2 * lines(1.0, 0.0)
    assert lines(-0.5, 0.4) == lines(-0.5, 0.0)
