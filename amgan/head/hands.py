"""Randomly drawn hands in front of a face: fingers, palm, wrist and sometimes a sleeve, with real skin.

A hand is a set of capsules in the plane, in units of the distance between the eyes. The maximum of their
surfaces at each pixel is a height map, which is shaded by a random light, so that fingers have soft edges and
dark gaps between them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .occluders import Cover, Floats, Swatch, as_cover, cloth_colour, eye_distance, slopes

_ON_FACE = (1, 4, 13, 17, 50, 280, 152, 205, 425, 103, 332, 9, 151, 159, 386, 61, 291, 132, 361)
"""Landmarks at which hands are placed: nose, mouth, cheeks, chin, temples, forehead, eyes and jaws."""
_LENGTHS = (1.02, 1.18, 1.1, 0.86)
_FINGER = 0.13
"""Half the width of a finger; the middle finger is about nine times as long."""


@dataclass(frozen=True)
class _Capsule:
    """A segment from ``start`` to ``end``, [2] each, with a radius at either end."""

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    radius: tuple[float, float]


@dataclass(frozen=True)
class _Pose:
    """The capsules of a hand with its wrist at 0 and its fingers towards +y, and its finger tips."""

    flesh: tuple[_Capsule, ...]
    arm: _Capsule
    fingers: tuple[tuple[_Capsule, ...], ...]


def hand(points: NDArray[np.floating], size: int, rng: np.random.Generator, skin: Swatch) -> Cover:
    """Draw a hand over a face, in colours of ``skin``. For ``points`` and the result see occluders.py."""
    unit = eye_distance(points)
    pose = _pose(rng)
    turn = rng.normal(np.pi, 0.8) if rng.random() < 0.75 else rng.uniform(0, 2 * np.pi)
    scale = unit * rng.uniform(0.85, 1.2)
    axes = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    if rng.random() < 0.5:
        axes[:, 0] *= -1
    touching = [*[finger[-1].end for finger in pose.fingers], pose.flesh[0].end, pose.flesh[0].end / 2]
    on_face = points[rng.choice(_ON_FACE), :2] + rng.normal(0, 0.2, 2) * unit
    origin = on_face - axes @ touching[rng.integers(len(touching))]

    def transformed(one: _Capsule) -> _Capsule:
        wide = (one.radius[0] * scale, one.radius[1] * scale)
        return _Capsule(axes @ one.start + origin, axes @ one.end + origin, wide)

    flesh = [transformed(one) for one in pose.flesh]
    fingers = [[transformed(one) for one in finger] for finger in pose.fingers]
    relief = np.zeros((size, size), np.float32)
    cover = np.zeros((size, size), np.float32)
    for one in [*flesh, *(one for finger in fingers for one in finger)]:
        _add(one, relief, cover)
    if rng.random() < 0.7:
        _add(transformed(pose.arm), relief, cover)
    picture = skin(size, rng) * _shade(relief, size, rng)[..., None]
    if rng.random() < 0.6:
        picture = _nails(picture, fingers, rng)
    if rng.random() < 0.35:
        picture, cover = _sleeve(picture, cover, transformed(pose.arm), rng)
    return as_cover(picture, cover)


def _pose(rng: np.random.Generator) -> _Pose:
    spread, gap = rng.uniform(0.0, 0.16), rng.uniform(2.0, 2.35) * _FINGER
    curl = rng.choice([rng.uniform(0.75, 1.0), rng.uniform(0.25, 0.6)], p=[0.75, 0.25])
    bend = rng.normal(0, 0.12)
    count = int(rng.choice([1, 2, 3, 4], p=[0.1, 0.12, 0.13, 0.65]))
    shown = sorted(rng.choice(4, count, replace=False).tolist())
    flesh, fingers = [], []
    for number in range(4):
        across = (number - 1.5) * gap
        knuckle = np.array((across, 1.2 - 0.05 * (number - 1.3) ** 2))
        flesh.append(_Capsule(np.array((0.5 * across, 0.15)), knuckle, (1.5 * _FINGER, 1.25 * _FINGER)))
        if number in shown:
            angle = (number - 1.5) * spread + rng.normal(0, 0.04)
            length = _LENGTHS[number] * curl * rng.uniform(0.9, 1.1)
            fingers.append(_finger(knuckle, angle, bend, length, _FINGER * rng.uniform(0.9, 1.1)))
    if rng.random() < 0.7:
        base = np.array((-1.3 * gap, 0.45))
        fingers.append(_finger(base, rng.uniform(-1.1, 0.1), 0.15, rng.uniform(0.7, 0.95), 1.15 * _FINGER))
    arm = _Capsule(np.array((0.0, 0.2)), np.array((rng.normal(0, 0.5), -4.0)), (2.4 * _FINGER, 3.0 * _FINGER))
    return _Pose(tuple(flesh), arm, tuple(fingers))


def _finger(
    start: NDArray[np.float64], angle: float, bend: float, length: float, radius: float
) -> tuple[_Capsule, ...]:
    bones = []
    for share, thick in ((0.45, 1.0), (0.3, 0.94), (0.25, 0.86)):
        end = start + share * length * np.array((np.sin(angle), np.cos(angle)))
        bones.append(_Capsule(start, end, (radius * thick, radius * thick * 0.93)))
        start, angle = end, angle + bend
    return tuple(bones)


def _add(one: _Capsule, relief: Floats, cover: Floats) -> None:
    """Add a capsule to the height map (maximum) and to the alpha, in place."""
    reach = max(one.radius) + 2
    low = np.floor(np.minimum(one.start, one.end) - reach).astype(int)
    high = np.ceil(np.maximum(one.start, one.end) + reach).astype(int) + 1
    (x0, y0), (x1, y1) = np.maximum(low, 0), np.minimum(high, len(relief))
    if x0 >= x1 or y0 >= y1:
        return
    rows, columns = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    along = one.end - one.start
    away_x, away_y = columns - one.start[0], rows - one.start[1]
    share = np.clip((away_x * along[0] + away_y * along[1]) / max(float(along @ along), 1e-6), 0, 1)
    distance = np.hypot(away_x - share * along[0], away_y - share * along[1])
    radius = one.radius[0] + share * (one.radius[1] - one.radius[0])
    height = np.sqrt(np.maximum(radius**2 - distance**2, 0))
    there = (slice(y0, y1), slice(x0, x1))
    relief[there] = np.maximum(relief[there], height)
    cover[there] = np.maximum(cover[there], np.clip(radius - distance + 0.5, 0, 1))


def _shade(relief: Floats, size: int, rng: np.random.Generator) -> Floats:
    """Shading of a height map, around 1."""
    smooth = cv2.GaussianBlur(relief, (0, 0), max(0.006 * size, 0.5))
    down, right = np.gradient(smooth)
    angle, steep = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.8)
    facing = 1.0 / np.sqrt(1.0 + down**2 + right**2)
    lit = facing * (1.0 - steep * (np.cos(angle) * right + np.sin(angle) * down))
    least = rng.uniform(0.35, 0.75)
    around = cv2.GaussianBlur(relief, (0, 0), 0.04 * size)
    deep = np.clip((around - smooth) / (0.03 * size), 0, 1)
    shade = least + (1.1 - least) * np.clip(lit, 0, 1.15) - rng.uniform(0.1, 0.5) * deep
    return np.asarray(np.clip(shade * (1.0 + slopes(size, rng, 0.15)), 0.15, 1.4), np.float32)


def _nails(picture: Floats, fingers: list[list[_Capsule]], rng: np.random.Generator) -> Floats:
    painted = rng.random() < 0.35
    colour = rng.uniform(20, 230, 3) if painted else None
    plane = np.zeros(picture.shape[:2], np.float32)
    for finger in fingers:
        tip = finger[-1]
        along = tip.end - tip.start
        middle = tip.end - 0.1 * along
        axes = (0.9 * tip.radius[1], 0.6 * tip.radius[1])
        angle = float(np.degrees(np.arctan2(along[1], along[0])))
        centre = (round(float(middle[0]) * 8), round(float(middle[1]) * 8))
        sides = (max(round(axes[0] * 8), 1), max(round(axes[1] * 8), 1))
        cv2.ellipse(plane, centre, sides, angle, 0, 360, 1.0, -1, cv2.LINE_AA, 3)
    nail = picture * (1.08, 1.0, 1.02) + 12 if colour is None else 0.35 * picture + 0.65 * colour
    return np.asarray(picture + plane[..., None] * (nail - picture), np.float32)


def _sleeve(picture: Floats, cover: Floats, arm: _Capsule, rng: np.random.Generator) -> Cover:
    size = len(cover)
    begin = arm.start + rng.uniform(0.1, 0.4) * (arm.end - arm.start)
    relief, over = np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)
    wide = rng.uniform(1.15, 1.7) * max(arm.radius)
    _add(_Capsule(begin, arm.end, (wide, wide * 1.2)), relief, over)
    cloth = cloth_colour(rng) * _shade(relief, size, rng)[..., None]
    return np.asarray(picture + over[..., None] * (cloth - picture), np.float32), np.maximum(cover, over)
