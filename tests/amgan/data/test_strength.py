"""How strongly a face takes a donor's detail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from amgan.data.strength import (
    StrengthOptions,
    bend_shadows,
    between,
    level_tone,
    skin_lightness,
    zone_strength,
)
from amgan.runtime.face.zones import ZONES

SIZE = 256
OPTIONS = StrengthOptions()


@pytest.mark.parametrize(("code", "lightness"), [(0, 0.0), (60, 0.0), (120, 0.5), (180, 1.0), (255, 1.0)])
def test_lightness_runs_from_dark_to_light(code: float, lightness: float) -> None:
    assert skin_lightness(code, OPTIONS) == pytest.approx(lightness)


def test_light_skin_gets_less() -> None:
    for pair in (OPTIONS.gain, OPTIONS.broad_limit):
        found = [between(pair, lightness) for lightness in (0.0, 0.5, 1.0)]
        assert found == sorted(found, reverse=True) and (found[0], found[-1]) == pytest.approx(pair)


def test_broad_shadows_are_bent_and_lines_and_lights_are_not() -> None:
    broad = np.full((SIZE, SIZE), -0.5, np.float32)
    assert np.allclose(bend_shadows(broad, 0.2, OPTIONS), 0.2 * np.tanh(-2.5), atol=1e-4)
    assert np.allclose(bend_shadows(-broad, 0.2, OPTIONS), 0.5, atol=1e-4)
    line = np.zeros((SIZE, SIZE), np.float32)
    line[:, SIZE // 2] = -0.1
    bent = bend_shadows(line, 0.2, OPTIONS)
    assert 1.0 < bent[SIZE // 2, SIZE // 2] / -0.1 <= OPTIONS.thin_gain


def test_a_zones_gain_holds_inside_it_alone(aligned: list[tuple[np.ndarray, np.ndarray]]) -> None:
    landmarks = aligned[0][1]
    plain = zone_strength(landmarks, SIZE, replace(OPTIONS, zone_gains=()))
    assert plain.shape == (SIZE, SIZE, 1) and (plain == 1).all()
    strength = zone_strength(landmarks, SIZE, replace(OPTIONS, zone_gains=(("chin", 0.0),)))[..., 0]
    x, y = (landmarks[199] * SIZE).astype(int)
    assert strength[y, x] < 0.1
    assert np.allclose(strength[: SIZE // 2], 1)


def test_gains_name_zones() -> None:
    names = {zone.name for zone in ZONES}
    assert {zone for zone, _ in OPTIONS.zone_gains} <= names


def test_levelling_takes_tone_and_leaves_lines() -> None:
    skin = np.ones((SIZE, SIZE), np.float32)
    change = np.tile(np.array([-0.1, 0.05, 0.2], np.float32), (SIZE, SIZE, 1))
    assert np.abs(level_tone(change, skin, OPTIONS)).max() < 1e-3
    change[SIZE // 2] -= 0.3
    levelled = level_tone(change, skin, OPTIONS)
    assert np.allclose(levelled[SIZE // 2], -0.3, atol=0.03)
    assert np.abs(levelled[: SIZE // 4]).max() < 0.01


def test_levelling_leaves_what_is_no_skin() -> None:
    skin = np.zeros((SIZE, SIZE), np.float32)
    change = np.full((SIZE, SIZE, 3), 0.3, np.float32)
    assert (level_tone(change, skin, OPTIONS) == change).all()
