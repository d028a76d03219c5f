"""One photo through the ages."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import IO

import av
import cv2
import numpy as np
import pytest
from PIL import Image
from support.helpers import closed_folder

from amgan.runtime import Pipeline, Request
from amgan.runtime.ages.request import AgeSpec
from amgan.runtime.errors import MissingDependencyError, PhotoError, UsageError
from amgan.runtime.pictures import sweep_files as files
from amgan.runtime.pipeline.face_filter import NoFaceError
from amgan.runtime.pipeline.sweep import SweepFrame, parse_ages, sweep

BOX = (10, 10, 50, 60)


def frames(count: int = 3) -> list[SweepFrame]:
    return [SweepFrame(20.0 + 10 * i, np.full((71, 90, 3), 20 * i + 30, np.uint8)) for i in range(count)]


@pytest.mark.parametrize(
    ("text", "ages"),
    [
        ("20:40:5", (20, 25, 30, 35, 40)),
        ("20:40", (20, 25, 30, 35, 40)),
        ("60:50:4", (60, 56, 52, 50)),
        ("30:30:5", (30,)),
        ("20:21:0.5", (20, 20.5, 21)),
        ("70", (70,)),
        ("25, 40.5,70", (25, 40.5, 70)),
    ],
)
def test_ages(text: str, ages: tuple[float, ...]) -> None:
    assert parse_ages(text) == ages


@pytest.mark.parametrize(
    "text", ["", "old", "20-80", "20:80:0", "1:2:3:4", "20,,30", "nan", "5000", "-20", "0:999:0.1"]
)
def test_what_are_no_ages(text: str) -> None:
    with pytest.raises(UsageError, match=r"such as 20:80:5|larger step"):
        parse_ages(text)


def test_each_frame_is_the_photo_at_that_age(pipeline: Pipeline, hopper: np.ndarray) -> None:
    ages, seen = (30.0, 50.0, 70.0, 35.0), []
    found = list(sweep(pipeline, hopper, ages, progress=lambda *step: seen.append(step)))
    assert [f.years for f in found] == list(ages)
    for frame in found:
        expected = pipeline.age(hopper, Request.parse(f"{frame.years:g}")).pixels
        assert np.array_equal(frame.pixels, expected)
    assert [step[:2] for step in seen] == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_zone_alone(pipeline: Pipeline, hopper: np.ndarray) -> None:
    asked = Request(zones=(("chin", AgeSpec(0, relative=True)),))
    (frame,) = sweep(pipeline, hopper, [75.0], asked)
    expected = pipeline.age(hopper, Request.parse(None, ["chin=75"])).pixels
    assert np.array_equal(frame.pixels, expected)
    assert not np.array_equal(frame.pixels, pipeline.age(hopper, Request.parse("75")).pixels)


def test_the_pattern_is_kept(pipeline: Pipeline, hopper: np.ndarray) -> None:
    (frame,) = sweep(pipeline, hopper, [75.0], Request(pattern=2, lines=0.5))
    assert np.array_equal(
        frame.pixels, pipeline.age(hopper, Request.parse("75", pattern=2, lines=0.5)).pixels
    )
    with pytest.raises(UsageError, match="there is no pattern 7"):
        next(sweep(pipeline, hopper, [75.0], Request(pattern=7)))


def test_faces_are_found_once(
    pipeline: Pipeline, hopper: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    look = pipeline._finder.look
    monkeypatch.setattr(pipeline._finder, "look", lambda *asked: calls.append(1) or look(*asked))
    assert len(list(sweep(pipeline, hopper, [30.0, 40.0, 60.0]))) == 3
    assert len(calls) == 1


def test_refusals(pipeline: Pipeline, hopper: np.ndarray) -> None:
    with pytest.raises(UsageError, match="15 to 90"):
        list(sweep(pipeline, hopper, [40.0, 99.0]))
    with pytest.raises(NoFaceError, match="no face"):
        list(sweep(pipeline, np.full((99, 99, 3), 128, np.uint8), [40.0]))


def test_strip(tmp_path: Path) -> None:
    files.write_sweep(frames(10), tmp_path / "new" / "s.png", BOX)
    with Image.open(tmp_path / "new" / "s.png") as picture:
        sheet = np.asarray(picture)
    assert sheet.shape == (2 * (320 + files.LABEL_PX), 8 * files.STRIP_PX, 3)
    assert (sheet[100, 100] == 30).all() and (sheet[100, 300] == 50).all()
    label = sheet[320 : 320 + files.LABEL_PX, : files.STRIP_PX]
    assert label.min() < 60 and label.max() == 255
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["s.png"]


def test_gif_runs_forth_and_back(tmp_path: Path) -> None:
    files.write_sweep(frames(3), tmp_path / "s.gif", BOX, frames_per_second=5)
    with Image.open(tmp_path / "s.gif") as picture:
        assert picture.n_frames == 4
        assert picture.size == (90, 70)
        levels = []
        for number in range(4):
            picture.seek(number)
            levels.append(int(np.asarray(picture.convert("L")).mean()))
        assert picture.info["duration"] == 200
    assert np.allclose(levels, [30, 50, 70, 50], atol=4)


def test_mp4_can_be_played(tmp_path: Path) -> None:
    files.write_sweep(frames(3), tmp_path / "s.mp4", BOX, side_px=64)
    video = cv2.VideoCapture(str(tmp_path / "s.mp4"))
    levels, shapes = [], set()
    while True:
        good, picture = video.read()
        if not good:
            break
        shapes.add(picture.shape)
        levels.append(picture.mean())
    assert shapes == {(50, 64, 3)}
    assert np.allclose(levels, [30, 50, 70, 50], atol=4)


def test_files_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"cannot hold a sweep: name it \.png"):
        files.check_target(tmp_path / "s.webm")
    (tmp_path / "file").write_text("")
    with pytest.raises(PhotoError, match="cannot be written"):
        files.write_sweep(frames(), tmp_path / "file" / "s.png", BOX)

    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingDependencyError, match=r"s.mp4' needs PyAV: pip install 'amgan\[video\]'"):
        files.write_sweep(frames(), tmp_path / "s.mp4", BOX)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("suffix", [".png", ".gif", ".mp4"])
def test_a_name_that_is_not_utf_8(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / os.fsdecode(b"out\xff" + suffix.encode())
    files.write_sweep(frames(), path, BOX)
    assert path.stat().st_size > 100


@pytest.mark.parametrize("suffix", [".png", ".gif", ".mp4"])
def test_a_full_disk_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    """A disk that takes 100 bytes of a file: /dev/full takes none and says so as late as a real one."""
    monkeypatch.setattr(files, "whole_file", full_disk)
    with pytest.raises(PhotoError, match="cannot be written: No space left on device"):
        files.write_sweep(frames(), tmp_path / f"s{suffix}", BOX)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".png", ".gif", ".mp4"])
def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, suffix: str) -> None:
    folder = closed_folder(tmp_path)
    before = sorted(folder.iterdir())
    with pytest.raises(PhotoError, match=rf"'{folder}/s{suffix}' cannot be written: .*(denied|Read-only)"):
        files.write_sweep(frames(), folder / f"s{suffix}", BOX)
    assert sorted(folder.iterdir()) == before


@contextlib.contextmanager
def full_disk(path: Path, suffix: str) -> Iterator[Path]:
    class Full(type(path)):  # type: ignore[misc]
        def open(self, *_: object) -> IO[bytes]:  # type: ignore[override]
            return Path("/dev/full").open("wb")

    yield Full(path)


def test_a_video_that_lost_pictures_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an encoder would that fails in silence: what it wrote is played before it is kept."""
    open_video = av.open

    def without_one(stream: IO[bytes], mode: str, **options: str) -> object:
        if mode == "w":
            return open_video(stream, mode, **options)
        frames_of = open_video(stream, mode, **options).decode
        played = SimpleNamespace(decode=lambda **track: list(frames_of(**track))[1:])
        return contextlib.nullcontext(played)

    monkeypatch.setattr(av, "open", without_one)
    with pytest.raises(PhotoError, match="the video has 3 of 4 pictures"):
        files.write_sweep(frames(), tmp_path / "s.mp4", BOX)
    assert list(tmp_path.iterdir()) == []
