"""What is asked of a video reaches its pictures: ages over time, zones, single people, kinds of files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from support.made_videos import HEIGHT, WIDTH, background, moving, planes_of, sound_of, write_video

from amgan.runtime import Pipeline, Request
from amgan.runtime.video.probe import probe_video
from amgan.runtime.video.request import VideoRequest
from amgan.runtime.video.session import VideoSession

BASE = Request(include_children=True)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, hopper: np.ndarray) -> Path:
    """A face that stays, for 15 pictures, .6 s, lossless, with sound."""
    return write_video(tmp_path_factory.mktemp("clips") / "in.mkv", moving(hopper, 15, step=0.0), sound=True)


def changes(source: Path, output: Path) -> np.ndarray:
    """By how much the luma of every picture differs, [n, HEIGHT, WIDTH]."""
    before, after = planes_of(source), planes_of(output)
    return np.array(
        [
            np.abs(one[:HEIGHT].astype(float) - other[:HEIGHT])
            for one, other in zip(before, after, strict=True)
        ]
    )


@pytest.mark.parametrize("keys", [("0:+0,0.5:+45", ()), (None, ("forehead=0:+0,0.5:+45",))])
def test_a_face_grows_old_over_time(
    pipeline: Pipeline, clip: Path, tmp_path: Path, keys: tuple[str | None, tuple[str, ...]]
) -> None:
    request = VideoRequest.parse(BASE, keys[0], keys[1])
    VideoSession(clip, tmp_path / "out.mkv", request).run(pipeline)
    found = changes(clip, tmp_path / "out.mkv")
    amounts = found.mean(axis=(1, 2))
    assert amounts[0] == 0.0 and amounts[-1] > 2.0 * amounts[4] > 0.0
    assert np.diff(amounts).min() > -0.25 * amounts[-1]  # it grows, but for the noise of single pictures
    rows = np.flatnonzero(found[-1].any(axis=1))
    if keys[0] is None:  # the forehead alone
        assert np.ptp(rows) < 45
    else:
        assert np.ptp(rows) > 60


def test_people_have_ages_of_their_own(
    pipeline: Pipeline, hopper: np.ndarray, collins: np.ndarray, tmp_path: Path
) -> None:
    height = 120
    halves = [
        cv2.resize(one, (round(height * one.shape[1] / one.shape[0]), height), interpolation=cv2.INTER_AREA)
        for one in (hopper, collins)
    ]
    picture = background()
    for x, half in zip((15, WIDTH // 2 + 15), halves, strict=True):
        picture[60 : 60 + height, x : x + half.shape[1]] = half
    source = write_video(tmp_path / "in.mkv", [picture] * 4)
    changed, base = {}, Request(include_children=True, min_face_px=20)
    for number in (1, 2):
        request = VideoRequest.parse(base, None, (), [f"{number}=+30"])
        output = tmp_path / f"{number}.mkv"
        result = VideoSession(source, output, request).run(pipeline)
        assert (len(result.people), result.aged) == (2, 1)
        columns = np.flatnonzero(changes(source, output)[3].any(axis=0))
        changed[number] = "left" if columns.max() < WIDTH // 2 else "right"
        assert columns.max() < WIDTH // 2 or columns.min() >= WIDTH // 2
    assert sorted(changed.values()) == ["left", "right"]


@pytest.mark.parametrize(
    ("name", "codec"), [("out.webm", "vp9"), ("out.m4v", "h264"), ("out.mov", "hevc"), ("out.mkv", "h264")]
)
def test_kinds_of_files(
    pipeline: Pipeline, hopper: np.ndarray, tmp_path: Path, name: str, codec: str
) -> None:
    source = write_video(tmp_path / "in.mkv", moving(hopper, 3))
    request = VideoRequest.parse(BASE, "75")
    sizes = []
    for quality in (8, 45):
        VideoSession(source, tmp_path / name, request, codec, quality).run(pipeline)
        assert probe_video(tmp_path / name).codec == codec
        assert len(planes_of(tmp_path / name)) == 3
        sizes.append((tmp_path / name).stat().st_size)
    assert sizes[0] > 1.5 * sizes[1]


def test_progress_counts_all_pictures(pipeline: Pipeline, clip: Path, tmp_path: Path) -> None:
    told: dict[str, list[tuple[int, int]]] = {}
    session = VideoSession(clip, tmp_path / "out.mkv", VideoRequest.parse(BASE, "75"), segment_seconds=0.24)
    session.run(pipeline, lambda done, total, what: told.setdefault(what, []).append((done, total)))
    assert len(told) == 3  # looking, ageing, joining
    looking, ageing, joining = told.values()
    assert [done for done, _ in looking] == [done for done, _ in ageing] == list(range(1, 16))
    assert {total for _, total in ageing} == {15}
    assert joining == [(15, 15)]


def test_sound_of_a_part_is_copied_untouched(pipeline: Pipeline, clip: Path, tmp_path: Path) -> None:
    session = VideoSession(clip, tmp_path / "out.mkv", VideoRequest.parse(BASE, "75"), start=0.12, end=0.52)
    assert session.run(pipeline).pictures == 10
    whole, part = sound_of(clip), sound_of(tmp_path / "out.mkv")
    first = whole.index(part[0])
    assert first > 0 and part == whole[first : first + len(part)]
    assert 0.3 < len(part) * 1024 / 48000 < 0.5


def test_frames_of_tiff(pipeline: Pipeline, hopper: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number, picture in enumerate([background(), *moving(hopper, 2)]):
        Image.fromarray(picture).save(tmp_path / "in" / f"f{number:03d}.tiff")
    VideoSession(tmp_path / "in", tmp_path / "out", VideoRequest.parse(BASE, "75")).run(pipeline)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["f000.tiff", "f001.tiff", "f002.tiff"]
    same = [
        np.array_equal(*(np.asarray(Image.open(tmp_path / folder / name)) for folder in ("in", "out")))
        for name in names
    ]
    assert same == [True, False, False]
    assert Image.open(tmp_path / "out" / "f001.tiff").format == "TIFF"
