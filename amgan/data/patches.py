"""Samples patches: where in a face, at what scale, between which ages.

Every batch is a function of (seed, step) alone, so that training resumes exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from amgan.runtime.ages.maps import NEUTRAL_AGE
from amgan.runtime.engines.contract import CELL_PX
from amgan.runtime.face.coordinates import scale_of

from .dataset import Dataset

Array = NDArray[np.float32]


@dataclass(frozen=True)
class PatchOptions:
    """Patch side, the range of frame sizes it is cut at, and where its centre may lie (frame units).

    ``frame_px`` are the smallest and largest frame sizes; the scale in between is drawn log-uniformly. Real
    patches are enlarged by ``real_enlargement`` at most: the critic must not learn that large faces are soft.
    Pairs that are enlarged get up to ``grain`` code values of noise, alike in both pictures.

    ``extreme_share`` of the pairs go all the way, ``forward_share`` of these away from the untouched face;
    of the other pairs ``untouched_share`` begin with it.

    Faces look little older for the first years that are asked, so an older pair half way in years shows more
    than half of the change: a share ``f`` of the years shows ``f (1 + early (1 - f))`` of it.
    """

    patch_px: int = 144
    frame_px: tuple[float, float] = (224.0, 2048.0)
    centre_x: tuple[float, float] = (0.3, 0.7)
    centre_y: tuple[float, float] = (0.32, 0.85)
    older_share: float = 0.7
    whole_face_share: float = 0.5
    extreme_share: float = 0.5
    forward_share: float = 0.75
    untouched_share: float = 0.5
    overshoot: float = 1.15
    early: float = 0.0
    brightness: float = 0.2
    saturation: float = 0.2
    real_enlargement: float = 1.25
    grain: float = 5.0


@dataclass(frozen=True, eq=False)
class PairBatch:
    """The same patches at two ages. Pictures are float32 [N, 3, P, P] in -1..1, maps [N, 1, P/4, P/4] years.

    ``coordinates`` [N, 4, P/4, P/4] are u, v, inside and scale, ``pattern`` [N, K] the mixing weights of the
    patterns that the older picture shows; ``face`` [N, 1, P/4, P/4] is the mask.
    """

    before: Array
    after: Array
    map_before: Array
    map_after: Array
    coordinates: Array
    pattern: Array
    face: Array


@dataclass(frozen=True, eq=False)
class RealBatch:
    """Unchanged patches with the map they show and one to ask for; shapes as in PairBatch.

    ``pattern`` is one to ask for, and ``position`` [N, 2] is u and v of the patches' centres.
    """

    image: Array
    map_now: Array
    map_wanted: Array
    coordinates: Array
    pattern: Array
    position: Array
    face: Array


@dataclass(frozen=True)
class _Cut:
    """Where a patch is cut: matrix from patch pixels to frame units, and the light's change.

    ``corner`` is the patch's first pixel in a frame of ``side`` px (in the mirrored one, if it is mirrored).
    """

    to_unit: NDArray[np.float64]
    corner: tuple[float, float]
    side: float
    gain: float
    saturation: float


class PatchSampler:
    """Draws batches from the training split of a prepared data set.

    ``coordinates`` is what the planes u and v are to hold, as in GeneratorConfig.
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
        """A batch of unchanged patches, balanced over the decades of age; each stream has its own."""
        rng = np.random.default_rng((self._seed, step, stream))
        rows = [self._real(rng) for _ in range(batch)]
        return RealBatch(*(np.stack(column) for column in zip(*rows, strict=True)))

    def _pair(self, rng: np.random.Generator) -> tuple[Array, ...]:
        options = self._options
        pool = self._older if rng.random() < options.older_share or not len(self._younger) else self._younger
        number = int(rng.choice(pool))
        face = int(self._data.change_faces[number])
        cut = self._draw_cut(rng)
        frame = self._picture(face, cut) + self._draw_grain(rng, face, cut)
        change = _warp(self._data.changes[number], cut, self._data.frame_px, options.patch_px).astype(
            np.float32
        )
        masks = self._data.footprints[face].astype(np.float32) / 255.0
        first, second = self._draw_amounts(rng, masks)
        base, goal = self._levels(face, masks), float(self._data.change_ages[number])
        pictures, maps = [], []
        early = options.early if goal > float(self._data.ages[face]) else 0.0
        for amount in (first, second):
            share = self._cells(_shown(amount, early), cut, options.patch_px)
            picture = np.clip(frame + change * share[..., None], 0, 255)
            pictures.append(_to_tensor(_relight(picture, cut)))
            ages = NEUTRAL_AGE + masks[0] * (base + amount * (goal - base) - NEUTRAL_AGE)
            maps.append(self._map(ages, cut))
        return (
            *pictures,
            *maps,
            self._places(face, cut),
            np.asarray(self._data.change_patterns[number], np.float32),
            self._map(masks[0], cut, outside=0.0),
        )

    def _real(self, rng: np.random.Generator) -> tuple[Array, ...]:
        group = self._faces_by_decade[int(rng.integers(len(self._faces_by_decade)))]
        face = int(rng.choice(group))
        cut = self._draw_cut(rng, self._options.real_enlargement * float(self._data.sides[face]))
        masks = self._data.footprints[face].astype(np.float32) / 255.0
        now, wanted = self._levels(face, masks), float(rng.uniform(20.0, 80.0))
        amount = np.ones_like(masks[0]) if rng.random() < 0.6 else self._draw_amounts(rng, masks)[0]
        planes = [NEUTRAL_AGE + masks[0] * (a - NEUTRAL_AGE) for a in (now, now + amount * (wanted - now))]
        image = _to_tensor(_relight(self._picture(face, cut), cut))
        places = self._places(face, cut)
        return (
            image,
            *(self._map(plane, cut) for plane in planes),
            places,
            _draw_pattern(rng, self._data.patterns),
            _centre(places),
            self._map(masks[0], cut, outside=0.0),
        )

    def _levels(self, face: int, masks: Array) -> Array:
        """Apparent age of the skin at every map cell [C, C]: the parts' ages on top of the face's."""
        age = np.float32(self._data.ages[face])
        offsets = self._data.part_ages[face] - age
        return np.asarray(age + np.tensordot(offsets, masks[1:], axes=1), np.float32)

    def _draw_grain(self, rng: np.random.Generator, face: int, cut: _Cut) -> Array:
        """Noise [P, P, 1] in code values for pictures that are enlarged, else nothing."""
        size, options = self._options.patch_px, self._options
        amount, softness = rng.uniform(0, options.grain), rng.uniform(0.3, 1.2)
        noise = rng.standard_normal((size, size), np.float32)
        if cut.side <= self._data.sides[face] or not options.grain:
            return np.zeros((size, size, 1), np.float32)
        soft = cv2.GaussianBlur(noise, (0, 0), softness)
        return np.asarray(amount * soft / soft.std(), np.float32)[..., None]

    def _draw_cut(self, rng: np.random.Generator, largest_px: float = math.inf) -> _Cut:
        options = self._options
        low, high = options.frame_px
        high = min(high, max(largest_px, 1.1 * low))
        side = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        centre = np.array([rng.uniform(*options.centre_x), rng.uniform(*options.centre_y)])
        corner = np.rint(centre * side - options.patch_px / 2)
        mirrored = bool(rng.integers(2))
        scale = 1.0 / side
        to_unit = np.array([[scale, 0.0, corner[0] * scale], [0.0, scale, corner[1] * scale]])
        if mirrored:
            to_unit[0] = [-scale, 0.0, 1.0 - corner[0] * scale]
        gain = float(np.exp(rng.uniform(-1, 1) * options.brightness))
        saturation = float(1.0 + rng.uniform(-1, 1) * options.saturation)
        return _Cut(to_unit, (float(corner[0]), float(corner[1])), side, gain, saturation)

    def _draw_amounts(self, rng: np.random.Generator, masks: Array) -> tuple[Array, Array]:
        """Two planes of how much of a change is applied, [C, C]: often the same everywhere, else by zone."""
        options = self._options
        levels = rng.uniform(0.0, options.overshoot, 2)
        # Many pairs are what users ask for: from the untouched face to the fully changed one, or back.
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

    def _picture(self, face: int, cut: _Cut) -> Array:
        return _warp(self._data.frames[face], cut, self._data.frame_px, self._options.patch_px).astype(
            np.float32
        )

    def _places(self, face: int, cut: _Cut) -> Array:
        """Coordinates of a patch's cells, float32 [4, P/4, P/4]: u, v, inside and scale.

        In a mirrored patch u is mirrored like the picture, so every place of the skin keeps its own.
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

    def _cells(self, plane: Array, cut: _Cut, size_px: int, outside: float | None = None) -> Array:
        return _warp(plane, cut, plane.shape[0], size_px, self._options.patch_px, outside)

    def _map(self, plane: Array, cut: _Cut, outside: float = NEUTRAL_AGE) -> Array:
        return self._cells(plane, cut, self._options.patch_px // CELL_PX, outside)[None]


def _draw_pattern(rng: np.random.Generator, count: int) -> Array:
    """A pattern to ask for, float32 [count]: as often one alone as a mixture."""
    mixture, one, alone = rng.dirichlet(np.ones(count)), int(rng.integers(count)), rng.random() < 0.5
    return np.asarray(np.eye(count)[one] if alone else mixture, np.float32)


def _centre(places: Array) -> Array:
    """U and v at the middle of a patch, float32 [2], from its cells [4, h, w]."""
    height, width = places.shape[1:]
    rows, columns = slice((height - 1) // 2, height // 2 + 1), slice((width - 1) // 2, width // 2 + 1)
    return np.asarray(places[:2, rows, columns].mean(axis=(1, 2)), np.float32)


def _shown(years: Array, early: float) -> Array:
    """How much of a change is seen at a share of its years: all of it at 1, more than its share before."""
    return np.asarray(years * (1.0 + early * (1.0 - np.minimum(years, 1.0))), np.float32)


def _warp(
    plane: NDArray[np.generic],
    cut: _Cut,
    source_px: int,
    size_px: int,
    patch_px: int | None = None,
    outside: float | None = None,
) -> NDArray[np.float32]:
    """Cut size_px pixels out of a frame stored at source_px; patch_px is the patch in its own pixels."""
    source = np.asarray(plane)
    if source.dtype == np.int8:
        source = source.astype(np.int16)
    if abs(cut.to_unit[0, 0]) * source_px * (patch_px or size_px) / size_px > 1.6:
        source_px = source_px // 2  # halve by area first: skipping pixels would alias
        source = cv2.resize(source, (source_px, source_px), interpolation=cv2.INTER_AREA)
    matrix = cut.to_unit * source_px
    matrix[:, :2] *= (patch_px or size_px) / size_px
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    border = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
    shrinks = abs(matrix[0, 0]) > 1.2
    flags = cv2.WARP_INVERSE_MAP | (cv2.INTER_LINEAR if shrinks or outside is not None else cv2.INTER_CUBIC)
    if outside is None and source.ndim == 2:
        flags = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
    fill = 0.0 if outside is None else outside
    cut_out = cv2.warpAffine(
        source, matrix, (size_px, size_px), flags=flags, borderMode=border, borderValue=fill
    )
    return np.asarray(cut_out, np.float32)


def _relight(picture: Array, cut: _Cut) -> Array:
    """Change exposure and saturation of a picture [P, P, 3] in 0..255: light changes, age does not."""
    grey = picture.mean(axis=2, keepdims=True)
    return np.asarray(np.clip((grey + (picture - grey) * cut.saturation) * cut.gain, 0, 255), np.float32)


def _to_tensor(picture: Array) -> Array:
    return np.ascontiguousarray(picture.transpose(2, 0, 1) / np.float32(127.5) - np.float32(1.0))


def _by_decade(faces: NDArray[np.int64], ages: NDArray[np.float32]) -> list[NDArray[np.int64]]:
    decades = np.clip(ages[faces] // 10, 1, 7).astype(int)
    return [faces[decades == d] for d in np.unique(decades)]
