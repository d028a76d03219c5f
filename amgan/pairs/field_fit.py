"""Fits what age does to faces: a regression for every pixel of the mean face.

Every face is carried onto the mean face. Its log picture, less low-order light and less its own colour, is
regressed on age with expression, pose, tone, sex and source as covariates. The difference between the fits at
two ages is a picture of aging without any one person in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amgan.data.bare_skin import bare_skin

from .expression import expression
from .face_space import FaceSpace
from .log_picture import log_picture

AGE_COLUMNS = 3
PIVOT_AGE = 45.0
SPAN_YEARS = 25.0
_COLUMNS = (
    "one", "sex", "tone", "turn", "turn squared", "mouth width", "mouth opening", "corner height",
    "brow raise", "real", "studio synthetic", "chroma", "age", "age over 40", "age over 60",
    "age x smile", "age x sex", "age x tone",
)  # fmt: skip
_RIDGE = (1e-3, 1, 2, 1, 1, 1, 1, 1, 1, 3, 3, 2, 3, 3, 3, 12, 12, 12)
_AGE = slice(12, 15)
_PRODUCTS = slice(15, 18)
_BAND_EDGES = (25, 35, 45, 55, 65, 75)
_LEAST_CHROMA = 0.03
_ROWS_AT_ONCE = 8

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class FitFace:
    """A face to fit on: frame uint8 [S, S, 3], landmarks [468, 2] in frame units, age in years.

    ``sex`` is -1 (female), 1 (male) or 0 (unknown); ``turn`` as FaceFinder gives it; ``source`` is
    "synthetic", "studio synthetic" or "real".
    """

    frame: NDArray[np.uint8]
    landmarks: NDArray[np.float64]
    age: float
    sex: float
    turn: float
    source: str


@dataclass(frozen=True, eq=False)
class FieldFit:
    """The fit over the box ``rows`` x ``columns`` of the mean face's frame.

    ``age`` float32 [3, h, w, 4] are the coefficients of age_basis (log luminance, then log chroma of R, G
    and B), ``products`` [3, h, w, 4] those of age x smile, sex and tone; ``certainty`` [h, w] is how many
    standard errors the luminance of 70 less 25 years lies from 0; ``shape`` [3, 468, 2] are the landmarks'
    coefficients of age_basis in frame units. ``expression_mean`` and ``expression_spread`` [4] standardise
    expression(); ``tone_mean`` and ``tone_spread`` are of log skin luminance, ``chroma_mean`` of its colour.
    """

    mean: NDArray[np.float64]
    rows: tuple[int, int]
    columns: tuple[int, int]
    age: Floats
    products: Floats
    certainty: Floats
    shape: Floats
    expression_mean: Floats
    expression_spread: Floats
    tone_mean: float
    tone_spread: float
    chroma_mean: float
    faces_by_band: tuple[int, ...]


def age_basis(age: NDArray[np.floating] | float) -> Floats:
    """The functions of age (years) that the field is linear in, float32 [..., 3]: bends at 40 and 60."""
    years = np.asarray(age, np.float32)
    return np.stack([years / 50, np.maximum(years - 40, 0) / 30, np.maximum(years - 60, 0) / 20], axis=-1)


@dataclass(frozen=True, eq=False)
class _Carried:
    """One face on the mean face: residual [h, w, 4] and weight [h, w] (float16), tone and chroma."""

    residual: NDArray[np.float16]
    weight: NDArray[np.float16]
    tone: float
    chroma: float


def fit_field(
    faces: Sequence[FitFace],
    space: FaceSpace,
    progress: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> FieldFit:
    """Fit the field on faces of known age; ``space`` is the mean face's frame.

    Robust: three rounds of Huber weights at 1.5 standard deviations. Bands of age count alike up to the root
    of their size.
    """
    rows, columns = _box(space)
    carried = []
    for number, face in enumerate(faces):
        progress(number, len(faces), "carrying faces")
        carried.append(_carry(space, face, rows, columns))
    design, standard = _design(faces, carried)
    counts = np.bincount(np.digitize([f.age for f in faces], _BAND_EDGES), minlength=len(_BAND_EDGES) + 1)
    band_weight = 1.0 / np.sqrt(np.maximum(counts, 1))[np.digitize([f.age for f in faces], _BAND_EDGES)]
    band_weight = (band_weight / band_weight.mean()).astype(np.float32)
    height, width = rows[1] - rows[0], columns[1] - columns[0]
    coefficients = np.zeros((len(_COLUMNS), height, width, 4), np.float32)
    certainty = np.zeros((height, width), np.float32)
    coloured = np.array([c.chroma > _LEAST_CHROMA for c in carried], np.float32)
    for first in range(0, height, _ROWS_AT_ONCE):
        progress(first, height, "fitting")
        band = slice(first, first + _ROWS_AT_ONCE)
        values = np.stack([c.residual[band] for c in carried]).astype(np.float32)
        count = len(values)
        values = np.clip(values, -1.6, 1.0).reshape(count, -1, 4)
        weights = np.stack([c.weight[band] for c in carried]).astype(np.float32).reshape(count, -1)
        weights *= band_weight[:, None]
        light, sure = _robust(design, values[..., :1], weights)
        colour, _ = _robust(design, values[..., 1:], weights * coloured[:, None])
        shape = (len(_COLUMNS), -1, width)
        coefficients[:, band, :, 0] = light[..., 0].T.reshape(shape)
        for channel in range(3):
            coefficients[:, band, :, 1 + channel] = colour[..., channel].T.reshape(shape)
        certainty[band] = sure.reshape(-1, width)
    return FieldFit(
        mean=space.mean,
        rows=rows,
        columns=columns,
        age=coefficients[_AGE],
        products=coefficients[_PRODUCTS],
        certainty=certainty,
        shape=_fit_shape(faces, design, band_weight, space),
        faces_by_band=tuple(int(c) for c in counts),
        **standard,
    )


def _box(space: FaceSpace) -> tuple[tuple[int, int], tuple[int, int]]:
    """The part of the frame that holds the mean face, with a margin, in multiples of 8 px."""
    low = np.floor(space.mean.min(axis=0) * space.size_px / 8 - 2).astype(int) * 8
    high = np.ceil(space.mean.max(axis=0) * space.size_px / 8 + 2).astype(int) * 8
    low, high = np.maximum(low, 0), np.minimum(high, space.size_px)
    return (int(low[1]), int(high[1])), (int(low[0]), int(high[0]))


def _carry(space: FaceSpace, face: FitFace, rows: tuple[int, int], columns: tuple[int, int]) -> _Carried:
    size = space.size_px
    log = log_picture(space.carried(face.frame, face.landmarks))
    light = log.mean(axis=2)
    bare = bare_skin(log, space.skin)
    plain = (space.skin > 0.5) & (bare > 0.5)
    if plain.sum() < 0.01 * size * size:
        plain = space.skin > 0.5
    shading = _low_order_light(light, plain)
    chroma = log - light[..., None]
    own = np.median(chroma[plain], axis=0)
    residual = np.concatenate([(light - shading)[..., None], chroma - own], axis=2)
    ratio = np.abs(space.signed_areas(face.landmarks))[np.maximum(space.triangle_of_pixel, 0)]
    weight = np.clip((ratio - 0.25) / 0.5, 0, 1) * np.clip((4 - ratio) / 2, 0, 1)
    weight = weight * np.where(space.skin > 0.3, bare, 1.0)
    box = (slice(*rows), slice(*columns))
    return _Carried(
        residual[box].astype(np.float16),
        weight[box].astype(np.float16),
        float(np.median(light[plain])),
        float(np.abs(own).mean()),
    )


def _low_order_light(light: Floats, plain: NDArray[np.bool_]) -> Floats:
    """Light over a face as a quadratic of the place, fitted robustly on plain skin: float32 [S, S]."""
    size = light.shape[0]
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size - 0.5
    basis = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=-1)
    chosen = np.flatnonzero(plain)
    chosen = np.random.default_rng(0).permutation(chosen)[:6000]
    design, values = basis.reshape(-1, 6)[chosen], light.reshape(-1)[chosen]
    weight = np.ones(len(chosen), np.float32)
    found = np.zeros(6)
    for _ in range(3):
        found = np.linalg.lstsq(design * weight[:, None], values * weight, rcond=None)[0]
        apart = np.abs(values - design @ found)
        weight = np.sqrt(1.0 / np.maximum(1.0, apart / (2.25 * np.median(apart) + 1e-3)))
    return np.asarray(basis @ found.astype(np.float32), np.float32)


def _design(
    faces: Sequence[FitFace], carried: Sequence[_Carried]
) -> tuple[Floats, dict[str, NDArray[np.float32] | float]]:
    """The covariates [N, columns], and what standardises those that a new face needs."""
    age, sex, turn = (np.array([getattr(f, name) for f in faces]) for name in ("age", "sex", "turn"))
    expressions = np.stack([expression(f.landmarks) for f in faces])
    mean, spread = expressions.mean(axis=0), expressions.std(axis=0) + 1e-6
    standard = np.clip((expressions - mean) / spread, -3, 3)
    tone, chroma = np.array([c.tone for c in carried]), np.array([c.chroma for c in carried])
    tone_mean, tone_spread = float(tone.mean()), float(tone.std()) + 1e-6
    tones = (tone - tone_mean) / tone_spread
    real, studio = (np.array([f.source == s for f in faces], float) for s in ("real", "studio synthetic"))
    years = (age - PIVOT_AGE) / SPAN_YEARS
    design = np.column_stack(
        [
            np.ones_like(age), sex, tone - tone_mean, turn, turn**2, standard, real, studio,
            chroma - chroma.mean(), age_basis(age), years * standard[:, 0], years * sex, years * tones,
        ]
    )  # fmt: skip
    return design.astype(np.float32), {
        "expression_mean": mean.astype(np.float32),
        "expression_spread": spread.astype(np.float32),
        "tone_mean": tone_mean,
        "tone_spread": tone_spread,
        "chroma_mean": float(chroma.mean()),
    }


def _robust(design: Floats, values: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Ridge regression of every pixel: coefficients [P, columns, C], and how sure 70 less 25 years is [P]."""
    count, columns = design.shape
    products = (design[:, :, None] * design[:, None, :]).reshape(count, -1)
    ridge = np.diag(np.array(_RIDGE, np.float32))
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


