"""Samples training patches: position, scale and ages.

Every batch is a function of (seed, step), so that training resumes exactly.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from amgan.runtime.ages.maps import NEUTRAL_AGE
from amgan.runtime.engines.contract import CELL_PX
from amgan.runtime.face.coordinates import scale_of

from .batches import Array, PairBatch, PatchOptions, RealBatch
from .cuts import Cut, draw_cut, relight, to_tensor, warp
from .dataset import Dataset


class PatchSampler:
    """Draws batches from the training split of a prepared data set.

    ``coordinates`` is the kind of the planes u and v, as in GeneratorConfig.
    """

    def __init__(self, dataset: Dataset, options: PatchOptions, seed: int, coordinates: str = "face") -> None:
        self._data = dataset
        self._options = options
        self._seed = seed
        self._coordinates = coordinates
        self._faces_by_decade = _by_decade(dataset.faces("train"), dataset.ages)
        older = dataset.change_ages > dataset.ages[dataset.change_faces]
        self._older, self._younger = np.flatnonzero(older), np.flatnonzero(~older)

    def pairs(self, step: int, batch: int) -> PairBatch:
        """A batch of supervised pairs: older and younger versions, whole face or zone by zone."""
        rng = np.random.default_rng((self._seed, step, 0))
        rows = [self._pair(rng) for _ in range(batch)]
        return PairBatch(*(np.stack(column) for column in zip(*rows, strict=True)))

    def reals(self, step: int, batch: int, stream: int = 1) -> RealBatch:
        """A batch of unchanged patches, balanced over decades of age; streams are independent."""
        rng = np.random.default_rng((self._seed, step, stream))
        rows = [self._real(rng) for _ in range(batch)]
        return RealBatch(*(np.stack(column) for column in zip(*rows, strict=True)))

    def _pair(self, rng: np.random.Generator) -> tuple[Array, ...]:
        options = self._options
        pool = self._older if rng.random() < options.older_share or not len(self._younger) else self._younger
        number = int(rng.choice(pool))
        face = int(self._data.change_faces[number])
        cut = draw_cut(rng, self._options)
        frame = self._picture(face, cut) + self._draw_grain(rng, face, cut)
        change = warp(self._data.changes[number], cut, self._data.frame_px, options.patch_px).astype(
            np.float32
        )
        masks = self._data.region_masks[face].astype(np.float32) / 255.0
        first, second = self._draw_amounts(rng, masks)
        base, goal = self._skin_ages(face, masks), float(self._data.change_ages[number])
        pictures, maps = [], []
        early = options.early if goal > float(self._data.ages[face]) else 0.0
        for amount in (first, second):
            share = self._cells(_shown(amount, early), cut, options.patch_px)
            picture = np.clip(frame + change * share[..., None], 0, 255)
            pictures.append(to_tensor(relight(picture, cut)))
            ages = NEUTRAL_AGE + masks[0] * (base + amount * (goal - base) - NEUTRAL_AGE)
            maps.append(self._map(ages, cut))
        return (
            *pictures,
            *maps,
            self._coordinates_of(face, cut),
            np.asarray(self._data.change_patterns[number], np.float32),
            self._map(masks[0], cut, outside=0.0),
        )

    def _real(self, rng: np.random.Generator) -> tuple[Array, ...]:
        group = self._faces_by_decade[int(rng.integers(len(self._faces_by_decade)))]
        face = int(rng.choice(group))
        cut = draw_cut(rng, self._options, self._options.real_enlargement * float(self._data.sides[face]))
        masks = self._data.region_masks[face].astype(np.float32) / 255.0
        now, wanted = self._skin_ages(face, masks), float(rng.uniform(20.0, 80.0))
        amount = np.ones_like(masks[0]) if rng.random() < 0.6 else self._draw_amounts(rng, masks)[0]
        planes = [NEUTRAL_AGE + masks[0] * (a - NEUTRAL_AGE) for a in (now, now + amount * (wanted - now))]
        image = to_tensor(relight(self._picture(face, cut), cut))
        coordinates = self._coordinates_of(face, cut)
        return (
            image,
            *(self._map(plane, cut) for plane in planes),
            coordinates,
            self._pattern_for(rng, face, bool((wanted > now).any())),
            _centre(coordinates),
            self._map(masks[0], cut, outside=0.0),
        )

    def _pattern_for(self, rng: np.random.Generator, face: int, older: bool) -> Array:
        """A random pattern for the skin of a face, float32 [K]; zeros if it gets younger."""
        drawn = _draw_pattern(rng, self._data.patterns)
        strength = float(self._data.line_strengths[face]) if older else 0.0
        return drawn * np.float32(strength)

    def _skin_ages(self, face: int, masks: Array) -> Array:
        """The age field of a face [C, C] in years."""
        age = np.float32(self._data.ages[face])
        offsets = self._data.part_ages[face] - age
        return np.asarray(age + np.tensordot(offsets, masks[1:], axes=1), np.float32)

    def _draw_grain(self, rng: np.random.Generator, face: int, cut: Cut) -> Array:
        """Noise [P, P, 1] in code values for enlarged pictures, else zeros."""
        size, options = self._options.patch_px, self._options
        amount, softness = rng.uniform(0, options.grain), rng.uniform(0.3, 1.2)
        noise = rng.standard_normal((size, size), np.float32)
        if cut.side <= self._data.sides[face] or not options.grain:
            return np.zeros((size, size, 1), np.float32)
        soft = cv2.GaussianBlur(noise, (0, 0), softness)
        return np.asarray(amount * soft / soft.std(), np.float32)[..., None]

    def _draw_amounts(self, rng: np.random.Generator, masks: Array) -> tuple[Array, Array]:
        """Two planes of the applied share of a change, [C, C]: often constant, else by zone."""
        options = self._options
        levels = rng.uniform(0.0, options.overshoot, 2)
        # Many pairs are typical requests: from the unchanged face to the full change, or back.
        extreme, draw = rng.random() < options.extreme_share, rng.random()
        untouched = draw < (options.forward_share if extreme else options.untouched_share)
        if extreme:
            levels = np.array([0.0, 1.0] if untouched else [1.0, 0.0])
        elif untouched:
            levels[0] = 0.0
        planes = []
        for number, level in enumerate(levels):
            plane = np.full(masks.shape[1:], level, np.float32)
            if rng.random() > options.whole_face_share and not (untouched and number == 0):
                chosen = np.flatnonzero(rng.random(masks.shape[0] - 1) < 0.4)
                offsets = rng.uniform(0, options.overshoot, chosen.size) - level
                plane = plane + np.tensordot(offsets.astype(np.float32), masks[1 + chosen], axes=1)
            planes.append(plane)
        return planes[0], planes[1]

    def _picture(self, face: int, cut: Cut) -> Array:
        return warp(self._data.frames[face], cut, self._data.frame_px, self._options.patch_px).astype(
            np.float32
        )

    def _coordinates_of(self, face: int, cut: Cut) -> Array:
        """Coordinates of a patch's cells, float32 [4, P/4, P/4]: u, v, inside and scale.

        In a mirrored patch u is mirrored like the picture, so every position on the skin keeps its
        coordinates.
        """
        size = self._options.patch_px // CELL_PX
        if self._coordinates == "frame":
            x, y = (
                ((np.arange(size) + 0.5) * CELL_PX + start) * 2.0 / cut.side - 1.0 for start in cut.corner
            )
            planes = [*np.meshgrid(x, y), np.ones((size, size))]
        else:
            u, v, inside = np.asarray(self._data.coordinates[face], np.float32)
            planes = [
                self._cells(u, cut, size),
                self._cells(v, cut, size),
                self._cells(inside, cut, size, 0.0),
            ]
        return np.stack([*planes, np.full((size, size), scale_of(cut.side))]).astype(np.float32)

    def _cells(self, plane: Array, cut: Cut, size_px: int, outside: float | None = None) -> Array:
        return warp(plane, cut, plane.shape[0], size_px, self._options.patch_px, outside)

    def _map(self, plane: Array, cut: Cut, outside: float = NEUTRAL_AGE) -> Array:
        return self._cells(plane, cut, self._options.patch_px // CELL_PX, outside)[None]


def _draw_pattern(rng: np.random.Generator, count: int) -> Array:
    """A random pattern, float32 [count]: a single one or a mixture, equally often."""
    mixture, one, alone = rng.dirichlet(np.ones(count)), int(rng.integers(count)), rng.random() < 0.5
    return np.asarray(np.eye(count)[one] if alone else mixture, np.float32)


def _centre(coordinates: Array) -> Array:
    """Coordinates u and v at the centre of a patch, float32 [2], from its cells [4, h, w]."""
    height, width = coordinates.shape[1:]
    rows, columns = slice((height - 1) // 2, height // 2 + 1), slice((width - 1) // 2, width // 2 + 1)
    return np.asarray(coordinates[:2, rows, columns].mean(axis=(1, 2)), np.float32)


def _shown(years: Array, early: float) -> Array:
    """The visible share of a change at a share of its years; see PatchOptions."""
    return np.asarray(years * (1.0 + early * (1.0 - np.minimum(years, 1.0))), np.float32)


def _by_decade(faces: NDArray[np.int64], ages: NDArray[np.float32]) -> list[NDArray[np.int64]]:
    decades = np.clip(ages[faces] // 10, 1, 7).astype(int)
    return [faces[decades == d] for d in np.unique(decades)]
