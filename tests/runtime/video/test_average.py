"""The change averaged over time, where the skin is."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from amgan.runtime import Pipeline, Request
from amgan.runtime.pipeline.face_plan import FaceWork
from amgan.runtime.pipeline.seen_face import make_seen_face
from amgan.runtime.video.average import ChangeAverage
from amgan.runtime.video.correspondence import Correspondence, look_of_frame, texture_px
from amgan.runtime.video.look import FaceLook
from amgan.runtime.video.register import HALF_PX, LOOK_PX, MOST_SLIP, NO_SLIP, Slip, register, register_affine

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


def add(
    average: ChangeAverage, number: int, work: FaceWork, after: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Give a picture that shows what the work's frame does."""
    correspondence, size = Correspondence.of(work.seen, "face"), min(2 * LOOK_PX, work.seen.frame_px)
    grey = cv2.cvtColor(before_of(work), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)
    return average.add(
        number, work, FaceLook(correspondence, small, look_of_frame(small, correspondence.knots)), after
    )


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
    steady = [add(average, number, work, frame)[0] for number, frame in enumerate(frames)]
    alone = np.diff([frame.astype(np.float32)[inside] for frame in frames], axis=0)[4:]
    together = np.diff([frame[inside] for frame in steady], axis=0)[4:]
    assert together.std() < 0.33 * alone.std()
    means = [(frame - before_of(work))[inside].mean() for frame in steady]
    assert np.allclose(means, (frames[0].astype(float) - before_of(work))[inside].mean(), atol=1.0)


def test_a_change_that_stays_keeps_its_lines(work: FaceWork) -> None:
    lines = 12.0 * np.sin(np.arange(work.seen.frame_px) / 1.3)[:, None, None]
    frame, average = aged(work, lines + np.zeros_like(before_of(work), float)), ChangeAverage(RATE)
    for number in range(4):
        steady, mask = add(average, number, work, frame)
    inside = work.mask > 0.9
    one, other = (frame.astype(np.float32) - before_of(work))[inside], (steady - before_of(work))[inside]
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.98
    assert other.std() > 0.9 * one.std()
    assert not mask[work.mask == 0].any()


