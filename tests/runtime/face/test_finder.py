"""Faces and their landmarks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from amgan.runtime.face.alignment import apply_affine, canonical_frame
from amgan.runtime.face.detector import MIN_SCORE, Detection, FaceDetector
from amgan.runtime.face.finder import Face, FaceFinder
from amgan.runtime.face.found import without_twins
from amgan.runtime.face.mesh import (
    FACE_OVAL,
    LEFT_EYE,
    LIPS_INNER,
    MOUTH_CORNERS,
    N_POINTS,
    NOSE_TIP,
    RIGHT_EYE,
)
from amgan.runtime.face.scan import SUSPECT_SCORE


def unit(face: Face) -> np.ndarray:
    return apply_affine(face.frame.to_frame(1), face.landmarks)


@pytest.mark.parametrize("name", ["hopper", "collins"])
def test_one_sane_face_a_photo(finder: FaceFinder, name: str, request: pytest.FixtureRequest) -> None:
    photo = request.getfixturevalue(name)
    (face,) = finder.find(photo)
    points = face.landmarks
    assert points.shape == (N_POINTS, 2) and points.dtype == np.float64
    right, left = points[list(RIGHT_EYE)].mean(axis=0), points[list(LEFT_EYE)].mean(axis=0)
    mouth, nose = points[list(MOUTH_CORNERS)].mean(axis=0), points[NOSE_TIP]
    assert right[0] < nose[0] < left[0]  # the person's right is at the picture's left
    assert max(right[1], left[1]) < nose[1] < mouth[1]
    x0, y0, x1, y1 = face.box
    assert x0 > 0 and y0 > 0 and x1 < photo.shape[1] and y1 < photo.shape[0]
    assert face.width_px == pytest.approx(x1 - x0)
    assert face.width_px < face.frame.side_px < 3 * face.width_px
    assert abs(face.turn) < 0.4
    assert 0.5 <= face.presence <= 1 and 0.6 <= face.score <= 1
    assert face.frame == canonical_frame(points)


def test_the_oval_holds_eyes_and_mouth(hopper_face: Face) -> None:
    oval = hopper_face.landmarks[list(FACE_OVAL)]
    inner = hopper_face.landmarks[list(RIGHT_EYE + LEFT_EYE + LIPS_INNER)]
    assert (inner > oval.min(axis=0)).all() and (inner < oval.max(axis=0)).all()


@pytest.mark.parametrize("degrees", [-25, 12, 30])
def test_a_turned_photo_gives_the_same_face(
    finder: FaceFinder, hopper: np.ndarray, hopper_face: Face, degrees: float
) -> None:
    turned = np.asarray(Image.fromarray(hopper).rotate(degrees, Image.Resampling.BICUBIC, expand=True))
    (face,) = finder.find(turned)
    assert np.abs(unit(face) - unit(hopper_face)).mean() < 0.015
    tilt = np.rad2deg(np.arctan2(face.frame.right[1], face.frame.right[0]))
    before = np.rad2deg(np.arctan2(hopper_face.frame.right[1], hopper_face.frame.right[0]))
    assert tilt - before == pytest.approx(-degrees, abs=3)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_photo_on_its_side_gives_the_same_face(
    finder: FaceFinder, hopper: np.ndarray, hopper_face: Face, turns: int
) -> None:
    found = finder.look(np.ascontiguousarray(np.rot90(hopper, turns)))
    (face,) = found.faces
    assert np.abs(unit(face) - unit(hopper_face)).mean() < 0.01
    assert finder.look(hopper).quarter_turns == 0


@pytest.mark.parametrize("kind", ["grey", "sepia", "faded", "dark", "overexposed"])
@pytest.mark.parametrize("name", ["hopper", "collins"])
def test_photos_without_colour_or_light(
    finder: FaceFinder, name: str, kind: str, request: pytest.FixtureRequest
) -> None:
    photo = request.getfixturevalue(name).astype(np.float64)
    grey = np.repeat(photo.mean(axis=2, keepdims=True), 3, axis=2)
    changed = {
        "grey": grey,
        "sepia": grey * (1.07, 0.93, 0.74),
        "faded": 0.35 * grey + 130,
        "dark": 0.1 * photo,
        "overexposed": 1.8 * photo + 40,
    }[kind]
    (face,) = finder.find(np.clip(changed, 0, 255).astype(np.uint8))
    (plain,) = finder.find(request.getfixturevalue(name))
    assert np.abs(face.landmarks - plain.landmarks).mean() < 0.02 * plain.frame.side_px


@pytest.mark.parametrize("scale", [0.4, 0.75, 2.0])
def test_a_scaled_photo_gives_the_same_face(
    finder: FaceFinder, hopper: np.ndarray, hopper_face: Face, scale: float
) -> None:
    size = (round(hopper.shape[1] * scale), round(hopper.shape[0] * scale))
    (face,) = finder.find(np.asarray(Image.fromarray(hopper).resize(size, Image.Resampling.LANCZOS)))
    assert np.abs(unit(face) - unit(hopper_face)).mean() < 0.015
    assert face.frame.side_px == pytest.approx(scale * hopper_face.frame.side_px, rel=0.04)


def test_a_mirrored_photo_gives_the_mirrored_face(
    finder: FaceFinder, hopper: np.ndarray, hopper_face: Face
) -> None:
    (face,) = finder.find(np.ascontiguousarray(hopper[:, ::-1]))
    assert face.turn == pytest.approx(-hopper_face.turn, abs=0.12)
    assert face.frame.centre[0] == pytest.approx(hopper.shape[1] - hopper_face.frame.centre[0], abs=8)


def test_two_faces_largest_first(finder: FaceFinder, hopper: np.ndarray, collins: np.ndarray) -> None:
    small = np.asarray(Image.fromarray(collins).resize((300, 300)))
    montage = np.full((600, 812, 3), 80, np.uint8)
    montage[:, 300:] = hopper
    montage[100:400, :300] = small
    first, second = finder.find(montage)
    assert first.width_px > second.width_px
    assert first.frame.centre[0] > 300 > second.frame.centre[0]


@pytest.mark.parametrize("shape", [(64, 64, 3), (300, 420, 3), (1, 900, 3)])
def test_noise_has_no_face(finder: FaceFinder, shape: tuple[int, int, int]) -> None:
    assert finder.find(np.random.default_rng(5).integers(0, 256, shape, dtype=np.uint8)) == []


def test_same_face_every_time_and_from_many_threads(
    finder: FaceFinder, hopper: np.ndarray, hopper_face: Face
) -> None:
    with ThreadPoolExecutor(3) as pool:
        for (face,) in pool.map(finder.find, [hopper] * 3):
            np.testing.assert_array_equal(face.landmarks, hopper_face.landmarks)


def test_twins_are_one_face() -> None:
    rng = np.random.default_rng(0)

    def at(x: float, score: float) -> Face:
        points = rng.random((N_POINTS, 2)) * 100 + (x, 0)
        return Face(points, score, 1.0, canonical_frame(points))

    kept = without_twins([at(0, 0.7), at(8, 0.9), at(300, 0.8)])
    assert [face.score for face in kept] == [0.9, 0.8]


def test_all_faces_of_a_photo_on_its_side(
    finder: FaceFinder, hopper: np.ndarray, collins: np.ndarray
) -> None:
    """The first one may be found where the photo is not turned yet; the others still are looked for."""
    scene = np.full((600, 1320, 3), (110, 120, 125), np.uint8)
    scene[:, :512] = hopper
    for x in (560, 940):
        scene[100:480, x : x + 380] = collins[:380, 60:440]
    for turns in (1, 2, 3):
        found = finder.look(np.ascontiguousarray(np.rot90(scene, turns)))
        assert len(found.faces) == 3
        assert {face.turns_upright for face in found.faces} == {-turns % 4}


class Unsure:
    """A detector that sees what ``real`` sees, only ``less`` surely."""

    def __init__(self, real: FaceDetector, less: float) -> None:
        self.real, self.less = real, less

    def detect(
        self, window: np.ndarray, x0: float, y0: float, side: float, min_score: float
    ) -> list[Detection]:
        seen = self.real.detect(window, x0, y0, side, min_score)
        return [replace(one, score=one.score * self.less) for one in seen]


@pytest.mark.parametrize(("less", "faces"), [(0.5, 1), (0.3, 0)])
def test_a_suspect_counts_where_the_mesh_is_sure(
    finder: FaceFinder, hopper: np.ndarray, monkeypatch: pytest.MonkeyPatch, less: float, faces: int
) -> None:
    (plain,) = finder.find(hopper)
    monkeypatch.setattr(finder, "_detector", Unsure(finder._detector, less))
    found = finder.look(hopper)
    assert len(found.faces) == faces
    if faces:
        assert found.faces[0].score < MIN_SCORE < 0.9 < found.faces[0].presence
        assert np.abs(found.faces[0].landmarks - plain.landmarks).mean() < 0.01 * plain.frame.side_px
    else:
        assert found.refused[0].score > SUSPECT_SCORE


def test_a_suspect_in_which_the_mesh_sees_no_face_is_refused(
    finder: FaceFinder, hopper: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finder, "_detector", Unsure(finder._detector, 0.5))
    monkeypatch.setattr("amgan.runtime.face.finder.SURE_PRESENCE", 1.1)
    found = finder.look(hopper)
    assert not found.faces and found.meshes > 0
    assert found.refused[0].score == pytest.approx(0.45, abs=0.06)


@pytest.mark.parametrize("tint", [(1.07, 0.93, 0.74), (0.8, 0.95, 1.1)])
def test_a_tinted_photo_without_faces_is_searched_in_greys(
    finder: FaceFinder, hopper: np.ndarray, monkeypatch: pytest.MonkeyPatch, tint: tuple[float, ...]
) -> None:
    """Sepia lowers the score of faces near the limit."""
    whole = FaceFinder._look_all_round

    def in_greys_only(self: FaceFinder, rgb: np.ndarray, min_face_px: float | None) -> list:
        return whole(self, rgb if (np.ptp(rgb, axis=2) == 0).all() else np.zeros_like(rgb), min_face_px)

    monkeypatch.setattr(FaceFinder, "_look_all_round", in_greys_only)
    grey = np.repeat(hopper.mean(axis=2, keepdims=True), 3, axis=2)
    tinted = np.clip(grey * tint, 0, 255).astype(np.uint8)
    assert len(finder.find(tinted)) == 1
    assert not finder.find(hopper)  # in colour
