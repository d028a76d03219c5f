"""How videos are encoded, joined, and refused."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from support.made_videos import background, moving, planes_of, write_video

from amgan.runtime import Pipeline, Request
from amgan.runtime.errors import DiskFullError, UsageError, VideoError
from amgan.runtime.video import join as join_module
from amgan.runtime.video.codecs import choose_encoding
from amgan.runtime.video.prepare import working_folder
from amgan.runtime.video.probe import probe_video, say_time
from amgan.runtime.video.reader import Decoded
from amgan.runtime.video.request import VideoRequest
from amgan.runtime.video.segments import read_segment
from amgan.runtime.video.session import VideoSession

ASKED = VideoRequest.parse(Request(include_children=True), "75")


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "output", "chosen"),
    [
        ("ffv1", "yuv420p", "x.mp4", ("h264", "yuv420p")),
        ("ffv1", "yuv420p10le", "x.mp4", ("hevc", "yuv420p10le")),
        ("ffv1", "yuv422p10le", "x.mkv", ("ffv1", "yuv422p10le")),
        ("libx264", "yuvj420p", "x.mov", ("h264", "yuvj420p")),
        ("ffv1", "bgr0", "x.mkv", ("ffv1", "bgr0")),
        ("ffv1", "yuv420p", "x.webm", ("vp9", "yuv420p")),
    ],
)
def test_codecs(tmp_path: Path, codec: str, pix_fmt: str, output: str, chosen: tuple[str, str]) -> None:
    info = probe_video(write_video(tmp_path / "in.mkv", [background()], codec, pix_fmt))
    encoding = choose_encoding(info, Path(output))
    assert (encoding.codec, encoding.pix_fmt) == chosen


def test_film(pipeline: Pipeline, tmp_path: Path, hopper: np.ndarray) -> None:
    source = write_video(tmp_path / "in.mkv", moving(hopper, 3), "ffv1", "yuv422p10le")
    VideoSession(source, tmp_path / "out.mov", ASKED, "prores").run(pipeline)
    info = probe_video(tmp_path / "out.mov")
    assert (info.codec, info.pix_fmt, info.bits) == ("prores", "yuv422p10le", 10)
    VideoSession(source, tmp_path / "out.mkv", ASKED).run(pipeline)
    for one, other in zip(planes_of(source), planes_of(tmp_path / "out.mkv"), strict=True):
        assert 0.0 < (one != other).mean() < 0.3


def test_rgb_stays_rgb(pipeline: Pipeline, tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mkv", [background()] * 3, "ffv1", "bgr0")
    VideoSession(source, tmp_path / "out.mkv", ASKED).run(pipeline)
    assert all(map(np.array_equal, planes_of(source), planes_of(tmp_path / "out.mkv")))


def test_what_a_kind_of_file_cannot_hold(tmp_path: Path) -> None:
    info = probe_video(write_video(tmp_path / "in.mkv", [background()]))
    with pytest.raises(UsageError, match=r"'x\.webm' cannot hold prores: name it \.mov or \.mkv"):
        choose_encoding(info, Path("x.webm"), "prores")


def test_a_damaged_picture(pipeline: Pipeline, tmp_path: Path) -> None:
    noise = [np.random.default_rng(n).integers(0, 255, (64, 64, 3)).astype(np.uint8) for n in range(20)]
    source = write_video(tmp_path / "in.mp4", noise, "libx264")
    content = bytearray(source.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 300] = bytes(300)
    source.write_bytes(content)
    with pytest.raises(VideoError, match="is damaged"):
        VideoSession(source, tmp_path / "out.mkv", ASKED).run(pipeline)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_damage_that_motion_jpeg_would_conceal(pipeline: Pipeline, tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.avi", [background()] * 6, "mjpeg", "yuvj420p")
    content = bytearray(source.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 40] = bytes(range(40))
    source.write_bytes(content)
    with pytest.raises(VideoError, match=r"in\.avi' is damaged"):
        VideoSession(source, tmp_path / "out.mkv", ASKED).run(pipeline)
    assert [path.name for path in tmp_path.iterdir()] == ["in.avi"]


def test_a_full_disk_keeps_what_is_done(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_video(tmp_path / "in.mkv", [background()] * 3)
    session = VideoSession(source, tmp_path / "out.mkv", ASKED)

    def full(self: Any, data: Any) -> int:
        self.error = OSError(errno.ENOSPC, "No space left on device")
        raise self.error

    with monkeypatch.context() as patch:
        patch.setattr(join_module.CheckedFile, "write", full)
        with pytest.raises(DiskFullError, match="no space is left"):
            session.run(pipeline)
    assert not (tmp_path / "out.mkv").exists()
    assert working_folder(tmp_path / "out.mkv").is_dir()
    assert session.run(pipeline).resumed == 3


def test_an_output_that_cannot_be_written(pipeline: Pipeline, tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mkv", [background()])
    (tmp_path / "file").write_text("")
    with pytest.raises(VideoError, match=rf"cannot be written: '{tmp_path}/file' is not a folder"):
        VideoSession(source, tmp_path / "file" / "out.mkv", ASKED).run(pipeline)


def test_a_broken_segment(tmp_path: Path) -> None:
    (tmp_path / "x.segment").write_bytes(b"something else")
    with pytest.raises(VideoError, match="is no segment"):
        list(read_segment(tmp_path / "x.segment"))


def test_pictures_from_a_time_on(tmp_path: Path) -> None:
    info = probe_video(write_video(tmp_path / "in.mp4", [background()] * 30, "libx264"))
    whole = [pts for pts, _ in Decoded(info).frames()]
    assert [pts for pts, _ in Decoded(info).from_pts(whole[17])] == whole[17:]


def test_times_go_up_where_a_file_has_none(tmp_path: Path) -> None:
    write_video(tmp_path / "raw.h264", [background()] * 5, "libx264", format="h264")
    decoded = Decoded(probe_video(tmp_path / "raw.h264"))
    times = [pts for pts, _ in decoded.frames()]
    assert len(times) == 5
    assert times == sorted(set(times))


def test_subtitles_are_copied(pipeline: Pipeline, tmp_path: Path) -> None:
    (tmp_path / "in.srt").write_text("1\n00:00:00,000 --> 00:00:00,100\nHello\n\n")
    plain = write_video(tmp_path / "plain.mkv", [background()] * 5)
    with (
        av.open(str(plain)) as video,
        av.open(str(tmp_path / "in.srt")) as words,
        av.open(str(tmp_path / "in.mkv"), "w") as both,
    ):
        pairs = [(one, both.add_stream_from_template(one.streams[0])) for one in (video, words)]
        for source, track in pairs:
            for packet in source.demux():
                if packet.dts is not None:
                    packet.stream = track
                    both.mux(packet)
    VideoSession(tmp_path / "in.mkv", tmp_path / "out.mkv", ASKED).run(pipeline)
    with av.open(str(tmp_path / "out.mkv")) as found:
        assert [bytes(p) for p in found.demux(subtitles=0) if p.size] == [b"Hello"]


def test_how_times_are_said() -> None:
    assert [say_time(s) for s in (0, 62.5, 3661.999, -1)] == ["0:00.00", "1:02.50", "1:01:02.00", "0:00.00"]
