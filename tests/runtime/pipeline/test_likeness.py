"""Whether what is found looks like a face in a photo: drawings are not said to be children's faces."""

from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image
from support.fake_pipeline import ages

from amgan.runtime import Pipeline, Request
from amgan.runtime.pipeline.child_rule import why_a_child
from amgan.runtime.pipeline.likeness import SURE, Likeness, why_drawn

INK = (20, 20, 20)


def circle(
    fill: tuple[int, int, int] = (250, 210, 170), paper: tuple[int, int, int] = (240, 235, 225)
) -> np.ndarray:
    """A circle with dots for eyes and a smile."""
    picture = np.full((400, 500, 3), paper, np.uint8)
    cv2.circle(picture, (250, 200), 100, fill, -1, cv2.LINE_AA)
    cv2.circle(picture, (250, 200), 100, INK, 3, cv2.LINE_AA)
    for x in (217, 283):
        cv2.circle(picture, (x, 175), 10, INK, -1, cv2.LINE_AA)
    cv2.ellipse(picture, (250, 220), (50, 33), 0, 20, 160, INK, 3, cv2.LINE_AA)
    return picture


def on_white() -> np.ndarray:
    picture = circle((255, 255, 255), (255, 255, 255))
    cv2.line(picture, (250, 190), (240, 216), INK, 3, cv2.LINE_AA)
    return picture


def as_jpeg() -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(circle()).save(stream, "JPEG", quality=40)
    return np.asarray(Image.open(stream))


def noisy() -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 4, (400, 500, 3))
    return np.clip(circle() + noise, 0, 255).astype(np.uint8)


def darker_above() -> np.ndarray:
    return (circle() * np.linspace(0.7, 1.0, 400)[:, None, None]).astype(np.uint8)


def reduced() -> np.ndarray:
    return np.asarray(Image.fromarray(circle()).resize((125, 100)))


def blurred() -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(circle(), (0, 0), 4))


@pytest.mark.parametrize("make", [on_white, as_jpeg, noisy, darker_above, reduced, blurred])
def test_circles_with_dots_look_like_no_face(pipeline: Pipeline, make: Callable[[], np.ndarray]) -> None:
    (seen,) = pipeline.see(make())  # the mesh is sure of all of them
    assert seen.likeness.doubt
    told = why_a_child(ages(9), seen.likeness)
    assert told.startswith("may be no real face, or a child: it ")
    assert "and the youngest half of its zones reads 9 years, under 16" in told


def moon() -> np.ndarray:
    """A moon with a human face, which reads older than a child; shaded from its middle outwards."""
    y, x = np.mgrid[:640, :640]
    radius = np.hypot(x - 320, y - 320)[..., None]
    share = radius / 280
    picture = np.array((250, 245, 220)) * (1 - share) + np.array((190, 180, 140)) * share
    picture = np.where(radius <= 280, picture, (15, 20, 60)).round().astype(np.uint8)
    for eye in (242, 398):
        cv2.ellipse(picture, (eye, 251), (48, 32), 0, 0, 360, (255, 255, 250), -1, cv2.LINE_AA)
        cv2.ellipse(picture, (eye, 251), (48, 32), 0, 0, 360, (90, 80, 60), 3, cv2.LINE_AA)
        cv2.circle(picture, (eye, 251), 22, (60, 50, 40), -1, cv2.LINE_AA)
        cv2.ellipse(picture, (eye, 220), (38, 26), 0, 200, 340, (110, 95, 60), 7, cv2.LINE_AA)
    cv2.line(picture, (320, 290), (280, 350), (130, 115, 80), 6, cv2.LINE_AA)
    cv2.line(picture, (280, 350), (325, 358), (130, 115, 80), 6, cv2.LINE_AA)
    cv2.ellipse(picture, (320, 430), (69, 17), 0, 0, 360, (170, 90, 80), -1, cv2.LINE_AA)
    return picture


@pytest.mark.parametrize("make", [moon, on_white, as_jpeg, darker_above])
def test_drawings_are_left_alone_whatever_they_read(
    pipeline: Pipeline, make: Callable[[], np.ndarray]
) -> None:
    chosen = pipeline.choose(make(), Request.parse("70"))
    assert not chosen.taken
    assert "may be a drawing: it has large areas of exactly one colour" in chosen.left[0].reason
    assert pipeline.choose(make(), Request.parse("70", include_children=True)).taken


def blown_out(photo: np.ndarray) -> np.ndarray:
    return np.clip(photo * 2.2 + 60.0, 0, 255).astype(np.uint8)


def nearly_black(photo: np.ndarray) -> np.ndarray:
    return (photo * 0.04).astype(np.uint8)


def posterized(photo: np.ndarray) -> np.ndarray:
    return photo & np.uint8(0xC0)


def pixelated(photo: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(photo[2::4, 2::4].repeat(4, 0).repeat(4, 1))


@pytest.mark.parametrize("make", [blown_out, nearly_black, posterized, pixelated])
def test_flat_photos_are_no_drawings(
    pipeline: Pipeline,
    hopper: np.ndarray,
    collins: np.ndarray,
    make: Callable[[np.ndarray], np.ndarray],
) -> None:
    for photo in (hopper, collins):
        faces = pipeline.see(make(photo))
        assert not any(why_drawn(seen.likeness) for seen in faces)


def test_people_look_like_faces(pipeline: Pipeline, hopper: np.ndarray, collins: np.ndarray) -> None:
    for photo in (hopper, collins):
        (seen,) = pipeline.see(photo)
        assert not seen.likeness.doubt
        assert why_a_child(ages(9), seen.likeness) == why_a_child(ages(9))


@pytest.mark.parametrize(
    ("likeness", "told"),
    [
        (SURE, ""),
        (Likeness(0.8, 0.73, 0.21), ""),
        (Likeness(0.35, 0.04, 0.94), "has large areas of exactly one colour, as drawings have"),
        (Likeness(0.63, 0.28, 0.0), "shows skin on 28% of its area only"),
        (Likeness(0.66, 0.75, 0.1), "was found with a low score, 0.66"),
    ],
)
def test_doubts_are_named(likeness: Likeness, told: str) -> None:
    assert likeness.doubt == told
    assert not why_a_child(ages(40), likeness)


@pytest.mark.parametrize(
    ("likeness", "drawn"),
    [
        (SURE, False),
        (Likeness(0.77, 0.66, 0.68, 0.68), True),  # a moon with a face
        (Likeness(0.36, 0.92, 0.99, 0.99), True),  # a dog
        (Likeness(0.6, 0.3, 0.9, 0.1), True),  # in ink on white paper
        (Likeness(0.67, 0.96, 0.9, 0.1), False),  # a photo that is blown out
        (Likeness(0.66, 0.98, 0.67, 0.0), False),  # one that is nearly black
        (Likeness(0.69, 0.86, 0.66, 0.66), False),  # one in sixteen colours
        (Likeness(0.79, 0.95, 0.83, 0.8), False),  # a posterized one
        (Likeness(0.76, 0.39, 0.98, 0.0), False),  # one in black and white without greys
        (Likeness(0.5, 0.2, 0.1, 0.1), False),  # a blurred or covered one
    ],
)
def test_what_is_flat_and_uncertain_is_a_drawing(likeness: Likeness, drawn: bool) -> None:
    assert likeness.is_drawn == bool(why_drawn(likeness)) == drawn
