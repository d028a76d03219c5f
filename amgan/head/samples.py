"""Training examples of the head parser: faces in random light, often with an occlusion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from amgan.runtime.face.region_masks import make_face_mask

from .cutouts import CutHand, cut_hand
from .hands import hand
from .headwear import headwear
from .held import held
from .light import lit, noisy, rougher
from .network import INPUT_PX
from .occluders import Cover, cloth, fringe, glasses, lay_over, surgical_mask

Floats = NDArray[np.float32]
_EDGES = 1.5
"""Weight of the edges of skin and hair relative to their inside."""
_ROUGHER, _ELSEWHERE = 0.35, 0.2
"""Probabilities of deeper lines on old skin, and of another background."""
_HIDDEN = 4.0
"""Weight of the occluded part of a face."""
REST, HAIR, FACE, OTHER_SKIN, UNKNOWN = 0, 1, 2, 3, 255
"""Values of labels."""


@dataclass(frozen=True, eq=False)
class HeadPictures:
    """Windows around faces, ``wide`` times as wide as the face's frame.

    ``windows`` uint8 [N, W, W, 3], ``labels`` uint8 [N, V, V] of them, ``landmarks`` [N, 468, 2] in units of
    the window. ``hands`` are pasted over faces in addition to drawn ones. ``rugged`` bool [N] are the faces
    whose bare, wrinkled skin may get deeper lines.
    """

    windows: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    landmarks: NDArray[np.float64]
    wide: float
    hands: Sequence[CutHand] = ()
    rugged: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))


@dataclass(frozen=True, eq=False)
class Example:
    """One example: ``image`` float32 [S, S, 3] in code values, ``face`` [S, S] the mesh's mask of the face.

    ``wanted`` [3, S, S] is skin, hair and the body's bare skin, 0..1, and ``weight`` [3, S, S] the weight of
    each pixel.
    """

    image: Floats
    face: Floats
    wanted: Floats
    weight: Floats


def make_example(pictures: HeadPictures, number: int, rng: np.random.Generator) -> Example:
    """Crop face ``number``, with random occlusion and light."""
    window, labels = pictures.windows[number], pictures.labels[number]
    points = pictures.landmarks[number][:, :2]
    crop = _random_crop(pictures.wide, rng)
    image = _cut(window, crop, cv2.INTER_LINEAR, cv2.BORDER_REPLICATE).astype(np.float32)
    label = _cut(labels, crop, cv2.INTER_NEAREST, cv2.BORDER_CONSTANT)
    unit = (np.linalg.inv(np.vstack([crop, [0, 0, 1]]))[:2] @ np.vstack([points.T, np.ones(len(points))])).T
    flip = rng.random() < 0.5
    if flip:
        image, label = np.ascontiguousarray(image[:, ::-1]), np.ascontiguousarray(label[:, ::-1])
        unit = _mirrored(unit)
    face = make_face_mask(unit, INPUT_PX)
    if rng.random() < _ROUGHER and number < len(pictures.rugged) and pictures.rugged[number]:
        image = rougher(image, label == FACE, rng)
    if rng.random() < _ELSEWHERE:
        image = _elsewhere(pictures, image, label, rng)
    image = lit(image, rng, before=True)
    skin, hair = (label == FACE).astype(np.float32), (label == HAIR).astype(np.float32)
    body = (label == OTHER_SKIN).astype(np.float32)
    known, doubtful = label != UNKNOWN, (label == OTHER_SKIN) & (face > 0.3)
    weight = np.stack([known & (label != OTHER_SKIN), known, known & ~doubtful]).astype(np.float32)
    shadow = rng if rng.random() < 0.7 else None
    hidden = np.zeros_like(skin)
    for thing, is_hair in _things(pictures, number, unit * INPUT_PX, image, rng):
        image = lay_over(image, thing, shadow)
        cover = thing[1]
        skin, hair = skin * (1.0 - cover), hair * (1.0 - cover) + (cover if is_hair else 0.0)
        body = body * (1.0 - cover)
        weight = np.maximum(weight, (cover > 0.6).astype(np.float32))
        hidden = np.maximum(hidden, cover)
    weight[0] *= (0.3 + 2.0 * face) * (1.0 + _HIDDEN * hidden)
    weight *= 1.0 + _EDGES * np.stack([_edges(skin), _edges(hair), _edges(body)])
    image = noisy(lit(image, rng, before=False), rng)
    return Example(image, face, np.stack([skin, hair, body]), weight)


def _random_crop(wide: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Random affine map from units of the example (0..1) to units of the window."""
    scale = rng.choice([1.0, 1.8, rng.uniform(0.9, 1.9)], p=[0.5, 0.3, 0.2]) * rng.uniform(0.94, 1.06) / wide
    angle = rng.normal(0, 0.06)
    axes = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([0.5, 0.5]) + rng.normal(0, 0.015, 2)
    return np.column_stack([axes, middle - axes @ (0.5, 0.5)])


