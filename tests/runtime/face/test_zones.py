"""The fifteen zones."""

from __future__ import annotations

import numpy as np
import pytest

from amgan.runtime.errors import UsageError
from amgan.runtime.face.finder import Face
from amgan.runtime.face.mesh import N_POINTS, RIGHT_EYE
from amgan.runtime.face.zones import PART_NAMES, PART_POLYGONS, ZONES, Zone, parts_of


def area(polygon: np.ndarray) -> float:
    """Signed area by the shoelace formula."""
    x, y = polygon.T
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2)


def crossings(polygon: np.ndarray) -> int:
    """How many pairs of sides of a polygon cross."""
    starts, ends = polygon, np.roll(polygon, -1, axis=0)

    def side(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
        return float(np.cross([*(b - a), 0], [*(c - a), 0])[2])

    count = 0
    for i in range(len(polygon)):
        for j in range(i + 2, len(polygon)):
            if i == 0 and j == len(polygon) - 1:
                continue
            a, b, c, d = starts[i], ends[i], starts[j], ends[j]
            count += side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0
    return count


def test_fifteen_zones_with_names_of_their_own() -> None:
    assert len(ZONES) == 15
    for names in ([z.name for z in ZONES], [z.sign for z in ZONES], list(PART_NAMES)):
        assert len(set(names)) == len(names)
    assert all(z.description and z.name == z.name.lower() and " " not in z.name for z in ZONES)


def test_parts_are_in_the_order_of_their_polygons() -> None:
    assert len(PART_NAMES) == len(PART_POLYGONS) == sum(len(z.polygons) for z in ZONES)
    by_name = dict(zip(PART_NAMES, PART_POLYGONS, strict=True))
    for zone in ZONES:
        assert tuple(by_name[part] for part in zone.parts) == zone.polygons


def test_polygons_are_points_of_the_mesh() -> None:
    for name, polygon in zip(PART_NAMES, PART_POLYGONS, strict=True):
        assert len(polygon) >= 4, name
        assert len(set(polygon)) == len(polygon), name
        assert all(0 <= point < N_POINTS for point in polygon), name


@pytest.mark.parametrize("zone", ZONES, ids=lambda z: z.name)
def test_polygons_do_not_cross_themselves_on_a_face(
    zone: Zone, hopper_face: Face, collins_face: Face
) -> None:
    for face in (hopper_face, collins_face):
        for polygon in zone.polygons:
            points = face.landmarks[list(polygon)]
            assert crossings(points) == 0
            assert abs(area(points)) > 0.0005 * face.width_px**2


@pytest.mark.parametrize("zone", [z for z in ZONES if len(z.polygons) == 2], ids=lambda z: z.name)
def test_right_and_left_mirror_each_other(zone: Zone, hopper_face: Face) -> None:
    right, left = (hopper_face.landmarks[list(p)] for p in zone.polygons)
    assert len(right) == len(left)
    assert not set(zone.polygons[0]) & set(zone.polygons[1])
    middle = hopper_face.landmarks[[10, 168, 152], 0].mean()
    assert right[:, 0].mean() < middle < left[:, 0].mean()
    assert area(right) * area(left) < 0  # walked the other way round
    mirrored = np.column_stack([2 * middle - left[:, 0], left[:, 1]])
    assert np.abs(mirrored - right).mean() < 0.12 * hopper_face.width_px


def test_zones_keep_off_the_eyes(hopper_face: Face) -> None:
    pupil = hopper_face.landmarks[list(RIGHT_EYE)].mean(axis=0)
    for zone in ZONES:
        for polygon in zone.polygons:
            points = hopper_face.landmarks[list(polygon)] - pupil
            turned = np.diff(np.unwrap(np.arctan2(points[:, 1], points[:, 0]), period=2 * np.pi))
            assert abs(turned.sum()) < 2 * np.pi - 0.1, zone.name


def test_parts_of_a_pair_and_of_a_single_zone() -> None:
    assert parts_of("nasolabial") == ("nasolabial-right", "nasolabial-left")
    assert parts_of("nasolabial-left") == ("nasolabial-left",)
    assert parts_of("forehead") == ("forehead",)
    assert tuple(part for zone in ZONES for part in parts_of(zone.name)) == PART_NAMES
    assert all(parts_of(part) == (part,) for part in PART_NAMES)


@pytest.mark.parametrize("name", ["", "nose", "Forehead", "forehead-left", "nasolabial-"])
def test_an_unknown_zone_is_answered_with_all_names(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        parts_of(name)
    assert repr(name) in str(caught.value)
    assert all(zone.name in str(caught.value) for zone in ZONES)
