"""Whole videos, from file to file."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.made_videos import HEIGHT, background, moving, planes_of, sound_of, times_of, write_video

from amgan.runtime import Pipeline, Request
from amgan.runtime.errors import UsageError, VideoError
from amgan.runtime.pipeline.seen_face import SeenFace
from amgan.runtime.video.aging import Ager
from amgan.runtime.video.kept import only_run
from amgan.runtime.video.picture import Picture
from amgan.runtime.video.prepare import working_folder
from amgan.runtime.video.probe import probe_video
from amgan.runtime.video.request import VideoRequest
from amgan.runtime.video.session import VideoSession
from amgan.runtime.video.source import VideoSource

ASKED = VideoRequest.parse(Request(include_children=True), "75")


KILLED = """
import os, signal, sys
from pathlib import Path
from amgan.runtime import Pipeline, Request
from amgan.runtime.video.request import VideoRequest
from amgan.runtime.video.session import VideoSession

def kill(done, total, what):
    if what == "ageing" and done == 8:
        os.kill(os.getpid(), signal.SIGKILL)

bundle, source, output = map(Path, sys.argv[1:])
request = VideoRequest.parse(Request(include_children=True), "75")
VideoSession(source, output, request, segment_seconds=0.2).run(Pipeline(bundle, "cpu", "f32"), kill)
"""
"""A run that kills itself in its second segment."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, hopper: np.ndarray) -> Path:
    """Nothing for 4 pictures, then a face for 8, lossless, with sound."""
    pictures = [background()] * 4 + moving(hopper, 8)
    return write_video(tmp_path_factory.mktemp("clips") / "in.mkv", pictures, sound=True)


@pytest.fixture(scope="module")
def whole(pipeline: Pipeline, clip: Path, tmp_path_factory: pytest.TempPathFactory) -> list[np.ndarray]:
    """The samples of what a run makes of the clip that nobody ends."""
    output = tmp_path_factory.mktemp("whole") / "whole.mkv"
    VideoSession(clip, output, ASKED, segment_seconds=0.2).run(pipeline)
    return planes_of(output)


def test_only_the_face_changes(pipeline: Pipeline, clip: Path, tmp_path: Path) -> None:
    result = VideoSession(clip, tmp_path / "out.mkv", ASKED).run(pipeline)
    assert (result.pictures, result.aged, result.resumed) == (12, 1, 0)
    before, after = planes_of(clip), planes_of(tmp_path / "out.mkv")
    assert len(after) == 12
    for number, (one, other) in enumerate(zip(before, after, strict=True)):
        luma = one[:HEIGHT] != other[:HEIGHT]
        assert luma.any() == (number >= 4)
        if number >= 4:  # the photo begins at this column
            assert not luma[:, : 60 + 2 * (number - 4)].any()
            assert 0.01 < luma.mean() < 0.3
    assert sound_of(clip) == sound_of(tmp_path / "out.mkv")
    assert times_of(clip) == times_of(tmp_path / "out.mkv")
    assert [path.name for path in tmp_path.iterdir()] == ["out.mkv"]


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [("h264", "libx264", "yuv420p"), ("hevc", "libx265", "yuv420p10le"), ("h264", "libx264", "yuvj420p")],
)
def test_what_a_video_is_stays(
    pipeline: Pipeline, hopper: np.ndarray, tmp_path: Path, name: str, codec: str, pix_fmt: str
) -> None:
    def change(stream: object) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)  # type: ignore[attr-defined]
        stream.codec_context.color_trc = stream.codec_context.color_primaries = 1  # type: ignore[attr-defined]
        stream.set_display_rotation(90)  # type: ignore[attr-defined]
        if pix_fmt == "yuvj420p":
            stream.codec_context.color_range = 2  # type: ignore[attr-defined]

    pictures = [np.rot90(one, -1).copy() for one in moving(hopper, 5)]
    times = [0, 1, 4, 5, 9]
    source = write_video(
        tmp_path / "in.mp4", pictures, codec, pix_fmt, times=times, sound=True, change=change
    )
    result = VideoSession(source, tmp_path / "out.mp4", ASKED, segment_seconds=0.08).run(pipeline)
    assert result.aged == 1
    one, other = probe_video(source), probe_video(tmp_path / "out.mp4")
    assert other.codec == name
    for field in ("width", "height", "bits", "pixel_aspect", "colours", "display", "quarter_turns"):
        assert getattr(one, field) == getattr(other, field), field
    assert times_of(source) == times_of(tmp_path / "out.mp4")
    assert sound_of(source) == sound_of(tmp_path / "out.mp4")


