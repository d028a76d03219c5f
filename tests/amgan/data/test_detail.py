"""Detail transfer between faces."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from amgan.data.complexion import ComplexionOptions, complexion_change
from amgan.data.detail import (
    DETAIL_RANGE,
    SKIN_SHADOW,
    FaceDetail,
    TransferOptions,
    older_change,
    skin_code,
    skin_mask,
    split_detail,
    younger_change,
)
from amgan.data.strength import StrengthOptions
from amgan.faces.mesh_warp import triangulate
from amgan.runtime.ages.maps import edit_mask
from amgan.runtime.face.mesh import (
    LEFT_BROW,
    LEFT_EYE,
    LIPS_INNER,
    LIPS_OUTER,
    NOSE,
    NOSE_TIP,
    RIGHT_BROW,
    RIGHT_EYE,
)

SIZE = 192
SAME_COLOURS = ComplexionOptions(0.0, 0.0, 0.0, 0.0, 0.0)
PLAIN = TransferOptions(complexion=SAME_COLOURS)
Faces = list[tuple[np.ndarray, np.ndarray]]


@pytest.fixture(scope="module")
def details(aligned: Faces) -> tuple[FaceDetail, FaceDetail]:
    first, second = (split_detail(frame, landmarks) for frame, landmarks in aligned)
    return first, second


@pytest.fixture(scope="module")
def triangles(aligned: Faces) -> np.ndarray:
    return triangulate(np.mean([a[1] for a in aligned], axis=0))


def high(picture: np.ndarray, face: FaceDetail) -> float:
    """How much detail a frame shows on the skin."""
    landmarks = face.landmarks_px / SIZE
    detail = split_detail(np.clip(picture, 0, 255).astype(np.uint8), landmarks).detail
    return float(detail[face.skin > 0.9].std())


def test_skin_mask_leaves_out_what_does_not_wrinkle(aligned: Faces) -> None:
    for _, landmarks in aligned:
        mask = skin_mask(landmarks, SIZE)
        assert mask.shape == (SIZE, SIZE) and mask.dtype == np.float32
        assert mask.min() == 0 and mask.max() > 0.95
        assert (mask <= edit_mask(landmarks, SIZE) + 1e-6).all()
        for points in (RIGHT_EYE, LEFT_EYE, LIPS_INNER, NOSE, RIGHT_BROW, LEFT_BROW, (NOSE_TIP,)):
            x, y = (landmarks[list(points)].mean(axis=0) * SIZE).astype(int)
            assert mask[y, x] < 0.05, points
        for skin in (50, 280, 151):  # cheeks and forehead
            x, y = (landmarks[skin] * SIZE).astype(int)
            assert mask[y, x] > 0.8, skin


def test_an_even_face_has_no_detail(aligned: Faces) -> None:
    found = split_detail(np.full((SIZE, SIZE, 3), 140, np.uint8), aligned[0][1])
    assert np.abs(found.detail[found.skin > 0.5]).max() < 0.01
    assert found.log.shape == found.detail.shape == (SIZE, SIZE, 3)


def test_detail_is_found_on_the_skin_alone(details: tuple[FaceDetail, FaceDetail]) -> None:
    for face in details:
        assert (face.detail[face.skin == 0] == 0).all()
        assert 0.005 < face.detail[face.skin > 0.9].std() < 0.3
        assert abs(face.detail[face.skin > 0.9].mean()) < 0.06


def test_detail_does_not_depend_on_exposure(aligned: Faces, details: tuple[FaceDetail, FaceDetail]) -> None:
    frame, landmarks = aligned[1]
    darker = split_detail((frame * 0.7).astype(np.uint8), landmarks)
    skin = darker.skin > 0.9
    assert np.corrcoef(darker.detail[skin].ravel(), details[1].detail[skin].ravel())[0, 1] > 0.97


@pytest.mark.parametrize("direction", [(0, 1), (1, 0)])
def test_older_change_carries_the_donors_detail(
    details: tuple[FaceDetail, FaceDetail], triangles: np.ndarray, direction: tuple[int, int]
) -> None:
    face, donor = (details[i] for i in direction)
    change = older_change(face, donor, triangles, PLAIN)
    assert change.shape == (SIZE, SIZE, 3) and change.dtype == np.int8
    assert (change[face.skin == 0] == 0).all()
    assert np.abs(change[face.skin > 0.9]).mean() > 0.5
    strong = older_change(face, donor, triangles, replace(PLAIN, donor_gain=2.5))
    frame = np.exp(face.log) - 12
    assert high(frame + strong, face) > high(frame + change, face)


def lined(donor: FaceDetail, depth: float) -> FaceDetail:
    """The donor with nothing but level lines of that log intensity, a pixel in sixteen."""
    detail = np.zeros_like(donor.detail)
    detail[::16] = depth
    return replace(donor, detail=detail)


def test_shadows_are_carried_in_the_colour_of_skin(
    details: tuple[FaceDetail, FaceDetail], triangles: np.ndarray
) -> None:
    """Only lightness is carried: a donor's red light leaves the same mark as a grey one."""
    face, donor = details
    options = replace(PLAIN, own_share=1.0)
    grey = lined(donor, -0.4)
    tinted = replace(donor, detail=grey.detail * np.array([1.5, 1.0, 0.5], np.float32))
    change = older_change(face, grey, triangles, options)
    np.testing.assert_allclose(change, older_change(face, tinted, triangles, options), atol=1)
    sure = (face.skin > 0.999) & (change.mean(axis=2) < -4)
    assert sure.sum() > 300
    shares = np.log1p(change[sure] / np.exp(face.log[sure]))
    found = np.median(shares / shares.mean(axis=1, keepdims=True), axis=0)
    np.testing.assert_allclose(found, SKIN_SHADOW, atol=0.12)


