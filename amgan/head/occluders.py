"""Randomly drawn synthetic occlusions of a face: masks, glasses, strands and cloth.

Every function draws one object over a picture of ``size`` px, of a face with ``points`` [468, 2] in px, and
returns its colour, float32 [S, S, 3] in code values, and its alpha, float32 [S, S] 0..1. Real surfaces
(another face's skin or hair, cloth) come from a `Swatch`, a picture used as texture.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from amgan.runtime.face.mesh import LEFT_EYE, RIGHT_EYE, raise_hairline

Floats = NDArray[np.float32]
Cover = tuple[Floats, Floats]
Swatch = Callable[[int, np.random.Generator], Floats]
"""Returns a texture, float32 [S, S, 3] in code values, for a size in px."""

_MASK_EDGE = (
    127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323,
    454, 356,
)  # fmt: skip
_MASK_TOP = (347, 419, 197, 196, 118)
_CLOTH_COLOURS = (
    (150, 190, 215), (235, 238, 240), (30, 30, 34), (90, 140, 130), (200, 150, 160), (60, 70, 120),
    (190, 180, 160),
)  # fmt: skip
_RIM_COLOURS = ((25, 22, 20), (70, 45, 25), (120, 85, 50), (150, 150, 155), (190, 165, 100), (60, 20, 25))


def eye_distance(points: NDArray[np.floating]) -> float:
    """Distance of the eyes' centres in px, the unit of the drawings."""
    right, left = (np.asarray(points)[list(eye), :2].mean(axis=0) for eye in (RIGHT_EYE, LEFT_EYE))
    return max(float(np.hypot(*(left - right))), 1.0)


def surgical_mask(points: NDArray[np.floating], size: int, rng: np.random.Generator) -> Cover:
    """A mask over nose and mouth, with pleats, seams and shading, and straps to the ears."""
    unit = eye_distance(points)
    low = rng.uniform(0.0, 0.25) * unit
    bottom = np.array(points[list(_MASK_EDGE[3:-3]), :2]) + np.array((0, low * 0.3))
    top = np.array(points[list(_MASK_TOP), :2]) + np.array((0, rng.uniform(-0.15, 0.45) * unit))
    outline = np.concatenate([bottom, top])
    outline += rng.normal(0, 0.02 * unit, outline.shape)
    cover = polygon(outline, size, soft=rng.uniform(0.4, 1.2))
    colour = cloth_colour(rng)
    shade = 1.0 + slopes(size, rng, 0.22) - 0.25 * edge_shade(cover, 0.12 * unit)
    rows = np.mgrid[0:size, 0:size][0] / unit
    if rng.random() < 0.7:
        pleats = np.sin(rows * rng.uniform(9, 20) + rng.uniform(0, 6) + _waves(size, rng, 0.5))
        shade = shade + rng.uniform(0.01, 0.06) * pleats
    tinted = colour * np.clip(shade, 0.1, 1.5)[..., None] + grain(size, rng, 4.0)
    strap = np.zeros((size, size), np.float32)
    for start, end in ((132, 127), (361, 356)):
        ends = [tuple(np.round(points[number, :2] * 8).astype(int).tolist()) for number in (start, end)]
        cv2.line(strap, ends[0], ends[1], 1.0, max(1, round(0.04 * unit)), cv2.LINE_AA, 3)
    return as_cover(tinted, np.maximum(cover, strap * (rng.random() < 0.6)))


