"""What a zone's regressor sees: patches of one shape, and numbers made of the zone's pixels alone."""

from __future__ import annotations

import numpy as np
import pytest

from amgan.labels.features import zone_features, zone_lightness
from amgan.labels.patches import FACE_SHARE, TEMPLATE_PX, Template, cut_zone, make_template, warp_face
from amgan.runtime.face.mesh import FACE_OVAL, LEFT_EYE, RIGHT_EYE
from amgan.runtime.face.zones import ZONES, Zone

PAIRED = [zone for zone in ZONES if len(zone.polygons) == 2]


@pytest.fixture(scope="module")
def template(aligned: list[tuple[np.ndarray, np.ndarray]]) -> Template:
    return make_template(np.stack([landmarks for _, landmarks in aligned]))


@pytest.fixture(scope="module")
def warped(aligned: list[tuple[np.ndarray, np.ndarray]], template: Template) -> np.ndarray:
    return warp_face(*aligned[0], template)


def test_the_template_is_symmetrical_and_of_fixed_size(template: Template) -> None:
    mirrored = template.points * (-1, 1) + (TEMPLATE_PX, 0)
    distance = np.hypot(*(mirrored[:, None] - template.points[None]).transpose(2, 0, 1))
    assert distance.min(axis=1).max() < 1e-6
    assert {int(i) for i in distance[list(RIGHT_EYE)].argmin(axis=1)} == set(LEFT_EYE)
    assert np.ptp(template.points, axis=0).max() == pytest.approx(FACE_SHARE * TEMPLATE_PX)


def test_a_face_is_warped_to_the_template(
    aligned: list[tuple[np.ndarray, np.ndarray]], template: Template
) -> None:
    landmarks = aligned[1][1]
    frame = np.zeros((192, 192, 3), np.uint8)
    nose = np.round(landmarks[1] * 192).astype(int)
    frame[nose[1] - 2 : nose[1] + 3, nose[0] - 2 : nose[0] + 3] = 255
    warped = warp_face(frame, landmarks, template)
    assert warped.shape == (TEMPLATE_PX, TEMPLATE_PX, 3) and warped.dtype == np.uint8
    y, x = np.nonzero(warped[..., 0] > 128)
    assert np.hypot(x.mean() - template.points[1, 0], y.mean() - template.points[1, 1]) < 2
    low, high = template.points[list(FACE_OVAL)].min(axis=0), template.points[list(FACE_OVAL)].max(axis=0)
    outside = np.ones((TEMPLATE_PX, TEMPLATE_PX), bool)
    outside[int(low[1]) - 2 : int(high[1]) + 3, int(low[0]) - 2 : int(high[0]) + 3] = False
    assert not warp_face(np.full_like(frame, 200), landmarks, template)[outside].any()


@pytest.mark.parametrize("zone", ZONES, ids=lambda z: z.name)
def test_both_sides_of_a_zone_have_one_shape(zone: Zone, warped: np.ndarray, template: Template) -> None:
    one = cut_zone(warped, zone, template)
    other = cut_zone(warped[:, ::-1], zone, template)
    assert one.pictures.shape == (2, *one.mask.shape, 3) and one.mask.sum() > 100
    assert not one.pictures[:, ~one.mask].any()
    assert np.array_equal(one.pictures[0], other.pictures[1])
    assert np.array_equal(one.pictures[1], other.pictures[0])
    assert one.pictures[0][one.mask].any()


@pytest.mark.parametrize("zone", PAIRED, ids=lambda z: z.name)
def test_the_second_picture_is_the_left_part(zone: Zone, template: Template) -> None:
    marked = np.zeros((TEMPLATE_PX, TEMPLATE_PX, 3), np.uint8)
    inside = template.points[list(zone.polygons[1])].mean(axis=0)
    marked[int(inside[1]) - 1 : int(inside[1]) + 2, int(inside[0]) - 1 : int(inside[0]) + 2] = 255
    patches = cut_zone(marked, zone, template)
    assert patches.pictures[1].any() and not patches.pictures[0].any()


@pytest.mark.parametrize("zone", ZONES, ids=lambda z: z.name)
def test_features_see_the_zone_alone(zone: Zone, warped: np.ndarray, template: Template) -> None:
    patches = cut_zone(warped, zone, template)
    before = zone_features(patches.pictures[0], patches.mask)
    noisy = patches.pictures[0].copy()
    noisy[~patches.mask] = np.random.default_rng(0).integers(0, 256, (int((~patches.mask).sum()), 3))
    assert np.allclose(zone_features(noisy, patches.mask), before, atol=1e-4)
    assert zone_lightness(noisy, patches.mask) == zone_lightness(patches.pictures[0], patches.mask)
    noisy[patches.mask] = 255 - noisy[patches.mask]
    assert not np.allclose(zone_features(noisy, patches.mask), before, atol=0.1)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_features_of_flat_skin_are_finite(value: int, template: Template) -> None:
    flat = np.full((TEMPLATE_PX, TEMPLATE_PX, 3), value, np.uint8)
    for zone in ZONES:
        patches = cut_zone(flat, zone, template)
        features = zone_features(patches.pictures[0], patches.mask)
        assert features.dtype == np.float32 and features.ndim == 1
        assert np.isfinite(features).all()
        assert zone_lightness(patches.pictures[0], patches.mask) == pytest.approx(
            {0: 0.0, 128: 53.6, 255: 100.0}[value], abs=0.5
        )


def test_features_ignore_tone_and_feel_grain(template: Template) -> None:
    random = np.random.default_rng(0)
    grain = random.normal(size=(TEMPLATE_PX, TEMPLATE_PX, 1))

    def features(level: float, strength: float) -> np.ndarray:
        face = np.clip(level * np.array((1.0, 0.8, 0.7)) * np.exp(strength * grain), 0, 255).astype(np.uint8)
        patches = cut_zone(face, ZONES[0], template)
        return zone_features(patches.pictures[0], patches.mask)

    plain, darker, grainy = features(200, 0.05), features(120, 0.05), features(200, 0.15)
    assert np.abs(plain - grainy).mean() > 3 * np.abs(plain - darker).mean()
