"""When the engine is asked for a face of a video."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from amgan.runtime import Pipeline
from amgan.runtime.pipeline.seen_face import SeenFace
from amgan.runtime.video.look import FaceLook, Looker

RATE = 25.0


@pytest.fixture(scope="module")
def seen(pipeline: Pipeline, hopper: np.ndarray) -> SeenFace:
    (one, *_) = pipeline.see(hopper, 1)
    return one


@pytest.fixture(scope="module")
def look(hopper: np.ndarray, seen: SeenFace) -> FaceLook:
    return Looker(RATE).look(hopper, seen)


def asked(rate: float, looks: list[FaceLook], seen: SeenFace, years: float = 0.0) -> list[bool]:
    """For which pictures the engine is asked; the ages rise by so many years a picture."""
    looker = Looker(rate)
    ages = [replace(seen.now, base=seen.now.base + years * number) for number in range(len(looks))]
    return [looker.asks(n, seen.frame_px, ages[n], one) for n, one in enumerate(looks)]


@pytest.mark.parametrize(("rate", "every"), [(10.0, 1), (25.0, 3), (50.0, 6)])
def test_a_face_that_looks_the_same_is_asked_for_now_and_then(
    look: FaceLook, seen: SeenFace, rate: float, every: int
) -> None:
    assert asked(rate, [look] * 9, seen) == [number % every == 0 for number in range(9)]


def test_noise_and_light_do_not_count(hopper: np.ndarray, seen: SeenFace) -> None:
    random = np.random.default_rng(1)
    pictures = [
        np.clip(hopper * (1.0 + 0.03 * n) + random.normal(0, 3, hopper.shape), 0, 255).astype(np.uint8)
        for n in range(5)
    ]
    looker = Looker(RATE)
    assert asked(RATE, [looker.look(one, seen) for one in pictures], seen) == [
        True,
        False,
        False,
        True,
        False,
    ]


def test_another_look_is_asked_for_at_once(hopper: np.ndarray, seen: SeenFace, look: FaceLook) -> None:
    covered = hopper.copy()
    x, y = (round(v) for v in seen.face.landmarks.mean(axis=0))
    part = round(0.05 * seen.face.frame.side_px)
    covered[y - part : y + part, x - part : x + part] = (0, 60, 0)
    other = Looker(RATE).look(covered, seen)
    assert asked(RATE, [look, other, other, look], seen) == [True, True, False, True]


def test_other_ages_are_asked_for_at_once(look: FaceLook, seen: SeenFace) -> None:
    assert asked(RATE, [look] * 4, seen, 0.3) == [True, False, False, True]
    assert all(asked(RATE, [look] * 4, seen, 2.0))
    part = next(iter(seen.now.parts))
    zone = replace(seen.now, parts={**seen.now.parts, part: seen.now.parts[part] + 5.0})
    looker = Looker(RATE)
    assert looker.asks(0, seen.frame_px, seen.now, look) and looker.asks(1, seen.frame_px, zone, look)


def test_other_frames_and_what_is_forgotten(look: FaceLook, seen: SeenFace) -> None:
    looker = Looker(50.0)
    sizes = [seen.frame_px, seen.frame_px + 64, seen.frame_px + 64]
    assert [looker.asks(n, size, seen.now, look) for n, size in enumerate(sizes)] == [True, True, False]
    looker.forget()
    assert looker.asks(3, sizes[-1], seen.now, look)
