"""Rims of glasses are found, and what looks a little like them is not."""

import cv2
import numpy as np
import pytest

from amgan.runtime.face.alignment import apply_affine
from amgan.runtime.face.finder import Face
from amgan.runtime.face.head_parser import PARSER_PX, HeadParser
from amgan.runtime.face.mesh import LEFT_EYE, RIGHT_EYE
from amgan.runtime.face.paths import best_paths
from amgan.runtime.face.region_masks import make_face_mask
from amgan.runtime.face.rims import RIM_PX, find_rims
from amgan.runtime.face.visible_skin import visible_skin

BLACK, BROWN, SILVER = (25, 22, 20), (70, 45, 25), (225, 228, 235)
SMOOTH = 8


@pytest.fixture(scope="module")
def parser() -> HeadParser:
    return HeadParser()


def with_glasses(
    photo: np.ndarray,
    face: Face,
    colour: tuple[int, int, int] = BLACK,
    thick: float = 0.05,
    power: float = 2.0,
    lines: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """The photo with drawn glasses, ``thick`` eye distances wide, and their share of every pixel."""
    points = face.landmarks[:, :2]
    eyes = [points[list(eye)].mean(axis=0) for eye in (RIGHT_EYE, LEFT_EYE)]
    across = eyes[1] - eyes[0]
    unit, down = float(np.hypot(*across)), np.array([-across[1], across[0]])
    width = max(1, round(thick * unit * SMOOTH))
    plane = np.zeros((photo.shape[0] * SMOOTH, photo.shape[1] * SMOOTH), np.uint8)
    turn = np.linspace(0, 2 * np.pi, 80)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    shape = np.sign(circle) * np.abs(circle) ** (2 / power) * (0.38, 0.31)
    sides = []
    for eye, side, ear in ((eyes[0], -1, 127), (eyes[1], 1, 356)):
        middle = eye + 0.07 * down
        rim = middle + shape[:, :1] * across + shape[:, 1:] * down
        cv2.polylines(plane, [np.rint(rim * SMOOTH).astype(np.int32)], True, 255, width)
        sides.append(middle - 0.38 * side * across)
        if lines:
            outer = middle + 0.38 * side * across - 0.05 * down
            cv2.line(
                plane,
                *(np.rint(end * SMOOTH).astype(int).tolist() for end in (outer, points[ear])),
                255,
                width,
            )
    if lines:
        cv2.line(plane, *(np.rint(end * SMOOTH).astype(int).tolist() for end in sides), 255, width)
    cover = cv2.resize(plane, photo.shape[1::-1], interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return np.rint(photo + cover[..., None] * (np.array(colour) - photo.astype(float))).astype(
        np.uint8
    ), cover


def unit_landmarks(face: Face) -> np.ndarray:
    return apply_affine(face.frame.to_frame(1), face.landmarks)


def skin_of(parser: HeadParser, photo: np.ndarray, face: Face) -> np.ndarray:
    unit = unit_landmarks(face)
    shares = parser.read_frame(photo, face.frame, make_face_mask(unit, PARSER_PX))
    return visible_skin(photo, face.frame, shares, unit)


def in_frame(plane: np.ndarray, face: Face) -> np.ndarray:
    matrix = face.frame.to_photo(RIM_PX)
    return cv2.warpAffine(plane, matrix, (RIM_PX, RIM_PX), flags=cv2.INTER_AREA | cv2.WARP_INVERSE_MAP)


@pytest.mark.parametrize("power", [2.0, 5.0], ids=["round", "square"])
@pytest.mark.parametrize("thick", [0.025, 0.05, 0.1])
@pytest.mark.parametrize("colour", [BLACK, BROWN], ids=["black", "brown"])
def test_drawn_rims_are_kept_out_and_skin_beside_them_is_not(
    parser: HeadParser,
    collins: np.ndarray,
    collins_face: Face,
    colour: tuple[int, int, int],
    thick: float,
    power: float,
) -> None:
    photo, cover = with_glasses(collins, collins_face, colour, thick, power)
    skin = skin_of(parser, photo, collins_face)
    assert skin.shape == (RIM_PX, RIM_PX)
    rim = in_frame(cover, collins_face)
    face = make_face_mask(unit_landmarks(collins_face), RIM_PX) > 0.9
    assert skin[face & (rim > 0.6)].mean() < 0.3
    away = face & (cv2.dilate(rim, np.ones((15, 15), np.uint8)) < 0.05)
    before = skin_of(parser, collins, collins_face)
    whole = cv2.resize(before, (RIM_PX, RIM_PX), interpolation=cv2.INTER_LINEAR)
    assert skin[away].mean() > whole[away].mean() - 0.06


def test_light_rims_are_kept_out_of_dark_skin(
    parser: HeadParser, collins: np.ndarray, collins_face: Face
) -> None:
    dark = (255 * (collins / 255.0) ** 2).astype(np.uint8)
    photo, cover = with_glasses(dark, collins_face, SILVER, 0.04)
    skin = skin_of(parser, photo, collins_face)
    face = make_face_mask(unit_landmarks(collins_face), RIM_PX) > 0.9
    assert skin[face & (in_frame(cover, collins_face) > 0.6)].mean() < 0.35


def test_wire_rims_of_a_real_photo_are_kept_out(
    parser: HeadParser, hopper: np.ndarray, hopper_face: Face
) -> None:
    points = hopper_face.landmarks[:, :2]
    found = find_rims(hopper, hopper_face.frame, unit_landmarks(hopper_face), np.ones((2, 2), np.float32))
    assert found is not None
    bridge = (points[6] + points[168]) / 2
    at = np.rint(apply_affine(hopper_face.frame.to_frame(RIM_PX), bridge) - 0.5).astype(int)
    assert found[at[1] - 6 : at[1] + 7, at[0]].max() > 0.9
    eye = np.rint(unit_landmarks(hopper_face)[list(RIGHT_EYE)].mean(axis=0) * RIM_PX).astype(int)
    assert found[eye[1] - 4 : eye[1] + 5, eye[0] - 8 : eye[0] + 9].max() == 0
    assert 0.005 < (found > 0.5).mean() < 0.05


def test_a_face_without_glasses_has_no_rims(
    parser: HeadParser, collins: np.ndarray, collins_face: Face
) -> None:
    assert skin_of(parser, collins, collins_face).shape == (PARSER_PX, PARSER_PX)


def test_rings_without_bridge_and_temples_are_no_glasses(collins: np.ndarray, collins_face: Face) -> None:
    bare, unit = np.ones((PARSER_PX, PARSER_PX), np.float32), unit_landmarks(collins_face)
    rings, _ = with_glasses(collins, collins_face, lines=False)
    assert find_rims(rings, collins_face.frame, unit, bare) is None
    worn, _ = with_glasses(collins, collins_face)
    assert find_rims(worn, collins_face.frame, unit, bare) is not None


def test_a_path_follows_the_best_rows_and_pays_for_steps() -> None:
    scores = np.zeros((2, 12, 9), np.float32)
    rows = np.array([3, 3, 4, 5, 6, 6, 5, 5, 4, 3, 3, 3])
    scores[0, np.arange(12), rows] = 1.0
    scores[1, :, 2] = 0.5
    scores[1, 6, 8] = 1.0  # a single good cell, far away
    found = best_paths(scores, (0.0, 0.1, 0.3))
    assert found[0].tolist() == rows.tolist()
    assert (found[1] == 2).all()


def test_a_closed_path_ends_where_it_begins() -> None:
    scores = np.zeros((1, 24, 9), np.float32)
    scores[0, :, 4] = 0.02
    scores[0, :3, 8] = 0.1  # better rows at the beginning only, and others at the end only
    scores[0, -3:, 0] = 0.1
    assert (best_paths(scores, (0.0, 0.2, 0.4), closed=True) == 4).all()
    assert best_paths(scores, (0.0, 0.01))[0, [0, -1]].tolist() == [8, 0]