def _fit_shape(faces: Sequence[FitFace], design: Floats, weights: Floats, space: FaceSpace) -> Floats:
    """Coefficients [3, 468, 2] of age_basis for the landmarks, mirror symmetric."""
    used = [0, 1, 3, 4, 5, 6, 7, 8, *range(12, 15)]
    chosen = design[:, used].astype(np.float64)
    weight = weights * np.array([abs(f.turn) < 0.4 for f in faces])
    places = np.stack([f.landmarks[:, :2] for f in faces]).reshape(len(faces), -1)
    ridge = np.diag([1e-3, *[0.1] * 7, 3.0, 3.0, 3.0])
    solved = np.linalg.solve(
        (chosen * weight[:, None]).T @ chosen + ridge, (chosen * weight[:, None]).T @ places
    )
    shape = solved[-AGE_COLUMNS:].reshape(AGE_COLUMNS, -1, 2)
    mirrored = shape[:, mirror_partners(space.mean)] * (-1.0, 1.0)
    return np.asarray((shape + mirrored) / 2, np.float32)


def mirror_partners(mean: NDArray[np.floating]) -> NDArray[np.int64]:
    """For every point of a mirror-symmetric mesh [468, 2] in frame units, its partner across the middle."""
    mirrored = np.asarray(mean) * (-1.0, 1.0) + (1.0, 0.0)
    return np.asarray(((np.asarray(mean)[:, None] - mirrored[None]) ** 2).sum(axis=2).argmin(axis=1))
