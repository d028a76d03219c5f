"""Initial labels of hair, own face and the rest without manual labels, propagated from certain seeds.

Seeds come from the mesh (skin between brows and chin), from a mask of the person (background), and from the
usual positions of hair. Gaussian mixtures of colour and texture propagate them to the rest of the picture.
The labels are meant for inspection and removal of bad ones; the trained network is smoother.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from amgan.runtime.face.mesh import (
    FACE_OVAL,
    LEFT_BROW,
    LEFT_EYE,
    LIPS_OUTER,
    RIGHT_BROW,
    RIGHT_EYE,
    raise_hairline,
)

from .samples import FACE, HAIR, OTHER_SKIN, REST, UNKNOWN

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
_COMPONENTS = {"skin": 3, "hair": 3, "background": 4, "cloth": 4}
_NOISE = np.diag([30.0, 6.0, 6.0, 1.2])
_SURE = 0.7


@dataclass(frozen=True, eq=False)
class _Layout:
    """Positions of the parts of a head in a window of ``size`` px, in which the frame has ``unit`` px."""

    size: int
    unit: float
    face: Mask
    features: Mask
    eye_zone: Mask
    core: Mask
    outside: Floats
    inside: Floats
    rows: NDArray[np.int64]
    brow: float
    mouth: float
    chin: float


def label_head(
    picture: NDArray[np.uint8], person: Floats, known: Mask, landmarks: NDArray[np.floating], wide: float
) -> NDArray[np.uint8] | None:
    """Labels uint8 [S, S] of a window around a face, see samples.py; None if no skin is certain.

    ``picture`` uint8 [S, S, 3]; ``person`` [S, S] 0..1 is the mask of the person, ``known`` [S, S] that of
    the photo; ``landmarks`` [468, 2] are in units of the window, which is ``wide`` times as wide as the
    frame.
    """
    size = len(picture)
    layout = _layout(np.asarray(landmarks)[:, :2], size, wide)
    lab = cv2.cvtColor(cv2.GaussianBlur(picture, (0, 0), 0.8), cv2.COLOR_RGB2LAB).astype(np.float32)
    colours = np.concatenate([lab, _roughness(lab[..., 0])[..., None]], axis=-1)
    core = layout.core & known
    if core.sum() < 300:
        return None
    typical = np.median(colours[core], axis=0)
    spread = np.median(np.abs(colours[core] - typical), axis=0) * 1.48 + (8, 2.5, 2.5, 1.5)
    unlike = np.sqrt((((colours - typical) / spread)[..., :3] ** 2).sum(axis=-1))
    apart = np.sqrt(((lab - typical[:3]) ** 2 * (0.35, 1.4, 1.4)).sum(axis=-1))
    seeds = _seeds(layout, person, known, core & (unlike < 3.5), apart)
    shares = _grow(colours, seeds, _priors(layout, person), _limits(layout, person, known))
    labels = _decide(layout, shares)
    strange = layout.eye_zone & layout.face & ((unlike > 4) | (apart > 28)) & ~layout.features
    labels[strange & (labels == FACE)] = UNKNOWN  # glasses, or shadow
    labels[~known] = UNKNOWN
    return labels


def _layout(points: NDArray[np.floating], size: int, wide: float) -> _Layout:
    unit = size / wide
    outline = raise_hairline(points)[list(FACE_OVAL)]
    face = _filled([outline], size, 0, hull=False)
    parts = (LEFT_EYE, RIGHT_EYE, LEFT_BROW, RIGHT_BROW, LIPS_OUTER)
    features = _filled([points[list(part)] for part in parts], size, round(0.03 * unit))
    around_eyes = [points[list(LEFT_EYE + RIGHT_EYE + LEFT_BROW + RIGHT_BROW)]]
    brow = float(points[[105, 334, 9], 1].mean() * size)
    rows = np.mgrid[0:size, 0:size][0]
    small = _filled([points[list(FACE_OVAL)]], size, -round(0.02 * unit), hull=False)
    distances = [
        cv2.distanceTransform(side.astype(np.uint8), cv2.DIST_L2, 5) / unit for side in (~face, face)
    ]
    return _Layout(
        size, unit, face, features,
        _filled(around_eyes, size, round(0.09 * unit)) & (rows > brow - 0.06 * unit),
        small & ~features & (rows > brow),
        np.asarray(distances[0], np.float32), np.asarray(distances[1], np.float32), rows, brow,
        float(points[[61, 291], 1].mean() * size), float(points[152, 1] * size),
    )  # fmt: skip


def _filled(outlines: list[NDArray[np.floating]], size: int, grown: int, hull: bool = True) -> Mask:
    plane = np.zeros((size, size), np.uint8)
    for outline in outlines:
        corners = np.round(outline * size).astype(np.int32)
        cv2.fillPoly(plane, [cv2.convexHull(corners) if hull else corners], 1)
    if grown:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(grown) + 1,) * 2)
        plane = np.asarray((cv2.dilate if grown > 0 else cv2.erode)(plane, kernel), np.uint8)
    return plane.astype(bool)


def _roughness(light: Floats) -> Floats:
    mean, square = (cv2.GaussianBlur(plane, (0, 0), 2.5) for plane in (light, light * light))
    return np.asarray(np.sqrt(np.maximum(square - mean * mean, 0.0)), np.float32)


def _seeds(layout: _Layout, person: Floats, known: Mask, skin: Mask, apart: Floats) -> dict[str, Mask]:
    """The certain pixels of every class that has enough of them."""
    somebody = (person > 0.75) & known
    around = somebody & (layout.outside > 0.03) & (layout.outside < 0.22) & (layout.rows < layout.mouth)
    found = {
        "skin": skin,
        "hair": around & (apart > 22),
        "background": (person < 0.15) & known,
        "cloth": somebody & (layout.rows > layout.chin + 0.22 * layout.unit),
    }
    return {kind: seed for kind, seed in found.items() if kind == "skin" or seed.sum() > 200}


def _priors(layout: _Layout, person: Floats) -> dict[str, NDArray[np.floating]]:
    """Prior probability of each class at each position, independent of colour."""
    face, above = layout.face, layout.rows < layout.brow
    below = np.clip((layout.rows - layout.chin) / (0.1 * layout.unit), 0, 1)
    fringe = np.where(
        above, np.clip(0.3 - 1.5 * layout.inside, 0.06, 0.3), np.where(layout.inside < 0.035, 0.12, 0.006)
    )
    hair = np.where(face, fringe, 0.6 * np.exp(-layout.outside / 0.25) + 0.1)
    hair = hair * (1 - 0.3 * below) * np.clip(1.1 * person, 0.02, 1)
    neck = (layout.rows > layout.chin) & (layout.rows < layout.chin + 0.3 * layout.unit)
    ears = (layout.outside < 0.07) & ~above
    return {
        "hair": hair,
        "skin": np.where(face, 0.8, 0.05 + 0.3 * ears + 0.25 * neck),
        "background": np.clip(1.03 - person, 0.003, 1) * np.where(face, 0.02, 1.0),
        "cloth": np.where(layout.rows > layout.chin + 0.05 * layout.unit, 0.4, 0.01)
        * np.clip(person, 0.05, 1) * np.where(face, 0.05, 1.0),
    }  # fmt: skip


def _limits(layout: _Layout, person: Floats, known: Mask) -> dict[str, Mask]:
    """The areas from which a class is learnt in the second round."""
    return {
        "skin": layout.face & (layout.rows > layout.brow) & ~layout.features & known,
        "hair": (person > 0.75) & (layout.outside < 0.35) & known,
        "background": (person < 0.5) & known,
        "cloth": (layout.rows > layout.chin + 0.1 * layout.unit) & (person > 0.75) & known,
    }


def _grow(
    colours: Floats, seeds: dict[str, Mask], priors: dict[str, NDArray[np.floating]], limits: dict[str, Mask]
) -> dict[str, Floats]:
    """Smoothed posterior probability of each class per pixel, 0..1, after two rounds."""
    rng = np.random.default_rng(0)
    cv2.setRNGSeed(1)
    flat = colours.reshape(-1, colours.shape[-1])
    known = dict(seeds)
    shares: dict[str, Floats] = {}
    for _ in range(2):
        scores = np.stack(
            [
                _likelihood(colours[known[kind]], flat, _COMPONENTS[kind], rng).reshape(colours.shape[:2])
                + np.log(priors[kind] + 1e-6)
                for kind in seeds
            ]
        )
        odds = np.exp(np.maximum(0.6 * (scores - scores.max(axis=0)), -30))
        odds /= odds.sum(axis=0)
        shares = {
            kind: np.asarray(cv2.GaussianBlur(plane.astype(np.float32), (0, 0), 2.0), np.float32)
            for kind, plane in zip(seeds, odds, strict=True)
        }
        for kind, share in shares.items():
            sure = (share > 0.85) & limits[kind]
            known[kind] = sure if sure.sum() > 200 else known[kind]
    return shares


def _likelihood(samples: Floats, at: Floats, components: int, rng: np.random.Generator) -> Floats:
    """Log likelihood [N] of ``at`` [N, D] under a Gaussian mixture fitted to ``samples`` [M, D]."""
    if len(samples) > 1500:
        samples = samples[rng.choice(len(samples), 1500, replace=False)]
    components = max(1, min(components, len(samples) // 60))
    start = np.zeros((len(samples), 1), np.int32)
    found = cv2.kmeans(samples, components, start, (3, 12, 0.5), 1, cv2.KMEANS_PP_CENTERS)[1]
    nearest = np.asarray(found)
    parts = []
    for number in range(components):
        mine = samples[nearest[:, 0] == number]
        if len(mine) < 12:
            continue
        spread = np.cov(mine.T) + _NOISE
        away = at - mine.mean(axis=0).astype(np.float32)
        distance = ((away @ np.linalg.inv(spread).astype(np.float32)) * away).sum(axis=1)
        parts.append(
            np.float32(np.log(len(mine) / len(samples)) - 0.5 * np.linalg.slogdet(spread)[1]) - 0.5 * distance
        )
    return np.asarray(np.logaddexp.reduce(np.stack(parts), axis=0), np.float32)


def _decide(layout: _Layout, shares: dict[str, Floats]) -> NDArray[np.uint8]:
    """One label per pixel; hair must be connected to the head."""
    empty = np.zeros_like(shares["skin"])
    skin, hair, background, cloth = (
        shares.get(kind, empty) for kind in ("skin", "hair", "background", "cloth")
    )
    above = layout.rows <= layout.brow
    labels = np.full(skin.shape, UNKNOWN, np.uint8)
    labels[background > _SURE] = REST
    labels[(cloth > _SURE) & (layout.rows > layout.chin + 0.05 * layout.unit)] = REST
    labels[(skin > _SURE) & ~layout.face] = OTHER_SKIN
    labels[layout.face & (~above | (skin > 0.6)) | layout.features] = FACE
    near = (layout.outside < 0.06) & (layout.rows < layout.chin)
    count, pieces, sizes, _ = cv2.connectedComponentsWithStats((hair > 0.5).astype(np.uint8))
    large = [
        n for n in range(1, count) if sizes[n, 4] > 0.004 * layout.unit**2 and (near & (pieces == n)).any()
    ]
    attached = np.isin(pieces, large)
    deep = layout.face & (layout.rows > layout.brow + 0.02 * layout.unit) & (layout.inside > 0.05)
    unsure = ((hair > 0.3) & ((hair <= _SURE) | ~attached)) & ~layout.features & ~(layout.face & ~above)
    labels[unsure] = UNKNOWN
    labels[attached & (hair > _SURE) & ~deep & ~layout.features] = HAIR
    return hanging_together(labels, layout.brow)


def hanging_together(labels: NDArray[np.uint8], brow: float) -> NDArray[np.uint8]:
    """Labels [S, S] in which hair that is not connected to rows above ``brow`` is UNKNOWN.

    Such areas are dark collars and beards. Bridges narrower than 1.5 % of the window do not connect.
    """
    hair = (labels == HAIR).astype(np.uint8)
    side = max(round(0.015 * len(labels)), 1)
    opened = cv2.morphologyEx(hair, cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    pieces = np.asarray(cv2.connectedComponents(opened)[1])
    high = np.unique(pieces[: max(round(brow), 1)])
    kept = np.isin(pieces, high[high > 0]).astype(np.uint8)
    near = cv2.dilate(kept, np.ones((side + 2, side + 2), np.uint8)) > 0
    out = labels.copy()
    out[(hair > 0) & ~near] = UNKNOWN
    return out
