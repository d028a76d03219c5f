"""Cuts, tracks, people, and how steady they are."""

from __future__ import annotations

from array import array
from pathlib import Path

import numpy as np
import pytest
from support.made_videos import background, moving

from amgan.runtime import Pipeline
from amgan.runtime.face.finder import Face
from amgan.runtime.video.cuts import CutFinder
from amgan.runtime.video.follow import Follower
from amgan.runtime.video.people import alike, group_people, look_of
from amgan.runtime.video.picture import StillPicture
from amgan.runtime.video.steady import Course, _curve_at_zero, _line_at_zero
from amgan.runtime.video.tracks import Analysis, LandmarkRows, LandmarkStore, Track


def follow(
    pipeline: Pipeline, folder: Path, pictures: list[np.ndarray], every: int = 5
) -> tuple[list[Track], np.ndarray]:
    store = LandmarkStore(folder / "landmarks")
    follower, cuts = Follower(pipeline, store, every, 2), CutFinder()
    for number, picture in enumerate(pictures):
        still = StillPicture(picture)
        follower.feed(number, still, cuts.is_cut(still.thumb()))
    tracks = follower.finish()
    store.close()
    return tracks, LandmarkRows(folder / "landmarks")


def thumbs(pictures: list[np.ndarray]) -> list[np.ndarray]:
    return [StillPicture(picture).thumb() for picture in pictures]


def test_cuts(hopper: np.ndarray) -> None:
    shot = moving(hopper, 6)
    other = [background(5)] * 4
    cuts = CutFinder()
    assert [cuts.is_cut(thumb) for thumb in thumbs(shot + other + shot)] == [
        number in (6, 10) for number in range(16)
    ]


def test_light_and_pans_are_no_cuts(hopper: np.ndarray) -> None:
    cuts = CutFinder()
    brighter = [(one * (0.7 + 0.02 * n)).astype(np.uint8) for n, one in enumerate(moving(hopper, 10))]
    pan = [np.roll(background(), 12 * n, axis=1) for n in range(12)]
    assert not any(cuts.is_cut(thumb) for thumb in thumbs(brighter))
    cuts = CutFinder()
    assert not any(cuts.is_cut(thumb) for thumb in thumbs(pan))


def test_a_face_is_one_track_and_is_followed_back(
    pipeline: Pipeline, tmp_path: Path, hopper: np.ndarray
) -> None:
    # The face slides in from the right, between two searches.
    pictures = moving(hopper, 18, step=-12.0, x=270)
    (track,), rows = follow(pipeline, tmp_path, pictures, every=16)
    assert not track.cut_in
    assert list(track.frames) == list(range(track.frames[0], 18))
    assert 0 < track.frames[0] < 12  # long before the search that found it
    middles = [rows[row][:, 0].mean() for row in track.rows]
    assert np.allclose(np.diff(middles)[4:], -12.0, atol=2.5)


def test_a_cut_ends_a_track_and_the_person_goes_on(
    pipeline: Pipeline, tmp_path: Path, hopper: np.ndarray, collins: np.ndarray
) -> None:
    one, other = moving(hopper, 5), moving(collins, 5, x=100)
    tracks, _ = follow(pipeline, tmp_path, one + other + moving(hopper, 5, x=20), every=50)
    assert [(track.frames[0], track.cut_in, track.cut_out) for track in tracks] == [
        (0, True, True), (5, True, True), (10, True, True),
    ]  # fmt: skip
    assert sorted(group_people(tracks)) == [[0, 2], [1]]


def test_a_flash_is_no_end(pipeline: Pipeline, tmp_path: Path, hopper: np.ndarray) -> None:
    store = LandmarkStore(tmp_path / "landmarks")
    follower = Follower(pipeline, store, 50, 2)
    for number, picture in enumerate(moving(hopper, 6)):
        follower.feed(number, StillPicture(picture), number == 3)
    (track,) = follower.finish()
    store.close()
    assert list(track.frames) == list(range(6))


def test_a_short_loss_is_bridged_and_a_long_one_not(
    pipeline: Pipeline, tmp_path: Path, hopper: np.ndarray
) -> None:
    pictures = moving(hopper, 16, step=0.0)
    for number in (4, 9, 10, 11, 12):
        pictures[number] = background()
    store = LandmarkStore(tmp_path / "landmarks")
    follower = Follower(pipeline, store, 3, 2)
    for number, picture in enumerate(pictures):
        follower.feed(number, StillPicture(picture), False)
    first, second = follower.finish()
    store.close()
    assert list(first.frames) == [0, 1, 2, 3, 5, 6, 7, 8]
    assert list(second.frames) == [13, 14, 15]
    course = Course(first, LandmarkRows(tmp_path / "landmarks"), 25.0, 2, pipeline.manifest)
    bridged, beside = course.at(4), course.at(3)
    assert bridged is not None and beside is not None
    assert np.abs(bridged.face.landmarks - beside.face.landmarks).max() < 1.5
    assert course.at(9) is None


def test_a_row_that_is_not_there(tmp_path: Path) -> None:
    store = LandmarkStore(tmp_path / "landmarks")
    assert store.append(np.ones((468, 2))) == 0
    store.close()
    rows = LandmarkRows(tmp_path / "landmarks")
    assert np.array_equal(rows[0], np.ones((468, 2)))
    with pytest.raises(IndexError, match="holds no row 1"):
        rows[1]