def glasses(points: NDArray[np.floating], size: int, rng: np.random.Generator) -> Cover:
    """Rims, a bridge and temples, thin or thick; sometimes dark lenses, sometimes glints on them."""
    unit = eye_distance(points)
    rims, lenses = np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)
    thick = max(1, round(rng.choice([0.03, 0.05, 0.09, 0.13]) * unit))
    wide, high, power = rng.uniform(0.36, 0.48), rng.uniform(0.25, 0.42), rng.choice([2.0, 3.0, 6.0])
    turn = np.linspace(0, 2 * np.pi, 60)
    shape = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    shape = np.sign(shape) * np.abs(shape) ** (2.0 / power) * (wide * unit, high * unit)
    right, left = (points[list(eye), :2].mean(axis=0) for eye in (RIGHT_EYE, LEFT_EYE))
    tilt = np.arctan2(*(left - right)[::-1])
    turned = shape @ np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    down = rng.uniform(0.0, 0.14) * unit
    inner = []
    for centre, ear, side in ((right, 127, 1), (left, 356, -1)):
        outline = np.round((turned + centre + np.array((0, down))) * 8).astype(np.int32)
        cv2.fillPoly(lenses, [outline], 1.0, cv2.LINE_AA, 3)
        cv2.polylines(rims, [outline], True, 1.0, thick, cv2.LINE_AA, 3)
        inner.append(centre + np.array((side * wide * unit, down - 0.05 * unit)))
        outer = centre + np.array((-side * wide * unit, down - 0.1 * unit))
        _line(rims, outer, points[ear, :2] + np.array((0, -0.05 * unit)), thick)
    _line(rims, inner[0], inner[1], thick)
    colour = np.array(_RIM_COLOURS[rng.integers(len(_RIM_COLOURS))], float)
    picture = np.broadcast_to(colour, (size, size, 3)) * (1.0 + slopes(size, rng, 0.5))[..., None]
    if rng.random() < 0.3:
        lens = np.array(_RIM_COLOURS[rng.integers(len(_RIM_COLOURS))], float) * rng.uniform(0.2, 1.2)
        tinted = lens * (1.0 + slopes(size, rng, 0.8))[..., None] + 90 * _glint(size, unit, rng)[..., None]
        picture = np.where((lenses > rims)[..., None], tinted, picture)
        rims = np.maximum(rims, lenses * rng.uniform(0.75, 1.0))
    return as_cover(picture, rims)


def _glint(size: int, unit: float, rng: np.random.Generator) -> Floats:
    """A slanted reflection on lenses, or none, 0..1."""
    if rng.random() < 0.4:
        return np.zeros((size, size), np.float32)
    rows, columns = np.mgrid[0:size, 0:size] / unit
    stripes = np.sin(rng.uniform(1.5, 4) * (columns + rng.uniform(-1, 1) * rows) + rng.uniform(0, 6))
    return np.asarray(rng.uniform(0.2, 1.0) * np.clip(2.5 * stripes - 1.5, 0, 1), np.float32)


def fringe(points: NDArray[np.floating], size: int, rng: np.random.Generator, hair: Swatch) -> Cover:
    """Strands or locks from the hairline over the forehead, or from the side over a cheek."""
    unit = eye_distance(points)
    top = raise_hairline(points)
    cover = np.zeros((size, size), np.float32)
    side = rng.random() < 0.35
    anchors = (54, 21, 162, 127) if rng.random() < 0.5 else (284, 251, 389, 356)
    starts = top[list(anchors if side else (54, 103, 67, 109, 10, 338, 297, 332, 284)), :2]
    length = rng.uniform(0.4, 1.0) if not side else rng.uniform(0.8, 2.2)
    lean = rng.normal(0, 0.5)
    locks = rng.random() < 0.4
    for _ in range(int(rng.integers(30, 110) if locks else rng.integers(4, 90))):
        share = rng.uniform(0, len(starts) - 1)
        low = starts[int(share)] + (share % 1) * (
            starts[min(int(share) + 1, len(starts) - 1)] - starts[int(share)]
        )
        start = low + np.array((rng.normal(0, 0.1) * unit, -0.3 * unit))
        end = low + np.array([lean + rng.normal(0, 0.15), 1.0]) * unit * length * rng.uniform(0.5, 1.15)
        middle = (start + end) / 2 + rng.normal(0, 0.12, 2) * unit
        t = np.linspace(0, 1, 14)[:, None]
        curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end
        width = max(1, round(rng.uniform(0.01, 0.2 if locks else 0.09) * unit))
        cv2.polylines(cover, [np.round(curve * 8).astype(np.int32)], False, 1.0, width, cv2.LINE_AA, 3)
    soft = np.asarray(cv2.GaussianBlur(cover, (0, 0), 0.6), np.float32)
    shade = 1.0 - rng.uniform(0.0, 0.4) * edge_shade(soft, 0.1 * unit)
    return as_cover(hair(size, rng) * shade[..., None], soft)


