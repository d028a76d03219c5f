"""Cut and damaged files: one sentence each, and nothing half-written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.made_videos import moving, planes_of, write_video

from amgan.runtime import Pipeline, Request
from amgan.runtime.errors import VideoError
from amgan.runtime.video.request import VideoRequest
from amgan.runtime.video.session import VideoSession

REQUEST = VideoRequest.parse(Request(include_children=True), "75")
KINDS = [("mp4", "libx264"), ("mkv", "ffv1"), ("mov", "libx265"), ("webm", "libvpx-vp9"), ("avi", "mpeg4")]


@pytest.fixture(scope="module", params=KINDS, ids=[kind for kind, _ in KINDS])
def whole(
    request: pytest.FixtureRequest, hopper: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    suffix, codec = request.param
    return write_video(tmp_path_factory.mktemp("whole") / f"in.{suffix}", moving(hopper, 12, x=40), codec)


def refused_or_whole(pipeline: Pipeline, folder: Path, name: str, content: bytes) -> str:
    """What is said of a video that cannot be read; empty where its output has all pictures."""
    source, output = folder / name, folder / "out.mkv"
    source.write_bytes(content)
    try:
        result = VideoSession(source, output, REQUEST).run(pipeline)
    except VideoError as error:
        said = str(error)
        assert str(source) in said and "\n" not in said and "Traceback" not in said
        assert [path.name for path in folder.iterdir()] == [name]
        return said
    assert len(planes_of(output)) == result.pictures
    assert sorted(path.name for path in folder.iterdir()) == sorted([name, "out.mkv"])
    return ""


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.7])
def test_cut_files(pipeline: Pipeline, whole: Path, tmp_path: Path, share: float) -> None:
    content = whole.read_bytes()
    said = refused_or_whole(pipeline, tmp_path, whole.name, content[: round(share * len(content))])
    assert said or whole.suffix in (".avi", ".webm", ".mkv")  # their headers do not tell of 0.2 s
    assert said or share > 0.02


@pytest.mark.parametrize("seed", range(4))
def test_damaged_bytes(pipeline: Pipeline, whole: Path, tmp_path: Path, seed: int) -> None:
    random, content = np.random.default_rng(seed), bytearray(whole.read_bytes())
    for at in random.integers(0, len(content), 1 + len(content) // 2000):
        content[at] = int(random.integers(256))
    refused_or_whole(pipeline, tmp_path, whole.name, bytes(content))


def test_noise_under_a_video_s_name(pipeline: Pipeline, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, 50_000).astype(np.uint8).tobytes()
    assert refused_or_whole(pipeline, tmp_path, "noise.mp4", noise)