def test_a_part_of_a_video(pipeline: Pipeline, clip: Path, tmp_path: Path) -> None:
    session = VideoSession(clip, tmp_path / "out.mkv", ASKED, start=0.08, end=0.28)
    assert session.run(pipeline).pictures == 5
    assert np.array_equal(planes_of(tmp_path / "out.mkv")[0], planes_of(clip)[2])


def test_a_killed_run_goes_on(
    pipeline: Pipeline, clip: Path, whole: list[np.ndarray], tmp_path: Path
) -> None:
    session = VideoSession(clip, tmp_path / "out.mkv", ASKED, segment_seconds=0.2)

    def stop(done: int, total: int, what: str) -> None:
        if what == "ageing" and done == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        session.run(pipeline, stop)
    assert not (tmp_path / "out.mkv").exists()
    assert working_folder(tmp_path / "out.mkv").is_dir()
    result = session.run(pipeline)
    assert result.resumed == 5
    for one, other in zip(planes_of(tmp_path / "out.mkv"), whole, strict=True):
        assert np.array_equal(one, other)
    assert not working_folder(tmp_path / "out.mkv").exists()


def test_kill_9_loses_a_segment_at_most(
    pipeline: Pipeline, tiny_bundle: Path, clip: Path, whole: list[np.ndarray], tmp_path: Path
) -> None:
    output = tmp_path / "out.mkv"
    command = [sys.executable, "-P", "-c", KILLED, str(tiny_bundle), str(clip), str(output)]
    assert subprocess.run(command, cwd=tmp_path, check=False).returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == [working_folder(output).name]
    session = VideoSession(clip, output, ASKED, segment_seconds=0.2)
    assert session.run(pipeline).resumed == 5
    for one, other in zip(planes_of(output), whole, strict=True):
        assert np.array_equal(one, other)
    assert [path.name for path in tmp_path.iterdir()] == ["out.mkv"]