def cloth(points: NDArray[np.floating], size: int, rng: np.random.Generator, surface: Swatch) -> Cover:
    """A scarf over the chin, a hat's brim over the forehead, or an object in front of the face."""
    unit = eye_distance(points)
    kind = rng.integers(3)
    if kind == 2:
        centre = points[rng.choice([4, 50, 280, 152, 13, 10, 103, 332]), :2] + rng.normal(0, 0.3, 2) * unit
        corners = rng.uniform(0.35, 1.1, 2) * unit
        turn = np.linspace(0, 2 * np.pi, 40)
        power = rng.choice([2.0, 8.0])
        shape = np.stack([np.cos(turn), np.sin(turn)], axis=1)
        shape = np.sign(shape) * np.abs(shape) ** (2.0 / power) * corners
        angle = rng.uniform(0, np.pi)
        outline = shape @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) + centre
    else:
        level = (
            points[rng.choice([2, 13, 17, 200]), 1]
            if kind == 0
            else points[9, 1] - rng.uniform(0, 0.7) * unit
        )
        across = np.linspace(-0.2 * size, 1.2 * size, 24)
        curve = rng.uniform(-0.3, 0.5) * unit * ((across - points[1, 0]) / (1.3 * unit)) ** 2
        edge = np.stack([across, level - (curve if kind == 0 else -curve)], axis=1)
        edge[:, 1] += rng.normal(0, 0.03 * unit, len(edge))
        beyond = (1.3 if kind == 0 else -0.3) * size
        outline = np.concatenate([edge, [(1.2 * size, beyond), (-0.2 * size, beyond)]])
    cover = polygon(outline, size, soft=rng.uniform(0.4, 1.5))
    shade = 1.0 - 0.3 * edge_shade(cover, 0.08 * unit) + slopes(size, rng, 0.15)
    return as_cover(surface(size, rng) * shade[..., None], cover)


def polygon(outline: NDArray[np.floating], size: int, soft: float = 0.6) -> Floats:
    """A filled polygon with smoothed corners, float32 [S, S] 0..1; ``outline`` [N, 2] and ``soft`` in px."""
    plane = np.zeros((size, size), np.float32)
    cv2.fillPoly(
        plane, [np.round(np.clip(outline, -4 * size, 5 * size) * 8).astype(np.int32)], 1.0, cv2.LINE_AA, 3
    )
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), max(soft, 0.3)), np.float32)


def lay_over(picture: NDArray[np.number], thing: Cover, rng: np.random.Generator | None = None) -> Floats:
    """Blend an object over a picture [S, S, 3], float32; with ``rng`` it casts a faint shadow."""
    colour, cover = thing
    below = np.asarray(picture, np.float32)
    if rng is not None:
        reach = rng.uniform(0.005, 0.03) * len(cover)
        moved = np.array([[1, 0, rng.normal(0, reach)], [0, 1, abs(rng.normal(0, reach))]])
        shadow = cv2.GaussianBlur(cv2.warpAffine(cover, moved, cover.shape[::-1]), (0, 0), max(reach, 0.5))
        below = below * (1.0 - rng.uniform(0, 0.45) * shadow)[..., None]
    return np.asarray(below + (colour - below) * cover[..., None], np.float32)


def cloth_colour(rng: np.random.Generator) -> NDArray[np.float64]:
    """A colour of cloth, [3] in code values."""
    return np.array(_CLOTH_COLOURS[rng.integers(len(_CLOTH_COLOURS))], float) + rng.normal(0, 14, 3)


def as_cover(colour: NDArray[np.number], cover: NDArray[np.number]) -> Cover:
    """Clip a colour and an alpha to their ranges, and convert their types."""
    return np.clip(colour, 0, 255).astype(np.float32), np.clip(cover, 0, 1).astype(np.float32)


def _line(plane: Floats, start: NDArray[np.floating], end: NDArray[np.floating], thick: int) -> None:
    ends = [tuple(np.round(np.asarray(p) * 8).astype(int).tolist()) for p in (start, end)]
    cv2.line(plane, ends[0], ends[1], 1.0, thick, cv2.LINE_AA, 3)


def slopes(size: int, rng: np.random.Generator, amount: float) -> Floats:
    """Low-frequency shading around 0: a gradient and soft noise."""
    small = rng.normal(0, 1, (4, 4)).astype(np.float32)
    clouds = cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.asarray(amount * 0.6 * clouds, np.float32)


def _waves(size: int, rng: np.random.Generator, amount: float) -> Floats:
    return slopes(size, rng, amount * 3)


def edge_shade(cover: Floats, width: float) -> Floats:
    """1 at the edge of a shape, 0 inside."""
    deep = cv2.distanceTransform((cover > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    return np.asarray(np.exp(-deep / max(width, 1.0)), np.float32)


def grain(size: int, rng: np.random.Generator, amount: float) -> Floats:
    """Noise around 0, float32 [S, S, 1]."""
    return np.asarray(rng.normal(0, amount, (size, size, 1)), np.float32)
