"""Necks that age: found where bare skin is surely seen, and nothing else changed."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from amgan.runtime.face.alignment import Frame, apply_affine
from amgan.runtime.face.head_parser import HAIR_WIDTH, PARSER_PX, HeadShares, hair_window
from amgan.runtime.face.mean_face import mean_face
from amgan.runtime.face.mesh import CHIN, FACE_OVAL, JAW_ANGLES, NOSE_TIP
from amgan.runtime.face.neck import LEAST_PX, NeckChange, neck_ages, oldness, paste_neck, plan_neck
from amgan.runtime.face.neck_mask import CELLS, find_neck
from amgan.runtime.face.tone import Tone
from amgan.runtime.face.warp import sample_affine

COLOURED = Tone(np.ones((256, 3), np.float32), 0.0)
GREY = Tone(np.ones((256, 3), np.float32), 1.0)
SIDE = 480
FRAME = Frame((240.0, 190.0), (150.0, 0.0))
SKIN, CLOTH, WALL = (205, 155, 130), (60, 80, 140), (150, 155, 160)


def portrait(cloth: tuple[int, int, int] = CLOTH, cut_px: int = 110) -> tuple[np.ndarray, np.ndarray]:
    """A photo [SIDE, SIDE, 3] of a face and a neck above clothes, and landmarks in units of the frame.

    The neck is seen for ``cut_px`` px below the chin.
    """
    points = np.array(mean_face().points[:468, :2], np.float64)
    pixels = apply_affine(FRAME.to_photo(1), points)
    chin, jaw = pixels[CHIN], pixels[list(JAW_ANGLES)]
    photo = np.full((SIDE, SIDE, 3), WALL, np.uint8)
    top, bottom = int(jaw[:, 1].min()), int(chin[1]) + cut_px
    left, right = (int(jaw[:, 0].min()) + 4, int(jaw[:, 0].max()) - 4)
    photo[bottom:, :] = cloth
    photo[top:bottom, left:right] = (np.array(SKIN) * 0.8).astype(np.uint8)
    cv2.fillPoly(photo, [np.rint(pixels[list(FACE_OVAL)]).astype(np.int32)], SKIN)
    noise = np.random.default_rng(3).normal(0, 1.5, photo.shape)
    return np.clip(photo + noise, 0, 255).astype(np.uint8), points


def shares_of(photo: np.ndarray, points: np.ndarray, hair: float = 0.0) -> HeadShares:
    """What a parser could say: the mesh is the face, and all else may be the body."""
    window = hair_window(FRAME)
    image = sample_affine(photo, window.to_photo(PARSER_PX), (PARSER_PX, PARSER_PX))
    face = np.zeros((PARSER_PX, PARSER_PX), np.float32)
    outline = ((points[list(FACE_OVAL)] - 0.5) / HAIR_WIDTH + 0.5) * PARSER_PX
    cv2.fillPoly(face, [np.rint(outline).astype(np.int32)], 1.0)
    body = np.where(face > 0, 0.0, 0.9).astype(np.float32)
    return HeadShares(face, np.full_like(face, hair), image, face, body)


def planned(photo: np.ndarray, points: np.ndarray, now: float = 25, wanted: float = 75, kind: int = 0):
    return plan_neck(photo, FRAME, shares_of(photo, points), points, now, wanted, kind)


def aged(photo: np.ndarray, change: NeckChange, tone: Tone = COLOURED, strength: float = 1.0) -> np.ndarray:
    out = photo.copy()
    paste_neck(out, change, tone, strength)
    return out


def test_a_neck_gets_lines_and_what_is_no_skin_keeps_its_pixels() -> None:
    photo, points = portrait()
    change = planned(photo, points)
    assert change is not None
    out = aged(photo, change)
    changed = (out != photo).any(axis=2)
    assert changed.sum() > 4000
    pixels = apply_affine(FRAME.to_photo(1), points)
    chin = int(pixels[CHIN, 1])
    neck = np.zeros((SIDE, SIDE), bool)
    neck[int(pixels[list(JAW_ANGLES), 1].min()) : chin + 110] = True
    neck &= (photo[..., 0].astype(int) - photo[..., 2]) > 30
    assert not changed[~neck].any()  # neither clothes nor the wall
    inside = out[chin + 20 : chin + 80, 215:265].astype(float)
    assert inside.std() > photo[chin + 20 : chin + 80, 215:265].astype(float).std()
    assert 0.8 < inside.mean() / photo[chin + 20 : chin + 80, 215:265].mean() < 1.0


def test_more_years_and_strength_change_more() -> None:
    photo, points = portrait()

    def distance(now: float, wanted: float, strength: float = 1.0) -> float:
        change = planned(photo, points, now, wanted)
        assert change is not None
        return float(np.abs(aged(photo, change, strength=strength).astype(int) - photo).mean())

    assert distance(25, 50) < distance(25, 75)
    assert distance(60, 75) < distance(25, 75)
    assert distance(25, 75, 0.5) < distance(25, 75)
    assert distance(25, 75, 0.0) == 0.0


def test_grey_photos_of_a_coloured_neck_stay_grey() -> None:
    photo, points = portrait()
    change = planned(photo, points)
    assert change is not None
    grey = np.repeat(photo[..., 1:2], 3, axis=2)
    out = aged(grey, change, GREY)
    assert not np.array_equal(out, grey)
    np.testing.assert_array_equal(out[..., 0], out[..., 1])
    np.testing.assert_array_equal(out[..., 2], out[..., 1])


@pytest.mark.parametrize(("now", "wanted"), [(40, 40), (75, 25), (18, 30)])
def test_no_neck_ages_without_older_years(now: float, wanted: float) -> None:
    photo, points = portrait()
    assert planned(photo, points, now, wanted) is None


def test_oldness_grows_from_youth_on() -> None:
    assert oldness(20) == oldness(32) == 0.0
    assert oldness(75) == 1.0
    assert oldness(50) < oldness(60) < oldness(85) <= 1.25


def test_small_faces_keep_their_necks() -> None:
    _, points = portrait()
    wide = float(np.linalg.norm(np.subtract(*points[list(JAW_ANGLES)])))
    for width, expected in ((LEAST_PX + 1, True), (LEAST_PX - 1, False)):
        frame = Frame((0.0, 0.0), (0.5 * width / wide, 0.0))
        assert neck_ages(frame, points, 25, 75) is expected


def test_necks_that_are_not_surely_seen_stay() -> None:
    photo, points = portrait()
    shares = shares_of(photo, points)
    unseen = np.zeros_like(shares.body)
    for other in (
        replace(shares, body=unseen, skin=shares.skin * 0.1),  # the parser sees none
        replace(shares, body=None),
        replace(shares, skin=unseen),  # a covered face tells nothing of its colour
        shares_of(photo, points, hair=0.9),
    ):
        assert find_neck(photo, FRAME, other, points) is None
    collar, _ = portrait(cut_px=-30)
    assert find_neck(collar, FRAME, shares_of(collar, points), points) is None
    grey = np.repeat(photo[..., 1:2], 3, axis=2)
    assert find_neck(grey, FRAME, shares_of(grey, points), points) is None


def test_a_neck_beside_the_face_only_is_left() -> None:
    """A hand or a scarf that leaves a piece of skin at one side."""
    photo, points = portrait()
    pixels = apply_affine(FRAME.to_photo(1), points)
    photo[int(pixels[list(JAW_ANGLES), 1].min()) :, : int(pixels[CHIN, 0]) + 30] = CLOTH
    assert find_neck(photo, FRAME, shares_of(photo, points), points) is None


def test_a_chain_keeps_its_colour() -> None:
    photo, points = portrait()
    row = int(apply_affine(FRAME.to_photo(1), points)[CHIN, 1]) + 50
    photo[row : row + 8, :] = (90, 90, 220)
    change = planned(photo, points)
    assert change is not None
    np.testing.assert_array_equal(aged(photo, change)[row : row + 8], photo[row : row + 8])


def test_the_mask_ends_at_zero() -> None:
    photo, points = portrait(cloth=SKIN, cut_px=200)
    mask = find_neck(photo, FRAME, shares_of(photo, points), points)
    assert mask is not None
    weight = mask.weight
    assert weight.max() >= 0.5
    assert not weight[[0, -1]].any()
    assert not weight[:, [0, -1]].any()
    assert weight.shape[0] < CELLS


def test_rough_necks_get_stronger_lines_than_smooth_ones() -> None:
    photo, points = portrait()
    rough = np.random.default_rng(1).normal(0, 12, (*photo.shape[:2], 1))
    grainy = np.clip(photo + rough, 0, 255).astype(np.uint8)
    smooth, full = (find_neck(one, FRAME, shares_of(one, points), points) for one in (photo, grainy))
    assert smooth is not None and full is not None
    assert smooth.weight.max() < 0.7
    assert full.weight.max() > 0.9


def test_kinds_differ_and_turned_heads_have_weaker_folds() -> None:
    photo, points = portrait()
    changes = [planned(photo, points, kind=kind) for kind in range(4)]
    assert all(change is not None for change in changes)
    results = [aged(photo, change).astype(int) for change in changes]  # type: ignore[arg-type]
    for first in range(4):
        for second in range(first):
            assert np.abs(results[first] - results[second]).max() > 3
    np.testing.assert_array_equal(aged(photo, planned(photo, points, kind=4)), results[0])  # type: ignore[arg-type]
    turned = points.copy()
    turned[NOSE_TIP, 0] += 0.3
    aside = planned(photo, turned)
    assert aside is not None
    folds = [
        float(np.abs(cv2.GaussianBlur(one.lines[..., 0], (0, 0), 6)).mean()) for one in (changes[0], aside)
    ]  # type: ignore[union-attr]
    assert folds[1] < folds[0]