def test_highlights_are_carried_weakly(details: tuple[FaceDetail, FaceDetail], triangles: np.ndarray) -> None:
    face, donor = details
    options = replace(PLAIN, own_share=1.0)
    light, dark = (
        np.abs(
            older_change(face, lined(donor, depth), triangles, options)[face.skin > 0.9].astype(int)
        ).mean()
        for depth in (0.2, -0.2)
    )
    assert 0 < light < 0.85 * dark


def test_an_even_shade_of_the_donor_leaves_the_tone_of_the_skin(
    details: tuple[FaceDetail, FaceDetail], triangles: np.ndarray
) -> None:
    face, donor = details
    shaded = replace(donor, detail=np.full_like(donor.detail, -0.3))
    change = older_change(face, shaded, triangles, replace(PLAIN, own_share=1.0))
    shade = np.exp(face.log[face.skin > 0.999]) * -np.expm1(-0.3)
    assert np.abs(change[face.skin > 0.999].astype(float)).mean() < 0.1 * shade.mean()


def test_no_gain_and_all_of_ones_own_is_no_change(
    details: tuple[FaceDetail, FaceDetail], triangles: np.ndarray
) -> None:
    change = older_change(*details, triangles, replace(PLAIN, donor_gain=0.0, own_share=1.0))
    assert not change.any()


def test_what_is_carried_is_bounded(details: tuple[FaceDetail, FaceDetail], triangles: np.ndarray) -> None:
    """However extreme the donor, the picture changes by no more than the range allows."""
    face, donor = details
    wild = replace(donor, detail=donor.detail * 100)
    even = StrengthOptions(gain=(1.0, 1.0), zone_gains=())
    change = older_change(face, wild, triangles, replace(PLAIN, own_share=1.0, strength=even))
    before = np.exp(face.log)
    # bicubic interpolation overshoots a little, and the tone is levelled by as much as it shifts
    low, high = before * np.expm1(DETAIL_RANGE[0] - 0.5), before * np.expm1(DETAIL_RANGE[1] + 0.5)
    assert (change >= np.maximum(low, -127) - 4).all() and (change <= np.minimum(high, 127) + 4).all()