def _cut(plane: NDArray[np.uint8], crop: NDArray[np.float64], how: int, border: int) -> NDArray[np.uint8]:
    size = plane.shape[0]
    matrix = crop.copy() * size
    matrix[:, :2] /= INPUT_PX
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    cut = cv2.warpAffine(
        plane,
        matrix,
        (INPUT_PX, INPUT_PX),
        flags=how | cv2.WARP_INVERSE_MAP,
        borderMode=border,
        borderValue=(UNKNOWN,) * 3,
    )
    return np.asarray(cut, np.uint8)


def _mirrored(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points of the mirrored picture; those that are used by number are swapped with their counterparts."""
    turned = points * (-1, 1) + (1, 0)
    for right, left in _PAIRS:
        turned[[right, left]] = turned[[left, right]]
    return turned


_RIGHT = (
    33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246, 70, 63, 105, 66, 107, 55, 65,
    52, 53, 46,
    109, 67, 103, 54, 21, 162, 127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 118, 196, 50, 205,
)  # fmt: skip
_LEFT = (
    263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466, 300, 293, 334, 296, 336,
    285, 295, 282, 283, 276, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400,
    377, 347, 419, 280, 425,
)  # fmt: skip
_PAIRS = tuple(zip(_RIGHT, _LEFT, strict=True))


def _edges(plane: Floats) -> Floats:
    """1 along the edges of a plane 0..1, float32 [S, S]."""
    return np.asarray(np.clip(4.0 * np.abs(plane - cv2.GaussianBlur(plane, (0, 0), 1.5)), 0, 1), np.float32)


def _things(
    pictures: HeadPictures, number: int, points: NDArray[np.float64], image: Floats, rng: np.random.Generator
) -> list[tuple[Cover, bool]]:
    """Random occlusions of this face, and whether each is hair: none in 40 % of cases, else one or two."""
    size = INPUT_PX

    def skin(size: int, rng: np.random.Generator) -> Floats:
        found = surface(pictures, FACE, size, rng)
        return found if rng.random() < 0.4 else _in_tone_of(found, image, points, rng)

    def hair(size: int, rng: np.random.Generator) -> Floats:
        return surface(pictures, HAIR, size, rng, number if rng.random() < 0.6 else None)

    def stuff(size: int, rng: np.random.Generator) -> Floats:
        return surface(pictures, REST, size, rng)

    def some_hand() -> Cover:
        if pictures.hands and rng.random() < 0.6:
            own = _cheek(image, points, rng) if rng.random() < 0.6 else None
            return cut_hand(points, size, rng, pictures.hands, own)
        return hand(points, size, rng, skin)

    made: list[tuple[Cover, bool]] = []
    for _ in range(int(rng.choice([0, 1, 2], p=[0.38, 0.5, 0.12]))):
        kind = rng.choice(7, p=[0.12, 0.38, 0.13, 0.14, 0.09, 0.09, 0.05])
        if kind == 0:
            made.append((surgical_mask(points, size, rng), False))
        elif kind == 1:
            made.append((some_hand(), False))
        elif kind == 2:
            made.append((glasses(points, size, rng), False))
        elif kind == 3:
            made.append((fringe(points, size, rng, hair), True))
        elif kind == 4:
            made.append((cloth(points, size, rng, stuff), False))
        elif kind == 5:
            made.append((headwear(points, size, rng, stuff), False))
        else:
            made.append((held(points, size, rng), False))
            if rng.random() < 0.6:
                made.append((some_hand(), False))
    return made


def _in_tone_of(
    found: Floats, image: Floats, points: NDArray[np.float64], rng: np.random.Generator
) -> Floats:
    """A texture in the colour of this face's cheeks, [3] of ``image``, slightly lighter or darker."""
    own = _cheek(image, points, rng)
    typical = np.maximum(found.mean(axis=(0, 1)), 4.0)
    return np.asarray(found / typical * own * rng.uniform(0.75, 1.25) * rng.normal(1, 0.03, 3), np.float32)


def _cheek(image: Floats, points: NDArray[np.float64], rng: np.random.Generator) -> Floats:
    """The colour of one of a face's cheeks, float32 [3]."""
    x, y = np.clip(points[rng.choice([50, 280, 205, 425]), :2].round().astype(int), 2, len(image) - 3)
    return np.asarray(image[y - 2 : y + 3, x - 2 : x + 3].mean(axis=(0, 1)), np.float32)


def _elsewhere(
    pictures: HeadPictures, image: Floats, label: NDArray[np.uint8], rng: np.random.Generator
) -> Floats:
    """Replace the background of a head: by another's, or by a dark, streaky texture similar to hair."""
    size = len(image)
    behind = (cv2.erode((label == REST).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0).astype(np.float32)
    other = surface(pictures, HAIR if rng.random() < 0.35 else REST, size, rng)
    if rng.random() < 0.5:
        other = np.asarray(cv2.GaussianBlur(other, (0, 0), rng.uniform(1, 5)), np.float32)
    if rng.random() < 0.4 and (label == HAIR).sum() > 50:
        own = np.median(image[label == HAIR], axis=0)
        gain = own * rng.uniform(0.8, 1.3) / np.maximum(other.mean(axis=(0, 1)), 4.0)
        other = np.asarray(other * gain, np.float32)
    share = cv2.GaussianBlur(behind, (0, 0), 0.7)[..., None]
    return np.asarray(image + share * (other - image), np.float32)


def surface(
    pictures: HeadPictures, label: int, size: int, rng: np.random.Generator, own: int | None = None
) -> Floats:
    """Part of a picture that shows only one class, enlarged to [size, size, 3].

    It is from picture ``own`` if given and possible, else from any other.
    """
    for turn in range(18):
        number = own if own is not None and turn < 6 else int(rng.integers(len(pictures.windows)))
        labels = pictures.labels[number]
        side = int(labels.shape[0] * rng.uniform(0.1, 0.22))
        top, left = (int(v) for v in rng.integers(0, labels.shape[0] - side, 2))
        if label == FACE:  # a cheek, between eye and mouth
            x, y = pictures.landmarks[number][rng.choice([50, 280, 205, 425, 151]), :2] * labels.shape[0]
            side = int(labels.shape[0] * 0.1)
            top, left = int(np.clip(y - side / 2, 0, None)), int(np.clip(x - side / 2, 0, None))
        piece = labels[top : top + side, left : left + side]
        if piece.size and (piece == label).mean() > 0.93:
            factor = pictures.windows.shape[1] / labels.shape[0]
            rows, columns = (slice(int(a * factor), int((a + side) * factor)) for a in (top, left))
            patch = pictures.windows[number][rows, columns].astype(np.float32)
            tile = np.concatenate([patch, patch[::-1]])
            tile = np.concatenate([tile, tile[:, ::-1]], axis=1)
            zoom = rng.uniform(0.35, 1.0)
            whole = cv2.resize(tile, (max(int(size * zoom), 8),) * 2, interpolation=cv2.INTER_LINEAR)
            repeats = -(-size // whole.shape[0])
            whole = np.tile(whole, (repeats, repeats, 1))[:size, :size]
            return np.asarray(whole * rng.uniform(0.75, 1.25) + rng.normal(0, 6, 3), np.float32)
    level = rng.uniform(20, 220, 3) if label == REST else rng.uniform(20, 160) * np.array([1.1, 1.0, 0.85])
    streaks = cv2.resize(rng.normal(0, 18, (6, size)).astype(np.float32), (size, size))
    return np.asarray(level + streaks[..., None], np.float32)
