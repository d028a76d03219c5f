"""Hands cut out of photos, pasted over other faces, with their skin, outlines and light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .occluders import Cover, Floats, as_cover, cloth_colour, eye_distance, polygon, slopes

_ON_FACE = (
    1,
    4,
    13,
    17,
    50,
    280,
    152,
    152,
    205,
    425,
    103,
    332,
    9,
    151,
    159,
    386,
    61,
    291,
    132,
    361,
    172,
    397,
)
"""Landmarks at which hands are placed; chin and jaws more often."""
_TOUCHING = (4, 8, 12, 16, 20, 6, 10, 9, 5, 13)
_WRIST, _FIRST_KNUCKLE, _MIDDLE_KNUCKLE, _LAST_KNUCKLE = 0, 5, 9, 17
_PALM = 1.45
"""Distance from the wrist to the middle knuckle, in units of the distance of the eyes."""


@dataclass(frozen=True, eq=False)
class CutHand:
    """A hand: ``picture`` uint8 [h, w, 4], RGB and alpha, and its 21 ``joints`` [21, 2] in px of it.

    Joints have MediaPipe's numbers: the wrist, then from the thumb to the little finger.
    """

    picture: NDArray[np.uint8]
    joints: NDArray[np.float64]


def cut_hand(
    points: NDArray[np.floating],
    size: int,
    rng: np.random.Generator,
    hands: Sequence[CutHand],
    tone: NDArray[np.floating] | None,
) -> Cover:
    """Paste one of the ``hands`` over a face, in the colour ``tone`` [3] in code values (None: its own).

    For ``points`` and the result see occluders.py.
    """
    hand = hands[int(rng.integers(len(hands)))]
    picture = np.asarray(hand.picture[..., :3], np.float32)
    cover = np.asarray(hand.picture[..., 3], np.float32) / np.float32(255.0)
    inside = cover > 0.9
    mean = picture[inside].mean(axis=0)
    if tone is not None:
        picture = picture * (np.asarray(tone) / np.maximum(mean, 4.0)).astype(np.float32)
    picture = picture * np.float32(rng.uniform(0.75, 1.25)) * rng.normal(1, 0.03, 3).astype(np.float32)
    contrast = np.float32(rng.uniform(0.7, 1.2))
    level = picture[inside].mean(axis=0)
    picture = level + contrast * (picture - level)
    matrix = _placement(points, hand, rng)
    flat = (size, size)
    bare = level * np.ones_like(picture)
    whole = np.where((cover > 0.5)[..., None], picture, bare)
    moved = cv2.warpAffine(whole, matrix, flat, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    seen = cv2.warpAffine(cover, matrix, flat, flags=cv2.INTER_LINEAR)
    moved = moved * (1.0 + slopes(size, rng, rng.uniform(0.0, 0.25)))[..., None]
    if rng.random() < 0.6:
        arm, over = _arm(hand, matrix, level, size, rng)
        moved = arm + (moved - arm) * seen[..., None]
        seen = np.maximum(seen, over)
    return as_cover(moved, seen)


def _placement(points: NDArray[np.floating], hand: CutHand, rng: np.random.Generator) -> NDArray[np.float64]:
    """Affine map from the hand's picture to the face's, both in px."""
    unit = eye_distance(points)
    joints = hand.joints
    palm = max(
        float(np.hypot(*(joints[_MIDDLE_KNUCKLE] - joints[_WRIST]))),
        1.5 * float(np.hypot(*(joints[_FIRST_KNUCKLE] - joints[_LAST_KNUCKLE]))),
    )
    scale = _PALM * unit * rng.uniform(0.8, 1.25) / palm
    angle = rng.normal(0, 0.5) if rng.random() < 0.7 else rng.uniform(0, 2 * np.pi)
    axes = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if rng.random() < 0.5:
        axes[:, 0] *= -1
    on_face = np.asarray(points)[rng.choice(_ON_FACE), :2] + rng.normal(0, 0.25, 2) * unit
    return np.column_stack([axes, on_face - axes @ joints[rng.choice(_TOUCHING)]])


def _arm(
    hand: CutHand, matrix: NDArray[np.float64], skin: Floats, size: int, rng: np.random.Generator
) -> Cover:
    """The arm behind the wrist, bare or in a sleeve: colour and alpha."""
    wrist, knuckle = (matrix[:, :2] @ hand.joints[n] + matrix[:, 2] for n in (_WRIST, _MIDDLE_KNUCKLE))
    along = (wrist - knuckle) / max(float(np.hypot(*(wrist - knuckle))), 1e-6)
    turn = rng.normal(0, 0.35)
    along = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ along
    sleeve = rng.random() < 0.4
    half = (0.28 if sleeve else 0.2) * np.hypot(*(wrist - knuckle)) * rng.uniform(0.9, 1.3)
    across = np.array([-along[1], along[0]]) * half
    start, end = wrist - 0.15 * half * along, wrist + 3.0 * size * along
    outline = np.stack([start - across, start + across, end + 1.3 * across, end - 1.3 * across])
    over = polygon(outline, size, soft=0.6)
    rows, columns = np.mgrid[0:size, 0:size] + 0.5
    aside = ((columns - wrist[0]) * across[0] + (rows - wrist[1]) * across[1]) / max(half**2, 1e-6)
    shade = np.sqrt(np.clip(1.0 - 0.6 * np.clip(aside, -1.2, 1.2) ** 2, 0.1, 1.0)) * (
        1 + slopes(size, rng, 0.15)
    )
    colour = cloth_colour(rng) if sleeve else skin
    return np.asarray(colour * shade[..., None], np.float32), over
