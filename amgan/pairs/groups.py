"""Clusters of old faces by the way they age.

The residuals of old faces, after a fit of age, sex, tone, pose and source, are clustered by their
low-frequency part. The mean difference of a group from the population belongs to the pattern whose donors are
in the group.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from amgan.runtime.errors import UsageError

from .carrying import CarriedFace
from .conditioning import cheek_share
from .face_space import FaceSpace
from .log_picture import Plane, blur, blur_inside
from .recipe import PatternRecipe

FROM_AGE = 57.0
MAX_TURN = 0.3
_PIVOT_AGE = 68.0
_FINE_PX, _COARSE_PX = 3.0, 36.0
_REDUCTION = 8
_COMPONENTS = 12
_STARTS = 20
_SEED = 3
_RIDGE = 5.0


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups of old faces, one per pattern, in the order of the patterns.

    ``deviations`` float32 [K, S, S] are their differences from the population in log luminance; ``members``
    are the names of their faces.
    """

    deviations: NDArray[np.float32]
    members: tuple[tuple[str, ...], ...]


def find_groups(faces: Sequence[CarriedFace], space: FaceSpace, recipes: Sequence[PatternRecipe]) -> Groups:
    """Split the old faces among ``faces`` into one group per pattern.

    Raises UsageError if there are too few.
    """
    old = [face for face in faces if face.age >= FROM_AGE and abs(face.turn) <= MAX_TURN]
    if len(old) < 2 * max(len(recipes), 2):
        raise UsageError(
            f"{len(old)} faces of {FROM_AGE:.0f} years or more are too few for {len(recipes)} patterns: "
            f"at least {2 * max(len(recipes), 2)} are needed"
        )
    left = _left_over(old, Counter(face.source for face in faces))
    weights = np.stack([face.weight for face in old]).astype(np.float32)
    labels = _split(left, space, len(recipes))
    order = _order(labels, old, recipes)
    deviations = []
    for group in order:
        chosen = labels == group
        mean = left[chosen].sum(axis=0) / np.maximum(weights[chosen].sum(axis=0), 1.0)
        deviations.append(_conditioned(mean, space))
    members = [tuple(face.name for face, label in zip(old, labels, strict=True) if label == g) for g in order]
    return Groups(np.stack(deviations), tuple(members))


def _left_over(old: Sequence[CarriedFace], sizes: Mapping[str, int]) -> NDArray[np.float32]:
    """Weighted residuals of the luminance after a fit of age, sex, tone, turn and source: float32 [N, h, w].

    ``sizes`` are the numbers of faces of all ages by source; the most frequent source is the baseline.
    """
    others = sorted(sizes, key=lambda source: (-sizes[source], source))[1:]
    tone = np.array([face.tone for face in old])
    design = np.column_stack(
        [
            np.ones(len(old)), [face.sex for face in old], [face.turn for face in old], tone - tone.mean(),
            [(face.age - _PIVOT_AGE) / 10 for face in old],
            *[[float(face.source == source) for face in old] for source in others],
        ]
    ).astype(np.float32)  # fmt: skip
    light = np.stack([face.residual[..., 0] for face in old]).astype(np.float32)
    flat = np.clip(light, -0.6, 0.4).reshape(len(old), -1)
    ridge = np.diag(np.array([0.0, *[_RIDGE] * (design.shape[1] - 1)], np.float32))
    flat -= design @ np.linalg.solve(design.T @ design + ridge, design.T @ flat)
    left = flat.reshape(light.shape)
    for number, face in enumerate(old):
        left[number] *= face.weight
    return left


def _split(left: NDArray[np.float32], space: FaceSpace, count: int) -> NDArray[np.int64]:
    """The group of every face, [N]: k-means on the low-frequency part of the residuals."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA

    if count == 1:
        return np.zeros(len(left), np.int64)
    skin = space.skin[space.box]
    small = []
    for plane in left:
        band = _broad(plane, skin + np.float32(1e-3))
        even = np.clip((band + band[:, ::-1]) / 2, -0.25, 0.25) * (skin > 0.3)
        size = (skin.shape[1] // _REDUCTION, skin.shape[0] // _REDUCTION)
        small.append(cv2.resize(even, size, interpolation=cv2.INTER_AREA).ravel())
    with threadpool_limits(1):  # the same sums on every machine
        components = min(_COMPONENTS, len(small) - 1)
        reduced = PCA(components, random_state=0).fit_transform(np.stack(small))
        found = KMeans(count, n_init=_STARTS, random_state=_SEED).fit(reduced / reduced[:, 0].std())
    return np.asarray(found.labels_, np.int64)


def _order(
    labels: NDArray[np.int64], old: Sequence[CarriedFace], recipes: Sequence[PatternRecipe]
) -> NDArray[np.int64]:
    """The group of every pattern, [K]: the assignment with the most donors in their own groups."""
    from scipy.optimize import linear_sum_assignment

    votes = np.zeros((len(recipes), len(recipes)))
    for number, recipe in enumerate(recipes):
        for donors in recipe.donors.values():
            for face, label in zip(old, labels, strict=True):
                votes[number, label] += face.name in donors
    return np.asarray(linear_sum_assignment(-votes)[1], np.int64)


def _broad(plane: Plane, mask: NDArray[np.number | np.bool_]) -> Plane:
    return blur_inside(plane, mask, _FINE_PX) - blur_inside(plane, mask, _COARSE_PX)


def _conditioned(mean: Plane, space: FaceSpace) -> Plane:
    """A group's conditioned mean over the box: symmetric, low-frequency, only on skin, [S, S]."""
    whole = np.zeros((space.size_px,) * 2, np.float32)
    whole[space.box] = (mean + mean[:, ::-1]) / 2
    bare = space.inside & ~(space.brows | space.lips | space.eyes)
    inner = cv2.erode(bare.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    skin = cv2.erode((space.skin > 0.5).astype(np.uint8), np.ones((7, 7), np.uint8))
    return np.asarray(blur(_broad(whole, inner), _FINE_PX) * blur(skin, 4.0) * cheek_share(space), np.float32)