def test_segments_read_no_further_than_their_ends_and_one_thread_begins_them(
    pipeline: Pipeline, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[list[int]] = []
    threads: list[threading.Thread] = []
    pictures, start = VideoSource.pictures, Ager.start

    def noted(source: VideoSource, first: int | None = None) -> Iterator[tuple[int, Picture]]:
        keys: list[int] = []
        read.append(keys)
        for key, picture in pictures(source, first):
            keys.append(key)
            yield key, picture

    def begun(ager: Ager, *given: Any) -> Any:
        threads.append(threading.current_thread())
        return start(ager, *given)

    monkeypatch.setattr(VideoSource, "pictures", noted)
    monkeypatch.setattr(Ager, "start", begun)
    VideoSession(clip, tmp_path / "out.mkv", ASKED, segment_seconds=0.16).run(pipeline)
    whole, *segments = read
    starts = [keys[0] for keys in segments]
    assert starts == whole[::4]
    assert [len(keys) for keys in segments] == [5, 5, 4]  # the first of the next one ends a segment
    assert len(threads) == 12
    assert len(set(threads)) == 1  # each new one would take a part of the heap of its own
    assert not threads[0].is_alive()


def test_two_runs_never_share_an_output(pipeline: Pipeline, clip: Path, tmp_path: Path) -> None:
    session = VideoSession(clip, tmp_path / "out.mkv", ASKED)
    with only_run(session.output):
        (working_folder(session.output) / "done").write_text("of the other run")
        for force in (False, True):
            with pytest.raises(UsageError, match=r"another run is writing '.*out\.mkv': wait"):
                replace(session, force=force).run(pipeline)
        assert (working_folder(session.output) / "done").exists()
    assert session.run(pipeline).pictures == 12
    assert [path.name for path in tmp_path.iterdir()] == ["out.mkv"]


def test_what_covers_a_face_is_left_alone(
    pipeline: Pipeline,
    clip: Path,
    whole: list[np.ndarray],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def left_half_covered(rgb: np.ndarray, seen: SeenFace, parser: object) -> SeenFace:
        skin = np.ones((128, 128), np.float32)
        skin[:, :64] = 0.0
        return replace(seen, skin=skin)

    monkeypatch.setattr("amgan.runtime.pipeline.pipeline.see_skin", left_half_covered)
    VideoSession(clip, tmp_path / "out.mkv", ASKED).run(pipeline)
    before, after = planes_of(clip), planes_of(tmp_path / "out.mkv")
    columns = np.flatnonzero((before[8][:HEIGHT] != after[8][:HEIGHT]).any(axis=0))
    plain = np.flatnonzero((before[8][:HEIGHT] != whole[8][:HEIGHT]).any(axis=0))
    assert columns.min() > plain.min() + 0.3 * np.ptp(plain)
    assert columns.max() >= plain.max() - 2


@pytest.mark.parametrize(("suffix", "codec"), [(".mkv", "ffv1"), (".mp4", "libx264")])
def test_a_cut_file_leaves_nothing(pipeline: Pipeline, tmp_path: Path, suffix: str, codec: str) -> None:
    source = write_video(tmp_path / f"cut{suffix}", [background()] * 40, codec)
    content = source.read_bytes()
    source.write_bytes(content[: len(content) // 2])
    with pytest.raises(VideoError, match="cut short"):
        VideoSession(source, tmp_path / "out.mkv", ASKED).run(pipeline)
    assert [path.name for path in tmp_path.iterdir()] == [source.name]


@pytest.mark.parametrize("name", ["missing.mp4", "text.mp4", "empty.mp4", "sound.mp4"])
def test_what_is_no_video(pipeline: Pipeline, tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    if name == "text.mp4":
        source.write_text("not a video")
    elif name == "empty.mp4":
        source.write_bytes(b"")
    elif name == "sound.mp4":
        import av

        with av.open(str(source), "w") as container:
            track = container.add_stream("aac", rate=48000, layout="stereo")
            frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
            frame.sample_rate = 48000
            container.mux(track.encode(frame))
            container.mux(track.encode())
    with pytest.raises(VideoError, match=f"'{source}'"):
        VideoSession(source, tmp_path / "out.mp4", ASKED).run(pipeline)
    assert not (tmp_path / "out.mp4").exists()
    assert not working_folder(tmp_path / "out.mp4").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"start": 9.0}, "has no picture from 0:09.00 on"),
        ({"start": 0.2, "end": 0.1}, "let `end` be later"),
        ({"start": -1.0}, "does not start at"),
        ({"quality": 20}, "no quality to choose"),
        ({"codec": "h264", "quality": 60}, "not within 0"),
        ({"codec": "mpeg1"}, "there is no codec"),
    ],
)
def test_wrong_use(
    pipeline: Pipeline, clip: Path, tmp_path: Path, options: dict[str, object], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        VideoSession(clip, tmp_path / "out.mkv", ASKED, **options).run(pipeline)  # type: ignore[arg-type]
    assert not any(tmp_path.iterdir())


def test_the_video_itself_is_never_overwritten(pipeline: Pipeline, clip: Path) -> None:
    with pytest.raises(UsageError, match="is the video itself"):
        VideoSession(clip, clip, ASKED).run(pipeline)
    assert probe_video(clip).width


def test_other_ages_for_single_people(pipeline: Pipeline, clip: Path, tmp_path: Path) -> None:
    request = VideoRequest.parse(Request(include_children=True), None, (), ["2=+30"])
    with pytest.raises(UsageError, match="there is no face 2"):
        VideoSession(clip, tmp_path / "out.mkv", request).run(pipeline)
    request = VideoRequest.parse(Request(include_children=True), "75", (), ["1=+0"])
    VideoSession(clip, tmp_path / "out.mkv", request).run(pipeline)
    assert all(map(np.array_equal, planes_of(clip), planes_of(tmp_path / "out.mkv")))
