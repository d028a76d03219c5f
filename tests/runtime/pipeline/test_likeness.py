"""Whether what is found looks like a face in a photo: drawings are not said to be children's faces."""

from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image
from support.fake_pipeline import ages

from amgan.runtime import Pipeline
from amgan.runtime.pipeline.child_rule import SURE, Likeness, why_a_child

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
