"""Fits the effect of age on faces: a regression for every pixel of the mean face.

The log pictures of warped faces (see carrying.py) are regressed on age with expression, pose, tone, sex and
source as covariates. The difference between the fits at two ages is a picture of aging without any
individual.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amgan.data.mean_face import mirror_index

from .carrying import CarriedFace
from .expression import expression
from .face_space import FaceSpace

PIVOT_AGE = 45.0
SPAN_YEARS = 25.0
BAND_EDGES = (25, 35, 45, 55, 65, 75)
"""Limits of the bands of ages in years."""

# Columns: constant, sex, tone, turn, turn squared, the four of expression(), chroma, the three of age_basis,
# age times smile, sex and tone, then one per source except the most frequent.
_RIDGE = (1e-3, 1, 2, 1, 1, 1, 1, 1, 1, 2, 3, 3, 3, 12, 12, 12)
_RIDGE_OF_SOURCE = 3
_AGE = slice(10, 13)
_PRODUCTS = slice(13, 16)
_OF_SHAPE = (0, 1, 3, 4, 5, 6, 7, 8, 10, 11, 12)
_RIDGE_OF_SHAPE = (1e-3, *[0.1] * 7, 3.0, 3.0, 3.0)
_LEAST_CHROMA = 0.03
_ROWS_AT_ONCE = 8

Floats = NDArray[np.float32]
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, eq=False)
class Standard:
    """Standardization of a face's covariates.

    Mean and standard deviation of expression() [4] and of log skin luminance, and the mean magnitude of log
    chroma.
    """

    expression_mean: Floats
    expression_spread: Floats
    tone_mean: float
    tone_spread: float
    chroma_mean: float


@dataclass(frozen=True, eq=False)
class FieldFit:
    """The fit within the box of FaceSpace.box.

    ``age`` float32 [3, h, w, 4] are the coefficients of age_basis (log luminance, then log chroma of R, G and
    B), ``products`` [3, h, w, 4] those of age x smile, sex and tone; ``certainty`` [h, w] is the change of
    luminance from 25 to 70 years in standard errors; ``shape`` [3, 468, 2] are the landmarks' coefficients of
    age_basis in frame units. ``faces_by_band`` are the numbers of faces in the bands of BAND_EDGES.
    """

    age: Floats
    products: Floats
    certainty: Floats
    shape: Floats
    standard: Standard
    faces_by_band: tuple[int, ...]


def age_basis(age: NDArray[np.floating] | float) -> Floats:
    """Basis functions of age (years), float32 [..., 3]: a linear spline with knots at 40 and 60."""
    years = np.asarray(age, np.float32)
    return np.stack([years / 50, np.maximum(years - 40, 0) / 30, np.maximum(years - 60, 0) / 20], axis=-1)


def fit_field(
    faces: Sequence[CarriedFace], space: FaceSpace, progress: Progress = lambda done, total, what: None
) -> FieldFit:
    """Fit the field to faces of known age that were warped to ``space``.

    Robust: three rounds of Huber weights at 1.5 standard deviations. A band of ages is weighted by the square
    root of its size.
    """
    design, standard = _design(faces)
    bands = np.digitize([face.age for face in faces], BAND_EDGES)
    counts = np.bincount(bands, minlength=len(BAND_EDGES) + 1)
    band_weight = 1.0 / np.sqrt(np.maximum(counts, 1))[bands]
    band_weight = (band_weight / band_weight.mean()).astype(np.float32)
    height, width = faces[0].weight.shape
    coefficients = np.zeros((design.shape[1], height, width, 4), np.float32)
    certainty = np.zeros((height, width), np.float32)
    coloured = np.array([face.chroma > _LEAST_CHROMA for face in faces], np.float32)
    for first in range(0, height, _ROWS_AT_ONCE):
        progress(first, height, "fitting")
        band = slice(first, first + _ROWS_AT_ONCE)
        values = np.stack([face.residual[band] for face in faces]).astype(np.float32)
        values = np.clip(values, -1.6, 1.0).reshape(len(faces), -1, 4)
        weights = np.stack([face.weight[band] for face in faces]).astype(np.float32).reshape(len(faces), -1)
        weights *= band_weight[:, None]
        light, certain = _robust(design, values[..., :1], weights)
        colour, _ = _robust(design, values[..., 1:], weights * coloured[:, None])
        found = np.concatenate([light, colour], axis=2).transpose(1, 0, 2)
        coefficients[:, band] = found.reshape(len(found), -1, width, 4)
        certainty[band] = certain.reshape(-1, width)
    return FieldFit(
        age=coefficients[_AGE],
        products=coefficients[_PRODUCTS],
        certainty=certainty,
        shape=_fit_shape(faces, design, band_weight, space),
        standard=standard,
        faces_by_band=tuple(int(count) for count in counts),
    )


def _design(faces: Sequence[CarriedFace]) -> tuple[Floats, Standard]:
    """The design matrix [N, columns], and the standardization of its covariates."""
    age, sex, turn = (np.array([getattr(f, name) for f in faces]) for name in ("age", "sex", "turn"))
    expressions = np.stack([expression(f.landmarks) for f in faces])
    mean, spread = expressions.mean(axis=0), expressions.std(axis=0) + 1e-6
    moved = np.clip((expressions - mean) / spread, -3, 3)
    tone, chroma = np.array([f.tone for f in faces]), np.array([f.chroma for f in faces])
    tone_mean, tone_spread = float(tone.mean()), float(tone.std()) + 1e-6
    sizes = Counter(f.source for f in faces)
    others = sorted(sizes, key=lambda source: (-sizes[source], source))[1:]
    sources = np.array([[f.source == source for source in others] for f in faces], float)
    years = (age - PIVOT_AGE) / SPAN_YEARS
    design = np.column_stack(
        [
            np.ones_like(age), sex, tone - tone_mean, turn, turn**2, moved, chroma - chroma.mean(),
            age_basis(age), years * moved[:, 0], years * sex, years * (tone - tone_mean) / tone_spread,
            sources.reshape(len(faces), -1),
        ]
    )  # fmt: skip
    return design.astype(np.float32), Standard(
        mean.astype(np.float32), spread.astype(np.float32), tone_mean, tone_spread, float(chroma.mean())
    )


def _robust(design: Floats, values: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Ridge regression per pixel: coefficients [P, columns, C], and certainty of 70 minus 25 years [P]."""
    count, columns = design.shape
    products = (design[:, :, None] * design[:, None, :]).reshape(count, -1)
    ridge = np.diag(np.array([*_RIDGE, *[_RIDGE_OF_SOURCE] * (columns - len(_RIDGE))], np.float32))
    current, found = weights, np.zeros(0, np.float32)
    for round_number in range(3):
        gram = (current.T @ products).reshape(-1, columns, columns) + ridge
        right = np.stack([(current * values[..., c]).T @ design for c in range(values.shape[2])], axis=2)
        found = np.linalg.solve(gram, right)
        apart = values - np.einsum("ni,pic->npc", design, found, optimize=True)
        distance = np.abs(apart).max(axis=2)
        if round_number < 2:
            deviation = 1.4826 * np.median(distance, axis=0) + 1e-3
            current = weights / np.maximum(1.0, distance / (1.5 * deviation))
    step = age_basis(70.0) - age_basis(25.0)
    variance = np.einsum("i,pij,j->p", step, np.linalg.inv(gram)[:, _AGE, _AGE], step)
    noise = (current * apart[..., 0] ** 2).sum(axis=0) / np.maximum(current.sum(axis=0), 1.0)
    change = found[:, _AGE, 0] @ step
    return found.astype(np.float32), np.asarray(change / np.sqrt(variance * noise + 1e-9), np.float32)


def _fit_shape(faces: Sequence[CarriedFace], design: Floats, weights: Floats, space: FaceSpace) -> Floats:
    """Coefficients [3, 468, 2] of age_basis for the landmarks, mirror symmetric."""
    chosen = design[:, list(_OF_SHAPE)].astype(np.float64)
    weight = weights * np.array([abs(face.turn) < 0.4 for face in faces])
    shapes = np.stack([face.landmarks[:, :2] for face in faces]).reshape(len(faces), -1)
    solved = np.linalg.solve(
        (chosen * weight[:, None]).T @ chosen + np.diag(_RIDGE_OF_SHAPE),
        (chosen * weight[:, None]).T @ shapes,
    )
    shape = solved[-3:].reshape(3, -1, 2)
    mirrored = shape[:, mirror_index(space.mean)] * (-1.0, 1.0)
    return np.asarray((shape + mirrored) / 2, np.float32)
