"""The donor that is made of several old faces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from amgan.data.composite import (
    CompositeOptions,
    MeanFace,
    make_composite,
    mean_face,
    shared_folds,
    symmetric,
)
from amgan.data.detail import FaceDetail, TransferOptions, older_change, split_detail
from amgan.faces.mesh_warp import triangulate
from amgan.runtime.face.mesh import NOSE_TIP

SIZE = 192
OPTIONS = CompositeOptions()
Faces = list[tuple[np.ndarray, np.ndarray]]


@pytest.fixture(scope="module")
def details(aligned: Faces) -> tuple[FaceDetail, FaceDetail]:
    first, second = (split_detail(frame, landmarks, OPTIONS.shading_blur) for frame, landmarks in aligned)
    return first, second


@pytest.fixture(scope="module")
def mean(aligned: Faces) -> MeanFace:
    landmarks = np.mean([a[1] for a in aligned], axis=0)
    return mean_face(landmarks, triangulate(landmarks), SIZE)


def test_the_mean_face_is_made_symmetric(aligned: Faces) -> None:
    points = symmetric(np.mean([a[1] for a in aligned], axis=0))
    mirrored = points * (-1, 1) + (1, 0)
    distance = np.hypot(*(points[:, None] - mirrored[None]).transpose(2, 0, 1)).min(axis=1)
    assert distance.max() < 0.02
    assert abs(points[NOSE_TIP, 0] - 0.5) < 1e-9


def test_shared_folds_are_alike_on_both_sides(details: tuple[FaceDetail, FaceDetail], mean: MeanFace) -> None:
    folds = shared_folds(details, mean, OPTIONS)
    assert folds.shape == (SIZE, SIZE) and folds.dtype == np.float32
    np.testing.assert_allclose(folds, folds[:, ::-1], atol=1e-6)
    assert folds.std() > 0.01
    assert not shared_folds([], mean, OPTIONS).any()


def test_a_composite_has_the_first_donors_wrinkles(
    details: tuple[FaceDetail, FaceDetail], mean: MeanFace
) -> None:
    made = make_composite(details[0], details, details[1:], mean)
    assert made.detail.shape == (SIZE, SIZE, 3) and made.skin.shape == (SIZE, SIZE)
    alone = make_composite(details[0], (), (), mean, CompositeOptions(own=1.0, own_folds=0.0, folds=0.0))
    skin = made.skin > 0.9
    assert np.corrcoef(made.detail[skin][:, 0], alone.detail[skin][:, 0])[0, 1] > 0.6
    change = older_change(details[1], made, mean.triangles, TransferOptions())
    assert np.abs(change[details[1].skin > 0.9]).mean() > 0.5


def test_what_young_faces_show_too_is_no_fold(details: tuple[FaceDetail, FaceDetail], mean: MeanFace) -> None:
    folds = CompositeOptions(own=0.0, own_folds=0.0)
    assert not make_composite(details[0], details, details, mean, folds).detail.any()
    assert make_composite(details[0], details, (), mean, folds).detail.any()


def test_what_one_donor_alone_has_fades_in_the_folds(
    details: tuple[FaceDetail, FaceDetail], mean: MeanFace
) -> None:
    """A stain of one of five donors is a fifth of one that all have."""
    clean = replace(details[0], detail=np.zeros_like(details[0].detail))
    x, y = (details[0].landmarks_px[280]).astype(int)
    stained = replace(clean, detail=clean.detail.copy())
    stained.detail[y - 3 : y + 4, x - 3 : x + 4] = -0.5
    one, every = (
        shared_folds(donors, mean, OPTIONS).min()
        for donors in ([stained, clean, clean, clean, clean], [stained] * 5)
    )
    assert every < -0.05
    assert one == pytest.approx(every / 5, rel=0.01)
