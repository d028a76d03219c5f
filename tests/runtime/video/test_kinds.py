"""Kinds of videos: containers, codecs, samples, and all that a film carries beside its pictures."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from support.made_videos import RATE, moving, planes_of, times_of, write_video

from amgan.runtime import Pipeline, Request
from amgan.runtime.errors import AmganError, UsageError, VideoError
from amgan.runtime.video.probe import probe_video
from amgan.runtime.video.request import VideoRequest
from amgan.runtime.video.session import VideoSession

ASKED = VideoRequest.parse(Request(include_children=True), "75")
KINDS = [
    ("mp4", "libx264", "yuv420p"),
    ("mp4", "libx265", "yuv420p10le"),
    ("mov", "prores_ks", "yuv422p10le"),
    ("webm", "libvpx", "yuv420p"),
    ("webm", "libvpx-vp9", "yuv420p"),
    ("mkv", "libsvtav1", "yuv420p10le"),
    ("mkv", "ffv1", "yuv444p16le"),
    ("mkv", "ffv1", "gray"),
    ("avi", "mpeg4", "yuv420p"),
    ("avi", "mjpeg", "yuvj420p"),
    ("avi", "rawvideo", "bgr24"),
    ("mpg", "mpeg2video", "yuv420p"),
    ("mxf", "mpeg2video", "yuv420p"),
    ("ts", "libx264", "yuv420p"),
    ("flv", "flv", "yuv420p"),
    ("wmv", "wmv2", "yuv420p"),
    ("mov", "qtrle", "rgb24"),
    ("mov", "dnxhd", "yuv422p"),
    ("gif", "gif", "rgb8"),
]
OPTIONS = {("dnxhd", "yuv422p"): {"profile": "dnxhr_sq"}}


@pytest.mark.parametrize(("suffix", "codec", "pix_fmt"), KINDS, ids=["-".join(kind) for kind in KINDS])
def test_every_kind_is_aged_and_nothing_else_of_it_changes(
    pipeline: Pipeline, hopper: np.ndarray, tmp_path: Path, suffix: str, codec: str, pix_fmt: str
) -> None:
    source = write_video(
        tmp_path / f"in.{suffix}", moving(hopper, 3), codec, pix_fmt, options=OPTIONS.get((codec, pix_fmt))
    )
    output = tmp_path / "out.mkv"
    result = VideoSession(source, output, ASKED, "ffv1").run(pipeline)
    assert (result.pictures, result.aged, result.left_out) == (3, 1, ())
    before, after = probe_video(source), probe_video(output)
    for field in ("width", "height", "bits", "pixel_aspect", "colours", "rate"):
        assert getattr(before, field) == getattr(after, field), field
    base = times_of(source)[0] - times_of(output)[0]
    apart = [abs(one - other - base) for one, other in zip(times_of(source), times_of(output), strict=True)]
    assert max(apart) <= Fraction(1, 1000)  # Matroska counts milliseconds
    in_rgb = before.pix_fmt in ("bgra", "rgb24", "bgr24")
    for one, other in zip(shown(source, in_rgb), shown(output, in_rgb), strict=True):
        changed = one != other
        assert 0.01 < changed.mean() < 0.3
        assert not changed[:, :58].any() if changed.ndim == 3 else not changed[: before.height, :58].any()


def shown(path: Path, in_rgb: bool) -> list[np.ndarray]:
    """The samples of all pictures; of RGB without what else lies there."""
    if not in_rgb:
        return planes_of(path)
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def write_film(path: Path, pictures: list[np.ndarray]) -> Path:
    """Pictures at uneven times, turned, two tracks of sound, chapters, a time code and words."""
    with av.open(str(path), "w", options={"movflags": "use_metadata_tags"}) as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "10"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 100)
        stream.set_display_rotation(90)
        stream.metadata.update({"timecode": "01:00:00:00", "language": "fra"})
        sounds = [container.add_stream("aac", rate=48000, layout=name) for name in ("stereo", "mono")]
        sounds[1].metadata["language"] = "deu"
        container.metadata["title"] = "A film"
        base = Fraction(1, 1000)
        chapters = [{"id": 1, "start": 0, "end": 240}, {"id": 2, "start": 240, "end": 400}]
        container.set_chapters([{**one, "time_base": base, "metadata": {}} for one in chapters])
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = 4 * number + number % 2, Fraction(1, 100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        for track in sounds:
            for packet in noise(track):
                container.mux(packet)
    return path


def noise(track: Any) -> list[Any]:
    packets, random = [], np.random.default_rng(track.index)
    for number in range(20):
        samples = random.normal(0, 0.1, (track.codec_context.channels, 1024)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=track.codec_context.layout.name)
        frame.sample_rate, frame.pts, frame.time_base = 48000, number * 1024, Fraction(1, 48000)
        packets += track.encode(frame)
    return packets + track.encode()


def carried(path: Path) -> dict[str, Any]:
    """What a film carries beside its pictures."""
    with av.open(str(path)) as container:
        picture = container.streams.video[0]
        found = {
            "title": container.metadata["title"],
            "languages": [track.metadata.get("language") for track in container.streams.audio],
            "timecode": {name.lower(): words for name, words in picture.metadata.items()}["timecode"],
            "chapters": [
                (one["start"] * one["time_base"], one["end"] * one["time_base"])
                for one in container.chapters()
            ],
        }
    for number in range(2):
        with av.open(str(path)) as container:
            found[f"sound {number}"] = [bytes(one) for one in container.demux(audio=number) if one.size]
    return found


@pytest.mark.parametrize("suffix", [".mov", ".mp4"])
def test_what_a_film_carries_stays(
    pipeline: Pipeline, hopper: np.ndarray, tmp_path: Path, suffix: str
) -> None:
    pictures = [np.rot90(one, -1).copy() for one in moving(hopper, 10)]
    source, output = write_film(tmp_path / f"in{suffix}", pictures), tmp_path / f"out{suffix}"
    VideoSession(source, output, ASKED).run(pipeline)
    assert carried(source) == carried(output)
    assert times_of(source) == times_of(output)
    assert probe_video(source).display == probe_video(output).display


def test_a_part_has_its_own_chapters_and_time_code(
    pipeline: Pipeline, hopper: np.ndarray, tmp_path: Path
) -> None:
    pictures = [np.rot90(one, -1).copy() for one in moving(hopper, 10)]
    source, output = write_film(tmp_path / "in.mov", pictures), tmp_path / "out.mov"
    result = VideoSession(source, output, ASKED, start=0.16, end=0.32).run(pipeline)
    assert result.pictures == 4
    found, whole = carried(output), carried(source)
    assert found["timecode"] == "01:00:00:04"
    assert found["chapters"] == [(0, Fraction(8, 100)), (Fraction(8, 100), Fraction(16, 100))]
    assert 0 < len(found["sound 0"]) < len(whole["sound 0"])
    assert set(found["sound 0"]) < set(whole["sound 0"])
    assert times_of(output)[0] == 0


def said_at_once(pipeline: Pipeline, session: VideoSession, error: type[AmganError]) -> str:
    """What is said of a session before it looks at any picture."""
    told: list[str] = []
    with pytest.raises(error) as caught:
        session.run(pipeline, lambda done, total, what: told.append(what))
    assert not told
    assert [path.name for path in session.source.parent.iterdir()] == [session.source.name]
    return str(caught.value)


def test_sound_that_a_file_cannot_hold(pipeline: Pipeline, tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.height, stream.width, stream.pix_fmt = 64, 64, "yuv420p"
        track = container.add_stream("pcm_s24le", rate=48000, layout="stereo")
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")
        container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode())
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.int32), "s32", "stereo")
        sound.sample_rate, sound.pts, sound.time_base = 48000, 0, Fraction(1, 48000)
        container.mux(track.encode(sound))
        container.mux(track.encode())
    for name, error in (("out.mp4", VideoError), ("out.webm", UsageError)):
        said = said_at_once(pipeline, VideoSession(source, tmp_path / name, ASKED), error)
        assert name in said and "name it .mkv" in said


@pytest.mark.parametrize("side", [2, 239])
def test_odd_sides(pipeline: Pipeline, tmp_path: Path, side: int) -> None:
    source = write_video(tmp_path / "in.mkv", [np.full((side, 319, 3), 90, np.uint8)] * 2)
    for codec in ("h264", "hevc"):
        session = VideoSession(source, tmp_path / "out.mp4", ASKED, codec)
        said = said_at_once(pipeline, session, UsageError)
        assert f"319x{side} px, and {codec} holds yuv420p with even sides alone" in said
    VideoSession(source, tmp_path / "out.mkv", ASKED).run(pipeline)
    assert stored(source) == stored(tmp_path / "out.mkv")


def stored(path: Path) -> list[bytes]:
    """The samples of all planes of all pictures."""
    found = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            for plane in frame.planes:
                rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
                found.append(rows[:, : plane.width].tobytes())
    return found


def test_a_size_that_changes(pipeline: Pipeline, tmp_path: Path) -> None:
    content = b""
    for side in (64, 96):
        part = write_video(tmp_path / "part.ts", [np.zeros((side, side, 3), np.uint8)] * 3, "libx264")
        content += part.read_bytes()
        part.unlink()
    (tmp_path / "in.ts").write_bytes(content)
    with pytest.raises(VideoError, match=r"in\.ts' changes its size at"):
        VideoSession(tmp_path / "in.ts", tmp_path / "out.mkv", ASKED).run(pipeline)
    assert [path.name for path in tmp_path.iterdir()] == ["in.ts"]


def test_a_codec_that_its_encoder_refuses(pipeline: Pipeline, tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mkv", [np.zeros((2, 20_000, 3), np.uint8)[:, :16_000]])
    said = said_at_once(pipeline, VideoSession(source, tmp_path / "out.mkv", ASKED, "hevc"), VideoError)
    assert "cannot be encoded by libx265" in said and "choose another `codec`" in said