def test_another_look_counts_at_once(work: FaceWork) -> None:
    average, size = ChangeAverage(RATE), work.seen.frame_px
    for number in range(5):
        add(average, number, work, aged(work, np.full(before_of(work).shape, 20.0)))
    image = work.frame.image.copy()
    halo, middle, part = (len(image) - size) // 2, size // 2, size // 10
    place = slice(middle - part, middle + part)
    image[halo:, halo:][place, place] = (0, 60, 0)
    covered = replace(work, frame=replace(work.frame, image=image))
    steady, _ = add(average, 5, covered, before_of(covered).copy())
    inner = slice(middle - part // 2, middle + part // 2)
    assert np.abs((steady - before_of(covered))[inner, inner]).max() < 3.0  # nothing on what covers it
    elsewhere = (steady - before_of(covered))[work.mask > 0.9]
    assert np.median(elsewhere) > 10.0


def test_it_begins_anew_after_a_gap(work: FaceWork) -> None:
    average = ChangeAverage(RATE)
    one, other = (aged(work, np.full(before_of(work).shape, change)) for change in (20.0, -20.0))
    add(average, 0, work, one)
    assert np.array_equal(add(average, 50, work, other)[0], other.astype(np.float32))


def test_a_picture_without_a_change_of_its_own_carries_the_last_one(work: FaceWork) -> None:
    average, inside = ChangeAverage(RATE), work.mask > 0.9
    add(average, 0, work, aged(work, np.full(before_of(work).shape, 20.0)))
    add(average, 1, work, aged(work, np.full(before_of(work).shape, 40.0)))
    steps = [np.median((add(average, n, work, None)[0] - before_of(work))[inside]) for n in (2, 3, 4)]
    assert 20.0 < steps[0] < steps[1] < steps[2] < 40.0  # on its way to the last one
    half = replace(work, mask=work.mask * (np.arange(len(work.mask)) < len(work.mask) // 2))
    _, mask = add(average, 5, half, None)
    assert not mask[half.mask == 0].any() and mask[half.mask > 0.9].min() > 0.5


def test_it_goes_on_from_what_was_kept(work: FaceWork) -> None:
    frames, whole, second = noisy(work, 4), ChangeAverage(RATE), ChangeAverage(RATE)
    assert not second.state()
    for number in (0, 1):
        add(whole, number, work, frames[number])
    second.restore(whole.state())
    for number in (2, 3):
        one, other = (add(average, number, work, frames[number]) for average in (whole, second))
        assert np.array_equal(one[0], other[0]) and np.array_equal(one[1], other[1])


def test_a_frame_of_another_size_goes_on(pipeline: Pipeline, hopper: np.ndarray, work: FaceWork) -> None:
    size = work.seen.frame_px + 64
    seen = make_seen_face(work.seen.face, work.seen.now, size, pipeline.manifest, work.seen.pattern)
    other, frame = pipeline.start_face(hopper, seen, Request.parse("75", include_children=True), "face")
    frame.result()
    average = ChangeAverage(RATE)
    add(average, 0, work, aged(work, np.full(before_of(work).shape, -20.0)))
    steady, _ = add(average, 1, other, before_of(other).copy())
    assert len(average.state()["texture"]) == texture_px(size)
    assert np.median((steady - before_of(other))[other.mask > 0.9]) < -10.0


def made_look() -> np.ndarray:
    random = np.random.default_rng(3)
    noise = random.normal(120, 200, (LOOK_PX, LOOK_PX)).astype(np.float32)
    return cv2.GaussianBlur(noise, (0, 0), 2.5)


def test_slip_is_found_to_a_fraction_of_a_pixel() -> None:
    face, random = made_look(), np.random.default_rng(4)
    moved = cv2.warpAffine(
        face, np.array([[1.002, 0, 0.6], [0, 1.0, -0.3]]), (LOOK_PX, LOOK_PX), flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )  # fmt: skip
    found = register_affine(face, 1.05 * moved + random.normal(0, 0.5, face.shape).astype(np.float32))
    middle = (found @ (0.5, 0.5, 1.0) - 0.5) * LOOK_PX
    assert np.allclose(middle, (0.6 + 0.002 * LOOK_PX / 2, -0.3), atol=0.05)


def test_another_face_has_not_slipped() -> None:
    face = made_look()
    found = register(face, np.rot90(face).copy())
    assert np.abs(found.affine - NO_SLIP).max() < MOST_SLIP
    assert np.abs(found.rest).max() <= MOST_SLIP


def test_what_slips_in_one_place_alone_is_found_there() -> None:
    face, random = made_look(), np.random.default_rng(4)
    across, down = np.meshgrid(*2 * [np.arange(LOOK_PX, dtype=np.float32)])
    bump = np.exp(-((across - LOOK_PX / 2) ** 2 + (down - LOOK_PX / 2) ** 2) / (2 * 18.0**2))
    moved = cv2.remap(face, across - 1.5 * bump, down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    slip = register(face, moved + random.normal(0, 1.0, face.shape).astype(np.float32))
    units = (np.stack([across, down], axis=-1) + 0.5) / LOOK_PX
    shift = (slip.of(units) - units)[..., 0] * LOOK_PX
    middle, cheek = shift[76:84, 76:84].mean(), shift[76:84, 28:34].mean()
    assert abs(middle - 1.5) < 0.4 and abs(cheek) < 0.4
    assert np.abs(slip.back(slip.of(units)) - units)[20:-20, 20:-20].max() < 0.02 / LOOK_PX


def test_where_nothing_slips_nothing_moves() -> None:
    units = np.random.default_rng(1).random((8, 8, 2)).astype(np.float32)
    none = Slip(NO_SLIP, np.zeros((HALF_PX, HALF_PX, 2), np.float32))
    assert np.allclose(none.of(units), units, atol=1e-6) and np.allclose(none.back(units), units, atol=1e-6)