def test_looks_tell_two_faces_apart(
    hopper: np.ndarray, collins: np.ndarray, hopper_face: Face, collins_face: Face
) -> None:
    one, other = look_of(hopper, hopper_face.frame), look_of(collins, collins_face.frame)
    dark = look_of((hopper * 0.6).astype(np.uint8), hopper_face.frame)
    assert alike(one, dark) > 0.95
    assert alike(one, other) < 0.6


def made_track(
    folder: Path, face: Face, count: int, noise: float, speed: float = 0.0, **ends: bool
) -> tuple[Track, np.ndarray, np.ndarray]:
    """A face that moves to the right with noise on its landmarks; also where it really is."""
    random = np.random.default_rng(0)
    store, track, true = LandmarkStore(folder / "landmarks"), Track(0, **ends), []
    for number in range(count):
        true.append(face.landmarks + np.array([speed * number, 0.0]))
        track.frames.append(number)
        track.rows.append(store.append(true[-1] + random.normal(0, noise, (1, 2)) * 1.0))
        track.presences.append(1.0)
    store.close()
    return track, LandmarkRows(folder / "landmarks"), np.array(true)


def test_noise_goes_and_motion_stays(pipeline: Pipeline, tmp_path: Path, hopper_face: Face) -> None:
    track, rows, true = made_track(tmp_path, hopper_face, 30, 1.0, speed=5.0, cut_in=True, cut_out=True)
    course = Course(track, rows, 25.0, 8, pipeline.manifest)
    steps = [course.at(number) for number in range(30)]
    assert all(step is not None and step.weight == 1.0 for step in steps)
    found = np.array([step.face.landmarks for step in steps if step is not None])
    raw = np.array([rows[row] for row in track.rows])
    assert np.abs(found - true).mean() < 0.6 * np.abs(raw - true).mean()
    assert len({step.frame_px for step in steps if step is not None}) == 1


def test_a_head_that_turns_back_is_followed() -> None:
    at = np.arange(-3.0, 4.0)
    weights = np.exp(-0.5 * (at / 1.5) ** 2)
    swing = 60.0 * np.cos(at * 2.5 / 9.0)[:, None]
    assert abs(float(_line_at_zero(at, swing, weights)[0]) - 60.0) > 3.0
    assert abs(float(_curve_at_zero(at, swing, weights)[0]) - 60.0) < 0.5
    random = np.random.default_rng(2)
    noise = random.normal(0, 1, (200, 7, 1))
    lines, curves = (
        np.array([fit(at, one, weights)[0] for one in noise]) for fit in (_line_at_zero, _curve_at_zero)
    )
    assert lines.std() <= curves.std() < 1.3 * lines.std()  # noise is no curve


def test_faces_come_and_go_softly(pipeline: Pipeline, tmp_path: Path, hopper_face: Face) -> None:
    track, rows, _ = made_track(tmp_path, hopper_face, 40, 0.0, cut_in=False, cut_out=True)
    course = Course(track, rows, 25.0, 8, pipeline.manifest)
    weights = [step.weight if (step := course.at(number)) else 0.0 for number in range(40)]
    assert weights[0] < 0.1
    assert np.all(np.diff(weights) >= -1e-9)
    assert weights[12] == pytest.approx(1.0)
    assert course.at(40) is None


def test_a_covered_face_fades(pipeline: Pipeline, tmp_path: Path, hopper_face: Face) -> None:
    track, rows, _ = made_track(tmp_path, hopper_face, 30, 0.0, cut_in=True, cut_out=True)
    track.presences = array("f", [0.52 if 12 <= number < 18 else 1.0 for number in range(30)])
    course = Course(track, rows, 25.0, 8, pipeline.manifest)
    weights = [step.weight if (step := course.at(number)) else 0.0 for number in range(30)]
    assert weights[0] == 1.0 and weights[29] == 1.0 and max(weights[13:17]) == 0.0
    assert 0.0 < weights[11] < 1.0


def test_an_analysis_is_kept(pipeline: Pipeline, tmp_path: Path, hopper: np.ndarray) -> None:
    tracks, _ = follow(pipeline, tmp_path, moving(hopper, 4))
    kept = Analysis(array("q", [0, 5, 7, 9]), 2, True, tracks, [2], [[0]])
    kept.save(tmp_path / "a.npz", "key")
    assert Analysis.load(tmp_path / "a.npz", "other key") is None
    assert Analysis.load(tmp_path / "none.npz", "key") is None
    found = Analysis.load(tmp_path / "a.npz", "key")
    assert found is not None
    assert (found.keys, found.length, found.cuts, found.people) == (kept.keys, 2, [2], [[0]])
    one, other = found.tracks[0], tracks[0]
    assert (one.frames, one.rows, one.presences) == (other.frames, other.rows, other.presences)
    assert one.readings[0].ages == other.readings[0].ages
    assert np.array_equal(one.readings[0].look, other.readings[0].look)
    (tmp_path / "a.npz").write_bytes(b"broken")
    assert Analysis.load(tmp_path / "a.npz", "key") is None
