"""The change averaged over time, where the skin is."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from amgan.runtime import Pipeline, Request
from amgan.runtime.pipeline.face_plan import FaceWork, place_face
from amgan.runtime.video.average import LOOK_PX, NO_SLIP, ChangeAverage, register, texture_px

RATE = 25.0


@pytest.fixture(scope="module")
def work(pipeline: Pipeline, hopper: np.ndarray) -> FaceWork:
    """What is to be done to a face."""
    (seen, *_) = pipeline.see(hopper)
    work, frame = pipeline.start_face(
        hopper, replace(seen, skin=None), Request.parse("75", include_children=True), "face"
    )
    frame.result()
    return work


def before_of(work: FaceWork) -> np.ndarray:
    size = work.seen.frame_px
    halo = (work.frame.image.shape[0] - size) // 2
    return work.frame.image[halo : halo + size, halo : halo + size]


def aged(work: FaceWork, change: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(before_of(work) + change), 0, 255).astype(np.uint8)


def noisy(work: FaceWork, count: int) -> list[np.ndarray]:
    """Aged frames that differ by noise alone, as broad as a network's."""
    random = np.random.default_rng(5)
    frames = []
    for _ in range(count):
        noise = cv2.GaussianBlur(random.normal(0, 30, before_of(work).shape), (0, 0), 2.0)
        frames.append(aged(work, noise - 10.0))
    return frames


def test_noise_goes(work: FaceWork) -> None:
    average, frames, inside = ChangeAverage(RATE), noisy(work, 12), work.mask > 0.9
    steady = [average.add(number, work, frame)[0] for number, frame in enumerate(frames)]
    alone = np.diff([frame.astype(np.float32)[inside] for frame in frames], axis=0)[4:]
    together = np.diff([frame[inside] for frame in steady], axis=0)[4:]
    assert together.std() < 0.33 * alone.std()
    means = [(frame - before_of(work))[inside].mean() for frame in steady]
    assert np.allclose(means, (frames[0].astype(float) - before_of(work))[inside].mean(), atol=1.0)


def test_a_change_that_stays_keeps_its_lines(work: FaceWork) -> None:
    lines = 12.0 * np.sin(np.arange(work.seen.frame_px) / 1.3)[:, None, None]
    frame, average = aged(work, lines + np.zeros_like(before_of(work), float)), ChangeAverage(RATE)
    for number in range(4):
        steady, mask = average.add(number, work, frame)
    inside = work.mask > 0.9
    one, other = (frame.astype(np.float32) - before_of(work))[inside], (steady - before_of(work))[inside]
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.98
    assert other.std() > 0.9 * one.std()
    assert not mask[work.mask == 0].any()


def test_another_look_counts_at_once(work: FaceWork) -> None:
    average, size = ChangeAverage(RATE), work.seen.frame_px
    for number in range(5):
        average.add(number, work, aged(work, np.full(before_of(work).shape, 20.0)))
    image = work.frame.image.copy()
    halo, middle, part = (len(image) - size) // 2, size // 2, size // 10
    place = slice(middle - part, middle + part)
    image[halo:, halo:][place, place] = (0, 60, 0)
    covered = replace(work, frame=replace(work.frame, image=image))
    steady, _ = average.add(5, covered, before_of(covered).copy())
    inner = slice(middle - part // 2, middle + part // 2)
    assert np.abs((steady - before_of(covered))[inner, inner]).max() < 3.0  # nothing on what covers it
    elsewhere = (steady - before_of(covered))[work.mask > 0.9]
    assert np.median(elsewhere) > 10.0


def test_it_begins_anew_after_a_gap(work: FaceWork) -> None:
    average = ChangeAverage(RATE)
    one, other = (aged(work, np.full(before_of(work).shape, change)) for change in (20.0, -20.0))
    average.add(0, work, one)
    assert np.array_equal(average.add(50, work, other)[0], other.astype(np.float32))


def test_it_goes_on_from_what_was_kept(work: FaceWork) -> None:
    frames, whole, second = noisy(work, 4), ChangeAverage(RATE), ChangeAverage(RATE)
    assert not second.state()
    for number in (0, 1):
        whole.add(number, work, frames[number])
    second.restore(whole.state())
    for number in (2, 3):
        one, other = (average.add(number, work, frames[number]) for average in (whole, second))
        assert np.array_equal(one[0], other[0]) and np.array_equal(one[1], other[1])


def test_a_frame_of_another_size_goes_on(pipeline: Pipeline, hopper: np.ndarray, work: FaceWork) -> None:
    size = work.seen.frame_px + 64
    seen = place_face(work.seen.face, work.seen.now, size, pipeline.manifest)
    other, frame = pipeline.start_face(hopper, seen, Request.parse("75", include_children=True), "face")
    frame.result()
    average = ChangeAverage(RATE)
    average.add(0, work, aged(work, np.full(before_of(work).shape, -20.0)))
    steady, _ = average.add(1, other, before_of(other).copy())
    assert len(average.state()["texture"]) == texture_px(size)
    assert np.median((steady - before_of(other))[other.mask > 0.9]) < -10.0


def test_slip_is_found_to_a_fraction_of_a_pixel(work: FaceWork) -> None:
    random = np.random.default_rng(3)
    face = cv2.GaussianBlur(random.normal(120, 200, (LOOK_PX, LOOK_PX)).astype(np.float32), (0, 0), 2.5)
    moved = cv2.warpAffine(
        face, np.array([[1.002, 0, 0.6], [0, 1.0, -0.3]]), (LOOK_PX, LOOK_PX), flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )  # fmt: skip
    found = register(face, 1.05 * moved + random.normal(0, 0.5, face.shape).astype(np.float32))
    middle = (found @ (0.5, 0.5, 1.0) - 0.5) * LOOK_PX
    assert np.allclose(middle, (0.6 + 0.002 * LOOK_PX / 2, -0.3), atol=0.05)
    assert register(face, np.rot90(face).copy()) is NO_SLIP or np.abs(found - NO_SLIP).max() < 0.02