def test_younger_change_takes_detail_away(details: tuple[FaceDetail, FaceDetail]) -> None:
    for face in details:
        change = younger_change(face, TransferOptions(youth=SAME_COLOURS))
        assert change.dtype == np.int8 and (change[face.skin == 0] == 0).all()
        frame = np.exp(face.log) - 12
        assert high(frame + change, face) < 0.75 * high(frame, face)


def test_younger_keeps_fine_texture(details: tuple[FaceDetail, FaceDetail]) -> None:
    face = details[0]
    keeps, flattens = (younger_change(face, TransferOptions(texture_limit=t)) for t in (0.03, 0.0))
    frame = np.exp(face.log) - 12
    assert high(frame + keeps, face) > high(frame + flattens, face)


def test_all_folds_and_all_texture_kept_is_no_change(details: tuple[FaceDetail, FaceDetail]) -> None:
    options = TransferOptions(fold_share=1.0, texture_limit=9.0, youth=SAME_COLOURS)
    assert not younger_change(details[1], options).any()


def test_younger_brows_are_darker_and_lips_redder(details: tuple[FaceDetail, FaceDetail]) -> None:
    face = details[1]
    options = TransferOptions(fold_share=1.0, texture_limit=9.0)
    frame = np.exp(face.log) - 12
    young = frame + younger_change(face, options)
    size = frame.shape[0]

    def inside(points: tuple[int, ...]) -> np.ndarray:
        canvas = np.zeros((size, size), np.uint8)
        cv2.fillConvexPoly(canvas, cv2.convexHull(np.round(face.landmarks_px[list(points)]).astype(int)), 1)
        return canvas > 0

    brow, lips = inside(LEFT_BROW), inside(LIPS_OUTER)
    assert young[brow].mean() < frame[brow].mean() - 1
    redness = [(p[lips][:, 0] - p[lips][:, 1]).mean() for p in (frame, young)]
    assert redness[1] > redness[0]


def test_brows_turn_grey_and_lips_pale_and_nothing_else(aligned: Faces) -> None:
    frame, landmarks = aligned[1]
    face = split_detail(frame, landmarks)
    skin_stays = replace(ComplexionOptions(), skin_lost=0.0, skin_yellower=0.0)
    change = complexion_change(face, skin_stays)
    assert change.shape == (SIZE, SIZE, 3) and np.isfinite(change).all()
    for group, lighter in ((RIGHT_BROW, True), (LIPS_OUTER, False)):
        x, y = (landmarks[list(group)].mean(axis=0) * SIZE).astype(int)
        if group == LIPS_OUTER:
            y = int(landmarks[17, 1] * SIZE) - 3  # the lower lip
        before, after = face.log[y, x], (face.log + change)[y, x]
        assert np.ptp(after) < 0.9 * np.ptp(before)
        assert (after.mean() > before.mean() + 0.05) == lighter
    for point in (50, 280, NOSE_TIP, 151):
        x, y = (landmarks[point] * SIZE).astype(int)
        assert np.abs(change[y, x]).max() < 0.01


def test_no_change_of_complexion(details: tuple[FaceDetail, FaceDetail]) -> None:
    assert not complexion_change(details[0], SAME_COLOURS).any()


def test_the_skins_code_is_read_and_no_skin_is_dark(aligned: Faces) -> None:
    frame, landmarks = aligned[0]
    for code in (30, 120, 240):
        assert skin_code(split_detail(np.full_like(frame, code), landmarks)) == pytest.approx(code, abs=0.1)
    bare = split_detail(frame, landmarks)
    assert skin_code(replace(bare, skin=np.zeros_like(bare.skin))) == 0.0
