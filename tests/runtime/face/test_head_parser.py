from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from amgan.runtime.errors import EngineError
from amgan.runtime.face.alignment import apply_affine
from amgan.runtime.face.finder import Face
from amgan.runtime.face.head_parser import PARSER_PX, HeadParser, HeadShares, own_skin
from amgan.runtime.face.region_masks import edit_mask, make_face_mask


@pytest.fixture(scope="module")
def parser() -> HeadParser:
    return HeadParser()


def seen_share(parser: HeadParser, photo: np.ndarray, face: Face, where: np.ndarray | None = None) -> float:
    """How much of what may change stays open, on the whole face or where a mask of the photo says."""
    unit = apply_affine(face.frame.to_frame(1), face.landmarks)
    skin = own_skin(parser.read_frame(photo, face.frame, make_face_mask(unit, PARSER_PX)))
    weight = edit_mask(unit, PARSER_PX)
    if where is not None:
        matrix = face.frame.to_photo(PARSER_PX)
        weight = weight * cv2.warpAffine(
            where.astype(np.float32),
            matrix,
            (PARSER_PX, PARSER_PX),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        )
    assert weight.sum() > 20
    return float((skin * weight).sum() / weight.sum())


def below_brows(photo: np.ndarray, face: Face) -> np.ndarray:
    """Where a photo lies below the brows of an upright face, bool [H, W]."""
    return np.mgrid[: len(photo), : photo.shape[1]][0] > face.landmarks[[105, 334], 1].max()


def covered(photo: np.ndarray, corners: list[tuple[float, float]], colour: tuple[int, int, int]):
    """The photo under a polygon of one colour, a little shaded, and where it lies."""
    drawn = Image.new("L", photo.shape[1::-1])
    ImageDraw.Draw(drawn).polygon(corners, fill=255)
    cover = np.asarray(drawn)[..., None] / 255.0
    shade = 1.0 - 0.15 * np.linspace(-1, 1, photo.shape[1])[None, :, None] ** 2
    return np.rint(photo * (1 - cover) + np.array(colour) * shade * cover).astype(np.uint8), cover[..., 0] > 0


def lower_face(face: Face) -> list[tuple[float, float]]:
    ring = (127, 132, 172, 150, 176, 152, 400, 379, 397, 361, 356, 347, 197, 118)
    return [tuple(face.landmarks[number]) for number in ring]


def test_bare_faces_stay_open(
    parser: HeadParser, hopper: np.ndarray, hopper_face: Face, collins: np.ndarray, collins_face: Face
) -> None:
    assert seen_share(parser, hopper, hopper_face) > 0.9  # a hat lies on the forehead
    assert seen_share(parser, collins, collins_face) > 0.85  # a fringe lies on the forehead
    for photo, face in ((hopper, hopper_face), (collins, collins_face)):
        assert seen_share(parser, photo, face, below_brows(photo, face)) > 0.97


def test_a_fringe_and_the_brim_of_a_hat_are_closed(
    parser: HeadParser, hopper: np.ndarray, hopper_face: Face, collins: np.ndarray, collins_face: Face
) -> None:
    rows = np.mgrid[: len(hopper), : hopper.shape[1]][0]
    top, brow = hopper_face.landmarks[10, 1], hopper_face.landmarks[[105, 334], 1].min()
    assert seen_share(parser, hopper, hopper_face, rows < top) < 0.2
    assert seen_share(parser, hopper, hopper_face, (rows > (top + brow) / 2) & (rows < brow)) > 0.8
    rows = np.mgrid[: len(collins), : collins.shape[1]][0]
    assert seen_share(parser, collins, collins_face, rows < collins_face.landmarks[10, 1]) < 0.35


def test_a_darker_and_a_grey_face_stay_open(
    parser: HeadParser, collins: np.ndarray, collins_face: Face
) -> None:
    dark = (255 * (collins / 255.0) ** 2.2).astype(np.uint8)
    grey = np.repeat(collins.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
    side = (collins * np.linspace(1.0, 0.35, collins.shape[1])[None, :, None]).astype(np.uint8)
    for photo in (dark, grey, side):
        assert seen_share(parser, photo, collins_face) > 0.82  # a fringe lies on the forehead
        assert seen_share(parser, photo, collins_face, below_brows(photo, collins_face)) > 0.95


@pytest.mark.parametrize("colour", [(150, 190, 215), (240, 240, 238)])
def test_a_mask_is_closed_and_what_lies_beside_it_open(
    parser: HeadParser, collins: np.ndarray, collins_face: Face, colour: tuple[int, int, int]
) -> None:
    photo, where = covered(collins, lower_face(collins_face), colour)
    assert seen_share(parser, photo, collins_face, where) < 0.1
    rows, (top, bottom) = np.mgrid[: len(collins), : collins.shape[1]][0], collins_face.landmarks[[9, 197], 1]
    beside = ~where & (rows > top) & (rows < bottom)  # below the fringe, above the mask
    assert seen_share(parser, photo, collins_face, beside) > 0.85


def test_hair_is_found_around_a_face_and_not_on_it(
    parser: HeadParser, collins: np.ndarray, collins_face: Face
) -> None:
    unit = apply_affine(collins_face.frame.to_frame(1), collins_face.landmarks)
    shares = parser.read_window(collins, collins_face.frame, make_face_mask(unit, PARSER_PX))
    inner = make_face_mask((unit - 0.5) / 1.8 + 0.5, PARSER_PX)
    assert (shares.hair > 0.5).mean() > 0.01
    assert (shares.hair * inner).sum() < 0.1 * inner.sum()


def test_a_frame_that_is_a_picture_is_parsed_as_in_its_photo(
    parser: HeadParser, hopper: np.ndarray, hopper_face: Face
) -> None:
    from amgan.runtime.face.warp import sample_affine

    unit = apply_affine(hopper_face.frame.to_frame(1), hopper_face.landmarks)
    picture = sample_affine(hopper, hopper_face.frame.to_photo(256), (256, 256))
    alone = parser.read_aligned(picture, unit)
    there = parser.read_frame(hopper, hopper_face.frame, make_face_mask(unit, PARSER_PX))
    assert np.abs(alone.skin - there.skin).mean() < 0.02


def test_the_mask_is_exactly_open_and_exactly_closed_where_the_parser_leans_to() -> None:
    image = np.zeros((1, 5, 3), np.uint8)
    skin = own_skin(
        HeadShares(np.array([[0, 0.1, 0.22, 0.6, 1]], np.float32), np.zeros((1, 5), np.float32), image)
    )
    assert skin[0, [0, 1, 3, 4]].tolist() == [0, 0, 1, 1]
    assert 0.4 < skin[0, 2] < 0.6


def test_hair_needs_more_certain_skin() -> None:
    image, skin = np.zeros((1, 2, 3), np.uint8), np.full((1, 2), 0.22, np.float32)
    seen = own_skin(HeadShares(skin, np.array([[0, 1]], np.float32), image))
    assert seen[0, 1] < seen[0, 0] - 0.1


def test_what_openvino_says_of_a_failure_is_told(monkeypatch: pytest.MonkeyPatch, parser: HeadParser) -> None:
    class Broken:
        def infer(self, inputs: Any, **shared: bool) -> None:
            raise RuntimeError("Exception from here:\nno memory")

    class Local:
        request = Broken()

    monkeypatch.setattr(parser._network, "_local", Local())
    with pytest.raises(EngineError, match=r"OpenVINO failed on the head parser: no memory"):
        parser.read_aligned(np.zeros((64, 64, 3), np.uint8), np.full((468, 2), 0.5))
